//! Probabilities of logits in fixed point, for firmware that shows more than the decision.
//!
//! ```text
//! softmax_r = 2^(−d_r · log₂e) / Σ_s 2^(−d_s · log₂e),   d_r = max − y_r           (P1)
//! 2^(−f) = Σ_n c_n f^n, n ≤ 4, f in 0..1                                          (P2)
//! ```
//!
//! Results are Q0.15 in 0..=32767 (`I1F15` would hold −1 too), at most 2 LSB from the exact value.

use fixed::types::I16F16;

use crate::activation;
use crate::requant::{round_shift, saturate16_symmetric};
use crate::task::Task;

/// log₂ e in Q2.30.
const LOG2_E_Q30: u64 = 1_549_082_005;
/// Coefficients of (P2) in Q1.30: the polynomial through 2^(−f) at the five Chebyshev nodes.
const EXP2_Q30: [i64; 5] = [
    1_073_739_719,
    -744_155_626,
    257_086_653,
    -57_137_150,
    7_339_192,
];
/// The largest value of Q0.15.
const ONE_Q15: u64 = 32_767;

/// σ(y) of one logit, Q0.15; logits beyond ±8 count as ±8.
pub fn sigmoid(logit: I16F16) -> i16 {
    activation::sigmoid(saturate16_symmetric(round_shift(logit.to_bits(), 4)))
}

/// Softmax (P1) of `logits: [O]` into `probabilities: [O]`, Q0.15.
pub fn softmax(logits: &[I16F16], probabilities: &mut [i16]) {
    let max = logits.iter().fold(I16F16::MIN, |max, y| max.max(*y));
    // Sums and products wrap without ever doing so: at most 2¹⁶ powers of 2³⁰, times 2¹⁵.
    let sum = logits
        .iter()
        .fold(0u64, |sum, y| sum.wrapping_add(exp_negative(max, *y)));
    for (probability, y) in probabilities.iter_mut().zip(logits) {
        // The largest logit alone contributes 2³⁰, so that the sum is not zero.
        let scaled = exp_negative(max, *y).wrapping_mul(ONE_Q15);
        let share = scaled.wrapping_add(sum / 2) / sum.max(1);
        *probability = share.min(ONE_Q15) as i16;
    }
}

/// Probability of each class or name, Q0.15, by a model's task: softmax or sigmoid of `logits: [O]`. `probabilities` has
/// [`Task::name_count`] places: of a single sigmoid, the second one has σ and the first one the rest. Values of a linear
/// model are no probabilities, and give zeros.
pub fn of_classes(task: Task, logits: &[I16F16], probabilities: &mut [i16]) {
    match (task, logits, &mut *probabilities) {
        (Task::Softmax, ..) => softmax(logits, probabilities),
        (Task::Sigmoid, [logit], [first, second]) => {
            *second = sigmoid(*logit);
            *first = i16::MAX.saturating_sub(*second);
        }
        (Task::Sigmoid, ..) => {
            for (probability, logit) in probabilities.iter_mut().zip(logits) {
                *probability = sigmoid(*logit);
            }
        }
        (Task::Linear, ..) => probabilities.fill(0),
    }
}

/// e^(y − max) in Q1.30, for y ≤ max.
fn exp_negative(max: I16F16, y: I16F16) -> u64 {
    let d = max.to_bits().abs_diff(y.to_bits());
    // Q16.16 times Q2.30, down to 30 fraction bits.
    let exponent = u64::from(d).wrapping_mul(LOG2_E_Q30) >> 16;
    // At most 2¹⁷; a shift by all 64 bits or more leaves nothing.
    let whole = (exponent >> 30) as u32;
    let f = (exponent & ((1 << 30) - 1)) as i64;
    let power = EXP2_Q30
        .iter()
        .rev()
        .fold(0i64, |sum, c| c.wrapping_add(sum.wrapping_mul(f) >> 30)); // (P2)
    (power as u64).checked_shr(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Documented above.
    const MAX_ERROR_LSB: f64 = 2.0;

    proptest! {
        #[test]
        fn softmax_is_near_the_exact_one(bits in prop::collection::vec(-2_000_000i32..2_000_000, 1..20)) {
            let logits = heapless::Vec::<I16F16, 20>::from_iter(bits.iter().map(|b| I16F16::from_bits(*b)));
            let mut found = [0i16; 20];
            softmax(&logits, &mut found);
            let real = |y: &I16F16| f64::from(y.to_bits()) / 65_536.0;
            let max = logits.iter().map(real).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|y| libm::exp(real(y) - max)).sum();
            for (y, found) in logits.iter().zip(found) {
                let exact = libm::exp(real(y) - max) / sum * 32_767.0;
                prop_assert!((exact - f64::from(found)).abs() <= MAX_ERROR_LSB, "{exact} {found}");
            }
        }
    }

    #[test]
    fn equal_logits_share_to_the_nearest() {
        for count in 1..=20 {
            let mut found = [0i16; 20];
            softmax(&[I16F16::from_bits(-7); 20][..count], &mut found[..count]);
            // round(32767 / count)
            let expected = (2 * 32_767 + count) / (2 * count);
            assert!(
                found[..count].iter().all(|p| *p as usize == expected),
                "{count}: {found:?}"
            );
        }
    }

    #[test]
    fn powers_are_near_the_exact_ones_until_nothing_is_left() {
        let power = |d: u32| {
            exp_negative(
                I16F16::MAX,
                I16F16::from_bits(i32::MAX.wrapping_sub_unsigned(d)),
            )
        };
        let ln2 = f64::from(1 << 16) * core::f64::consts::LN_2;
        for whole in 0..=100u32 {
            // The first difference that halves `whole` times, and the last one before it.
            let d = libm::ceil(f64::from(whole) * ln2) as u32;
            for d in [d.saturating_sub(1), d, d + 1] {
                let exact = libm::exp(-f64::from(d) / 65_536.0) * f64::from(1 << 30);
                let found = power(d) as f64;
                // (P2) is within 4·10⁻⁶ of 2^(−f), and the shift rounds down.
                assert!(
                    (found - exact).abs() <= 1.0 + exact * 4e-6,
                    "{d}: {found} {exact}"
                );
            }
        }
        assert_eq!([40 << 16, 1 << 31, u32::MAX].map(power), [0; 3]);
    }

    #[test]
    fn extreme_logits_do_not_overflow() {
        let mut found = [0i16; 3];
        softmax(&[I16F16::MIN, I16F16::MAX, I16F16::ZERO], &mut found);
        assert_eq!(found, [0, 32_767, 0]);
        softmax(&[I16F16::MIN; 3], &mut found);
        assert_eq!(found, [10_922; 3]);
        assert_eq!(sigmoid(I16F16::ZERO), 16_384);
        assert!(sigmoid(I16F16::MIN) < 12 && sigmoid(I16F16::MAX) > 32_755);
    }
}
