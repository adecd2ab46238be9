//! Values that are far from all others: faults of a sensor, and marks for what is missing.
//!
//! The deviation of a channel is a poor ruler for them, since they stretch it: one value in 400 at any distance keeps
//! all within 20 deviations. The quartiles do not move by them, so a second ruler is
//!
//! ```text
//! r = (q₇₅ − q₂₅) / 1.349        the deviation of a normal channel with these quartiles      (QR1)
//! ```
//!
//! A rare event is far away too. It is no fault if it takes several steps and several values. A mark is always the same
//! value, and a glitch is gone at the next step.

use std::collections::BTreeMap;

use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use crate::data::{Dataset, Normalisation};

/// In deviations of the channel, by either ruler. Real signals stay within 10.
const FAR: f64 = 20.0;
/// More than this share of the values is a state of the signal and no outlier.
const MOST: f64 = 0.05;
/// Between a signal and its outliers is a gap: the nearest of them is this many times as far away as the rest.
const GAP: f64 = 3.0;
/// Share of the far values that are the same, or alone in time.
const MAJORITY: f64 = 0.5;
/// Fewer equal values may be equal by chance.
const REPEATED: usize = 3;
/// The outliers have stretched the normalisation by this factor: hardly anything is left of the signal.
const SQUEEZED: f64 = 5.0;
/// A channel that rests at one value for this share of the time shows events, which are far from that value.
const SPARSE: f64 = 0.9;

/// The quartiles' view of a channel.
struct Spread {
    median: f64,
    /// (QR1)
    robust: f64,
    resting: f64,
}

/// A channel with outliers.
struct Hit {
    figures: Vec<Figure>,
    /// What the outliers say, if one value is common among them.
    mark: Option<f64>,
    squeezed: bool,
}

/// Channels with outliers, if there are any.
pub(super) fn finding(train: &Dataset, normalisation: &Normalisation) -> Option<Finding> {
    let channels = 0..train.channels.len();
    let hits: Vec<(usize, Hit)> = channels
        .filter_map(|j| {
            let spread = Spread::of(train, j);
            let hit = by_quartiles(train, normalisation, j, &spread)
                .or_else(|| by_deviation(train, normalisation, j, &spread))?;
            Some((j, hit))
        })
        .collect();
    if hits.is_empty() {
        return None;
    }
    let names: Vec<&str> = hits
        .iter()
        .map(|(j, _)| train.channels[*j].as_str())
        .collect();
    let severity = match hits.iter().any(|(_, hit)| hit.squeezed) {
        true => Severity::Severe,
        false => Severity::Warning,
    };
    let mut marks: Vec<String> = hits
        .iter()
        .filter_map(|(_, hit)| hit.mark)
        .map(|m| m.to_string())
        .collect();
    marks.sort();
    marks.dedup();
    let found = Finding::when(
        Kind::Outliers,
        severity,
        format!(
            "Single values are far from all others in: {}. They stretch the normalisation and the integers' ranges.",
            names.join(", ")
        ),
        hits.into_iter().flat_map(|(_, hit)| hit.figures).collect(),
    )?;
    let marked = (!marks.is_empty()).then(|| {
        Lever::look(format!(
            "if {} stands for a missing value, leave the cell empty or write NaN, and train with --fill previous",
            marks.join(" or ")
        ))
    });
    Some(found.advise(marked).advise([
        Lever::look("clip or repair them in the recordings, and in the firmware in the same way"),
        Lever::quantise(
            "--calibration percentile",
            "ranges that ignore single extreme values",
        ),
    ]))
}

impl Spread {
    fn of(train: &Dataset, j: usize) -> Self {
        let mut values: Vec<f64> = column(train, j).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| values.get(values.len() * share / 4).copied().unwrap_or(0.0);
        let median = at(2);
        let resting = values.iter().filter(|value| **value == median).count();
        Self {
            median,
            robust: (at(3) - at(1)) / 1.349,
            resting: resting as f64 / values.len().max(1) as f64,
        }
    }
}

impl Spread {
    fn distance(&self, value: f64) -> f64 {
        (value - self.median).abs()
    }
}

/// All values of channel `j`, as they are stored.
fn column(train: &Dataset, j: usize) -> impl Iterator<Item = f64> + '_ {
    let columns = train
        .sequences
        .iter()
        .map(move |sequence| sequence.column(j));
    columns.flatten().map(|value| f64::from(*value))
}

/// Far by (QR1), behind a gap, and marks or glitches.
fn by_quartiles(
    train: &Dataset,
    normalisation: &Normalisation,
    j: usize,
    spread: &Spread,
) -> Option<Hit> {
    let name = &train.channels[j];
    let is_far = |value: f64| spread.distance(value) > FAR * spread.robust;
    let (far, near): (Vec<f64>, Vec<f64>) = column(train, j).partition(|value| is_far(*value));
    if far.is_empty() || spread.robust <= 0.0 {
        return None;
    }
    let distances = |values: &[f64]| {
        values
            .iter()
            .map(|v| spread.distance(*v))
            .collect::<Vec<f64>>()
    };
    let nearest = distances(&far).into_iter().fold(f64::INFINITY, f64::min);
    let furthest = distances(&near)
        .into_iter()
        .fold(f64::MIN_POSITIVE, f64::max);
    let (mark, repeats) = commonest(&far);
    let same = repeats as f64 / far.len() as f64;
    let alone = alone_in_time(train, j, is_far) as f64 / far.len() as f64;
    let is_mark = repeats >= REPEATED && same >= MAJORITY;
    let real = |stored: f64| stored + train.offset(j);
    let figures = vec![
        Figure::at_least(
            format!(
                "{name}: distance of the nearest outlier from the median, in deviations by the quartiles"
            ),
            nearest / spread.robust,
            FAR,
        ),
        Figure::at_least(
            format!("{name}: the same as a multiple of the largest distance of all other values"),
            nearest / furthest,
            GAP,
        ),
        Figure::at_most(
            format!("{name}: outliers, share of the values"),
            far.len() as f64 / (far.len() + near.len()) as f64,
            MOST,
        ),
        Figure::at_least(
            format!("{name}: share of the outliers that have the same value, or are alone in time"),
            if is_mark { same } else { alone },
            MAJORITY,
        ),
        Figure::of(format!("{name}: the commonest outlier"), real(mark)),
        Figure::of(format!("{name}: how often it occurs"), repeats as f64),
    ];
    let squeezed = f64::from(normalisation.deviation[j]) >= SQUEEZED * spread.robust;
    figures.iter().all(Figure::holds).then_some(Hit {
        figures,
        mark: is_mark.then_some(real(mark)),
        squeezed,
    })
}

/// Far by the deviation of the normalisation.
fn by_deviation(
    train: &Dataset,
    normalisation: &Normalisation,
    j: usize,
    spread: &Spread,
) -> Option<Hit> {
    let name = &train.channels[j];
    let (mean, deviation) = (normalisation.mean[j], normalisation.deviation[j]);
    let distance = |value: f64| ((value - f64::from(mean)) / f64::from(deviation)).abs();
    let largest = column(train, j).map(distance).fold(0.0, f64::max);
    let beyond = column(train, j)
        .filter(|value| distance(*value) > FAR)
        .count();
    (largest >= FAR && spread.resting < SPARSE).then(|| Hit {
        figures: vec![
            Figure::at_least(
                format!("{name}: largest distance from the mean, in deviations"),
                largest,
                FAR,
            ),
            Figure::of(
                format!("{name}: values beyond {}", short(FAR)),
                beyond as f64,
            ),
        ],
        mark: None,
        squeezed: false,
    })
}

/// The most frequent value, the least of several, and how often it occurs.
fn commonest(values: &[f64]) -> (f64, usize) {
    let mut counts = BTreeMap::<u64, usize>::new();
    for value in values {
        *counts.entry(value.to_bits()).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|a, b| {
        let by_value = f64::from_bits(b.0).total_cmp(&f64::from_bits(a.0));
        a.1.cmp(&b.1).then(by_value)
    });
    most.map_or((f64::NAN, 0), |(bits, count)| (f64::from_bits(bits), count))
}

/// How many far values have no far value before or after them.
fn alone_in_time(train: &Dataset, j: usize, is_far: impl Fn(f64) -> bool) -> usize {
    let alone = |values: ndarray::ArrayView1<'_, f32>| {
        let far: Vec<bool> = values.iter().map(|v| is_far(f64::from(*v))).collect();
        let at = |t: Option<usize>| t.and_then(|t| far.get(t)).copied().unwrap_or(false);
        (0..far.len())
            .filter(|t| far[*t] && !at(t.checked_sub(1)) && !at(Some(t + 1)))
            .count()
    };
    train.sequences.iter().map(|s| alone(s.column(j))).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::activity::tests::noise;
    use super::*;
    use crate::data::Targets;

    /// Forty recordings of fifty steps of one channel.
    fn recordings(value: impl Fn(usize, usize) -> f32) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: (0..40)
                .map(|s| Array2::from_shape_fn((50, 1), |(t, _)| value(s, t)))
                .collect(),
            targets: Targets::Class((0..40).map(|s| s % 2).collect()),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        }
    }

    fn found(value: impl Fn(usize, usize) -> f32) -> Option<Finding> {
        let data = recordings(value);
        finding(&data, &Normalisation::of_inputs(&data))
    }

    fn signal(s: usize, t: usize) -> f32 {
        noise(50 * s + t, 1)
    }

    /// One per cent, so that no value is 20 deviations away.
    #[test]
    fn a_mark_for_missing_values_is_found_and_named() {
        for mark in [-9999.0, 65535.0, 300.0] {
            let is_mark = |s: usize, t: usize| (50 * s + t) % 100 == 17;
            let found = found(|s, t| if is_mark(s, t) { mark } else { signal(s, t) }).unwrap();
            assert_eq!(found.severity, Severity::Severe);
            assert!(
                found.advice[0].why.contains(&mark.to_string()),
                "{:?}",
                found.advice[0]
            );
        }
    }

    #[test]
    fn glitches_of_many_sizes_are_found_and_not_taken_for_a_mark() {
        let glitch = |s: usize, t: usize| (50 * s + t) % 90 == 7;
        let found = found(|s, t| {
            if glitch(s, t) {
                1000.0 + 3.0 * s as f32
            } else {
                signal(s, t)
            }
        });
        assert!(!found.unwrap().advice[0].why.contains("missing"));
    }

    #[test]
    fn events_and_heavy_tails_are_no_outliers() {
        // A knock of several steps and sizes in every second recording.
        let knock = |s: usize, t: usize| s.is_multiple_of(2) && (20..23).contains(&t);
        let knocks = found(|s, t| {
            if knock(s, t) {
                40.0 + 9.0 * signal(s, t)
            } else {
                signal(s, t)
            }
        });
        assert_eq!(knocks, None);
        // No gap: each step up to 200 occurs.
        let tails = found(|s, t| signal(s, t) + if t == 9 { 5.0 * s as f32 } else { 0.0 });
        assert_eq!(tails, None);
        assert_eq!(found(signal), None);
    }
}
