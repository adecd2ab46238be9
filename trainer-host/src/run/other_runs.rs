//! What a run's configuration takes over from the runs that it begins with and learns from: their split, so that nothing
//! that they were trained on judges it, and the structure of the network.

use std::path::{Path, PathBuf};

use super::config::same_source;
use super::{Fitted, RunConfig, RunError, run_or_runs, runs_in};
use crate::data::{Fold, Parts};
use crate::train::SplitRule;

impl RunConfig {
    /// The same with the validation part of the runs that it begins with and learns from, where they are
    /// of the same data: what those were trained on must not judge this one. A run that asks for no
    /// validation part keeps none.
    ///
    /// # Errors
    /// [`RunError::OtherSplit`] or [`RunError::OtherParts`] when there is no such part,
    /// [`RunError::SeveralRuns`] when it would begin with several runs, and when a configuration cannot be read.
    pub fn with_known_split(mut self) -> Result<Self, RunError> {
        if let Some(folder) = &self.train.init
            && let Some(one) = runs_in(folder).into_iter().next()
        {
            let folder = folder.clone();
            return Err(RunError::SeveralRuns { folder, one });
        }
        let mut taken = None;
        for folder in self.other_runs() {
            self.take_split_of(&Self::read(&folder)?, &folder, &mut taken)?;
        }
        Ok(self)
    }

    /// The runs that this one starts from and learns from, each by itself.
    pub fn other_runs(&self) -> Vec<PathBuf> {
        let named = self.train.other_runs();
        named.flat_map(|(_, folder)| run_or_runs(folder)).collect()
    }

    /// The same with the structure of the network that it begins with, pruned if it says so.
    ///
    /// # Errors
    /// When that run cannot be read.
    pub fn with_initial_structure(mut self) -> Result<Self, RunError> {
        let train = &mut self.train;
        if let Some(folder) = &train.init {
            train.take_structure(&Fitted::read(folder)?.network);
            train.hidden = train
                .prune_to
                .clone()
                .unwrap_or_else(|| train.hidden.clone());
            train.projection = train.prune_projection_to.or(train.projection);
        }
        Ok(self)
    }

    /// What divides the data into parts; `None` where rows of it do, whatever the split's seed.
    fn division(&self) -> Option<SplitRule> {
        (!self.data.has_validation_rows()).then(|| self.train.split())
    }

    /// `taken` is what was taken over from another run before.
    fn take_split_of(
        &mut self,
        other: &Self,
        folder: &Path,
        taken: &mut Option<SplitRule>,
    ) -> Result<(), RunError> {
        let judges = self.train.split().has_validation() || self.data.has_validation_rows();
        let same_data = same_source(&self.source, &other.source)
            && !self.data.generates_otherwise(&other.data, &self.source);
        if !(judges && same_data) {
            return Ok(());
        }
        if let Some(key) = self.data.differing_part_key(&other.data) {
            let folder = folder.to_owned();
            return Err(RunError::OtherParts { folder, key });
        }
        let (Some(own), Some(split)) = (self.division(), other.division()) else {
            return Ok(());
        };
        let fits = match taken {
            Some(taken) => *taken == split,
            None => {
                let is_of = |asked: Option<Fold>| asked.is_none_or(|fold| Some(fold) == split.fold);
                let asked = self.train.split_seed;
                asked.is_none_or(|seed| seed == split.seed) && is_of(self.train.validation_fold)
            }
        };
        if !fits {
            let folder = folder.to_owned();
            return Err(RunError::OtherSplit { folder, split, own });
        }
        self.train.take_split(split);
        *taken = Some(split);
        Ok(())
    }

    /// Refuses this run's data if a run that it begins with or learns from is of the same place, read and
    /// divided alike, but of what was there before.
    ///
    /// # Errors
    /// [`RunError::OtherData`], and when a run cannot be read.
    pub fn require_data_of_other_runs(&self, data: &Parts) -> Result<(), RunError> {
        for folder in self.other_runs() {
            let other = Self::read(&folder)?;
            let (own, others) = (self.located(), other.located());
            let alike = (&own.source, &own.data) == (&others.source, &others.data)
                && own.division() == others.division();
            if alike {
                other.require_data_of(&Fitted::read(&folder)?, &folder, data)?;
            }
        }
        Ok(())
    }
}
