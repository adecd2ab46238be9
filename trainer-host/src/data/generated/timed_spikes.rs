//! Generating timed spikes: answer a code with a spike after `F` or `F + 1` steps, again and again.
//!
//! After F. A. Gers, N. N. Schraudolph and J. Schmidhuber, "Learning Precise Timing with LSTM
//! Recurrent Networks", Journal of Machine Learning Research 3, 2002: generating a stream of
//! precisely timed spikes without teacher forcing. In this form it is a class for each step:
//!
//! ```text
//! interval n:  d_n = F + k_n steps with the input k_n, drawn from {0, 1};   F = 10
//! y_t = "spike" at the last step of each interval, else "silent"
//! ```
//!
//! Nothing but the network's own state says when an interval ends: the input changes one step after
//! the spike, and only if the next code is another one. A sequence has 100 steps by default, each
//! part 1000 sequences.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Form, Judgement, Sizes};
use crate::data::{DataError, Dataset, Parts, Targets};

/// `F`.
pub const SHORTEST: usize = 10;

/// Draws both parts.
pub fn parts(sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
    let form = Form {
        name: "timed-spikes",
        train: 1000,
        test: 1000,
        steps: Some((100, 2 * SHORTEST..=10_000)),
        channels: vec!["code".into()],
        outputs: vec!["silent".into(), "spike".into()],
    };
    form.parts(sizes, seed, draw, Targets::ClassPerStep)
}

fn draw(rng: &mut ChaCha8Rng, steps: usize) -> (Array2<f32>, Vec<usize>) {
    let mut codes = Vec::with_capacity(steps + SHORTEST);
    let mut spikes = Vec::with_capacity(steps + SHORTEST);
    while codes.len() < steps {
        let code = rng.random_range(0..2u8);
        let interval = SHORTEST + usize::from(code);
        codes.extend(std::iter::repeat_n(f32::from(code), interval));
        spikes.extend(std::iter::repeat_n(0, interval - 1));
        spikes.push(1);
    }
    spikes.truncate(steps);
    (Array2::from_shape_fn((steps, 1), |(t, _)| codes[t]), spikes)
}

/// A sequence is correct if every step of it is: spikes in the right places, and no others.
///
/// `outputs` are `[T, 2]` each, as probabilities or before the softmax.
pub fn judge(data: &Dataset, outputs: &[Array2<f32>]) -> Judgement {
    Judgement::count(data, |i| match (&data.targets, outputs.get(i)) {
        (Targets::ClassPerStep(classes), Some(outputs)) => {
            outputs.dim() == (classes[i].len(), 2)
                && (outputs.rows().into_iter().zip(&classes[i]))
                    .all(|(row, class)| usize::from(row[1] > row[0]) == *class)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_follow_the_code_and_one_wrong_step_spoils_a_sequence() {
        let data = parts(&Sizes::default(), 2).unwrap().train;
        let Targets::ClassPerStep(classes) = &data.targets else {
            panic!("spikes are classes");
        };
        let mut outputs = Vec::new();
        for (steps, classes) in data.sequences.iter().zip(classes) {
            let mut since = 0;
            for (code, spike) in steps.iter().zip(classes) {
                since += 1;
                let due = since == SHORTEST + *code as usize;
                assert_eq!(*spike, usize::from(due));
                since = if due { 0 } else { since };
            }
            outputs.push(super::super::one_hot(classes, 2));
        }
        assert!(judge(&data, &outputs).is_solved());
        outputs[0].row_mut(17).assign(&ndarray::array![0.4, 0.6]);
        let correct = if classes[0][17] == 1 {
            data.len()
        } else {
            data.len() - 1
        };
        assert_eq!(judge(&data, &outputs).correct, correct);
    }
}
