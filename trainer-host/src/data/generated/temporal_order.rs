//! Temporal order: classify a sequence by the order of two or three widely separated symbols.
//!
//! S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
//! sections 5.6.1 (experiment 6a, two symbols, 4 classes) and 5.6.2 (6b, three symbols, 8 classes).
//!
//! A sequence begins with E, ends with B, and has X or Y at two (three) places; all others are drawn
//! from a, b, c, d. Its length is drawn from `T` to `T + T/10`, with `T = 100` by default, and the
//! places from `T/10` to `T/5` and from `T/2` to `3T/5` (from `T/10` to `T/5`, from `T/3` to
//! `T/3 + T/10` and from `2T/3` to `2T/3 + T/10`). Inputs are one-hot `[T, 8]`.
//!
//! The paper trains on fresh sequences without end and tests on 2560; here the training part has
//! 10 000 by default.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Form, Judgement, Sizes, letters, one_hot};
use crate::data::{DataError, Dataset, Parts, Targets};

/// The largest absolute error of each output of a correct answer, from the paper.
pub const TOLERANCE: f32 = 0.3;
/// The symbols, in the order of channels.
pub const SYMBOLS: &str = "abcdXYEB";
const NOISE: usize = 4;
const X: usize = 4;
const E: usize = 6;
const B: usize = 7;

/// Draws both parts, with 2 or 3 symbols to remember.
pub(in crate::data) fn parts(places: usize, sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
    let form = Form {
        name: if places == 2 {
            "temporal-order"
        } else {
            "temporal-order-3"
        },
        train: 10_000,
        test: 2560,
        steps: Some((100, 20..=10_000)),
        channels: letters(SYMBOLS),
        outputs: (0..1 << places).map(|class| order(class, places)).collect(),
    };
    form.parts(
        sizes,
        seed,
        |rng, steps| draw(rng, steps, places),
        Targets::Class,
    )
}

/// The symbols of a class, such as `XY`: its bits from the highest on, X for 0.
fn order(class: usize, places: usize) -> String {
    let symbol = |bit: usize| if class >> bit & 1 == 0 { 'X' } else { 'Y' };
    (0..places).rev().map(symbol).collect()
}

fn draw(rng: &mut ChaCha8Rng, steps: usize, places: usize) -> (Array2<f32>, usize) {
    let length = rng.random_range(steps..=steps + steps / 10);
    let mut sequence: Vec<usize> = (0..length).map(|_| rng.random_range(0..NOISE)).collect();
    sequence[0] = E;
    sequence[length - 1] = B;
    let starts = match places {
        2 => vec![steps / 10, steps / 2],
        _ => vec![steps / 10, steps / 3, 2 * steps / 3],
    };
    let mut class = 0;
    for start in starts {
        let bit = rng.random_range(0..2);
        sequence[rng.random_range(start..=start + steps / 10)] = X + bit;
        class = 2 * class + bit;
    }
    (one_hot(&sequence, SYMBOLS.len()), class)
}

/// The paper's criterion: a sequence is correct if every output is within [`TOLERANCE`] of its
/// target, 1 for the class and 0 for the others.
///
/// The last row of each of `outputs`, `[1, O]` or `[T, O]`, is judged; they are probabilities.
pub fn judge(data: &Dataset, outputs: &[Array2<f32>]) -> Judgement {
    Judgement::count(data, |i| match (&data.targets, outputs.get(i)) {
        (Targets::Class(classes), Some(outputs)) => (outputs.rows().into_iter().next_back())
            .is_some_and(|row| {
                row.len() == data.outputs.len()
                    && row.iter().enumerate().all(|(class, output)| {
                        let target = f32::from(u8::from(class == classes[i]));
                        (output - target).abs() < TOLERANCE
                    })
            }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_name_the_symbols_in_their_order() {
        for places in [2, 3] {
            let sizes = Sizes {
                train: Some(500),
                test: Some(1),
                steps: None,
            };
            let data = parts(places, &sizes, 5).unwrap().train;
            let Targets::Class(classes) = &data.targets else {
                panic!("orders are classes");
            };
            for (steps, class) in data.sequences.iter().zip(classes) {
                let text: String = (steps.rows().into_iter())
                    .map(|row| {
                        let symbol = row.iter().position(|v| *v == 1.0).unwrap();
                        SYMBOLS.as_bytes()[symbol] as char
                    })
                    .collect();
                assert!((100..=110).contains(&text.len()));
                assert!(text.starts_with('E') && text.ends_with('B'));
                let symbols: String = text.chars().filter(|c| "XY".contains(*c)).collect();
                assert_eq!(symbols, data.outputs[*class]);
                let first = text.find(['X', 'Y']).unwrap();
                assert!((10..=20).contains(&first));
            }
            assert!((0..1 << places).all(|class| classes.contains(&class)));
        }
    }

    #[test]
    fn judges_by_the_tolerance() {
        let sizes = Sizes {
            train: Some(1),
            test: Some(1),
            steps: None,
        };
        let data = parts(2, &sizes, 5).unwrap().train;
        let Targets::Class(classes) = &data.targets else {
            panic!("orders are classes");
        };
        for (right, correct) in [(0.75, 1), (0.65, 0)] {
            let mut output = Array2::from_elem((1, 4), (1.0 - right) / 3.0);
            output[[0, classes[0]]] = right;
            assert_eq!(judge(&data, &[output]).correct, correct);
        }
    }
}
