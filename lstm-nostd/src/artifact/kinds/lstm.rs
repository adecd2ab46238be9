//! An LSTM layer in a model file: read, checked and written.
//!
//! After the [`RecurrentRecord`], whose flags' bit 0 says that there are peepholes, for `H` units with the rows of the
//! gates i, f, g, o:
//!
//! | section | content |
//! | --- | --- |
//! | weights | generic: i8 `[H][⌈I/4⌉ + ⌈H/4⌉][4 gates][4 inputs]`, padded with zeros; w4a16 in half the bytes; other orders: [`crate::kernels`] |
//! | gates | `[H]` times bias i32 `[4]`, mult i32 `[4]` |
//! | peepholes | `[H]` times i16 `[4]` for i, f, 0, o; only with the flag |

use bytemuck::{AnyBitPattern, NoUninit};

use crate::artifact::cursor::Reader;
use crate::artifact::layer::{Place, Stop, View, check_row};
use crate::artifact::rows::{RecurrentRecord, reach, weights};
use crate::artifact::{LayerError, LayerKind};
use crate::kernels::{LstmParameters, RecurrentRows, Width};

pub(super) const MAX_CELL_INT_BITS: u32 = 15;
/// The largest magnitude of the narrow cell, 2¹⁵.
pub(super) const NARROW_CELL_MAX: u64 = 1 << 15;
/// The flag of a layer with peepholes.
pub(super) const PEEPHOLES: u16 = 1;

impl<'m> View<'m> for LstmParameters<'m> {
    const KIND: LayerKind = LayerKind::Lstm;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &RecurrentRecord = reader.record()?;
        sections(reader, record, Self::KIND, place, None)
    }

    fn handed_on(&self) -> (usize, Width) {
        (self.rows.outputs, self.rows.width)
    }
}

/// Reads and checks the sections of the units of a layer of `kind`, whose rows read so many values of the step before; one of
/// each unit if none are given.
pub(super) fn sections<'m>(
    reader: &mut Reader<'m>,
    record: &'m RecurrentRecord,
    kind: LayerKind,
    place: Place,
    outputs: Option<usize>,
) -> Result<LstmParameters<'m>, Stop> {
    let (flags, m) = ((kind, PEEPHOLES), (1, MAX_CELL_INT_BITS));
    let rows = record.read(flags, place, m, |scheme, units, shifts| {
        // A unit's rows are a group.
        let shape = (place.inputs, outputs.unwrap_or(units), shifts);
        weights(reader, scheme, (record.order, units), shape)
    })?;
    let units = rows.outputs;
    let layer = LstmParameters {
        gates: reader.slice(units)?,
        peepholes: peepholes(reader, record, units)?,
        rows: RecurrentRows {
            outputs: outputs.unwrap_or(units),
            ..rows
        },
        cell_int_bits: record.cell_int_bits.into(),
    };
    check_units(&layer)?;
    Ok(layer)
}

/// The peepholes of `units` units, if the record says that there are any.
pub(super) fn peepholes<'m, P: AnyBitPattern + NoUninit>(
    reader: &mut Reader<'m>,
    record: &RecurrentRecord,
    units: usize,
) -> Result<&'m [P], Stop> {
    match record.head.flags & PEEPHOLES {
        0 => Ok(&[]),
        _ => Ok(reader.slice(units)?),
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &LstmParameters<'_>) -> Result<(), LayerError> {
    let rows = &layer.rows;
    let mut peepholes = layer.peepholes.iter();
    for (unit, [bias, mult]) in layer.gates.iter().enumerate() {
        let peephole = peepholes.next().copied().unwrap_or_default();
        let excess = rows.bias_excess(unit);
        for gate in 0..4 {
            let row = unit * 4 + gate;
            // The mask changes nothing, and shows the optimiser that every index is in range.
            let gate = gate & 3;
            let products = reach(rows, (unit, gate), row)?;
            let p = NARROW_CELL_MAX * u64::from(peephole[gate].unsigned_abs());
            let bias = i64::from(bias[gate]) - i64::from(excess[gate]);
            check_row(products.saturating_add(p), bias, mult[gate], row)?;
        }
        // g has no peephole; its place in the file is padding.
        if peephole[2] != 0 {
            return Err(LayerError::Weight { row: unit * 4 + 2 });
        }
    }
    Ok(())
}

#[cfg(feature = "write")]
pub use content::Lstm;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::PEEPHOLES;
    use crate::artifact::cursor::Writer;
    use crate::artifact::kinds::zeros;
    use crate::artifact::layer::{Content, check_gate_weights};
    use crate::artifact::rows::{GroupOfRows, RecurrentRecord, RowFormats, rows_of_groups};
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{I32x4, LstmParameters, Order, Scheme, blocks};
    use crate::layers::LayerSize;

    /// The integers of one LSTM layer; rows in gate order i, f, g, o, `[4H]`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Lstm {
        /// How it is quantised.
        pub scheme: Scheme,
        /// Left shift of the input products, `k`.
        pub x_shift: u8,
        /// int8 activations: the hidden state is Q0.(15−n), 0..=8; else 0.
        pub h_shift: u8,
        /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
        pub input_shift: u8,
        /// Integer bits of the cell, `m`.
        pub cell_int_bits: u8,
        /// Input weights, `[4H][I]`.
        pub w_x: Vec<Vec<i8>>,
        /// Recurrent weights, `[4H][H]`.
        pub w_h: Vec<Vec<i8>>,
        /// Biases in accumulator units, `[4H]`.
        pub bias: Vec<i32>,
        /// Multipliers from accumulator units to Q3.12, `[4H]`.
        pub mult: Vec<i32>,
        /// Peepholes in the order i, f, o, `[3][H]`; empty without.
        pub peephole: Vec<Vec<i16>>,
    }

    impl Lstm {
        pub(in crate::artifact::kinds) fn hidden(&self) -> usize {
            self.w_h.len() / 4
        }

        /// Where a unit's rows i, f, g, o lie in the vectors.
        fn rows_of(&self, unit: usize) -> [usize; 4] {
            [0, 1, 2, 3].map(|gate| gate * self.hidden() + unit)
        }

        /// The rows of a unit.
        fn group(&self, unit: usize) -> GroupOfRows<'_> {
            let rows = self.rows_of(unit);
            GroupOfRows {
                w_x: rows.map(|row| self.w_x[row].as_slice()),
                w_h: rows.map(|row| self.w_h[row].as_slice()),
                shifts: (self.x_shift, self.h_shift),
            }
        }

        /// The record of these rows as a layer of `kind` with so many units.
        pub(in crate::artifact::kinds) fn record(
            &self,
            kind: LayerKind,
            units: usize,
            order: Order,
        ) -> Result<RecurrentRecord, WriteError> {
            let flags = if self.peephole.is_empty() {
                0
            } else {
                PEEPHOLES
            };
            let sizes = (self.w_x.first().map_or(0, Vec::len), units);
            let formats = RowFormats {
                scheme: self.scheme,
                x_shift: self.x_shift,
                h_shift: self.h_shift,
                input_shift: self.input_shift,
            };
            Ok(RecurrentRecord {
                cell_int_bits: self.cell_int_bits,
                ..RecurrentRecord::new((kind, flags), sizes, formats, order)?
            })
        }

        /// A layer of the same shape in this scheme whose weights and biases are zero, with nothing to convert below.
        pub(in crate::artifact::kinds) fn without_weights(&self, scheme: Scheme) -> Self {
            Self {
                scheme,
                h_shift: 0,
                input_shift: 0,
                w_x: zeros(&self.w_x),
                w_h: zeros(&self.w_h),
                bias: vec![0; self.bias.len()],
                peephole: zeros(&self.peephole),
                ..self.clone()
            }
        }
    }

    impl Content for Lstm {
        fn kind(&self) -> LayerKind {
            LayerKind::Lstm
        }

        fn size(&self) -> LayerSize {
            LayerSize::of(self.scheme.width(), self.hidden(), blocks(self.hidden()))
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            let parts = [self.w_x.as_slice(), &self.w_h];
            check_gate_weights(self.scheme, parts, (4, self.hidden()))
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = order.of(self.scheme);
            out.record(&self.record(self.kind(), self.hidden(), order)?);
            self.write_sections(order, out);
            Ok(())
        }
    }

    impl Lstm {
        /// Appends the sections of the units in `order`.
        pub(in crate::artifact::kinds) fn write_sections(&self, order: Order, out: &mut Writer) {
            for unit in 0..self.hidden() {
                self.group(unit).write(self.scheme, order, out);
            }
            for unit in 0..self.hidden() {
                let (rows, excess) = (self.rows_of(unit), self.group(unit).bias_excess(order));
                // Past the accumulator's bound the sum may wrap; the parser refuses the row.
                let biases = rows.iter().zip(excess);
                out.i32s(biases.map(|(row, excess)| self.bias[*row].wrapping_add(excess)));
                out.i32s(rows.map(|row| self.mult[row]));
            }
            if let [i, f, o] = self.peephole.as_slice() {
                for ((i, f), o) in i.iter().zip(f).zip(o) {
                    out.record(&[*i, *f, 0, *o]);
                }
            }
        }
    }

    impl From<&LstmParameters<'_>> for Lstm {
        /// The content of a parsed layer.
        fn from(layer: &LstmParameters<'_>) -> Self {
            let (rows, hidden) = (&layer.rows, layer.units());
            let excess: Vec<I32x4> = (0..hidden).map(|unit| rows.bias_excess(unit)).collect();
            // `[4H]` from the `[H][4]` of the file.
            let by_gate = |of: &dyn Fn(usize, usize) -> i32| -> Vec<i32> {
                (0..4 * hidden)
                    .map(|row| of(row % hidden, row / hidden))
                    .collect()
            };
            let peephole = |gate: usize| layer.peepholes.iter().map(|p| p[gate]).collect();
            let [w_x, w_h] = rows_of_groups(rows, hidden).map(|rows| {
                // `[4H]` from the `[H][4]` of the file.
                let row = |row: usize| rows[row % hidden * 4 + row / hidden].clone();
                (0..4 * hidden).map(row).collect()
            });
            Self {
                scheme: rows.scheme(),
                x_shift: rows.x_shift as u8,
                h_shift: rows.h_shift as u8,
                input_shift: rows.input_shift as u8,
                cell_int_bits: layer.cell_int_bits as u8,
                w_x,
                w_h,
                bias: by_gate(&|unit, gate| layer.gates[unit][0][gate] - excess[unit][gate]),
                mult: by_gate(&|unit, gate| layer.gates[unit][1][gate]),
                peephole: if layer.peepholes.is_empty() {
                    Vec::new()
                } else {
                    [0, 1, 3].map(peephole).into()
                },
            }
        }
    }
}
