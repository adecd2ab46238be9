//! A convolution in a model file: read, checked and written.
//!
//! After the record follow the sections of a dense layer of `F` units on `K · C` inputs, see [`super::dense`]: the weight of
//! step k and channel c of a filter is input `k · C + c` of its row.

use bytemuck::{Pod, Zeroable};

use super::dense::{MAX_OUTPUT_SHIFT, sections};
use crate::artifact::LayerKind;
use crate::artifact::cursor::Reader;
use crate::artifact::layer::{LayerHead, Place, Stop, layer_range, zeros};
use crate::kernels::ConvParameters;
use crate::layers::ConvSize;
use crate::layers::conv::value_blocks;

/// The largest kernel, stride and first step.
pub const MAX_STEPS: u16 = 4096;

/// The record of a convolution, 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ConvRecord {
    /// 0..8: [`LayerKind::Conv`]; inputs are the `C` channels, units the `F` filters; flags: bit 0 is ReLU.
    pub head: LayerHead,
    /// 8: 0..=15.
    pub output_shift: u8,
    /// 9: zero.
    pub reserved: u8,
    /// 10: [`crate::kernels::Order::code`], as in [`DenseRecord`](super::dense::DenseRecord); 0 with fewer than three filters.
    pub order: u8,
    /// 11: zero.
    pub reserved_too: u8,
    /// 12..14: steps that a filter looks at, `K`, 1..=4096.
    pub kernel: u16,
    /// 14..16: steps from one output to the next, `S`, 1..=4096.
    pub stride: u16,
    /// 16..18: the first step with an output, 0..=4096.
    pub first: u16,
    /// 18..20: zero.
    pub reserved_last: [u8; 2],
}

impl ConvRecord {
    const RELU: u16 = 1;
}

impl<'m> ConvParameters<'m> {
    /// Reads and checks the record of a convolution on the raw inputs.
    fn read(reader: &mut Reader<'m>, place: Place) -> Result<Self, Stop> {
        let record: &ConvRecord = reader.record()?;
        let scheme = (record.head).check(LayerKind::Conv, place, (0, ConvRecord::RELU))?;
        zeros(&[record.reserved, record.reserved_too])?;
        zeros(&record.reserved_last)?;
        let output_shift = record.output_shift.into();
        layer_range("output shift", output_shift, 0, MAX_OUTPUT_SHIFT.into())?;
        let most = MAX_STEPS.into();
        layer_range("kernel", record.kernel.into(), 1, most)?;
        layer_range("stride", record.stride.into(), 1, most)?;
        layer_range("first step", record.first.into(), 0, most)?;
        let kernel = usize::from(record.kernel);
        // A window that a file's rows cannot fill ends the file; on 32 bits the product stays in range.
        let sizes = (
            place.inputs.saturating_mul(kernel),
            record.head.units.into(),
        );
        layer_range("window", sizes.0 as u32, 1, u16::MAX.into())?;
        Ok(Self {
            filters: sections(reader, scheme, record.order, sizes, (output_shift, 0))?,
            channels: place.inputs,
            kernel,
            stride: record.stride.into(),
            first: record.first.into(),
            is_rectified: record.head.flags == ConvRecord::RELU,
        })
    }

    pub(in crate::artifact) fn size(&self) -> ConvSize {
        ConvSize {
            width: self.width(),
            outputs: self.outputs(),
            state: self.state_blocks(),
            values: value_blocks(self.is_rectified, self.outputs()),
        }
    }
}

impl<'m> Reader<'m> {
    /// The convolution at `place`, which becomes that of the layer above, if the next record is one.
    pub(in crate::artifact) fn convolution(
        &mut self,
        place: &mut Place,
    ) -> Result<Option<ConvParameters<'m>>, crate::ArtifactError> {
        let head: &LayerHead = self.clone().record()?;
        if head.kind != LayerKind::Conv.code() {
            return Ok(None);
        }
        let layer = ConvParameters::read(self, *place);
        let layer = layer.map_err(|stop| stop.at(LayerKind::Conv, 0))?;
        (place.inputs, place.width) = (layer.outputs(), Some(layer.width()));
        Ok(Some(layer))
    }
}

#[cfg(feature = "write")]
pub use content::Conv;

#[cfg(feature = "write")]
mod content {
    use super::ConvRecord;
    use crate::artifact::cursor::{Writer, fitted};
    use crate::artifact::layer::{Content, LayerHead};
    use crate::artifact::{Dense, LayerError, LayerKind, WriteError};
    use crate::kernels::{ConvParameters, Order};
    use crate::layers::conv::value_blocks;
    use crate::layers::{ConvSize, LayerSize};

    /// The integers of a convolution.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Conv {
        /// The filters, `[F][K · C]`: the weight of step k and channel c is input `k · C + c`. It converts nothing below.
        pub filters: Dense,
        /// Steps that a filter looks at, `K`.
        pub kernel: u16,
        /// Steps from one output to the next, `S`.
        pub stride: u16,
        /// The first step with an output.
        pub first: u16,
        /// Whether negative outputs become zero.
        pub is_rectified: bool,
    }

    impl Conv {
        pub(in crate::artifact) fn buffers(&self) -> ConvSize {
            let (width, outputs) = (self.filters.scheme.width(), self.filters.weight.len());
            ConvSize {
                width,
                outputs,
                state: width.blocks(self.filters.inputs()) + 1,
                values: value_blocks(self.is_rectified, outputs),
            }
        }
    }

    impl Content for Conv {
        fn kind(&self) -> LayerKind {
            LayerKind::Conv
        }

        fn size(&self) -> LayerSize {
            self.filters.size()
        }

        fn check_weights(&self) -> Result<(), LayerError> {
            self.filters.check_weights()
        }

        fn write(&self, order: Order, _: bool, out: &mut Writer) -> Result<(), WriteError> {
            let order = self.filters.order(order);
            let channels = self.filters.inputs() / usize::from(self.kernel).max(1);
            out.record(&ConvRecord {
                head: LayerHead {
                    kind: self.kind().code(),
                    scheme: self.filters.scheme.code(),
                    flags: if self.is_rectified {
                        ConvRecord::RELU
                    } else {
                        0
                    },
                    inputs: fitted("inputs", channels)?,
                    units: fitted("filters", self.filters.weight.len())?,
                },
                output_shift: self.filters.output_shift,
                reserved: 0,
                order: order.code(),
                reserved_too: 0,
                kernel: self.kernel,
                stride: self.stride,
                first: self.first,
                reserved_last: [0; 2],
            });
            self.filters.write_sections(order, out);
            Ok(())
        }
    }

    impl From<&ConvParameters<'_>> for Conv {
        /// The content of a parsed layer.
        fn from(layer: &ConvParameters<'_>) -> Self {
            // The parser holds all three to 4096.
            Self {
                filters: (&layer.filters).into(),
                kernel: layer.kernel as u16,
                stride: layer.stride as u16,
                first: layer.first as u16,
                is_rectified: layer.is_rectified,
            }
        }
    }
}
