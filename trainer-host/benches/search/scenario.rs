//! What a search is given: a chip, and where it begins.

use trainer_host::search::Point;

use crate::replay::{Chip, Task, Trial};
use crate::score::{Figures, Judge};

/// A table's task on a chip, and the judge of searches of it.
pub(crate) struct Chipped<'a> {
    task: &'a Task<'a>,
    judge: Judge<'a>,
    scenarios: &'static [(&'static str, bool)],
    /// The larger chip, for which the network was searched before.
    earlier: Option<&'a Task<'a>>,
}

/// A search of a chip, and whether it begins with the configuration of the table's first row.
pub(crate) struct Scenario<'a> {
    pub(crate) name: &'static str,
    pub(crate) task: &'a Task<'a>,
    judge: &'a Judge<'a>,
    from_base: bool,
    pub(crate) earlier: Option<&'a Task<'a>>,
}

/// The chips, and the names of their scenarios.
pub(crate) const CHIPS: [(Chip, &[(&str, bool)]); 2] = [
    (
        Chip::Whole,
        &[("any start", false), ("from the configuration", true)],
    ),
    (Chip::Half, &[("half the instructions", false)]),
];

impl<'a> Chipped<'a> {
    /// `None` where no point of the space fits the chip.
    pub(crate) fn new(
        task: &'a Task<'a>,
        scenarios: &'static [(&'static str, bool)],
        earlier: Option<&'a Task<'a>>,
    ) -> Option<Self> {
        Some(Self {
            judge: Judge::new(task)?,
            task,
            scenarios,
            earlier,
        })
    }

    pub(crate) fn scenarios(&self) -> impl Iterator<Item = Scenario<'_>> {
        self.scenarios.iter().map(|&(name, from_base)| Scenario {
            name,
            task: self.task,
            judge: &self.judge,
            from_base,
            earlier: self.earlier,
        })
    }
}

impl Scenario<'_> {
    /// The configuration that a search begins with.
    pub(crate) fn first(&self) -> Option<&Point> {
        self.from_base.then(|| &self.task.table.rows[0].point)
    }

    /// The least true error.
    pub(crate) fn least(&self) -> f64 {
        self.judge.least()
    }

    /// Figures of the search of this seed after so many units.
    pub(crate) fn figures(&self, trials: &[Trial], units: f64, seed: u64) -> Figures {
        self.judge.figures(trials, (units, seed), self.first())
    }
}
