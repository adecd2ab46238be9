//! Data that was read and is still to be divided: it is read once, however often it is divided.

use std::borrow::Cow;
use std::path::Path;

use super::error::{DataError, Place};
use super::fill::{self, Fill};
use super::folds::{Fold, folds};
use super::open::{OpenError, open_unfilled};
use super::split;
use super::split_error::SplitError;
use super::{Dataset, Options, split_time, statistics};

/// Data for training, and for choosing and testing if there is some.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// To train on.
    pub train: Dataset,
    /// To choose by.
    pub validation: Option<Dataset>,
    /// To report on; never used for choosing anything.
    pub test: Option<Dataset>,
}

/// Data as it was read: gaps are not yet filled, and recordings not yet cut into windows.
#[derive(Clone, Debug)]
pub struct Unsplit {
    source: String,
    options: Options,
    /// Of a forecast, whose series are divided while they are cut.
    share: f64,
    parts: Parts,
}

impl Unsplit {
    /// Reads a file by its path, or built-in data by its name. Of a forecast, the validation part is split off
    /// at once, and `share` is its share.
    ///
    /// # Errors
    /// When it cannot be read as the options say.
    pub fn read(source: &str, options: &Options, share: f64) -> Result<Self, DataError> {
        Ok(Self {
            source: source.to_owned(),
            options: options.clone(),
            share,
            parts: open_unfilled(source, options, share)?,
        })
    }

    /// The same data with other statistics of its channels, where `options` differ in nothing else.
    pub fn with_statistics_of(&self, options: &Options) -> Option<Self> {
        let plain = |options: &Options| Options {
            front_end: None,
            ..options.clone()
        };
        let both = self.options.statistics().is_some() && options.statistics().is_some();
        (both && plain(&self.options) == plain(options)).then(|| Self {
            options: options.clone(),
            ..self.clone()
        })
    }

    /// All but the test part, cut into windows: one set, or two of a forecast.
    ///
    /// # Errors
    /// When there is no window.
    pub fn undivided(&self) -> Result<Vec<Cow<'_, Dataset>>, DataError> {
        let Parts {
            train, validation, ..
        } = &self.parts;
        let sets = std::iter::once(train).chain(validation);
        let cut = |data| match &self.options.window {
            Some(window) => window.cut(data, &self.place()).map(Cow::Owned),
            None => Ok(Cow::Borrowed(data)),
        };
        sets.map(cut).collect()
    }

    /// Splits off a share for validation: by `seed`, or in the order of time for a forecast and for one
    /// recording.
    ///
    /// # Errors
    /// When it cannot be divided so.
    pub fn split(mut self, share: f64, seed: u64) -> Result<Parts, OpenError> {
        if self.options.forecast.is_none() {
            self.parts.split_off(share, seed, &self.options)?;
        } else if share != self.share {
            self = Self::read(&self.source, &self.options, share)?;
        }
        Ok(self.finished()?)
    }

    /// A fold of the training part for validation.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    pub fn validation_fold(mut self, fold: Fold, seed: u64) -> Result<Parts, OpenError> {
        self.parts.validation = Some(self.parts.take_fold(&self.options, fold, seed)?);
        Ok(self.finished()?)
    }

    /// A fold of the training part to be judged by, as the test part; the data's own test part is left out. A
    /// `share` of the other folds is for validation.
    ///
    /// # Errors
    /// As [`split`](Self::split).
    pub fn fold(mut self, fold: Fold, share: f64, seed: u64) -> Result<Parts, OpenError> {
        self.parts.test = Some(self.parts.take_fold(&self.options, fold, seed)?);
        self.parts.split_off(share, seed, &self.options)?;
        Ok(self.finished()?)
    }

    /// Refuses so many folds if they cannot be filled, or if one of them would leave a class without a sequence
    /// to train on.
    ///
    /// # Errors
    /// Which class, and why.
    pub fn check_folds(&self, count: usize, seed: u64) -> Result<(), SplitError> {
        if self.options.forecast.is_some() {
            return Err(SplitError::Forecast);
        }
        let all = &self.parts.train;
        let counts = all.class_counts();
        for fold in folds(all, count, seed)? {
            split::require_every_class(counts.as_deref(), &all.select(&fold))?;
        }
        Ok(())
    }

    /// Fills gaps in all parts from the training part, and cuts them into windows.
    pub(super) fn finished(self) -> Result<Parts, DataError> {
        let place = self.place();
        let Self {
            options, mut parts, ..
        } = self;
        if let Some(fill) = options.fill {
            let train = parts.train.sequences.iter().map(|s| s.view());
            let means = fill::means(parts.train.channels.len(), train);
            (parts.all()).try_for_each(|data| data.fill(fill, &means, &place))?;
        }
        // Variants are for training.
        for judged in parts.validation.iter_mut().chain(&mut parts.test) {
            judged.variants.clear();
        }
        (parts.all()).try_for_each(|data| data.cut(&options, &place))?;
        if let Some(front_end) = options.statistics() {
            statistics::of_parts(&mut parts, front_end, &place)?;
        }
        Ok(parts)
    }

    fn place(&self) -> Place {
        Place::file(Path::new(&self.source))
    }
}

impl Parts {
    /// The part that results are reported on, with its name: the test part, or what there is in its place.
    pub fn last_judged(&self) -> (&'static str, &Dataset) {
        match (&self.test, &self.validation) {
            (Some(test), _) => ("test part", test),
            (None, Some(validation)) => ("validation part", validation),
            (None, None) => ("training part", &self.train),
        }
    }

    /// Steps of the longest sequence of all parts.
    pub fn longest(&self) -> usize {
        let parts = [
            Some(&self.train),
            self.validation.as_ref(),
            self.test.as_ref(),
        ];
        let sequences = parts.into_iter().flatten().flat_map(|part| &part.sequences);
        sequences
            .map(|sequence| sequence.nrows())
            .max()
            .unwrap_or(0)
    }

    /// What was read otherwise than it stands, a line each; what is not of the training part names its part.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.train.notes.clone();
        for (name, part) in [("validation", &self.validation), ("test", &self.test)] {
            let own = part.iter().flat_map(|part| &part.notes);
            let new = own.filter(|note| !self.train.notes.contains(note));
            notes.extend(new.map(|note| format!("{name} part: {note}")));
        }
        notes
    }

    /// Splits the validation part off, unless its share is zero.
    fn split_off(&mut self, share: f64, seed: u64, options: &Options) -> Result<(), SplitError> {
        if share != 0.0 {
            self.validation = Some(self.take_share(share, seed, options)?);
        }
        Ok(())
    }

    /// Takes a share out of the training part.
    pub(super) fn take_share(
        &mut self,
        share: f64,
        seed: u64,
        options: &Options,
    ) -> Result<Dataset, SplitError> {
        if !split_time::is_due(&self.train, options.window.is_some()) {
            let split = split::split(&self.train, share, seed)?;
            return self.take(&split.validation);
        }
        let least = options.window.map_or(1, |window| window.length);
        let (before, after) = split_time::split(&self.train, share, least)?;
        split::require_every_class(self.train.class_counts().as_deref(), &after)?;
        let notes = std::mem::take(&mut self.train.notes);
        self.train = Dataset { notes, ..before };
        Ok(after)
    }

    /// Takes a fold out of the training part.
    fn take_fold(
        &mut self,
        options: &Options,
        fold: Fold,
        seed: u64,
    ) -> Result<Dataset, SplitError> {
        if options.forecast.is_some() {
            return Err(SplitError::Forecast);
        }
        let folds = folds(&self.train, fold.count(), seed)?;
        self.take(&folds[fold.number() - 1])
    }

    /// Takes these sequences, in ascending order, out of the training part.
    fn take(&mut self, indices: &[usize]) -> Result<Dataset, SplitError> {
        let counts = self.train.class_counts();
        let taken = self.train.take(indices);
        split::require_every_class(counts.as_deref(), &taken)?;
        Ok(taken)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Dataset> {
        let others = self.validation.iter_mut().chain(&mut self.test);
        std::iter::once(&mut self.train).chain(others)
    }
}

impl Dataset {
    pub(super) fn fill(
        &mut self,
        fill: Fill,
        means: &[Option<f32>],
        place: &Place,
    ) -> Result<(), DataError> {
        let zeros: Vec<f32> = (0..self.channels.len())
            .map(|j| -self.offset(j) as f32)
            .collect();
        for sequence in &mut self.sequences {
            fill.apply(sequence, means, &zeros)
                .map_err(|gap| gap.refuse(place.clone(), &self.channels))?;
        }
        Ok(())
    }

    /// Cuts it into windows, if there are to be any.
    pub(super) fn cut(&mut self, options: &Options, place: &Place) -> Result<(), DataError> {
        if let Some(window) = &options.window {
            *self = window.cut(self, place)?;
        }
        Ok(())
    }
}
