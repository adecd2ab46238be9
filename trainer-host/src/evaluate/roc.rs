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
    /// One for each threshold, from the highest.
    #[serde(skip)]
    pub points: Vec<AtThreshold>,
}

/// What is decided where each score of at least a threshold counts as positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtThreshold {
    /// The threshold: logarithm of the odds of the positive class. Infinite where nothing is positive.
    pub score: f32,
    /// Positives that are found, of all positives.
    pub found: [usize; 2],
    /// Negatives that are taken for positives, of all negatives.
    pub false_alarms: [usize; 2],
}

impl AtThreshold {
    /// The threshold as a probability of the positive class.
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-f64::from(self.score)).exp())
    }

    /// The share of positives that are found: the true positive rate.
    pub fn recall(&self) -> f64 {
        self.found[0] as f64 / self.found[1] as f64
    }

    /// The false positive rate.
    pub fn false_positive_rate(&self) -> f64 {
        self.false_alarms[0] as f64 / self.false_alarms[1] as f64
    }

    /// The share of what counts as positive that is positive; `None` where nothing counts as positive.
    pub fn precision(&self) -> Option<f64> {
        let all = self.found[0] + self.false_alarms[0];
        (all > 0).then(|| self.found[0] as f64 / all as f64)
    }

    /// 2 precision · recall / (precision + recall).
    pub fn f1(&self) -> f64 {
        let [found, positives] = self.found;
        2.0 * found as f64 / (found + self.false_alarms[0] + positives) as f64
    }
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
        let at = |score, found, false_alarms| AtThreshold {
            score,
            found: [found, positives],
            false_alarms: [false_alarms, negatives],
        };
        // Twice the area in units of pairs, so that ties count whole.
        let (mut found, mut false_alarms, mut twice_area) = (0, 0, 0u64);
        let mut points = vec![at(f32::INFINITY, 0, 0)];
        for tied in scores.chunk_by(|a, b| a.0 == b.0) {
            let hits = tied.iter().filter(|(_, is_positive)| *is_positive).count();
            let misses = tied.len() - hits;
            twice_area += (misses * (2 * found + hits)) as u64;
            found += hits;
            false_alarms += misses;
            points.push(at(tied[0].0, found, false_alarms));
        }
        Some(Self {
            positive: positive.to_owned(),
            auc: twice_area as f64 / (2.0 * positives as f64 * negatives as f64),
            points,
        })
    }

    /// What the network decides by itself: positive where that is the more probable class.
    pub fn own(&self) -> AtThreshold {
        let above = self.points.iter().take_while(|point| point.score > 0.0);
        // `of` begins with a point whose score is infinite.
        let last = self.points[above.count() - 1];
        AtThreshold { score: 0.0, ..last }
    }

    /// The threshold with the highest F1, the highest of several.
    pub fn best_f1(&self) -> AtThreshold {
        let better = |best: AtThreshold, point: &AtThreshold| match point.f1() > best.f1() {
            true => *point,
            false => best,
        };
        self.points.iter().fold(self.points[0], better)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn rates(roc: &Roc) -> Vec<(f64, f64)> {
        let points = roc.points.iter();
        points
            .map(|point| (point.false_positive_rate(), point.recall()))
            .collect()
    }

    #[test]
    fn four_scores_by_hand() {
        // Pairs (+, −): 0.8 > 0.6, 0.8 > 0.2, 0.6 = 0.6, 0.6 > 0.2: (3 + 1/2) / 4.
        let scores = vec![(0.2, false), (0.8, true), (0.6, true), (0.6, false)];
        let roc = Roc::of("up", scores).unwrap();
        assert_eq!(roc.auc, 0.875);
        assert_eq!(
            rates(&roc),
            [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]
        );
        let precisions: Vec<Option<f64>> = roc.points.iter().map(AtThreshold::precision).collect();
        assert_eq!(precisions, [None, Some(1.0), Some(2.0 / 3.0), Some(0.5)]);
        // F1: 0, 2/3, 4/5, 2/3.
        assert_eq!((roc.best_f1().score, roc.best_f1().f1()), (0.6, 0.8));
        // All of them are above the network's own threshold, a probability of one half.
        assert_eq!((roc.own().recall(), roc.own().probability()), (1.0, 0.5));
        let none = Roc::of("up", vec![(-1.0, true), (-2.0, false)]).unwrap();
        assert_eq!((none.own().recall(), none.best_f1().f1()), (0.0, 1.0));
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
            let rates = rates(&roc);
            let area: f64 = (rates.windows(2))
                .map(|p| (p[1].0 - p[0].0) * (p[1].1 + p[0].1) / 2.0)
                .sum();
            prop_assert!((roc.auc - area).abs() < 1e-12);
            prop_assert_eq!(rates.last(), Some(&(1.0, 1.0)));
        }
    }
}
