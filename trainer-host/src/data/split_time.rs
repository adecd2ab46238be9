//! Splits recordings in the order of time: the end of each is the part that is split off.
//!
//! That is how one recording is divided, which cannot be divided into whole ones, and recordings that are
//! cut into windows where a class has one recording only.

use super::split_error::SplitError;
use super::{Dataset, Targets};

/// Whether the set is divided in the order of time rather than into whole sequences; `is_cut` says
/// whether windows will be cut from it.
pub(super) fn is_due(data: &Dataset, is_cut: bool) -> bool {
    if data.origin.is_some() {
        return false;
    }
    let is_one = data.len() == 1 && (is_cut || data.targets.task().is_per_step());
    let has_lone_class = || match &data.targets {
        Targets::Class(_) => data
            .class_counts()
            .is_some_and(|counts| counts.contains(&1)),
        Targets::ClassPerStep(_) | Targets::Value(_) | Targets::ValuePerStep(_) => false,
    };
    is_one || (is_cut && data.groups.is_none() && has_lone_class())
}

/// The rows before the last `share` of each recording, and those rows; `least` is how many rows a
/// part needs at least. A recording that is too short for both parts stays in the first one.
pub(super) fn split(
    data: &Dataset,
    share: f64,
    least: usize,
) -> Result<(Dataset, Dataset), SplitError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(SplitError::Share(share));
    }
    let (mut before, mut after) = (data.select(&[]), data.select(&[]));
    for i in 0..data.len() {
        let rows = data.sequences[i].nrows();
        let least = least.max(1);
        let begin = (rows >= 2 * least).then(|| {
            let end = (share * rows as f64).round() as usize;
            rows - end.clamp(least, rows - least)
        });
        match begin {
            Some(begin) => {
                before.append(data.rows(i, 0..begin));
                after.append(data.rows(i, begin..rows));
            }
            None => before.append(data.rows(i, 0..rows)),
        }
    }
    match after.is_empty() {
        true => Err(SplitError::TooShort {
            rows: data
                .sequences
                .iter()
                .map(|s| s.nrows())
                .max()
                .unwrap_or_default(),
            least: least.max(1),
        }),
        false => Ok((before, after)),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_follow_each_other_and_share_no_row(
            lengths in prop::collection::vec(1..40usize, 1..5), share in 0.05..0.95f64,
        ) {
            let steps = |from: usize, count: usize| {
                Array2::from_shape_fn((count, 1), |(t, _)| (from + t) as f32)
            };
            let data = Dataset {
                channels: vec!["x".into()],
                sequences: lengths.iter().map(|count| steps(0, *count)).collect(),
                targets: Targets::ClassPerStep(lengths.iter().map(|n| vec![0; *n]).collect()),
                outputs: vec!["a".into(), "b".into()],
                gaps: lengths.iter().map(|n| vec![n - 1]).collect(),
                ..Dataset::default()
            };
            let Ok((before, after)) = split(&data, share, 1) else {
                prop_assert!(lengths.iter().all(|length| *length == 1));
                return Ok(());
            };
            let rows = |data: &Dataset| data.sequences.iter().map(|s| s.nrows()).sum::<usize>();
            prop_assert_eq!(rows(&before) + rows(&after), lengths.iter().sum::<usize>());
            let mut ends = after.sequences.iter().zip(&after.gaps);
            for (sequence, length) in before.sequences.iter().zip(&lengths) {
                prop_assert_eq!(sequence, &steps(0, sequence.nrows()));
                if sequence.nrows() < *length {
                    let (end, gaps) = ends.next().unwrap();
                    prop_assert_eq!(end, &steps(sequence.nrows(), length - sequence.nrows()));
                    prop_assert!(gaps.iter().all(|at| *at == end.nrows() - 1));
                }
            }
        }
    }
}
