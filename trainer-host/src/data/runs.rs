//! Whole numbers of many steps that stay the same for long, or go on by one.

/// Numbers, one a step; runs of them take the memory of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    /// From one number to the next of the same run.
    by: u64,
    /// The step that each run begins at, and its number.
    starts: Vec<(usize, u64)>,
    len: usize,
}

impl Runs {
    /// Of numbers that stay the same.
    pub(super) fn constant() -> Self {
        Self {
            by: 0,
            starts: Vec::new(),
            len: 0,
        }
    }

    /// Of numbers that go on by one.
    pub(super) fn counting() -> Self {
        Self {
            by: 1,
            ..Self::constant()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, number: u64) {
        let expected = self.starts.last().map(|start| self.of(*start, self.len));
        if expected != Some(number) {
            self.starts.push((self.len, number));
        }
        self.len += 1;
    }

    /// The number of a step.
    pub(super) fn get(&self, step: usize) -> Option<u64> {
        let run = self.starts.partition_point(|(start, _)| *start <= step);
        let start = self.starts.get(run.checked_sub(1)?)?;
        (step < self.len).then(|| self.of(*start, step))
    }

    fn of(&self, (start, number): (usize, u64), step: usize) -> u64 {
        number + self.by * (step - start) as u64
    }

    /// Each number once for every step that has it.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let ends = self.starts[1.min(self.starts.len())..]
            .iter()
            .map(|(start, _)| *start);
        let runs = self.starts.iter().zip(ends.chain([self.len]));
        runs.flat_map(move |(start, end)| (start.0..end).map(move |step| self.of(*start, step)))
    }

    /// The first step that begins another run.
    pub(super) fn first_change(&self) -> Option<usize> {
        self.starts.get(1).map(|(start, _)| *start)
    }

    /// Leaves out the steps from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.starts.retain(|(start, _)| *start < len);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_the_numbers_that_were_pushed(
            numbers in prop::collection::vec(0..4u64, 0..30), counts in any::<bool>(), len in 0..40usize,
        ) {
            let mut runs = if counts { Runs::counting() } else { Runs::constant() };
            numbers.iter().for_each(|number| runs.push(*number));
            prop_assert_eq!(runs.iter().collect::<Vec<_>>(), numbers.clone());
            runs.truncate(len);
            let left = &numbers[..len.min(numbers.len())];
            prop_assert_eq!(runs.iter().collect::<Vec<_>>(), left);
            for step in 0..45 {
                prop_assert_eq!(runs.get(step), left.get(step).copied());
            }
            if !counts {
                let change = (1..left.len()).find(|t| left[*t] != left[t - 1]);
                prop_assert_eq!(runs.first_change(), change);
            }
        }
    }
}
