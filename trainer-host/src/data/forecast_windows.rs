//! The windows of a forecast's series: which rows of a series are in one, and what its target is.

use ndarray::{Array2, s};

use super::forecast::{Bounded, Cutting, Forecast};
use super::{Dataset, Moment, Targets, offset_of, time_gaps};

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
    let (mut cut, mut targets) = (Cut::default(), Vec::new());
    let channels = empty.origin.iter().flat_map(|origin| &origin.channels);
    for (number, series) in series.iter().enumerate() {
        let part = &series.parts[which];
        let mut before = None;
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
            cut.push((series, offsets), from, forecast);
            cut.moments.push(Moment {
                series: number,
                time: series.times[target],
                is_after_gap: before != target.checked_sub(forecast.stride),
            });
            before = Some(target);
            let at = |row: usize, channel: usize| series.values[[row, channel]];
            let value = |channel: &usize| match forecast.change {
                true => at(target, *channel) - at(last, *channel),
                false => (f64::from(at(target, *channel)) + offset_of(offsets, *channel)) as f32,
            };
            targets.push(channels.clone().map(value).collect());
        }
    }
    cut.with_targets(targets, empty)
}

/// The windows of all series, each with a target of no value, without those over a gap in time.
fn unlabelled_windows(
    (series, offsets): (&[Bounded], &[f64]),
    forecast: &Forecast,
    empty: &Dataset,
) -> Dataset {
    let mut cut = Cut::default();
    for series in series {
        let begins = (series.values.nrows() + 1).saturating_sub(forecast.look_back);
        for from in (forecast.lead()..begins).step_by(forecast.stride) {
            let last = from + forecast.look_back - 1;
            if !time_gaps::within(&series.gaps, from - forecast.lead(), last) {
                cut.push((series, offsets), from, forecast);
            }
        }
    }
    let targets = vec![Vec::new(); cut.sequences.len()];
    cut.with_targets(targets, empty)
}

/// Windows without their targets.
#[derive(Default)]
struct Cut {
    sequences: Vec<Array2<f32>>,
    levels: Vec<Vec<f64>>,
    /// Of the targets.
    moments: Vec<Moment>,
    names: Vec<Option<String>>,
    groups: Vec<Option<String>>,
}

impl Cut {
    /// Adds the window from row `from` of a series.
    fn push(&mut self, (series, offsets): (&Bounded, &[f64]), from: usize, forecast: &Forecast) {
        let last = from + forecast.look_back - 1;
        let inputs = series.inputs().slice(s![from..=last, ..]);
        self.sequences.push(inputs.to_owned());
        self.levels.extend(series.levels(last, offsets));
        self.names.push(series.window_name(from, forecast));
        self.groups.push(series.group.clone());
    }

    fn with_targets(self, targets: Vec<Vec<f32>>, empty: &Dataset) -> Dataset {
        let names = self.names.into_iter().collect::<Option<_>>();
        Dataset {
            sequences: self.sequences,
            levels: self.levels,
            moments: self.moments,
            targets: Targets::Value(targets),
            names: names.unwrap_or_default(),
            groups: self.groups.into_iter().collect(),
            ..empty.clone()
        }
    }
}
