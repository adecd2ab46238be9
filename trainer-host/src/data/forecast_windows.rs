//! The windows of a forecast's series: which rows of a series are in one, and what its target is.

use ndarray::s;

use super::forecast::{Bounded, Cutting, Forecast};
use super::{Dataset, Targets, time_gaps};

/// The windows of each part, and how many were left out; with the series, the offsets of their values.
pub(super) fn all(
    series: (&[Bounded], &[f64]),
    empty: &Dataset,
    cutting: &Cutting<'_>,
) -> ([Option<Dataset>; 3], usize) {
    let some = |data: Dataset| Some(data).filter(|data| !data.is_empty());
    if cutting.unlabelled {
        let all = some(unlabelled_windows(series, cutting.forecast, empty));
        return ([all, None, None], 0);
    }
    let mut left_out = 0;
    let mut part = |which| {
        some(windows(
            series,
            which,
            cutting.forecast,
            empty,
            &mut left_out,
        ))
    };
    let parts = [part(0), part(1), part(2)];
    (parts, left_out)
}

/// The windows whose targets are in part `which` of each series, without those over a gap in time, and
/// without those whose target is missing, which are counted. `offsets` are those of the values.
fn windows(
    (series, offsets): (&[Bounded], &[f64]),
    which: usize,
    forecast: &Forecast,
    empty: &Dataset,
    left_out: &mut usize,
) -> Dataset {
    let (mut sequences, mut targets, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut groups) = (Vec::new(), Vec::new());
    let offset = |j: usize| offsets.get(j).copied().unwrap_or_default();
    let channels = empty.origin.iter().flat_map(|origin| &origin.channels);
    for series in series {
        let part = &series.parts[which];
        // Training windows, and those of a file that is all test, begin at the first row.
        let first = part.start.max(forecast.reach() - 1);
        for target in (first..part.end).step_by(forecast.stride) {
            let last = target - forecast.horizon;
            let from = last + 1 - forecast.look_back;
            if time_gaps::within(&series.gaps, from - forecast.lead(), target) {
                continue;
            }
            if series.is_missing[target] || (forecast.change && series.is_missing[last]) {
                *left_out += 1;
                continue;
            }
            sequences.push(series.inputs().slice(s![from..=last, ..]).to_owned());
            levels.extend(series.levels(last, offsets));
            let value = |channel: &usize| match forecast.change {
                true => series.values[[target, *channel]] - series.values[[last, *channel]],
                false => (f64::from(series.values[[target, *channel]]) + offset(*channel)) as f32,
            };
            targets.push(channels.clone().map(value).collect());
            names.push(series.window_name(from, forecast));
            groups.push(series.group.clone());
        }
    }
    Dataset {
        sequences,
        levels,
        targets: Targets::Value(targets),
        names: names.into_iter().collect::<Option<_>>().unwrap_or_default(),
        groups: groups.into_iter().collect(),
        ..empty.clone()
    }
}

/// The windows of all series, each with a target of no value, without those over a gap in time.
fn unlabelled_windows(
    (series, offsets): (&[Bounded], &[f64]),
    forecast: &Forecast,
    empty: &Dataset,
) -> Dataset {
    let mut all = empty.clone();
    let (mut names, mut groups) = (Vec::new(), Vec::new());
    for series in series {
        let begins = (series.values.nrows() + 1).saturating_sub(forecast.look_back);
        for from in (forecast.lead()..begins).step_by(forecast.stride) {
            let last = from + forecast.look_back - 1;
            if time_gaps::within(&series.gaps, from - forecast.lead(), last) {
                continue;
            }
            (all.sequences).push(series.inputs().slice(s![from..=last, ..]).to_owned());
            all.levels.extend(series.levels(last, offsets));
            names.push(series.window_name(from, forecast));
            groups.push(series.group.clone());
        }
    }
    all.names = names.into_iter().collect::<Option<_>>().unwrap_or_default();
    all.groups = groups.into_iter().collect();
    all.targets = Targets::Value(vec![Vec::new(); all.sequences.len()]);
    all
}
