//! Activations in state and scratch: blocks of eight bytes that hold four int16 or eight int8 lanes.
//!
//! ```text
//! widen    x16 = x8 << n                                                   exact       (W)
//! narrow   x8  = sat±127(round_shift(x16, n))                                          (N)
//! ```

use core::slice;

use bytemuck::{Pod, Zeroable};

use crate::requant::{round_shift, saturate8_symmetric, saturate16};

/// Eight bytes of activations: four int16 lanes, or eight int8 lanes in layers whose scheme has those. A block
/// lies on an 8-byte boundary, for double-word and vector loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(8))]
pub struct Block(pub [i16; 4]);

impl Block {
    /// All lanes zero.
    pub const ZERO: Self = Self([0; 4]);
}

/// The type of a layer's activations: of its inputs, and of its hidden state or outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// int16
    #[default]
    Int16,
    /// int8
    Int8,
}

impl Width {
    /// The same; in a build without int8 activations, the only one that there is.
    #[inline(always)]
    pub const fn in_build(self) -> Self {
        if cfg!(feature = "w8a8") {
            self
        } else {
            Self::Int16
        }
    }

    /// Bits of an activation, its sign included.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Int16 => 16,
            Self::Int8 => 8,
        }
    }

    /// Blocks that hold `n` activations.
    pub const fn blocks(self, n: usize) -> usize {
        match self.in_build() {
            Self::Int16 => n.div_ceil(4),
            Self::Int8 => n.div_ceil(8),
        }
    }

    /// Whether `blocks` have room for `n` activations.
    #[inline(always)]
    pub const fn fits(self, n: usize, blocks: &[Block]) -> bool {
        // A slice has no more bytes than `isize::MAX`, so that its lanes can be counted.
        let lanes = match self.in_build() {
            Self::Int16 => blocks.len().wrapping_mul(4),
            Self::Int8 => blocks.len().wrapping_mul(8),
        };
        lanes >= n
    }
}

/// An integer type of activations.
pub trait Activation: Pod + Into<i32> {
    /// The nearest value of the type. int8 is held to −127..=127, as it is made from signed fractions.
    fn saturate(value: i32) -> Self;
}

impl Activation for i16 {
    #[inline(always)]
    fn saturate(value: i32) -> Self {
        saturate16(value)
    }
}

impl Activation for i8 {
    #[inline(always)]
    fn saturate(value: i32) -> Self {
        saturate8_symmetric(value)
    }
}

/// The lanes of blocks, four at a time, as four inputs of a layer meet their weights.
#[inline(always)]
pub fn quads<A: Activation>(blocks: &[Block]) -> &[[A; 4]] {
    // Blocks are eight bytes on an 8-byte boundary, so that the cast never fails.
    bytemuck::try_cast_slice(blocks).unwrap_or_default()
}

/// The lanes of blocks.
#[inline(always)]
pub fn lanes<A: Activation>(blocks: &[Block]) -> &[A] {
    quads(blocks).as_flattened()
}

/// The lanes of blocks, to write.
#[inline(always)]
pub fn lanes_mut<A: Activation>(blocks: &mut [Block]) -> &mut [A] {
    bytemuck::try_cast_slice_mut(blocks).unwrap_or_default()
}

/// (W) or (N): `count` activations of one width to the other one; other lanes stay as they are.
///
/// `shift` is `n`, at most 8. Between equal widths it copies.
// One copy of it is enough.
#[inline(never)]
pub fn convert(from: (Width, &[Block]), to: (Width, &mut [Block]), shift: u32, count: usize) {
    match ((from.0.in_build(), from.1), (to.0.in_build(), to.1)) {
        ((Width::Int8, x), (Width::Int16, y)) => {
            let pairs = lanes_mut::<i16>(y).iter_mut().zip(lanes::<i8>(x));
            pairs.take(count).for_each(|(y, x)| *y = widen(*x, shift));
        }
        ((Width::Int16, x), (Width::Int8, y)) => {
            let pairs = lanes_mut::<i8>(y).iter_mut().zip(lanes::<i16>(x));
            pairs.take(count).for_each(|(y, x)| *y = narrow(*x, shift));
        }
        ((width, x), (_, y)) => copy::<i8>(x, y, count.wrapping_mul(width.bits() as usize / 8)),
    }
}

/// The first `count` lanes of `y` become those of `x`.
#[inline(always)]
pub fn copy<A: Activation>(x: &[Block], y: &mut [Block], count: usize) {
    let whole = count.wrapping_mul(size_of::<A>()) / size_of::<Block>();
    let mut blocks = y.iter_mut().zip(x);
    blocks.by_ref().take(whole).for_each(|(y, x)| *y = *x);
    let Some((y, x)) = blocks.next() else { return };
    let lanes = lanes_mut::<A>(slice::from_mut(y)).iter_mut();
    let lanes = lanes.zip(self::lanes::<A>(slice::from_ref(x)));
    let rest = count % (size_of::<Block>() / size_of::<A>());
    lanes.take(rest).for_each(|(y, x)| *y = *x);
}

/// (W)
#[inline(always)]
pub fn widen(value: i8, shift: u32) -> i16 {
    i16::from(value) << (shift & 15)
}

/// (N)
#[inline(always)]
pub fn narrow(value: i16, shift: u32) -> i8 {
    saturate8_symmetric(round_shift(value.into(), shift & 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_widened_narrows_to_itself(value in -127i8..=127, shift in 0u32..=8) {
            prop_assert_eq!(narrow(widen(value, shift), shift), value);
        }

        #[test]
        fn narrowing_is_to_the_nearest_and_never_wraps(value in any::<i16>(), shift in 0u32..=8) {
            let exact = f64::from(value) / f64::from(1 << shift);
            let nearest = exact.clamp(-127.0, 127.0);
            prop_assert!((f64::from(narrow(value, shift)) - nearest).abs() <= 0.5);
        }

        #[test]
        fn conversion_leaves_other_lanes(count in 0usize..=16, shift in 0u32..=8, values in prop::array::uniform16(any::<i16>())) {
            let x: [Block; 4] = core::array::from_fn(|b| Block(core::array::from_fn(|j| values[4 * b + j])));
            let mut y = [Block([-1; 4]); 2];
            convert((Width::Int16, &x), (Width::Int8, &mut y), shift, count);
            for (j, y) in lanes::<i8>(&y).iter().enumerate() {
                prop_assert_eq!(*y, if j < count { narrow(values[j], shift) } else { -1 });
            }
        }
    }
}
