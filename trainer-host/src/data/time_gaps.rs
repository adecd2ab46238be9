//! Gaps in time: places where a recording goes on later than its steps say.

use super::records::Record;

/// A step that is longer than this many usual ones has left one out.
const MISSING: f32 = 1.9;
/// Where more of the steps are this long, time is uneven and has no gaps.
const UNEVEN: f64 = 0.1;

/// Steps that tell what the usual one is.
const ENOUGH: usize = 1 << 16;

/// The steps of each record before which time is missing; empty where no record has times. A note says what was
/// found, and what comes of it if windows are cut from the records.
///
/// The usual step is the median one over all records.
pub(super) fn find(records: &[Record], is_cut: bool, notes: &mut Vec<String>) -> Vec<Vec<usize>> {
    let steps = || records.iter().flat_map(|record| &record.time_steps);
    let all = records
        .iter()
        .map(|record| record.time_steps.len())
        .sum::<usize>();
    if all == 0 {
        return Vec::new();
    }
    let mut some: Vec<f32> = steps().step_by(all.div_ceil(ENOUGH)).copied().collect();
    let middle = some.len() / 2;
    let usual = *some.select_nth_unstable_by(middle, f32::total_cmp).1;
    let longest = steps().copied().fold(0.0, f32::max);
    let is_gap = |step: &f32| *step > MISSING * usual;
    let count = steps().filter(|step| is_gap(step)).count();
    if count as f64 > UNEVEN * all as f64 {
        notes.push(format!(
            "time is uneven: {count} of {all} steps are more than {MISSING} times the usual {usual}; rows are \
             counted, not time"
        ));
        return vec![Vec::new(); records.len()];
    }
    if count > 0 {
        let gaps = if count == 1 { "gap" } else { "gaps" };
        let outcome = match is_cut {
            true => "windows over them are left out",
            false => {
                "the rows behind a gap follow as if nothing were missing (--window leaves windows over gaps out)"
            }
        };
        notes.push(format!(
            "{count} {gaps} in time, the longest of {longest} where a step is {usual}; {outcome}"
        ));
    }
    let places = |record: &Record| {
        let steps = record.time_steps.iter().enumerate();
        let gaps = steps.filter(|(_, step)| is_gap(step));
        gaps.map(|(at, _)| at + 1).collect()
    };
    records.iter().map(places).collect()
}

/// Whether time is missing between row `from` and row `to` of a recording with these gaps, which ascend.
pub(super) fn within(gaps: &[usize], from: usize, to: usize) -> bool {
    let next = gaps.partition_point(|at| *at <= from);
    gaps.get(next).is_some_and(|at| *at <= to)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::error::Place;
    use super::super::records::Target;
    use super::*;

    fn found(times: &[usize]) -> (Vec<usize>, Vec<String>) {
        let steps = Array2::zeros((times.len(), 1));
        let record = Record {
            time_steps: times
                .windows(2)
                .map(|pair| (pair[1] - pair[0]) as f32)
                .collect(),
            ..Record::new(Place::default(), steps, None, Target::Label(0))
        };
        let mut notes = Vec::new();
        let gaps = find(&[record], true, &mut notes);
        (gaps.concat(), notes)
    }

    #[test]
    fn a_step_that_is_left_out_is_a_gap() {
        let even: Vec<usize> = (0..40).collect();
        assert_eq!(found(&even), (vec![], vec![]));
        let without: Vec<usize> = even.into_iter().filter(|t| *t != 20).collect();
        let (gaps, notes) = found(&without);
        assert_eq!(gaps, [20]);
        assert!(
            notes[0].starts_with("1 gap in time, the longest of 2"),
            "{notes:?}"
        );
        assert!(within(&gaps, 19, 20) && !within(&gaps, 20, 30) && !within(&gaps, 0, 19));
    }

    #[test]
    fn uneven_time_has_no_gaps() {
        let (gaps, notes) = found(&[0, 1, 2, 5, 6, 7, 10, 11, 12]);
        assert_eq!(gaps, [0; 0]);
        assert!(
            notes[0].starts_with("time is uneven: 2 of 8 steps"),
            "{notes:?}"
        );
    }
}
