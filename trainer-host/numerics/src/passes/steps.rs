//! Where the steps of sequences of any lengths lie in one matrix, without padding.
//!
//! Sequences are sorted by length, longest first, and stored step after step: step t has a row for
//! each sequence that is longer than t, so that a finished sequence costs nothing. A matrix of
//! states begins with `B` rows for the state before the first step:
//!
//! ```text
//! lengths 3, 2, 1     row     0  1  2 | 3  4 | 5
//!                     step    0  0  0 | 1  1 | 2
//!                     state row of step t, sequence b: B + row
//! ```

/// Rows of one time step in the matrices of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepRows {
    /// Sequences that are still running.
    pub(crate) count: usize,
    /// First row of this step in matrices that have a row for each step.
    pub(crate) row: usize,
    /// First row of this step's state in matrices that begin with the initial state.
    pub(crate) state: usize,
    /// First row of the state before this step.
    pub(crate) before: usize,
}

/// Where each step of a group of sequences lies, see the text above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Sequences `B`.
    pub(crate) sequences: usize,
    /// Rows of all steps, `R`.
    pub(crate) rows: usize,
    /// First to last.
    pub(crate) steps: Vec<StepRows>,
}

impl Steps {
    /// `lengths` are in descending order.
    pub(crate) fn of(lengths: &[usize]) -> Self {
        let mut all = Self {
            sequences: lengths.len(),
            rows: 0,
            steps: Vec::new(),
        };
        let mut before = 0;
        let mut count = lengths.len();
        for t in 0..lengths.first().copied().unwrap_or(0) {
            while lengths[count - 1] <= t {
                count -= 1;
            }
            let state = all.sequences + all.rows;
            all.steps.push(StepRows {
                count,
                row: all.rows,
                state,
                before,
            });
            before = state;
            all.rows += count;
        }
        all
    }

    /// The sequence that each row belongs to.
    pub(crate) fn owners(&self) -> impl Iterator<Item = usize> + Clone {
        self.steps.iter().flat_map(|step| 0..step.count)
    }

    /// Steps of sequence `b`.
    pub(crate) fn length(&self, b: usize) -> usize {
        self.steps.partition_point(|step| step.count > b)
    }

    /// The row of the state of sequence `b` after `steps` steps, in matrices that begin with the initial state.
    pub(crate) fn state_row(&self, b: usize, steps: usize) -> usize {
        match steps.checked_sub(1) {
            Some(last) => self.steps[last].state + b,
            None => b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_sequences_take_no_rows() {
        // The example of the module's text.
        let steps = Steps::of(&[3, 2, 1]);
        assert_eq!((steps.sequences, steps.rows), (3, 6));
        let layout: Vec<_> = steps
            .steps
            .iter()
            .map(|s| (s.count, s.row, s.state, s.before))
            .collect();
        assert_eq!(layout, [(3, 0, 3, 0), (2, 3, 6, 3), (1, 5, 8, 6)]);
        assert_eq!([0, 1, 2].map(|b| steps.length(b)), [3, 2, 1]);
        let last = [0, 1, 2].map(|b| steps.state_row(b, steps.length(b)));
        assert_eq!(last, [3 + 5, 3 + 4, 3 + 2]);
        assert_eq!(steps.state_row(1, 0), 1);
        // A sequence without a step has its initial state alone.
        assert_eq!(Steps::of(&[2, 0]).rows, 2);
        assert_eq!(Steps::of(&[0, 0]).rows, 0);
    }
}
