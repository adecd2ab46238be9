//! Measuring spike delays: are two spikes `F` or `F − 1` steps apart?
//!
//! After F. A. Gers, N. N. Schraudolph and J. Schmidhuber, "Learning Precise Timing with LSTM
//! Recurrent Networks", Journal of Machine Learning Research 3, 2002: the distinction of spikes 50
//! or 49 steps apart, which peepholes let the gates see in the cell. Their spike trains go on; this
//! form of the task is a classification of one delay a sequence:
//!
//! ```text
//! x_t = 1 at t = s and t = s + d, else 0;   s drawn from 0..F,   d from {F − 1, F}
//! ```
//!
//! The last step is that of the second spike, and the class is `d`. Since `s` is drawn too, the
//! length of the sequence does not tell. `F` is the number of steps that may be asked for, 50 by
//! default; each part has 1000 sequences by default, of only `2F` different ones: what is tested is
//! whether the delay can be measured, not whether it generalises.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Form, Sizes};
use crate::data::{DataError, Parts, Targets};

/// `F` unless steps are asked for.
const DEFAULT_DELAY: usize = 50;

/// Draws both parts.
pub fn parts(sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
    let longer = sizes.steps.unwrap_or(DEFAULT_DELAY);
    let form = Form {
        name: "spike-delays",
        train: 1000,
        test: 1000,
        steps: Some((DEFAULT_DELAY, 2..=10_000)),
        channels: vec!["spike".into()],
        outputs: vec![longer.saturating_sub(1).to_string(), longer.to_string()],
    };
    form.parts(sizes, seed, draw, Targets::Class)
}

fn draw(rng: &mut ChaCha8Rng, longer: usize) -> (Array2<f32>, usize) {
    let class = rng.random_range(0..2);
    let start = rng.random_range(0..longer);
    let end = start + longer - 1 + class;
    let mut sequence = Array2::zeros((end + 1, 1));
    sequence[[start, 0]] = 1.0;
    sequence[[end, 0]] = 1.0;
    (sequence, class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_the_class_and_ends_the_sequence() {
        for steps in [None, Some(2), Some(10)] {
            let sizes = Sizes {
                train: Some(200),
                test: Some(1),
                steps,
            };
            let data = parts(&sizes, 2).unwrap().train;
            let Targets::Class(classes) = &data.targets else {
                panic!("delays are classes");
            };
            for (steps, class) in data.sequences.iter().zip(classes) {
                let spikes: Vec<usize> = (0..steps.nrows())
                    .filter(|t| steps[[*t, 0]] == 1.0)
                    .collect();
                assert_eq!(spikes.len(), 2);
                assert_eq!(spikes[1] + 1, steps.nrows());
                assert_eq!((spikes[1] - spikes[0]).to_string(), data.outputs[*class]);
            }
            assert!(classes.contains(&0) && classes.contains(&1));
        }
    }
}
