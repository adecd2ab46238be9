//! The door of a dense row in assembly: what it will read, if it is there.

use super::HAS_OTHER_SCHEMES;
use crate::kernels::scalar::Scalar;
use crate::kernels::{Block, DenseParameters, DenseWeights, Kernels, Width, blocks};

impl DenseParameters<'_> {
    /// Weights of row `row` of a layer in w8a16, and the blocks of `x` that they meet: as many, at least one.
    #[inline(always)]
    pub(super) fn int16_row<'a>(
        &'a self,
        row: usize,
        x: &'a [Block],
    ) -> Option<(&'a [[i8; 4]], &'a [Block])> {
        let (DenseWeights::Int8(w), Width::Int16) = (self.weights, self.width) else {
            return None;
        };
        let count = blocks(self.inputs);
        let w = w.get(row.wrapping_mul(count)..)?.get(..count)?;
        let x = x.get(..count)?;
        (count > 0).then_some((w, x))
    }

    /// Row `row` of a layer without such operands.
    #[inline(always)]
    pub(super) fn other_row(&self, row: usize, x: &[Block]) -> i32 {
        if HAS_OTHER_SCHEMES {
            Scalar::dense_row(self, row, x)
        } else {
            self.value(row, 0)
        }
    }
}
