//! The magnitude of an acceleration as a fourth channel: it does not depend on how the device is held.
//!
//! ```text
//! m = ⌊√(x² + y² + z²)⌋, in the counts of the axes                            (MA1)
//! m = ⌊g(x² + y² + z²)⌋,  g(s) = f32 with the bits ⌊(bits(s) + bits(1)) / 2⌋   (MA2)
//! ```
//!
//! (MA1) is the integer square root of `core`. (MA2) is the root of `micromath`: halving the bits of an f32 halves its
//! exponent, so g(s) is √s and up to 6.1 % more. Both are the same on host and chip. A network learns from either, as
//! long as its training data has the same channel. (MA2) takes fewer instructions on every core but the M3, which divides
//! and has no unit for f32. In Python:
//!
//! ```text
//! exact = math.isqrt(x * x + y * y + z * z)
//! s = numpy.float32(x * x + y * y + z * z)
//! quick = int(((s.view(numpy.uint32) + numpy.uint32(0x3f80_0000)) >> numpy.uint32(1)).view(numpy.float32))
//! ```

use micromath::F32Ext;

/// (MA1). At most 56755.
pub const fn magnitude(axes: [i16; 3]) -> u16 {
    sum_of_squares(axes).isqrt() as u16
}

/// (MA2), by `micromath`. At most 57344.
pub fn quick_magnitude(axes: [i16; 3]) -> u16 {
    F32Ext::sqrt(sum_of_squares(axes) as f32) as u16
}

/// x² + y² + z². Each square is at most 2³⁰.
pub const fn sum_of_squares(axes: [i16; 3]) -> u32 {
    let [x, y, z] = axes;
    square(x) + square(y) + square(z)
}

const fn square(axis: i16) -> u32 {
    let magnitude = axis.unsigned_abs() as u32;
    magnitude * magnitude
}

/// What a step of a network with the channels x, y, z and (MA1) takes.
pub const fn with_magnitude(axes: [i16; 3]) -> [i32; 4] {
    channels(axes, magnitude(axes))
}

/// What a step of a network with the channels x, y, z and (MA2) takes.
pub fn with_quick_magnitude(axes: [i16; 3]) -> [i32; 4] {
    channels(axes, quick_magnitude(axes))
}

const fn channels(axes: [i16; 3], magnitude: u16) -> [i32; 4] {
    let [x, y, z] = axes;
    [x as i32, y as i32, z as i32, magnitude as i32]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// (1 + f/2) / √(1 + f) is largest at f = 1, where it is 1.5 / √2.
    const MOST_TOO_MUCH: f64 = 0.0607;

    proptest! {
        #[test]
        fn the_square_is_reached_and_the_next_is_not(axes in any::<[i16; 3]>()) {
            let sum: u64 = axes.iter().map(|a| u64::from(a.unsigned_abs()).pow(2)).sum();
            let m = u64::from(magnitude(axes));
            prop_assert!(m * m <= sum && sum < (m + 1) * (m + 1));
        }

        #[test]
        fn the_quick_magnitude_is_the_equation_and_a_little_more_than_the_exact_one(axes in any::<[i16; 3]>()) {
            let (exact, quick) = (magnitude(axes), quick_magnitude(axes));
            let bits = (sum_of_squares(axes) as f32).to_bits();
            prop_assert_eq!(quick, f32::from_bits((bits + 1f32.to_bits()) >> 1) as u16);
            let most = (f64::from(exact) + 1.0) * (1.0 + MOST_TOO_MUCH);
            // The sum loses its last bits as f32.
            prop_assert!(quick + 1 >= exact && f64::from(quick) <= most, "{exact} {quick}");
        }

        #[test]
        fn the_exact_magnitude_is_that_of_libm(axes in any::<[i16; 3]>()) {
            let root = libm::sqrt(f64::from(sum_of_squares(axes)));
            prop_assert_eq!(magnitude(axes), root as u16);
        }
    }

    #[test]
    fn the_ends_of_the_range_hold() {
        assert_eq!(magnitude([i16::MIN; 3]), 56755);
        assert_eq!(quick_magnitude([i16::MIN; 3]), 57344);
        assert_eq!((magnitude([0; 3]), quick_magnitude([0; 3])), (0, 0));
        assert_eq!(with_quick_magnitude([3, -4, 0]), [3, -4, 0, 5]);
        assert_eq!(with_magnitude([3, -4, 0]), [3, -4, 0, 5]);
    }
}
