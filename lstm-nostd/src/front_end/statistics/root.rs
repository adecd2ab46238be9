//! The square root of a whole number of 32 bits.
//!
//! ```text
//! r = ⌊√v⌋, bit by bit from the highest: bit b stays if (r + 2^b)² ≤ v
//! root(v) = r, or r + 1 if v − r² > r                                                           (FR1)
//! ```
//!
//! v − r² > r says that v is above (r + ½)² = r² + r + ¼, so that the result is at most ½ from √v. It is at most 2¹⁶.

/// (FR1)
#[inline(always)]
pub(super) const fn root(value: u32) -> u32 {
    // `rest` is v − r²; `twice` is 2r · 2^b while bit b is decided, so that no step has a product.
    let (mut rest, mut twice, mut bit) = (value, 0u32, 1u32 << 30);
    while bit != 0 {
        let step = twice | bit;
        twice >>= 1;
        if rest >= step {
            rest = rest.wrapping_sub(step);
            twice |= bit;
        }
        bit >>= 2;
    }
    if rest > twice {
        twice.wrapping_add(1)
    } else {
        twice
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(value: u32) -> f64 {
        (f64::from(root(value)) - libm::sqrt(f64::from(value))).abs()
    }

    proptest! {
        #[test]
        fn it_is_at_most_a_half_off(bits in 0u32..32, value: u32) {
            let value = value >> bits;
            prop_assert!(error(value) <= 0.5, "{value}: {}", root(value));
        }
    }

    #[test]
    fn it_holds_around_every_square_and_every_halfway_point() {
        for r in (0..=65_535u32).step_by(7).chain([65_535]) {
            let square = r * r;
            assert_eq!(root(square), r);
            // The greatest that is rounded down, and the least that is rounded up.
            assert_eq!(root(square + r), r);
            assert_eq!(root((square + r).saturating_add(1)), r + 1);
        }
        assert_eq!(root(u32::MAX), 65_536);
    }
}
