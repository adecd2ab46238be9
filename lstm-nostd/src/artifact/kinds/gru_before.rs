//! A GRU layer whose reset gate comes before the product in a model file: read, checked and written.
//!
//! After the [`RecurrentRecord`], for `H` units with the rows of the gates r, z, n:
//!
//! | section | content |
//! | --- | --- |
//! | weights | rows r of all units, then rows z, then rows n; each gate's in `⌈H/4⌉` groups of four with zeros behind the last row. A group lies as an LSTM unit's rows, see [`crate::kernels`] |
//! | gates | `[H]` times [`GruBeforeGates`](crate::kernels::GruBeforeGates): bias i32 of r, z and n, mult i32 of r, z and n |

use crate::artifact::cursor::Reader;
use crate::artifact::layer::{Place, Stop, View, check_row};
use crate::artifact::rows::{RecurrentRecord, reach, weights};
use crate::artifact::{LayerError, LayerKind};
use crate::kernels::{GRU_ROWS, GruBeforeParameters, Width, blocks};

impl<'m> View<'m> for GruBeforeParameters<'m> {
    const KIND: LayerKind = LayerKind::GruBefore;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &RecurrentRecord = reader.record()?;
        let rows = record.read((Self::KIND, 0), place, (0, 0), |scheme, units, shifts| {
            let shape = (place.inputs, units, shifts);
            let groups = blocks(units).saturating_mul(GRU_ROWS);
            weights(reader, scheme, (record.order, groups), shape)
        })?;
        let gates = reader.slice(rows.outputs)?;
        let layer = Self { rows, gates };
        check_units(&layer)?;
        Ok(layer)
    }

    fn handed_on(&self) -> (usize, Width) {
        (self.rows.outputs, self.rows.width)
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &GruBeforeParameters<'_>) -> Result<(), LayerError> {
    let rows = &layer.rows;
    let groups = layer.gate_groups();
    for gate in 0..GRU_ROWS {
        let mut gates = layer.gates.iter();
        for group in 0..groups {
            let group = gate.wrapping_mul(groups).wrapping_add(group);
            for (lane, excess) in rows.bias_excess(group).into_iter().enumerate() {
                let row = group.wrapping_mul(4).wrapping_add(lane);
                let products = reach(rows, (group, lane), row)?;
                match gates.next() {
                    Some(gates) => {
                        let bias = i64::from(gates.bias[gate]).wrapping_sub(i64::from(excess));
                        check_row(products, bias, gates.mult[gate], row)?;
                    }
                    // A row of zeros pads the gate's last group.
                    None if products > 0 => return Err(LayerError::Weight { row }),
                    None => {}
                }
            }
        }
    }
    Ok(())
}

#[cfg(feature = "write")]
pub use content::GruBefore;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;

    use crate::artifact::cursor::Writer;
    use crate::artifact::kinds::zeros;
    use crate::artifact::layer::{Content, check_row_weights};
    use crate::artifact::rows::{
        GroupOfRows, RecurrentRecord, RowFormats, rows_of_group, rows_of_groups,
    };
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{
        GRU_ROWS, GruBeforeGates, GruBeforeParameters, I32x4, Order, Scheme, blocks,
    };
    use crate::layers::LayerSize;

    /// The integers of one GRU layer whose reset gate comes before the product; rows in gate order r, z, n, `[3H]`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct GruBefore {
        /// How it is quantised.
        pub scheme: Scheme,
        /// Left shift of the input products, `k`.
        pub x_shift: u8,
        /// int8 activations: the hidden state is Q0.(15−n), 0..=8; else 0.
        pub h_shift: u8,
        /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
        pub input_shift: u8,
        /// Input weights, `[3H][I]`.
        pub w_x: Vec<Vec<i8>>,
        /// Recurrent weights, `[3H][H]`; those of n meet the state that r has reset.
        pub w_h: Vec<Vec<i8>>,
        /// Biases in accumulator units, `[3H]`.
        pub bias: Vec<i32>,
        /// Multipliers from accumulator units to Q3.12, `[3H]`.
        pub mult: Vec<i32>,
    }

    impl GruBefore {
        fn hidden(&self) -> usize {
            self.w_h.len() / GRU_ROWS
        }

        /// Group `group` of the rows of gate `gate`; zeros fill the last one.
        fn group<'a>(&'a self, (gate, group): (usize, usize), zeros: &'a [i8]) -> GroupOfRows<'a> {
            let hidden = self.hidden();
            let of = |part: &'a [Vec<i8>]| {
                let of_gate = &part[gate * hidden..(gate + 1) * hidden];
                rows_of_group(of_gate, zeros, group, |row| row)
            };
            GroupOfRows {
                w_x: of(&self.w_x),
                w_h: of(&self.w_h),
                shifts: (self.x_shift, self.h_shift),
            }
        }

        /// Gates and their groups, in the order of the file.
        fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
            let groups = blocks(self.hidden());
            (0..GRU_ROWS).flat_map(move |gate| (0..groups).map(move |group| (gate, group)))
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
                ..self.clone()
            }
        }
    }

    impl Content for GruBefore {
        fn kind(&self) -> LayerKind {
            LayerKind::GruBefore
        }

        fn size(&self) -> LayerSize {
            LayerSize::of(self.scheme.width(), self.hidden(), blocks(self.hidden()))
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            let hidden = self.hidden();
            let in_file = |row: usize| row / hidden * 4 * blocks(hidden) + row % hidden;
            for part in [&self.w_x, &self.w_h] {
                let rows = part.iter().enumerate();
                check_row_weights(self.scheme, rows.map(|(row, w)| (in_file(row), w)))?;
            }
            Ok(())
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = order.of(self.scheme);
            let (inputs, hidden) = (self.w_x.first().map_or(0, Vec::len), self.hidden());
            let formats = RowFormats {
                scheme: self.scheme,
                x_shift: self.x_shift,
                h_shift: self.h_shift,
                input_shift: self.input_shift,
            };
            let sizes = (inputs, hidden);
            out.record(&RecurrentRecord::new(
                (self.kind(), 0),
                sizes,
                formats,
                order,
            )?);
            let zeros = vec![0; inputs.max(hidden)];
            let mut excess: Vec<I32x4> = Vec::new();
            for place in self.groups() {
                let group = self.group(place, &zeros);
                group.write(self.scheme, order, out);
                excess.push(group.bias_excess(order));
            }
            for unit in 0..hidden {
                let mut gates = GruBeforeGates::default();
                for gate in 0..GRU_ROWS {
                    let row = gate * hidden + unit;
                    let group = gate * blocks(hidden) + unit / 4;
                    // Past the accumulator's bound the sum may wrap; the parser refuses the row.
                    gates.bias[gate] = self.bias[row].wrapping_add(excess[group][unit % 4]);
                    gates.mult[gate] = self.mult[row];
                }
                out.record(&gates);
            }
            Ok(())
        }
    }

    impl From<&GruBeforeParameters<'_>> for GruBefore {
        /// The content of a parsed layer.
        fn from(layer: &GruBeforeParameters<'_>) -> Self {
            let (rows, hidden) = (&layer.rows, layer.units());
            let groups = GRU_ROWS * layer.gate_groups();
            let excess: Vec<I32x4> = (0..groups).map(|group| rows.bias_excess(group)).collect();
            let in_file = |row: usize| row / hidden * 4 * layer.gate_groups() + row % hidden;
            let all = 0..GRU_ROWS * hidden;
            let [w_x, w_h] = rows_of_groups(rows, groups)
                .map(|rows| all.clone().map(|row| rows[in_file(row)].clone()).collect());
            let bias = |row: usize| {
                let place = in_file(row);
                layer.gates[row % hidden].bias[row / hidden] - excess[place / 4][place % 4]
            };
            Self {
                scheme: rows.scheme(),
                x_shift: rows.x_shift as u8,
                h_shift: rows.h_shift as u8,
                input_shift: rows.input_shift as u8,
                w_x,
                w_h,
                bias: all.clone().map(bias).collect(),
                mult: all
                    .map(|row| layer.gates[row % hidden].mult[row / hidden])
                    .collect(),
            }
        }
    }
}
