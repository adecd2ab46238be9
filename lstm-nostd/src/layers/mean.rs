//! Mean over time of the uppermost recurrent layer's hidden state, in models that answer once a sequence.
//!
//! ```text
//! s_t = s_{t−1} + h_t                               i32, in units of h, for t ≤ 65,535         (MT1)
//! m_t = floor((2^n · s_t + ⌊t/2⌋) / t)              Q0.15                                      (MT2)
//! ```
//!
//! (MT2) rounds to the nearest value, with ties towards +∞, and is exact: there is one division for each unit, when outputs are
//! read. It takes h from Q0.(15−n), so that a mean of int8 values has the resolution of int16, and dense layers see it as
//! the output of a layer with int16 activations. After 65,535 steps the sum stays as it is. Until then |2^n · s_t| ≤ 2¹⁵ · t
//! holds, and nothing can overflow.
//!
//! Above a convolution, t counts the steps that the recurrent layers took. Where t is 0, the mean is zero.
//!
//! Steps and sums lie behind the cells of a state: t, then zeros to a block of four, then the sum of each unit.

use core::num::NonZero;

use crate::kernels::{self, Activation, Block, I32x4, RecurrentRows, Width, lanes_mut, quads};
use crate::requant::saturate16;

/// Steps that a mean counts, at most.
pub const MOST_STEPS: u32 = u16::MAX as u32;

/// Blocks of four behind the cells that hold steps and sums of a layer of `units` units.
pub const fn blocks(units: usize) -> usize {
    kernels::blocks(units).saturating_add(1)
}

/// (MT1): adds the hidden state of a layer with these rows. `sums` is `[blocks(units)]`.
pub fn add(rows: &RecurrentRows<'_>, hidden: &[Block], sums: &mut [I32x4]) {
    let Some(([steps, ..], sums)) = sums.split_first_mut() else {
        return;
    };
    if *steps as u32 >= MOST_STEPS {
        return;
    }
    *steps = steps.wrapping_add(1);
    match rows.width.in_build() {
        Width::Int16 => add_quads::<i16>(hidden, sums),
        Width::Int8 => add_quads::<i8>(hidden, sums),
    }
}

/// Adds whole blocks: what lies behind the last unit stands for nothing.
// `zip` of two iterators may panic with debug assertions.
#[inline(always)]
fn add_quads<A: Activation>(hidden: &[Block], sums: &mut [I32x4]) {
    let mut hidden = quads::<A>(hidden).iter();
    for [a, b, c, d] in sums {
        let Some([h_a, h_b, h_c, h_d]) = hidden.next() else {
            break;
        };
        // A state that was saved elsewhere may hold anything.
        *a = a.wrapping_add((*h_a).into());
        *b = b.wrapping_add((*h_b).into());
        *c = c.wrapping_add((*h_c).into());
        *d = d.wrapping_add((*h_d).into());
    }
}

/// (MT2): the mean of the steps so far, `[units]` int16 lanes of `mean`; zeros before the first step.
pub fn read(rows: &RecurrentRows<'_>, sums: &[I32x4], mean: &mut [Block]) {
    let Some(([steps, ..], sums)) = sums.split_first() else {
        return;
    };
    let steps = NonZero::new((*steps as u32).min(MOST_STEPS)).unwrap_or(NonZero::<u32>::MIN);
    let mut sums = sums.as_flattened().iter();
    let mean = lanes_mut::<i16>(mean).get_mut(..rows.outputs);
    for mean in mean.unwrap_or_default() {
        let Some(sum) = sums.next() else { break };
        *mean = of_sum(sum.wrapping_shl(rows.h_shift), steps);
    }
}

/// (MT2) of a sum in Q0.15.
pub const fn of_sum(sum: i32, steps: NonZero<u32>) -> i16 {
    // Not negative: |sum| is at most 2¹⁵ for each step.
    let (least, half) = (steps.get() << 15, steps.get() >> 1);
    let above = (sum as u32).wrapping_add(least).wrapping_add(half);
    let mean = above.checked_div(steps.get());
    match mean {
        Some(mean) => saturate16((mean as i32).wrapping_sub(1 << 15)),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two steps of five units with int16 values, and of int8 ones, where one is 2⁻⁷.
    #[cfg(feature = "write")]
    #[test]
    fn a_mean_of_two_steps_is_half_of_their_sum() {
        let shape = crate::artifact::RandomModel {
            inputs: 1,
            hidden: alloc::vec![5],
            outputs: 1,
            ..Default::default()
        };
        let bytes = shape.build().to_bytes().unwrap();
        let model = crate::Model::parse(&bytes).unwrap();
        let int16 = *model.recurrent_layers()[0].rows();
        let int8 = RecurrentRows {
            width: Width::Int8,
            h_shift: 8,
            ..int16
        };
        assert_eq!([1, 4, 5].map(blocks), [2, 2, 3]);
        let steps = [[10i16, -20, 30, -40, 50], [20, 20, -31, -40, 7]];
        for (rows, expected) in [
            (int16, [15, 0, 0, -40, 29]),
            (int8, [15 * 256, 0, -128, -40 * 256, 57 * 128]),
        ] {
            let mut sums = [[0; 4]; blocks(5)];
            for step in steps {
                let mut hidden = [Block::ZERO; 2];
                match rows.width {
                    Width::Int16 => lanes_mut::<i16>(&mut hidden)[..5].copy_from_slice(&step),
                    Width::Int8 => lanes_mut::<i8>(&mut hidden)[..5]
                        .copy_from_slice(&step.map(|value| value as i8)),
                }
                add(&rows, &hidden, &mut sums);
            }
            let mut mean = [Block([3; 4]); 2];
            read(&rows, &sums, &mut mean);
            assert_eq!(
                lanes_mut::<i16>(&mut mean)[..6],
                [&expected[..], &[3]].concat()
            );
        }
    }

    /// At both ends of all values, and beside ties.
    #[test]
    fn a_mean_is_the_nearest_value_with_ties_upwards() {
        for steps in [1u32, 2, 3, 4, 7, 100, 65_534, MOST_STEPS] {
            let steps_i64 = i64::from(steps);
            let ends = [-(1i64 << 15), -77, -1, 0, 1, 12_345, (1 << 15) - 1];
            for sum in ends.iter().flat_map(|value| {
                let sum = value * steps_i64;
                [-1, 0, 1].map(|d| sum + d * (steps_i64 / 2))
            }) {
                if sum < -(steps_i64 << 15) || sum > ((1 << 15) - 1) * steps_i64 {
                    continue;
                }
                let exact = (2 * sum + steps_i64).div_euclid(2 * steps_i64);
                let found = of_sum(sum as i32, NonZero::new(steps).unwrap());
                assert_eq!(i64::from(found), exact, "{sum} / {steps}");
            }
        }
    }
}
