//! Which finalist a search hands over.
//!
//! The least of several means is partly luck. A search that takes it replaces settings near the limit by worse ones, in
//! half of all searches. So the settings that it began with stay until others are ahead by more than chance:
//!
//! ```text
//! s² = 2/n · mean of the finalists' variances, over n trainings each                          (J3)
//! handed over: the finalist of the least mean; but the one that the search began with,
//!              if it is behind by no more than 1.5 s                                          (J4)
//! ```
//!
//! "Samplers side by side" in `docs/tuning.md` replays searches that begin with a configuration, and prints in how many
//! of them what (J4) hands over is no worse.

/// By how many standard errors (J3) other settings must be ahead.
pub const AHEAD: f64 = 1.5;

/// The errors of a finalist's trainings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Whether the search began with these settings.
    pub is_beginning: bool,
}

/// s of (J3): the standard error of a difference of two means of `trainings` each.
pub fn standard_error(scores: &[Score], trainings: usize) -> f64 {
    let variances: f64 = (scores.iter()).map(|s| s.deviation * s.deviation).sum();
    let mean = variances / scores.len().max(1) as f64;
    (2.0 * mean / trainings.max(1) as f64).sqrt()
}

/// The index of the score that (J4) hands over, of equal means the first; `None` if there are no scores.
pub fn handed_over(scores: &[Score], trainings: usize) -> Option<usize> {
    let mean = |n: usize| scores[n].mean;
    let best = (0..scores.len()).min_by(|&a, &b| mean(a).total_cmp(&mean(b)))?;
    let begun = scores.iter().position(|score| score.is_beginning);
    let least_gain = AHEAD * standard_error(scores, trainings);
    Some(
        begun
            .filter(|&n| mean(n) - mean(best) <= least_gain)
            .unwrap_or(best),
    )
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn score(mean: f64, deviation: f64, is_beginning: bool) -> Score {
        Score {
            mean,
            deviation,
            is_beginning,
        }
    }

    #[test]
    fn the_beginning_stays_within_chance() {
        // s = √(2/3) · 0.03 = 0.0245
        let over = |begun: f64| {
            let scores = [score(0.10, 0.03, false), score(begun, 0.03, true)];
            handed_over(&scores, 3)
        };
        assert_eq!(over(0.13), Some(1));
        assert_eq!(over(0.14), Some(0));
        assert_eq!(handed_over(&[], 3), None);
    }

    proptest! {
        /// Without scatter the least mean wins; the beginning is never replaced by something that is no better.
        #[test]
        fn nothing_worse_is_handed_over(
            means in vec(0u8..20, 1..6),
            deviations in vec(0u8..9, 6),
            trainings in 1usize..6,
        ) {
            let scores = |scale: f64| -> Vec<Score> {
                (means.iter().zip(&deviations).enumerate())
                    .map(|(n, (&mean, &s))| score(f64::from(mean), scale * f64::from(s), n == 0))
                    .collect()
            };
            let least = f64::from(*means.iter().min().unwrap());
            let exact = scores(0.0);
            let chosen = handed_over(&exact, trainings).unwrap();
            prop_assert_eq!(exact[chosen].mean, least);
            let noisy = scores(1.0);
            let chosen = noisy[handed_over(&noisy, trainings).unwrap()];
            prop_assert!(chosen.mean <= noisy[0].mean);
            prop_assert!(chosen.is_beginning || chosen.mean == least);
        }
    }
}
