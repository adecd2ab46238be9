//! A dense layer in a model file: read, checked and written.
//!
//! After the record, for `O` units:
//!
//! | section | content |
//! | --- | --- |
//! | weights | i8 `[O][⌈I/4⌉][4]`, padded with zeros; w4a16: `[O][⌈I/8⌉][4]` bytes of two nibbles w + 8 |
//! | rows | `[O]` times bias i32, mult i32 |

use bytemuck::{Pod, Zeroable};

use crate::artifact::LayerKind;
use crate::artifact::cursor::Reader;
use crate::artifact::layer::{
    LayerHead, Place, Stop, View, check_row, layer_range, magnitude, zeros,
};
use crate::kernels::{DenseParameters, DenseWeights, Scheme, blocks};
use crate::layers::LayerSize;

const MAX_OUTPUT_SHIFT: u8 = 15;

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
    /// 10..16: zero.
    pub reserved: [u8; 6],
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
        let (inputs, outputs) = (place.inputs, record.head.units.into());
        let count = |row: usize| row.saturating_mul(outputs);
        let layer = Self {
            inputs,
            outputs,
            weights: match scheme {
                Scheme::W8a16 | Scheme::W8a8 => {
                    DenseWeights::Int8(reader.slice(count(blocks(inputs)))?)
                }
                Scheme::W4a16 => DenseWeights::Nibbles(reader.slice(count(inputs.div_ceil(8)))?),
            },
            width: scheme.width(),
            rows: reader.slice(outputs)?,
            output_shift,
            input_shift: place.input_shift(record.input_shift, scheme)?,
        };
        let most = scheme.weight_max();
        for (row, [bias, mult]) in layer.rows.iter().enumerate() {
            let sum = magnitude(layer.weights.row(row, inputs), inputs, most, row)?;
            let reach = sum << (layer.width.bits() - 1);
            check_row(reach, (*bias).into(), *mult, row)?;
        }
        Ok(layer)
    }

    fn size(&self) -> LayerSize {
        LayerSize {
            width: self.width,
            outputs: self.outputs,
            cells: 0,
        }
    }
}

#[cfg(feature = "write")]
pub use content::Dense;

#[cfg(feature = "write")]
mod content {
    use alloc::vec::Vec;

    use super::DenseRecord;
    use crate::artifact::cursor::{Writer, fitted};
    use crate::artifact::layer::{Content, LayerHead, check_row_weights, quarter};
    use crate::artifact::{LayerError, LayerKind, WriteError};
    use crate::kernels::{DenseParameters, Order, Scheme, blocks};
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

    impl Content for Dense {
        fn kind(&self) -> LayerKind {
            LayerKind::Dense
        }

        fn size(&self) -> LayerSize {
            LayerSize {
                width: self.scheme.width(),
                outputs: self.weight.len(),
                cells: 0,
            }
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            check_row_weights(self.scheme, self.weight.iter().enumerate())
        }

        fn write(&self, _: Order, is_last: bool, out: &mut Writer) -> Result<(), WriteError> {
            out.record(&DenseRecord {
                head: LayerHead {
                    kind: self.kind().code(),
                    scheme: self.scheme.code(),
                    flags: DenseRecord::flags(is_last),
                    inputs: fitted("inputs", self.weight.first().map_or(0, Vec::len))?,
                    units: fitted("outputs", self.weight.len())?,
                },
                output_shift: self.output_shift,
                input_shift: self.input_shift,
                reserved: [0; 6],
            });
            for row in &self.weight {
                match self.scheme {
                    Scheme::W8a16 | Scheme::W8a8 => {
                        (0..blocks(row.len())).for_each(|block| out.i8s(quarter(row, block)));
                    }
                    Scheme::W4a16 => {
                        (0..row.len().div_ceil(8)).for_each(|word| out.0.extend(nibbles(row, word)))
                    }
                }
            }
            let rows = self.bias.iter().zip(&self.mult);
            out.i32s(rows.flat_map(|(bias, mult)| [*bias, *mult]));
            Ok(())
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
            let row = |r: usize| {
                let weights = layer.weights.row(r, layer.inputs).flatten();
                weights.take(layer.inputs).collect()
            };
            Self {
                scheme: layer.scheme(),
                input_shift: layer.input_shift as u8,
                output_shift: layer.output_shift as u8,
                weight: (0..layer.outputs).map(row).collect(),
                bias: layer.rows.iter().map(|[bias, _]| *bias).collect(),
                mult: layer.rows.iter().map(|[_, mult]| *mult).collect(),
            }
        }
    }
}
