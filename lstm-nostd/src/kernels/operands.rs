//! The door of a kernel in assembly: whether what it will read and write is there.

use super::{I16x4, I32x4, LstmParameters, blocks};

impl LstmParameters<'_> {
    /// Whether the layer is whole and the operands of a step are as long as it says.
    #[inline(always)]
    pub(super) fn fits(&self, x: &[I16x4], h: &[I16x4], cell: &[I32x4], next: &[I16x4]) -> bool {
        let (lanes, cells) = (self.width.blocks(self.hidden), blocks(self.hidden));
        self.inputs > 0
            && self.hidden > 0
            && 4 * self.weights.block_count() / self.hidden >= self.rows().lanes()
            && self.gates.len() >= self.hidden
            && (self.peepholes.is_empty() || self.peepholes.len() >= self.hidden)
            && x.len() >= self.width.blocks(self.inputs)
            && h.len() >= lanes
            && cell.len() >= cells
            && next.len() >= lanes
    }

    /// The peepholes of the first unit, or null without peepholes.
    pub(super) fn first_peepholes(&self) -> *const [i16; 4] {
        if self.peepholes.is_empty() {
            core::ptr::null()
        } else {
            self.peepholes.as_ptr()
        }
    }
}
