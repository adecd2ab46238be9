//! The convolution of a quantised file.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `conv.0.weight` | i8 `[F, K · C]`, the oldest step first |
//! | `conv.0.bias`, `conv.0.mult` | i32 `[F]` |

use lstm_nostd::artifact::Conv;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::dense;
use crate::files::tensors::Tensor;

/// What the tensors do not say of the layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    filters: dense::Record,
    kernel: u16,
    stride: u16,
    first: u16,
    is_rectified: bool,
}

/// The tensors of the layer `name`.
pub(super) fn tensors(layer: &Conv, name: &str) -> Vec<(String, Tensor)> {
    dense::tensors(&layer.filters, name)
}

impl Record {
    pub(super) fn of(layer: &Conv) -> Self {
        Self {
            filters: dense::Record::of(&layer.filters),
            kernel: layer.kernel,
            stride: layer.stride,
            first: layer.first,
            is_rectified: layer.is_rectified,
        }
    }

    /// The layer `name` of this record, on `channels` inputs.
    pub(super) fn read(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        channels: usize,
    ) -> Result<Conv, String> {
        let width = channels.saturating_mul(self.kernel.into());
        Ok(Conv {
            filters: self.filters.read(tensors, name, width)?,
            kernel: self.kernel,
            stride: self.stride,
            first: self.first,
            is_rectified: self.is_rectified,
        })
    }
}
