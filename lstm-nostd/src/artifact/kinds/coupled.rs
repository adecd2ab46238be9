//! A layer with coupled gates in a model file: read, checked and written.
//!
//! After the [`RecurrentRecord`], whose flags' bit 0 says that there are peepholes, for `H` units with the rows of the
//! gates i, g, o:
//!
//! | section | content |
//! | --- | --- |
//! | weights | rows i, g, o of one unit after the other, in `⌈3H/4⌉` groups of four with zeros behind the last row. A group lies as an LSTM unit's rows, see [`crate::kernels`] |
//! | gates | `[H]` times [`CoupledGates`]: bias i32 of i, g and o, mult i32 of i, g and o |
//! | peepholes | `[H]` times i16 `[2]` for i, o; only with the flag |

use super::lstm::{MAX_CELL_INT_BITS, NARROW_CELL_MAX, PEEPHOLES, peepholes};
use crate::artifact::cursor::Reader;
use crate::artifact::layer::{Place, Stop, View, check_row};
use crate::artifact::rows::{RecurrentRecord, reach, weights, zeros_behind};
use crate::artifact::{LayerError, LayerKind};
use crate::kernels::{COUPLED_ROWS, CoupledGates, CoupledParameters, Width, row_groups};

impl<'m> View<'m> for CoupledParameters<'m> {
    const KIND: LayerKind = LayerKind::Coupled;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &RecurrentRecord = reader.record()?;
        let (kind, m) = ((Self::KIND, PEEPHOLES), (1, MAX_CELL_INT_BITS));
        let rows = record.read(kind, place, m, |scheme, units, shifts| {
            let shape = (place.inputs, units, shifts);
            let groups = row_groups(units, COUPLED_ROWS);
            weights(reader, scheme, (record.order, groups), shape)
        })?;
        let layer = Self {
            gates: reader.slice(rows.outputs)?,
            peepholes: peepholes(reader, record, rows.outputs)?,
            rows,
            cell_int_bits: record.cell_int_bits.into(),
        };
        check_units(&layer)?;
        Ok(layer)
    }

    fn handed_on(&self) -> (usize, Width) {
        (self.rows.outputs, self.rows.width)
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &CoupledParameters<'_>) -> Result<(), LayerError> {
    let rows = &layer.rows;
    let mut peepholes = layer.peepholes.iter();
    let mut excess = [0; 4];
    let mut row = 0usize;
    for CoupledGates { bias, mult } in layer.gates {
        let [p_i, p_o] = peepholes.next().copied().unwrap_or_default();
        let peephole = [p_i, 0, p_o];
        for gate in 0..COUPLED_ROWS {
            let (group, lane) = (row / 4, row & 3);
            if lane == 0 {
                excess = rows.bias_excess(group);
            }
            let products = reach(rows, (group, lane), row)?;
            let p = NARROW_CELL_MAX * u64::from(peephole[gate].unsigned_abs());
            let bias = i64::from(bias[gate]).wrapping_sub(i64::from(excess[lane]));
            check_row(products.saturating_add(p), bias, mult[gate], row)?;
            row = row.wrapping_add(1);
        }
    }
    zeros_behind(row, |row| reach(rows, (row / 4, row & 3), row))
}

#[cfg(feature = "write")]
pub use content::Coupled;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::ops::{Deref, DerefMut};

    use crate::artifact::cursor::Writer;
    use crate::artifact::kinds::lstm::Lstm;
    use crate::artifact::layer::{Content, check_gate_weights};
    use crate::artifact::rows::{GroupOfRows, rows_of_group, rows_of_groups};
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{
        COUPLED_ROWS, CoupledGates, CoupledParameters, I32x4, Order, blocks, row_groups,
    };
    use crate::layers::LayerSize;

    /// The integers of one layer with coupled gates: those of an LSTM without its forget gate. Rows are in gate order
    /// i, g, o, `[3H]`, and peepholes in the order i, o, `[2][H]`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Coupled(pub Lstm);

    impl Deref for Coupled {
        type Target = Lstm;

        fn deref(&self) -> &Lstm {
            &self.0
        }
    }

    impl DerefMut for Coupled {
        fn deref_mut(&mut self) -> &mut Lstm {
            &mut self.0
        }
    }

    impl Coupled {
        fn hidden(&self) -> usize {
            self.w_h.len() / COUPLED_ROWS
        }

        /// Where a row of the file lies in the vectors.
        fn place(&self, row: usize) -> usize {
            row % COUPLED_ROWS * self.hidden() + row / COUPLED_ROWS
        }

        /// Group `group` of the rows; zeros fill the last one.
        fn group<'a>(&'a self, group: usize, zeros: &'a [i8]) -> GroupOfRows<'a> {
            let of = |part| rows_of_group(part, zeros, group, |row| self.place(row));
            GroupOfRows {
                w_x: of(&self.w_x),
                w_h: of(&self.w_h),
                shifts: (self.x_shift, self.h_shift),
            }
        }
    }

    impl Content for Coupled {
        fn kind(&self) -> LayerKind {
            LayerKind::Coupled
        }

        fn size(&self) -> LayerSize {
            LayerSize::of(self.scheme.width(), self.hidden(), blocks(self.hidden()))
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            let parts = [self.w_x.as_slice(), &self.w_h];
            check_gate_weights(self.scheme, parts, (COUPLED_ROWS, self.hidden()))
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = order.of(self.scheme);
            let (inputs, hidden) = (self.w_x.first().map_or(0, Vec::len), self.hidden());
            out.record(&self.record(self.kind(), hidden, order)?);
            let zeros = vec![0; inputs.max(hidden)];
            let mut excess = Vec::new();
            for group in 0..row_groups(hidden, COUPLED_ROWS) {
                let group = self.group(group, &zeros);
                group.write(self.scheme, order, out);
                excess.extend(group.bias_excess(order));
            }
            for unit in 0..hidden {
                let mut gates = CoupledGates::default();
                for gate in 0..COUPLED_ROWS {
                    let row = gate * hidden + unit;
                    // Past the accumulator's bound the sum may wrap; the parser refuses the row.
                    gates.bias[gate] =
                        self.bias[row].wrapping_add(excess[COUPLED_ROWS * unit + gate]);
                    gates.mult[gate] = self.mult[row];
                }
                out.record(&gates);
            }
            if let [i, o] = self.peephole.as_slice() {
                for (i, o) in i.iter().zip(o) {
                    out.record(&[*i, *o]);
                }
            }
            Ok(())
        }
    }

    impl From<&CoupledParameters<'_>> for Coupled {
        /// The content of a parsed layer.
        fn from(layer: &CoupledParameters<'_>) -> Self {
            let (rows, hidden) = (&layer.rows, layer.units());
            let groups = row_groups(hidden, COUPLED_ROWS);
            let excess: Vec<I32x4> = (0..groups).map(|group| rows.bias_excess(group)).collect();
            let in_file = |row: usize| row % hidden * COUPLED_ROWS + row / hidden;
            let all = 0..COUPLED_ROWS * hidden;
            let [w_x, w_h] = rows_of_groups(rows, groups)
                .map(|rows| all.clone().map(|row| rows[in_file(row)].clone()).collect());
            let bias = |row: usize| {
                let place = in_file(row);
                layer.gates[row % hidden].bias[row / hidden] - excess[place / 4][place % 4]
            };
            let peephole = |gate: usize| layer.peepholes.iter().map(|p| p[gate]).collect();
            Self(Lstm {
                scheme: rows.scheme(),
                x_shift: rows.x_shift as u8,
                h_shift: rows.h_shift as u8,
                input_shift: rows.input_shift as u8,
                cell_int_bits: layer.cell_int_bits as u8,
                w_x,
                w_h,
                bias: all.clone().map(bias).collect(),
                mult: all
                    .map(|row| layer.gates[row % hidden].mult[row / hidden])
                    .collect(),
                peephole: if layer.peepholes.is_empty() {
                    Vec::new()
                } else {
                    [0, 1].map(peephole).into()
                },
            })
        }
    }
}
