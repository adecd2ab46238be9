//! (H) of int8 activations, for assembly that has o·tanh.

/// (D) and (H) of int8 in one shift: h = −sat(−sat((from − o·tanh) >> shift)), where `sat` is to −128..=127. Two
/// saturations of opposite signs hold both ends to 127.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Narrow {
    from: i32,
    shift: u32,
}

impl Narrow {
    /// For a hidden state in Q0.(15−n): (o·tanh + 2¹⁴ + half) >> (15 + n), with the other sign.
    pub(super) const fn new(n: u32) -> Self {
        let n = n & 15;
        let half = ((1i32 << n) >> 1) << 15;
        Self {
            from: (1i32 << (15 + n))
                .wrapping_sub(1 + 0x4000)
                .wrapping_sub(half),
            shift: 15 + n,
        }
    }
}
