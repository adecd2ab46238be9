//! Observations from the best to the worst.

use std::cmp::Reverse;

use super::{Observation, Outcome, pareto};

/// Indices of `observations`: the finished ones by their first `objectives` objectives
/// ([`pareto::order`]), then the stopped ones by how far and how well they came, then the failed ones.
pub(super) fn ranked(observations: &[Observation], objectives: usize) -> Vec<usize> {
    let numbered = || observations.iter().enumerate();
    let (finished, values): (Vec<usize>, Vec<Vec<f64>>) = numbered()
        .filter_map(|(n, o)| match &o.outcome {
            Outcome::Finished(values) => {
                Some((n, values.iter().copied().take(objectives).collect()))
            }
            _ => None,
        })
        .unzip();
    let mut stopped: Vec<(usize, usize, f64)> = numbered()
        .filter_map(|(n, o)| match o.outcome {
            Outcome::Stopped { epochs, value } => Some((n, epochs, value)),
            _ => None,
        })
        .collect();
    stopped.sort_by(|a, b| (Reverse(a.1).cmp(&Reverse(b.1))).then(a.2.total_cmp(&b.2)));
    let failed = numbered().filter(|(_, o)| o.outcome == Outcome::Failed);
    let finished = pareto::order(&values).into_iter().map(|k| finished[k]);
    finished
        .chain(stopped.iter().map(|(n, _, _)| *n))
        .chain(failed.map(|(n, _)| n))
        .collect()
}

/// `most` of the best `observations` by their first objective, and as many of the latest others, in their order.
pub(super) fn best_and_latest(observations: &[Observation], most: usize) -> Vec<&Observation> {
    let mut best: Vec<usize> = ranked(observations, 1);
    best.truncate(most);
    let is_best = |n: &usize| best.contains(n);
    let others = (0..observations.len()).rev().filter(|n| !is_best(n));
    let mut all: Vec<usize> = others.take(most).collect();
    all.extend(&best);
    all.sort_unstable();
    all.into_iter().map(|n| &observations[n]).collect()
}
