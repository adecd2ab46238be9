//! The defaults of training that follow from the recordings.
//!
//! Training counts updates. With n sequences to train on, batches of B of them, W windows in a sequence (1 without
//! `truncate`) and S steps in all:
//!
//! ```text
//! epochs = max(60, ⌈U / (W ⌈n / B⌉)⌉)    U = 2000 updates                        (DD1)
//!          but no more than M / S from 60 on, M = 30 million steps               (DD2)
//! ```
//!
//! Below [`FEW`] sequences of one class each, other values than the general ones are the default, too. All were chosen
//! by cross-validation of the training parts of small public sets. A validation part of fewer than ten sequences chooses
//! by luck, and each of them is missed in training. So below [`VALIDATED`] there is none: the rate ends at 0, and the
//! last weights are kept.
//!
//! What a file, `--set` or a flag sets is left as it is, and epochs follow from the batches that are set.

use super::config::{SplitRule, TrainConfig};
use crate::data::{Dataset, Targets, counted};

/// Below this number of sequences of one class each, other defaults apply.
pub const FEW: usize = 200;
/// From this number of sequences on, a validation part is split off by default.
pub const VALIDATED: usize = 60;
/// From this number of channels on, few recordings have recurrent dropout. Several channels of a few recordings are easily
/// learned by heart. With one channel, masks take away the memory that the shape of its curve needs.
pub const SEVERAL_CHANNELS: usize = 3;
/// Recurrent dropout of few recordings with several channels.
pub const SEVERAL_CHANNELS_DROPOUT: f32 = 0.3;
/// U of (DD1).
pub const UPDATES: usize = 2000;
/// M of (DD2).
const MOST_STEPS: usize = 30_000_000;

/// What the defaults follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Number of sequences, those of a validation part among them.
    pub sequences: usize,
    /// Steps of the middle one.
    pub median_steps: usize,
    /// Steps of the longest one.
    pub most_steps: usize,
    /// Steps of all together.
    pub all_steps: usize,
    /// Channels of a step.
    pub channels: usize,
    /// Whether each has one class.
    pub one_class: bool,
    /// Whether a split is wanted however few there are: groups are known, so that the validation part says something
    /// of its own, or a class has one sequence, which a split refuses by name.
    pub must_split: bool,
}

impl Recordings {
    /// Those of `sets`, the training part with the validation part in it or beside it.
    pub fn of<'a>(sets: impl IntoIterator<Item = &'a Dataset>) -> Self {
        let all: Vec<Self> = sets.into_iter().map(Self::of_one).collect();
        let sum = |count: fn(&Self) -> usize| all.iter().map(count).sum();
        let max = |count: fn(&Self) -> usize| all.iter().map(count).max().unwrap_or_default();
        Self {
            sequences: sum(|one| one.sequences),
            median_steps: all.first().map_or(0, |one| one.median_steps),
            most_steps: max(|one| one.most_steps),
            all_steps: sum(|one| one.all_steps),
            channels: max(|one| one.channels),
            one_class: all.iter().all(|one| one.one_class),
            must_split: all.iter().any(|one| one.must_split),
        }
    }

    fn of_one(data: &Dataset) -> Self {
        let summary = data.summary();
        Self {
            sequences: summary.sequences,
            median_steps: summary.length.median,
            most_steps: summary.length.max,
            all_steps: summary.steps,
            channels: data.channels.len(),
            one_class: matches!(data.targets, Targets::Class(_)),
            must_split: data.groups.is_some()
                || summary.outputs.iter().any(|class| class.count == 1),
        }
    }

    /// The defaults; `with_settings` gives the configuration in which whatever is set stands over its argument.
    ///
    /// # Errors
    /// Those of `with_settings`.
    pub fn defaults<E>(
        &self,
        with_settings: impl Fn(&TrainConfig) -> Result<TrainConfig, E>,
    ) -> Result<TrainConfig, E> {
        let mut defaults = TrainConfig::default();
        if self.one_class && self.sequences < FEW {
            self.fit_to_few(&mut defaults, &with_settings)?;
        }
        defaults.epochs = self.epochs(&with_settings(&defaults)?);
        Ok(defaults)
    }

    /// What fits few recordings, apart from the epochs.
    fn fit_to_few<E>(
        &self,
        defaults: &mut TrainConfig,
        with_settings: impl Fn(&TrainConfig) -> Result<TrainConfig, E>,
    ) -> Result<(), E> {
        // Chrono biases take the place of the forget gates' bias, so not where that is set.
        let probes = [1.0, 2.0].map(|forget_bias| TrainConfig {
            forget_bias,
            ..defaults.clone()
        });
        let mut bias_is_set = false;
        for probe in &probes {
            bias_is_set |= with_settings(probe)?.forget_bias != probe.forget_bias;
        }
        if !bias_is_set {
            // Steps of the recurrent layers.
            let stride = with_settings(defaults)?.conv.map_or(1, |conv| conv.stride);
            let steps = self.median_steps / stride.max(1);
            let steps = u32::try_from(steps).unwrap_or(u32::MAX);
            defaults.initialisation.chrono_steps = Some(steps.max(3));
        }
        // A run that follows the validation loss needs the part; one that goes on from another run takes its split.
        let set = with_settings(defaults)?;
        let follows = set.early_stopping.is_some() || set.schedule.needs_validation();
        let goes_on = set.other_runs().next().is_some();
        if self.sequences < VALIDATED && !(self.must_split || follows || goes_on) {
            defaults.validation_share = 0.0;
        }
        defaults.batch_size = 8;
        defaults.learning_rate = 0.005;
        defaults.augmentation.time_shift = self.median_steps / 20;
        if self.channels >= SEVERAL_CHANNELS {
            defaults.recurrent_dropout = SEVERAL_CHANNELS_DROPOUT;
        }
        Ok(())
    }

    /// (DD1), (DD2)
    fn epochs(&self, config: &TrainConfig) -> usize {
        let least = TrainConfig::default().epochs;
        let needed = UPDATES.div_ceil(self.updates_of_an_epoch(config));
        let affordable = MOST_STEPS / self.all_steps.max(1);
        needed.min(affordable).max(least)
    }

    /// Updates of an epoch with `config`.
    pub fn updates_of_an_epoch(&self, config: &TrainConfig) -> usize {
        let windows = (config.truncate).map_or(1, |steps| self.most_steps.div_ceil(steps.max(1)));
        let batches = self
            .trained_on(config.split())
            .div_ceil(config.batch_size.max(1));
        (windows * batches).max(1)
    }

    /// Sequences that are left to train on, where no groups are kept whole.
    fn trained_on(&self, split: SplitRule) -> usize {
        let n = self.sequences;
        let validation = match split.fold {
            Some(fold) => n.div_ceil(fold.count()),
            None => (split.share * n as f64).round() as usize,
        };
        n.saturating_sub(validation).max(1)
    }

    /// A line that says which keys of `config` are those of `defaults` because of the number of recordings and of their channels; `None` if
    /// there are none.
    pub fn derived(&self, defaults: &TrainConfig, config: &TrainConfig) -> Option<String> {
        let [general, defaults, found] = [&TrainConfig::default(), defaults, config].map(entries);
        let keys: Vec<String> = (defaults.iter())
            .filter(|entry| !general.contains(entry) && found.contains(entry))
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let updates = config.epochs * self.updates_of_an_epoch(config);
        (!keys.is_empty()).then(|| {
            format!(
                "by default, for {}: {} ({})",
                counted(self.sequences, "sequence"),
                keys.join(", "),
                counted(updates, "update")
            )
        })
    }
}

/// The dotted keys of `config`, with their values as a person writes them.
fn entries(config: &TrainConfig) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Ok(table) = toml::Table::try_from(config) {
        add_entries("", &table, &mut found);
    }
    found
}

fn add_entries(prefix: &str, table: &toml::Table, found: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(table) => add_entries(&format!("{key}."), table, found),
            // The shortest number that is the same in the configuration's precision.
            toml::Value::Float(value) => found.push((key, (*value as f32).to_string())),
            value => found.push((key, value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;

    use super::*;
    use crate::run::config_file::ConfigFile;
    use crate::train::EarlyStopping;
    use proptest::prelude::*;

    fn recordings(sequences: usize, steps: usize, one_class: bool) -> Recordings {
        Recordings {
            sequences,
            median_steps: steps,
            most_steps: steps,
            all_steps: sequences * steps,
            channels: 6,
            one_class,
            must_split: false,
        }
    }

    /// The configuration of a run over `recordings` in which `set` changes the defaults.
    fn suited(recordings: &Recordings, set: impl Fn(&mut TrainConfig)) -> TrainConfig {
        let over = |defaults: &TrainConfig| -> Result<TrainConfig, Infallible> {
            let mut config = defaults.clone();
            set(&mut config);
            Ok(config)
        };
        let Ok(defaults) = recordings.defaults(over);
        let Ok(config) = over(&defaults);
        config
    }

    proptest! {
        #[test]
        fn a_run_has_its_updates_whatever_is_set(
            (sequences, steps) in (2usize..5000, 1usize..300), one_class: bool,
            batch_size in prop::option::of(1usize..300), share in prop::option::of(0.0f64..0.9),
        ) {
            let config = suited(&recordings(sequences, steps, one_class), |config| {
                config.batch_size = batch_size.unwrap_or(config.batch_size);
                config.validation_share = share.unwrap_or(config.validation_share);
            });
            prop_assert!(config.validate().is_ok());
            let batches = |n: f64| (n / config.batch_size as f64).ceil() as usize;
            // One more or less by rounding.
            let left = (sequences as f64 * (1.0 - config.validation_share) - 1.0).max(1.0);
            let steps_of = config.epochs * sequences * steps;
            prop_assert!(config.epochs >= 60);
            prop_assert!(
                config.epochs * batches(left + 1.5) >= UPDATES || steps_of + sequences * steps > MOST_STEPS
            );
            // What is set stays.
            prop_assert_eq!(config.batch_size, batch_size.unwrap_or(config.batch_size));
            let set = suited(&recordings(sequences, steps, one_class), |c| c.epochs = 7);
            prop_assert_eq!(set.epochs, 7);
        }

        #[test]
        fn whatever_a_file_sets_is_kept(sequences in 2usize..400, epochs in 1usize..90, batch_size in 1usize..90) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c.toml");
            let text = format!(
                "[train]\nepochs = {epochs}\nbatch_size = {batch_size}\nvalidation_share = 0.15\n\
                 [train.optimiser]\nkind = \"sgd\"\n"
            );
            std::fs::write(&path, text).unwrap();
            let over = |defaults: &TrainConfig| ConfigFile::read_over(defaults, &path);
            let defaults = recordings(sequences, 100, true)
                .defaults(|d| over(d).map(|file| file.train))
                .unwrap();
            let (found, general) = (over(&defaults).unwrap().train, ConfigFile::read(&path).unwrap().train);
            prop_assert_eq!(
                (found.epochs, found.batch_size, found.validation_share, found.optimiser),
                (epochs, batch_size, 0.15, general.optimiser)
            );
            prop_assert_eq!(found.input_noise, defaults.input_noise);
            prop_assert_eq!(found.augmentation, defaults.augmentation);
        }
    }

    #[test]
    fn many_recordings_have_the_general_defaults() {
        for one_class in [false, true] {
            let config = suited(&recordings(1700, 100, one_class), |_| {});
            assert_eq!(config, TrainConfig::default());
            let most = recordings(1700, 100, one_class);
            assert_eq!(most.derived(&config, &config), None);
        }
    }

    #[test]
    fn configurations_of_the_repository_are_left_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
        let sizes = [
            ("article", 40, true),
            ("ecg5000", 500, true),
            ("etth1", 8592, false),
            ("fsdd", 2700, true),
            ("fsdd_sound", 2700, true),
            ("japanese_vowels", 270, true),
            ("uci_har", 2400, true),
            ("uci_har_statistics", 2400, true),
        ];
        for (name, sequences, one_class) in sizes {
            let path = folder.join(name).with_extension("toml");
            let over = |defaults: &TrainConfig| ConfigFile::read_over(defaults, &path);
            let recordings = recordings(sequences, 100, one_class);
            let defaults = recordings.defaults(|d| over(d).map(|file| file.train));
            let found = over(&defaults.unwrap()).unwrap();
            assert_eq!(found, ConfigFile::read(&path).unwrap(), "{name}");
        }
    }

    #[test]
    fn few_recordings_are_all_trained_on_unless_a_setting_follows_the_validation_loss() {
        let few = recordings(40, 100, true);
        let share = |set: fn(&mut TrainConfig)| suited(&few, set).validation_share;
        let general = TrainConfig::default().validation_share;
        assert_eq!(share(|_| {}), 0.0);
        assert_eq!(
            share(|config| config.early_stopping = Some(EarlyStopping::default())),
            general
        );
        assert_eq!(share(|config| config.init = Some("run".into())), general);
        assert_eq!(share(|config| config.validation_share = 0.3), 0.3);
        let grouped = Recordings {
            must_split: true,
            ..few
        };
        assert_eq!(suited(&grouped, |_| {}).validation_share, general);
        let enough = recordings(VALIDATED, 100, true);
        assert_eq!(suited(&enough, |_| {}).validation_share, general);
        let values = suited(&recordings(40, 100, false), |_| {});
        assert_eq!(values.validation_share, general);
    }

    #[test]
    fn a_run_s_own_configuration_says_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        for sequences in [40, 100, 500] {
            let recordings = recordings(sequences, 100, true);
            for train in [TrainConfig::default(), suited(&recordings, |_| {})] {
                let file = ConfigFile {
                    train,
                    ..ConfigFile::default()
                };
                std::fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
                let over = |defaults: &TrainConfig| ConfigFile::read_over(defaults, &path);
                let defaults = recordings.defaults(|d| over(d).map(|file| file.train));
                assert_eq!(over(&defaults.unwrap()).unwrap(), file);
            }
        }
    }

    #[test]
    fn chrono_biases_are_not_for_a_forget_bias_that_is_set() {
        let few = recordings(40, 100, true);
        let steps = |set: fn(&mut TrainConfig)| suited(&few, set).initialisation.chrono_steps;
        assert_eq!(steps(|_| {}), Some(100));
        for bias in [
            |c: &mut TrainConfig| c.forget_bias = 1.0,
            |c: &mut TrainConfig| c.forget_bias = 2.0,
        ] {
            assert_eq!(steps(bias), None);
        }
    }

    #[test]
    fn recurrent_dropout_is_for_few_recordings_of_several_channels() {
        let rate = |recordings: Recordings| suited(&recordings, |_| {}).recurrent_dropout;
        let few = Recordings {
            channels: SEVERAL_CHANNELS,
            ..recordings(FEW - 1, 100, true)
        };
        assert_eq!(rate(few), SEVERAL_CHANNELS_DROPOUT);
        let others = [
            Recordings { channels: 2, ..few },
            recordings(FEW, 100, true),
            recordings(FEW - 1, 100, false),
        ];
        assert_eq!(others.map(rate), [0.0; 3]);
        let set = suited(&few, |config| config.recurrent_dropout = 0.1);
        assert_eq!(set.recurrent_dropout, 0.1);
    }

    #[test]
    fn what_is_derived_is_said_but_not_what_is_set() {
        let few = recordings(40, 100, true);
        let defaults = suited(&few, |_| {});
        let mut set = defaults.clone();
        set.epochs = 3;
        let line = few.derived(&defaults, &set).unwrap();
        for said in [
            "for 40 sequences",
            "validation_share = 0,",
            "learning_rate = 0.005,",
            "augmentation.time_shift = 5,",
            "recurrent_dropout = 0.3,",
        ] {
            assert!(line.contains(said), "{line}");
        }
        assert!(!line.contains("epochs ="), "{line}");
    }
}
