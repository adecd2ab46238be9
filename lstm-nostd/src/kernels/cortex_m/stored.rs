//! Sums of groups of rows that go to memory, as GRU layers and layers with coupled gates take them, and on every core those
//! whose reset gate comes before the product: the loops of a recurrent step lead them there.

use super::layout::layout;
use crate::kernels::{Block, I32x4, RecurrentRows, Scheme};

/// What a frame begins with in place of a unit's words.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Store {
    /// Running pointer.
    at: *mut I32x4,
    end: *const I32x4,
}

layout! { "stored.s", Store:
    S_AT = at,
    S_END = end,
}

impl Store {
    /// To `sums`.
    #[inline(always)]
    pub(super) fn new(sums: &mut [I32x4]) -> Self {
        let sums = sums.as_mut_ptr_range();
        Self {
            at: sums.start,
            end: sums.end,
        }
    }
}

/// Where the groups of rows lie.
pub(super) struct Groups {
    start: *const u8,
    /// Of a group.
    bytes: usize,
    count: usize,
}

impl Groups {
    /// Of `rows` that meet `x` and `h`: none if one of them is too short.
    #[inline(always)]
    pub(super) fn new(rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) -> Self {
        let lanes = rows.layout().lanes();
        let bytes = match rows.scheme() {
            Scheme::W4a16 => lanes.wrapping_mul(2),
            Scheme::W8a16 | Scheme::W8a8 => lanes.wrapping_mul(4),
        };
        let fits = rows.inputs > 0
            && x.len() >= rows.width.blocks(rows.inputs)
            && h.len() >= rows.width.blocks(rows.outputs);
        Self {
            start: rows.weights.start(),
            bytes,
            count: match fits {
                true => rows.weights.bytes().checked_div(bytes).unwrap_or(0),
                false => 0,
            },
        }
    }

    /// The sums of groups by `run`, which gets `frame`, where the sums of at least one group go, and where its weights
    /// begin. Without a frame there are none.
    #[cfg(not(lstm_kernels = "mve"))]
    #[inline(always)]
    pub(super) fn sums<F>(
        self,
        mut frame: Option<F>,
        run: impl Fn(&mut F, Store, *const u8),
    ) -> impl FnMut(usize, &mut [I32x4]) {
        move |first, sums| {
            if let (Some(frame), Some(weights)) = (&mut frame, self.from(first, sums.len())) {
                run(frame, Store::new(sums), weights);
            }
        }
    }

    /// Where group `first` begins, if `count` groups lie from there on.
    #[inline(always)]
    pub(super) fn from(&self, first: usize, count: usize) -> Option<*const u8> {
        let there = count > 0 && first.saturating_add(count) <= self.count;
        there.then(|| self.start.wrapping_add(first.wrapping_mul(self.bytes)))
    }
}
