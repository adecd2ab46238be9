//! A dense layer in a model file: read, checked and written.
//!
//! After the record, for `O` units:
//!
//! | section | content |
//! | --- | --- |
//! | groups | none in generic order; else the first `4·⌊(O + 1)/4⌋` rows, with rows of zeros past the last one, as [`crate::kernels`] has them |
//! | weights | i8 `[rows][⌈I/4⌉][4]`, padded with zeros; w4a16: `[rows][⌈I/8⌉][4]` bytes of two nibbles w + 8 |
//! | rows | `[O]` times bias i32, mult i32 |

use bytemuck::{Pod, Zeroable};

use crate::artifact::cursor::Reader;
use crate::artifact::layer::{
    LayerHead, Place, Stop, View, check_row, layer_range, magnitude, zeros,
};
use crate::artifact::rows::{checked_order, reach};
use crate::artifact::{LayerError, LayerKind};
use crate::kernels::{DenseParameters, Scheme, Width, dense_groups};
use crate::layers::LayerSize;

pub(super) const MAX_OUTPUT_SHIFT: u8 = 15;

/// The record of a dense layer, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct DenseRecord {
    /// 0..8: [`LayerKind::Dense`]; flags: bit 0 is ReLU, on all but the output layer.
    pub head: LayerHead,
    /// 8: 0..=15.
    pub output_shift: u8,
    /// 9: above a layer of the other width 0..=8, see [`convert`](crate::kernels::convert); else 0.
    pub input_shift: u8,
    /// 10: [`crate::kernels::Order::code`], as in [`RecurrentRecord`](crate::artifact::RecurrentRecord); 0 with fewer than
    /// three outputs.
    pub order: u8,
    /// 11..16: zero.
    pub reserved: [u8; 5],
}

impl DenseRecord {
    /// The output layer has none.
    const RELU: u16 = 1;

    const fn flags(is_last: bool) -> u16 {
        if is_last { 0 } else { Self::RELU }
    }
}

impl<'m> View<'m> for DenseParameters<'m> {
    const KIND: LayerKind = LayerKind::Dense;

    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &DenseRecord = reader.record()?;
        let flags = DenseRecord::flags(place.is_last);
        let scheme = record.head.check(Self::KIND, place, (flags, flags))?;
        zeros(&record.reserved)?;
        let output_shift = record.output_shift.into();
        layer_range("output shift", output_shift, 0, MAX_OUTPUT_SHIFT.into())?;
        let sizes = (place.inputs, record.head.units.into());
        let shifts = (output_shift, place.input_shift(record.input_shift, scheme)?);
        sections(reader, scheme, record.order, sizes, shifts)
    }

    fn handed_on(&self) -> (usize, Width) {
        (self.outputs, self.width)
    }
}

impl DenseParameters<'_> {
    pub(in crate::artifact) fn size(&self) -> LayerSize {
        LayerSize::of(self.width, self.outputs, 0)
    }
}

/// Reads and checks the sections of rows of `scheme` that lie in the order of this code: `sizes` are inputs and outputs,
/// `shifts` those of the output and of the input.
pub(super) fn sections<'m>(
    reader: &mut Reader<'m>,
    scheme: Scheme,
    order_code: u8,
    (inputs, outputs): (usize, usize),
    (output_shift, input_shift): (u32, u32),
) -> Result<DenseParameters<'m>, Stop> {
    let order = checked_order(scheme, order_code)?;
    if dense_groups(order, outputs) == 0 {
        layer_range("order", order_code.into(), 0, 0)?;
    }
    let sizes = (inputs, outputs);
    let words = DenseParameters::words(scheme, order, sizes);
    let words = words.into_iter().fold(0, usize::saturating_add);
    let words = reader.slice(words)?;
    let layer = DenseParameters::of_words(scheme, order, sizes, (output_shift, input_shift), words);
    // The words are as many as there must be.
    let layer = layer.ok_or(LayerError::Order { found: order_code })?;
    check_rows(&layer)?;
    Ok(layer)
}

/// Every row is inside of the accumulator's bound, and nothing but zeros pads it.
fn check_rows(layer: &DenseParameters<'_>) -> Result<(), LayerError> {
    let (groups, grouped) = (layer.group_rows(), layer.grouped_rows());
    for group in 0..layer.group_count() {
        let excess = groups.bias_excess(group);
        for (lane, excess) in excess.into_iter().enumerate() {
            let row = group.saturating_mul(4).saturating_add(lane);
            let products = reach(&groups, (group, lane), row)?;
            match layer.rows.get(row) {
                Some([bias, mult]) => {
                    let bias = i64::from(*bias) - i64::from(excess);
                    check_row(products, bias, *mult, row)?;
                }
                // A row of zeros pads the group.
                None if products > 0 => return Err(LayerError::Weight { row }),
                None => {}
            }
        }
    }
    let most = layer.scheme().weight_max();
    let rest = layer.rows.get(grouped..).unwrap_or_default();
    for (index, [bias, mult]) in rest.iter().enumerate() {
        let (weights, row) = (
            layer.weights.row(index, layer.inputs),
            grouped.saturating_add(index),
        );
        let products = magnitude(weights, layer.inputs, most, row)? << (layer.width.bits() - 1);
        check_row(products, (*bias).into(), *mult, row)?;
    }
    Ok(())
}

#[cfg(feature = "write")]
pub use content::Dense;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::DenseRecord;
    use crate::artifact::cursor::{Writer, fitted};
    use crate::artifact::layer::{Content, LayerHead, check_row_weights, quarter};
    use crate::artifact::rows::{GroupOfRows, rows_of_groups};
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{DenseParameters, Order, Scheme, blocks, dense_groups};
    use crate::layers::LayerSize;

    /// The integers of one dense layer.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Dense {
        /// How it is quantised.
        pub scheme: Scheme,
        /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
        pub input_shift: u8,
        /// Left shift after the multiplication, so that large gains fit.
        pub output_shift: u8,
        /// Weights, `[O][I]`.
        pub weight: Vec<Vec<i8>>,
        /// Biases in accumulator units, `[O]`.
        pub bias: Vec<i32>,
        /// Multipliers from accumulator units to the output's format, `[O]`.
        pub mult: Vec<i32>,
    }

    impl Dense {
        /// The order in which the rows lie in a file whose weights lie in `order`.
        pub(in crate::artifact::kinds) fn order(&self, order: Order) -> Order {
            let order = order.of(self.scheme);
            match dense_groups(order, self.weight.len()) {
                0 => Order::Generic,
                _ => order,
            }
        }

        /// Inputs of a row.
        pub(in crate::artifact::kinds) fn inputs(&self) -> usize {
            self.weight.first().map_or(0, Vec::len)
        }

        /// Rows of a group; zeros past the last one.
        fn group<'a>(&'a self, group: usize, zeros: &'a [i8]) -> GroupOfRows<'a> {
            let row = |row: usize| self.weight.get(row).map_or(zeros, Vec::as_slice);
            GroupOfRows {
                w_x: [0, 1, 2, 3].map(|lane| row(4 * group + lane)),
                w_h: [&[]; 4],
                shifts: (0, 0),
            }
        }
    }

    impl Content for Dense {
        fn kind(&self) -> LayerKind {
            LayerKind::Dense
        }

        fn size(&self) -> LayerSize {
            LayerSize::of(self.scheme.width(), self.weight.len(), 0)
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            check_row_weights(self.scheme, self.weight.iter().enumerate())
        }

        fn write(&self, order: Order, is_last: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = self.order(order);
            out.record(&DenseRecord {
                head: LayerHead {
                    kind: self.kind().code(),
                    scheme: self.scheme.code(),
                    flags: DenseRecord::flags(is_last),
                    inputs: fitted("inputs", self.inputs())?,
                    units: fitted("outputs", self.weight.len())?,
                },
                output_shift: self.output_shift,
                input_shift: self.input_shift,
                order: order.code(),
                reserved: [0; 5],
            });
            self.write_sections(order, out);
            Ok(())
        }
    }

    impl Dense {
        /// Appends the sections of the rows in [`Dense::order`].
        pub(in crate::artifact::kinds) fn write_sections(&self, order: Order, out: &mut Writer) {
            let groups = dense_groups(order, self.weight.len());
            let zeros = vec![0; self.inputs()];
            let mut excess = Vec::new();
            for group in 0..groups {
                let group = self.group(group, &zeros);
                group.write(self.scheme, order, out);
                excess.extend(group.bias_excess(order));
            }
            excess.resize(self.weight.len(), 0);
            for row in self.weight.iter().skip(4 * groups) {
                match self.scheme {
                    Scheme::W8a16 | Scheme::W8a8 => {
                        (0..blocks(row.len())).for_each(|block| out.i8s(quarter(row, block)));
                    }
                    Scheme::W4a16 => {
                        (0..row.len().div_ceil(8)).for_each(|word| out.0.extend(nibbles(row, word)))
                    }
                }
            }
            let biases = self.bias.iter().zip(excess);
            // Past the accumulator's bound the sum may wrap; the parser refuses the row.
            let rows = biases.map(|(bias, excess)| bias.wrapping_add(excess));
            out.i32s(rows.zip(&self.mult).flat_map(|(bias, mult)| [bias, *mult]));
        }
    }

    /// Word `word` of eight int4 weights of a row, padded with zeros.
    fn nibbles(row: &[i8], word: usize) -> [u8; 4] {
        let [a, b] = [quarter(row, 2 * word), quarter(row, 2 * word + 1)];
        [[a[0], a[1]], [a[2], a[3]], [b[0], b[1]], [b[2], b[3]]]
            .map(|[even, odd]| (even + 8) as u8 | ((odd + 8) as u8) << 4)
    }

    impl From<&DenseParameters<'_>> for Dense {
        /// The content of a parsed layer.
        fn from(layer: &DenseParameters<'_>) -> Self {
            let (groups, rows) = (layer.group_count(), layer.group_rows());
            let excess: Vec<i32> = (0..groups)
                .flat_map(|group| rows.bias_excess(group))
                .chain(core::iter::repeat(0))
                .take(layer.outputs)
                .collect();
            let [mut weight, _] = rows_of_groups(&rows, groups);
            weight.truncate(layer.outputs);
            for row in 0..layer.outputs - weight.len() {
                let row = layer.weights.row(row, layer.inputs).flatten();
                weight.push(row.take(layer.inputs).collect());
            }
            Self {
                scheme: layer.scheme(),
                input_shift: layer.input_shift as u8,
                output_shift: layer.output_shift as u8,
                weight,
                bias: (layer.rows.iter().zip(excess))
                    .map(|([bias, _], excess)| bias - excess)
                    .collect(),
                mult: layer.rows.iter().map(|[_, mult]| *mult).collect(),
            }
        }
    }
}
