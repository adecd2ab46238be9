//! Gaps in time: places where a recording goes on later than its steps say.

use super::records::Record;

/// A step that is longer than this many usual ones has left one out.
const MISSING: f64 = 1.9;
/// Where more of the steps are this long, time is uneven and has no gaps.
const UNEVEN: f64 = 0.1;

/// The steps of each record before which time is missing; empty where no record has times.
///
/// The usual step is the median one over all records.
pub(super) fn find(records: &[Record], notes: &mut Vec<String>) -> Vec<Vec<usize>> {
    let steps: Vec<Vec<f64>> = (records.iter())
        .map(|record| {
            record
                .times
                .windows(2)
                .map(|pair| pair[1].since(pair[0]))
                .collect()
        })
        .collect();
    let mut all: Vec<f64> = steps.iter().flatten().copied().collect();
    if all.is_empty() {
        return Vec::new();
    }
    all.sort_by(f64::total_cmp);
    let usual = all[all.len() / 2];
    let longest = all[all.len() - 1];
    let is_gap = |step: &f64| *step > MISSING * usual;
    let count = all.iter().filter(|step| is_gap(step)).count();
    if count as f64 > UNEVEN * all.len() as f64 {
        notes.push(format!(
            "time is uneven: {count} of {} steps are more than {MISSING} times the usual {usual}; windows \
             count rows, not time",
            all.len()
        ));
        return vec![Vec::new(); records.len()];
    }
    if count > 0 {
        notes.push(format!(
            "{count} gaps in time, the longest of {longest} where a step is {usual}; windows over them are \
             left out"
        ));
    }
    let places = |steps: &Vec<f64>| {
        let places = steps.iter().enumerate().filter(|(_, step)| is_gap(step));
        places.map(|(at, _)| at + 1).collect()
    };
    steps.iter().map(places).collect()
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
    use super::super::time_stamp::Time;
    use super::*;

    fn found(times: &[usize]) -> (Vec<usize>, Vec<String>) {
        let steps = Array2::zeros((times.len(), 1));
        let record = Record {
            times: times.iter().map(|time| Time::of_row(*time)).collect(),
            ..Record::new(Place::default(), steps, None, Target::Label(0))
        };
        let mut notes = Vec::new();
        let gaps = find(&[record], &mut notes);
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
            notes[0].starts_with("1 gaps in time, the longest of 2"),
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
