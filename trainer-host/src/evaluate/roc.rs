//! The receiver operating characteristic of two classes: the rates at every threshold, not only at the model's own.
//!
//! ```text
//! AUC = P(s⁺ > s⁻) + P(s⁺ = s⁻) / 2                                         (E1)
//! ```
//!
//! over all pairs of a positive and a negative. This is the Mann–Whitney count. It equals the area under the curve, if
//! the curve is a straight line where scores are equal.

use serde::Serialize;

/// A curve from (0, 0) to (1, 1) and its area; the positive class is the second one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Roc {
    /// The positive class.
    pub positive: String,
    /// (E1).
    pub auc: f64,
    /// (false positive rate, true positive rate) for each threshold, from the highest.
    #[serde(skip)]
    pub points: Vec<(f64, f64)>,
}

impl Roc {
    /// The curve of scores, each with whether it belongs to a positive. `None` unless there are positives and
    /// negatives.
    pub fn of(positive: &str, mut scores: Vec<(f32, bool)>) -> Option<Self> {
        let positives = scores
            .iter()
            .filter(|(_, is_positive)| *is_positive)
            .count();
        let negatives = scores.len() - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        // Twice the area in units of pairs, so that ties count whole.
        let (mut found, mut false_alarms, mut twice_area) = (0u64, 0u64, 0u64);
        let mut points = vec![(0.0, 0.0)];
        for tied in scores.chunk_by(|a, b| a.0 == b.0) {
            let hits = tied.iter().filter(|(_, is_positive)| *is_positive).count() as u64;
            let misses = tied.len() as u64 - hits;
            twice_area += misses * (2 * found + hits);
            found += hits;
            false_alarms += misses;
            points.push((
                false_alarms as f64 / negatives as f64,
                found as f64 / positives as f64,
            ));
        }
        Some(Self {
            positive: positive.to_owned(),
            auc: twice_area as f64 / (2.0 * positives as f64 * negatives as f64),
            points,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_scores_by_hand() {
        // Pairs (+, −): 0.8 > 0.6, 0.8 > 0.2, 0.6 = 0.6, 0.6 > 0.2: (3 + 1/2) / 4.
        let scores = vec![(0.2, false), (0.8, true), (0.6, true), (0.6, false)];
        let roc = Roc::of("up", scores).unwrap();
        assert_eq!(roc.auc, 0.875);
        assert_eq!(roc.points, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        assert_eq!(Roc::of("up", vec![(0.5, true)]), None);
    }

    proptest! {
        /// Few different scores, so that ties are common.
        #[test]
        fn the_area_is_the_count_of_pairs(
            scores in vec(((-3i8..3).prop_map(f32::from), any::<bool>()), 2..60),
        ) {
            let of = |wanted: bool| scores.iter().filter(move |s| s.1 == wanted).map(|s| s.0);
            let pairs = of(true).count() * of(false).count();
            prop_assume!(pairs > 0);
            let mut count = 0.0;
            for positive in of(true) {
                for negative in of(false) {
                    count += match positive.total_cmp(&negative) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let roc = Roc::of("up", scores.clone()).unwrap();
            prop_assert!((roc.auc - count / pairs as f64).abs() < 1e-12);
            // The trapezoids under the curve say the same.
            let area: f64 = (roc.points.windows(2))
                .map(|p| (p[1].0 - p[0].0) * (p[1].1 + p[0].1) / 2.0)
                .sum();
            prop_assert!((roc.auc - area).abs() < 1e-12);
            prop_assert_eq!(roc.points.last(), Some(&(1.0, 1.0)));
        }
    }
}
