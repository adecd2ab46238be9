//! A GRU layer in a model file: read, checked and written.
//!
//! After the [`RecurrentRecord`], for `H` units with the rows of the gates r, z, n:
//!
//! | section | content |
//! | --- | --- |
//! | input weights | rows of `I`, r, z, n of one unit after the other, in `⌈3H/4⌉` groups of four with zeros behind the last row. A group lies as the input part of an LSTM unit's rows, see [`crate::kernels`] |
//! | recurrent weights | rows of `H`, the same |
//! | gates | `[H]` times [`GruGates`]: bias i32 of r, z and n, bias i32 of the recurrent sum of n, mult i32 of r, z and n |

use core::cmp::Ordering;

use crate::artifact::cursor::Reader;
use crate::artifact::layer::{Place, Stop, View, check_row};
use crate::artifact::rows::{RecurrentRecord, reach, weights, zeros_behind};
use crate::artifact::{LayerError, LayerKind};
use crate::kernels::{GRU_ROWS, GruGates, GruParameters, RecurrentRows, Width, row_groups};

impl<'m> View<'m> for GruParameters<'m> {
    const KIND: LayerKind = LayerKind::Gru;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &RecurrentRecord = reader.record()?;
        let rows = record.read((Self::KIND, 0), place, (0, 0), |scheme, units, _| {
            let shape = (place.inputs, 0, Ordering::Equal);
            weights(
                reader,
                scheme,
                (record.order, row_groups(units, GRU_ROWS)),
                shape,
            )
        })?;
        let shape = (rows.outputs, 0, Ordering::Equal);
        let groups = (record.order, row_groups(rows.outputs, GRU_ROWS));
        let recurrent = weights(reader, rows.scheme(), groups, shape)?;
        let gates = reader.slice(rows.outputs)?;
        let layer = Self {
            rows,
            recurrent,
            gates,
        };
        check_units(&layer)?;
        Ok(layer)
    }

    fn handed_on(&self) -> (usize, Width) {
        (self.rows.outputs, self.rows.width)
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &GruParameters<'_>) -> Result<(), LayerError> {
    let (input, recurrent) = (layer.input_rows(), layer.recurrent_rows());
    let reach = |row: usize| {
        let place = (row / 4, row & 3);
        let of_input = reach(&input, place, row)?;
        Ok::<_, LayerError>(of_input.saturating_add(reach(&recurrent, place, row)?))
    };
    let excess =
        |rows: &RecurrentRows<'_>, row: usize| i64::from(rows.bias_excess(row / 4)[row & 3]);
    let mut row = 0usize;
    for GruGates { bias, mult } in layer.gates {
        for gate in 0..GRU_ROWS {
            let (of_input, of_hidden) = (excess(&input, row), excess(&recurrent, row));
            let (more, bias) = if gate == 2 {
                // Scaled by the reset gate, and rounded.
                let recurrent = i64::from(bias[3]).wrapping_sub(of_hidden);
                let more = recurrent.unsigned_abs().saturating_add(1);
                (more, i64::from(bias[2]).wrapping_sub(of_input))
            } else {
                let excess = of_input.wrapping_add(of_hidden);
                (0, i64::from(bias[gate]).wrapping_sub(excess))
            };
            check_row(reach(row)?.saturating_add(more), bias, mult[gate], row)?;
            row = row.wrapping_add(1);
        }
    }
    zeros_behind(row, reach)
}

#[cfg(feature = "write")]
pub use content::Gru;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;

    use crate::artifact::cursor::Writer;
    use crate::artifact::layer::{Content, check_gate_weights};
    use crate::artifact::rows::{
        GroupOfRows, RecurrentRecord, RowFormats, rows_of_group, rows_of_groups,
    };
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{GRU_ROWS, GruGates, GruParameters, Order, Scheme, blocks, row_groups};
    use crate::layers::LayerSize;

    /// The integers of one GRU layer; rows in gate order r, z, n, `[3H]`.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Gru {
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
        /// Recurrent weights, `[3H][H]`.
        pub w_h: Vec<Vec<i8>>,
        /// Biases in accumulator units, `[3H]`.
        pub bias: Vec<i32>,
        /// Biases of the recurrent sums of the candidates, which the reset gate scales with them, `[H]`.
        pub recurrent_bias: Vec<i32>,
        /// Multipliers from accumulator units to Q3.12, `[3H]`.
        pub mult: Vec<i32>,
    }

    impl Gru {
        fn hidden(&self) -> usize {
            self.w_h.len() / GRU_ROWS
        }

        /// Where a row of the file lies in the vectors.
        fn place(&self, row: usize) -> usize {
            row % GRU_ROWS * self.hidden() + row / GRU_ROWS
        }

        /// Group `group` of the rows of a part, which meets its input with this shift; zeros fill the last one.
        fn group<'a>(
            &self,
            (part, shift): (&'a [Vec<i8>], u8),
            zeros: &'a [i8],
            group: usize,
        ) -> GroupOfRows<'a> {
            GroupOfRows {
                w_x: rows_of_group(part, zeros, group, |row| self.place(row)),
                w_h: [&[]; 4],
                shifts: (shift, 0),
            }
        }

        /// Input and recurrent weights, and their shifts.
        fn parts(&self) -> [(&[Vec<i8>], u8); 2] {
            [(&self.w_x, self.x_shift), (&self.w_h, self.h_shift)]
        }

        /// The biases and multipliers of a unit in this order.
        fn gates(&self, unit: usize, order: Order, zeros: &[i8]) -> GruGates {
            let hidden = self.hidden();
            let mut gates = GruGates::default();
            gates.bias[3] = self.recurrent_bias[unit];
            for gate in 0..GRU_ROWS {
                let (row, in_file) = (gate * hidden + unit, GRU_ROWS * unit + gate);
                let [input, recurrent] = self.parts().map(|part| {
                    self.group(part, zeros, in_file / 4).bias_excess(order)[in_file % 4]
                });
                // Past the accumulator's bound the sums may wrap; the parser refuses the row.
                gates.bias[gate] = self.bias[row].wrapping_add(input);
                gates.mult[gate] = self.mult[row];
                let of_hidden = &mut gates.bias[if gate == 2 { 3 } else { gate }];
                *of_hidden = of_hidden.wrapping_add(recurrent);
            }
            gates
        }
    }

    impl Content for Gru {
        fn kind(&self) -> LayerKind {
            LayerKind::Gru
        }

        fn size(&self) -> LayerSize {
            LayerSize::of(self.scheme.width(), self.hidden(), blocks(self.hidden()))
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            let parts = [self.w_x.as_slice(), &self.w_h];
            check_gate_weights(self.scheme, parts, (GRU_ROWS, self.hidden()))
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = order.of(self.scheme);
            let inputs = self.w_x.first().map_or(0, Vec::len);
            let formats = RowFormats {
                scheme: self.scheme,
                x_shift: self.x_shift,
                h_shift: self.h_shift,
                input_shift: self.input_shift,
            };
            let sizes = (inputs, self.hidden());
            out.record(&RecurrentRecord::new(
                (self.kind(), 0),
                sizes,
                formats,
                order,
            )?);
            let zeros = vec![0; inputs.max(self.hidden())];
            for part in self.parts() {
                for group in 0..row_groups(self.hidden(), GRU_ROWS) {
                    self.group(part, &zeros, group)
                        .write(self.scheme, order, out);
                }
            }
            for unit in 0..self.hidden() {
                out.record(&self.gates(unit, order, &zeros));
            }
            Ok(())
        }
    }

    impl From<&GruParameters<'_>> for Gru {
        /// The content of a parsed layer.
        fn from(layer: &GruParameters<'_>) -> Self {
            let (rows, hidden) = (&layer.rows, layer.units());
            let in_file = |row: usize| row % hidden * GRU_ROWS + row / hidden;
            let parts = [layer.input_rows(), layer.recurrent_rows()];
            let excess = |row: usize| {
                let row = in_file(row);
                (parts.each_ref()).map(|rows| rows.bias_excess(row / 4)[row % 4])
            };
            let bias = |row: usize| {
                let [input, recurrent] = excess(row);
                let recurrent = if row / hidden == 2 { 0 } else { recurrent };
                layer.gates[row % hidden].bias[row / hidden] - input - recurrent
            };
            let recurrent_bias =
                |unit: usize| layer.gates[unit].bias[3] - excess(2 * hidden + unit)[1];
            let [w_x, w_h] = parts.each_ref().map(|part| {
                let [rows, _] = rows_of_groups(part, row_groups(hidden, GRU_ROWS));
                let row = |row: usize| rows[in_file(row)].clone();
                (0..GRU_ROWS * hidden).map(row).collect()
            });
            Self {
                scheme: rows.scheme(),
                x_shift: rows.x_shift as u8,
                h_shift: rows.h_shift as u8,
                input_shift: rows.input_shift as u8,
                w_x,
                w_h,
                bias: (0..GRU_ROWS * hidden).map(bias).collect(),
                recurrent_bias: (0..hidden).map(recurrent_bias).collect(),
                mult: (0..GRU_ROWS * hidden)
                    .map(|row| layer.gates[row % hidden].mult[row / hidden])
                    .collect(),
            }
        }
    }
}
