//! Rows of weights in the order in which hosts read them, and the activations that they meet.
//!
//! ```text
//! (X << k) + (H << n) = ((X << (k − n)) + H) << n    for k ≥ n, and with X and H changed round for k < n
//! ```
//!
//! So both parts of a row are summed in the same registers: first the part with the larger shift.

use core::ops::Range;

use bytemuck::cast_slice;

use crate::kernels::{Block, RecurrentRows, Weights, Width};

/// int8 weights and int16 activations.
pub(super) const WIDE: u8 = 0;
/// int8 weights and activations.
pub(super) const NARROW: u8 = 1;
/// int4 weights and int16 activations.
pub(super) const NIBBLES: u8 = 2;

/// Rows of weights that are read as they lie, with the activations that they meet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    /// One of the three constants.
    pub(super) kind: u8,
    weights: &'a [u8],
    /// Bytes of a group.
    stride: usize,
    /// The part with the larger shift, and the other one.
    pub(super) parts: [Part<'a>; 2],
}

/// The layer input or the hidden state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// Bytes of a group before the part.
    start: usize,
    /// Blocks of four inputs of a group.
    pub(super) blocks: usize,
    /// Four for each block.
    pub(super) activations: &'a [u8],
    /// The shift of what was summed up to the end of this part.
    pub(super) shift: u32,
}

impl Part<'_> {
    /// The sum of `of(x)` over the activations x. Additions wrap.
    #[inline(always)]
    fn sum(&self, kind: u8, of: impl Fn(i32) -> i32) -> i32 {
        if kind == NARROW {
            let lanes = self.activations.iter().map(|&x| of(i32::from(x as i8)));
            return lanes.fold(0, i32::wrapping_add);
        }
        let (lanes, _) = self.activations.as_chunks();
        let lanes = lanes.iter().map(|&x| of(i32::from(i16::from_ne_bytes(x))));
        lanes.fold(0, i32::wrapping_add)
    }
}

impl<'a> Operands<'a> {
    /// `None` if weights lie in an order for a chip, or if there are fewer activations than the layer has.
    #[inline(always)]
    pub(super) fn of(rows: &RecurrentRows<'a>, x: &'a [Block], h: &'a [Block]) -> Option<Self> {
        let (kind, weights, bytes) = match (rows.weights, rows.width.in_build()) {
            (Weights::Generic(blocks), Width::Int16) => (WIDE, cast_slice(blocks), 16),
            (Weights::Generic(blocks), Width::Int8) => (NARROW, cast_slice(blocks), 16),
            (Weights::Nibbles(blocks), _) => (NIBBLES, cast_slice(blocks), 8),
            _ => return None,
        };
        let layout = rows.layout();
        let stride = layout.lanes() / 4 * bytes;
        let part = |range: &Range<usize>, activations: &'a [Block], shift: u32| {
            let blocks = range.len() / 4;
            let bytes_of_four = if kind == NARROW { 4 } else { 8 };
            Some(Part {
                start: range.start / 4 * bytes,
                blocks,
                activations: cast_slice(activations).get(..blocks * bytes_of_four)?,
                shift,
            })
        };
        let (k, n) = (rows.x_shift, rows.h_shift);
        let parts = if k >= n {
            [part(&layout.x, x, k - n)?, part(&layout.h, h, n)?]
        } else {
            [part(&layout.h, h, n - k)?, part(&layout.x, x, k)?]
        };
        Some(Self {
            kind,
            weights,
            stride,
            parts,
        })
    }

    /// The sum of `of(x)` over the activations x of both parts, shifted as the sums of products are. Additions wrap.
    #[inline(always)]
    pub(super) fn excess(&self, of: impl Fn(i32) -> i32 + Copy) -> i32 {
        let parts = self.parts.iter();
        parts.fold(0, |sum: i32, part| {
            sum.wrapping_add(part.sum(self.kind, of)) << part.shift
        })
    }

    /// Whether there are as many groups of rows.
    pub(super) fn has(&self, groups: usize) -> bool {
        groups * self.stride <= self.weights.len()
    }

    /// Where a part of a group begins.
    ///
    /// # Safety
    /// There is the group.
    #[inline(always)]
    pub(super) unsafe fn row(&self, group: usize, part: &Part<'_>) -> *const u8 {
        // SAFETY: a group has `stride` bytes, of which those of the part are some.
        unsafe { self.weights.as_ptr().add(group * self.stride + part.start) }
    }
}
