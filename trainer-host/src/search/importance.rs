//! How much each setting decides whether a trial is among the best.
//!
//! ```text
//! v_d = ∫ (p_best(x_d) / p_all(x_d) − 1)² p_all(x_d) dx_d                                      (SI1)
//! importance of d = v_d / Σ v                                                                   (SI2)
//! ```
//!
//! p_best and p_all are the densities of one setting's values among the best quarter and among all
//! observations. This is the measure of PED-ANOVA (Watanabe, Bansal and Hutter 2023): the Pearson divergence stands for
//! the variance that the setting explains. It describes only the region that the search has tried.

use super::ranking::ranked;
use super::{Observation, Parameter, Space};

/// Share of observations that count as the best.
const BEST: f64 = 0.25;
/// Number of cells into which a range of numbers is cut.
const CELLS: usize = 12;
/// A prior observation, spread over all cells.
const PRIOR: f64 = 1.0;
/// With fewer observations, importances mean nothing.
const FEWEST: usize = 8;

/// The settings that `observations` have, and (SI2), the most important one first; by their first
/// objective. Empty where there are too few observations.
pub fn importance(space: &Space, observations: &[Observation]) -> Vec<(String, f64)> {
    if observations.len() < FEWEST {
        return Vec::new();
    }
    let order = ranked(observations, 1);
    let best = ((BEST * order.len() as f64).ceil() as usize).max(2);
    let mut shares: Vec<(String, f64)> = (space.parameters.iter())
        .map(|(name, parameter)| {
            let density = |which: &[usize]| histogram(name, parameter, observations, which);
            let (p_best, p_all) = (density(&order[..best]), density(&order));
            let divergence = (p_best.iter().zip(&p_all))
                .map(|(best, all)| (best / all - 1.0).powi(2) * all)
                .sum();
            (name.clone(), divergence)
        })
        .collect();
    let sum: f64 = shares.iter().map(|(_, v)| v).sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|(_, v)| *v /= sum);
    }
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    shares
}

/// Shares of cells, one of which is for observations without the setting. Values of a range are spread
/// over neighbouring cells, since near values are alike.
fn histogram(
    name: &str,
    parameter: &Parameter,
    observations: &[Observation],
    which: &[usize],
) -> Vec<f64> {
    let choices = parameter.domain.choices();
    let cells = choices.unwrap_or(CELLS);
    let mut counts = vec![PRIOR / (cells + 1) as f64; cells + 1];
    for &n in which {
        let value = observations[n].point.get(name);
        let place = value.and_then(|value| parameter.domain.place(value));
        match (place, choices) {
            (None, _) => counts[cells] += 1.0,
            (Some(u), Some(_)) => counts[((u * cells as f64) as usize).min(cells - 1)] += 1.0,
            (Some(u), None) => {
                let distance = |c: usize| (u * cells as f64 - c as f64 - 0.5) / 1.2;
                let weight = |c: usize| (-0.5 * distance(c).powi(2)).exp();
                let sum: f64 = (0..cells).map(weight).sum();
                (0..cells).for_each(|c| counts[c] += weight(c) / sum);
            }
        }
    }
    let sum: f64 = counts.iter().sum();
    counts.iter().map(|count| count / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::Outcome;
    use super::*;

    #[test]
    fn what_decides_comes_first() {
        let space: Space = toml::from_str(
            "rate = { low = 0.0, high = 1.0 }\nsize = { low = 1, high = 50 }\n\
             kind = { choices = [1, 2] }\nidle = { low = 0.0, high = 1.0 }",
        )
        .unwrap();
        for seed in 0..5 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let observations: Vec<_> = (0..60)
                .map(|_| {
                    let point = space.draw(&mut rng);
                    let x = |name: &str| point[name].number().unwrap();
                    let value = 12.0 * (x("rate") - 0.3).powi(2) + (x("size") / 50.0 - 1.0).powi(2);
                    let outcome = Outcome::Finished(vec![value]);
                    Observation {
                        point,
                        outcome,
                        values: Vec::new(),
                        first_fold: Default::default(),
                    }
                })
                .collect();
            let found = importance(&space, &observations);
            assert_eq!(found[0].0, "rate", "{found:?}");
            assert_eq!(found[1].0, "size", "{found:?}");
            assert!((found.iter().map(|(_, v)| v).sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert!(importance(&space, &[]).is_empty());
    }
}
