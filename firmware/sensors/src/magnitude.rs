//! The magnitude of an acceleration as a fourth channel.
//!
//! ```text
//! m = ⌊√(x² + y² + z²)⌋, in the counts of the axes                            (MA1)
//! ```
//!
//! It is the integer square root of `core`: exact, and the same on host and chip. Give the training data the same
//! channel, `math.isqrt(x * x + y * y + z * z)` in Python. On Cortex-M0 and other cores without floating point a square
//! root in f32 is emulated; `micromath` approximates it, so training and chip would see different values.

/// (MA1). At most 56755.
pub const fn magnitude(axes: [i16; 3]) -> u16 {
    let [x, y, z] = axes;
    // Each square is at most 2³⁰.
    (square(x) + square(y) + square(z)).isqrt() as u16
}

const fn square(axis: i16) -> u32 {
    let magnitude = axis.unsigned_abs() as u32;
    magnitude * magnitude
}

/// What a step of a network with the channels x, y, z and magnitude takes.
pub const fn with_magnitude(axes: [i16; 3]) -> [i32; 4] {
    let [x, y, z] = axes;
    [x as i32, y as i32, z as i32, magnitude(axes) as i32]
}

#[cfg(test)]
mod tests {
    use micromath::F32Ext;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_square_is_reached_and_the_next_is_not(axes in any::<[i16; 3]>()) {
            let sum: u64 = axes.iter().map(|a| u64::from(a.unsigned_abs()).pow(2)).sum();
            let m = u64::from(magnitude(axes));
            prop_assert!(m * m <= sum && sum < (m + 1) * (m + 1));
        }
    }

    /// Why the approximation is not used: it is up to 6 % off, where f32 and integers agree.
    #[test]
    fn micromath_is_farther_off_than_libm() {
        let (mut of_libm, mut of_micromath) = (0f32, 0f32);
        for x in (0..i16::MAX).step_by(37) {
            let axes = [x, x / 2, -x / 3];
            let sum: f32 = axes.iter().map(|a| f32::from(*a).powi(2)).sum();
            let exact = f32::from(magnitude(axes)).max(1.0);
            of_libm = of_libm.max((libm::sqrtf(sum) - exact).abs() / exact.max(100.0));
            of_micromath = of_micromath.max((F32Ext::sqrt(sum) - exact).abs() / exact.max(100.0));
        }
        assert!(of_libm <= 0.01, "{of_libm}");
        assert!(of_micromath > 0.03 && of_micromath < 0.07, "{of_micromath}");
    }
}
