//! What GRU layers have in common on either side of the product: the rows of a unit, what it computes, and its new state.
//!
//! ```text
//! h'      = sat(2 · mul_high(z << 16, h) + 2 · (2¹⁵ − z) · n)             Q0.31   (GC)
//! ```

use crate::bounded::mul;
use crate::requant::mul_high;

/// Rows of a unit: r, z and n.
pub const GRU_ROWS: usize = 3;

/// What one unit computed in one step, before anything was narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GruUnit {
    /// The sums of r, z and n in Q3.12 without the clamp.
    pub z: [i32; GRU_ROWS],
    /// (GC)
    pub state: i32,
}

/// (GC)
#[inline(always)]
pub(super) fn next_state(z: i16, n: i16, h: i32) -> i32 {
    // 2 · 2¹⁵ · |n| stays below 2³¹.
    let kept = mul(2, mul_high(i32::from(z) << 16, h));
    let new = mul(2 * (32_768 - i32::from(z)), i32::from(n));
    kept.saturating_add(new)
}
