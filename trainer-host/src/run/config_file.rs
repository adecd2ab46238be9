//! A run's configuration as a person writes it: one TOML or JSON file in which everything has a
//! default, changed key by key on the command line.
//!
//! ```toml
//! source = "recordings.csv"     # or on the command line
//! [data]                        # how it is read: crate::data::Options
//! [train]                       # how it is trained on: crate::train::TrainConfig
//! hidden = [32]
//! [tune]                        # what a search changes: crate::search::SearchConfig
//! trials = 40
//! ```
//!
//! Paths in a file are relative to the file. A key that is not known is refused, with the known key
//! that is most like it.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Options;
use crate::files::atomic::{self, WriteFileError};
use crate::run::paths;
use crate::run::toml_text::to_toml;
use crate::search::SearchConfig;
use crate::train::TrainConfig;

/// What a configuration file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// A path or the name of built-in data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How the data is read.
    pub data: Options,
    /// How the network is trained.
    pub train: TrainConfig,
    /// What `trainer-host tune` changes of it; other commands look past it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tune: Option<SearchConfig>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says something that it cannot.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong, and the nearest known name where there is one.
        problem: String,
    },
    /// A setting from the command line cannot be.
    #[error("--set {setting}: {problem}")]
    Setting {
        /// As it was given.
        setting: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl ConfigFile {
    /// Reads a file: JSON if its name ends in `.json`, else TOML.
    ///
    /// # Errors
    /// When it cannot be read, has unknown keys or values of another kind.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_over(&TrainConfig::default(), path)
    }

    /// [`ConfigFile::read`], where a key of training that the file leaves out has its value of `defaults`. A table
    /// with a `kind` takes nothing from there.
    ///
    /// # Errors
    /// As there.
    pub fn read_over(defaults: &TrainConfig, path: &Path) -> Result<Self, ConfigError> {
        // Whatever is wrong in the file is found here, with its place.
        let mut config: Self = read(path)?;
        if *defaults != TrainConfig::default() {
            config.train = over(defaults, read(path)?).map_err(|error| ConfigError::Malformed {
                path: path.to_owned(),
                line: 1,
                column: 1,
                problem: error.to_string(),
            })?;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let Self {
            source,
            data,
            train,
            ..
        } = &mut config;
        paths::change(source.as_mut(), data, train, |path| {
            paths::from_file_in(folder, path)
        });
        Ok(config)
    }

    /// This configuration with `KEY=VALUE` settings applied in their order: a dotted key, and a value
    /// in TOML (`train.hidden=[32, 16]`), quotes of a string left out if you like.
    ///
    /// Setting a `kind` keeps those of its table's keys that differ from the defaults of the kind before
    /// and that the new kind knows.
    ///
    /// # Errors
    /// When a key is unknown or a value of another kind; the first such setting is named.
    pub fn with_settings(self, settings: &[String]) -> Result<Self, ConfigError> {
        settings.iter().try_fold(self, |config, setting| {
            config
                .with_setting(setting)
                .map_err(|problem| ConfigError::Setting {
                    setting: setting.clone(),
                    problem,
                })
        })
    }

    fn with_setting(&self, setting: &str) -> Result<Self, String> {
        let (key, value) = setting
            .split_once('=')
            .ok_or("needs the form KEY=VALUE, for example train.epochs=30")?;
        let value = parse_value(value.trim());
        let (tables, last) = match key.trim().rsplit_once('.') {
            Some((tables, last)) => (tables.split('.').collect(), last),
            None => (Vec::new(), key.trim()),
        };
        let mut root = self.to_table()?;
        let table = table_at(&mut root, &tables)?;
        if last == "kind" {
            let before = std::mem::replace(table, toml::Table::from_iter([(last.into(), value)]));
            return self.with_kind(root, &tables, &before);
        }
        table.insert(last.to_owned(), value);
        from_table(root)
    }

    /// `root`, in which the table at `tables` has nothing but its new kind, with those keys of the
    /// table `before` that this configuration's kind has otherwise by default and the new kind knows.
    fn with_kind(
        &self,
        root: toml::Table,
        tables: &[&str],
        before: &toml::Table,
    ) -> Result<Self, String> {
        let mut changed = from_table(root.clone())?;
        let mut default = self.to_table()?;
        let defaults = table_at(&mut default, tables)?;
        defaults.retain(|key, _| key == "kind");
        let mut default = from_table(default)?.to_table()?;
        let defaults = table_at(&mut default, tables)?;
        let mut root = root;
        for (key, value) in before {
            if defaults.get(key) == Some(value) {
                continue;
            }
            let mut candidate = root.clone();
            table_at(&mut candidate, tables)?.insert(key.clone(), value.clone());
            // What is out of range for any kind is kept, to be refused by its name.
            let fits =
                |config: &Self| self.train.validate().is_err() || config.train.validate().is_ok();
            if let Some(config) = from_table(candidate.clone()).ok().filter(fits) {
                (root, changed) = (candidate, config);
            }
        }
        Ok(changed)
    }

    fn to_table(&self) -> Result<toml::Table, String> {
        toml::Table::try_from(self).map_err(|error| error.to_string())
    }
}

/// The table `train` of `file` over `defaults`.
fn over(defaults: &TrainConfig, file: Value) -> Result<TrainConfig, serde_json::Error> {
    let mut merged = serde_json::to_value(defaults)?;
    if let Some(train) = file.get("train") {
        merge(&mut merged, train);
    }
    serde_json::from_value(merged)
}

/// Puts the keys of `upper` into `lower`; a table that has no `kind` goes key by key.
fn merge(lower: &mut Value, upper: &Value) {
    match (lower, upper) {
        (Value::Object(lower), Value::Object(upper)) if !upper.contains_key("kind") => {
            for (key, value) in upper {
                merge(lower.entry(key).or_insert(Value::Null), value);
            }
        }
        (lower, upper) => lower.clone_from(upper),
    }
}

fn from_table(root: toml::Table) -> Result<ConfigFile, String> {
    root.try_into()
        .map_err(|error: toml::de::Error| with_nearest(error.message()))
}

/// The table below `root` that is reached by these names; an empty one where there is none yet.
fn table_at<'a>(root: &'a mut toml::Table, names: &[&str]) -> Result<&'a mut toml::Table, String> {
    names.iter().try_fold(root, |table, name| {
        table
            .entry(*name)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| format!("`{name}` is a value and has no keys of its own"))
    })
}

/// A TOML value, or a string if it is none.
fn parse_value(text: &str) -> toml::Value {
    toml::from_str(&format!("value = {text}"))
        .ok()
        .and_then(|mut table: toml::Table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// Reads a TOML or JSON file; its errors have a place and name the nearest known key.
///
/// # Errors
/// When the file cannot be read or does not hold a `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |(line, column): (usize, usize), problem: &str| ConfigError::Malformed {
        path: path.to_owned(),
        line,
        column,
        problem: with_nearest(problem),
    };
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        serde_json::from_str(&text).map_err(|error| {
            let text = error.to_string();
            // serde_json ends its messages with the place.
            let end = text.rfind(" at line ").unwrap_or(text.len());
            malformed((error.line(), error.column().max(1)), &text[..end])
        })
    } else {
        toml::from_str(&text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            malformed(place(&text, start), error.message())
        })
    }
}

/// The refusal of what `path` says at `keys`, tables first: with its place, or the place of the last table that there
/// is.
pub fn refuse(path: &Path, keys: &[&str], problem: String) -> ConfigError {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let start = match is_json {
        true => keys.iter().fold(0, |start, key| {
            let found = text[start..].find(&format!("\"{key}\""));
            start + found.unwrap_or(0)
        }),
        false => toml_place(&text, keys),
    };
    let (line, column) = place(&text, start);
    ConfigError::Malformed {
        path: path.to_owned(),
        line,
        column,
        problem,
    }
}

/// The byte at which the value of `keys` begins, or of as many of them as there are.
fn toml_place(text: &str, keys: &[&str]) -> usize {
    let Ok(root) = toml::de::DeTable::parse(text) else {
        return 0;
    };
    let (mut table, mut start) = (root.get_ref(), 0);
    for key in keys {
        let Some(value) = table.get(*key) else { break };
        start = value.span().start;
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    start
}

/// Writes `value` as a TOML file.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), WriteFileError> {
    let text = to_toml(value).map_err(|error| WriteFileError {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })?;
    atomic::write(path, text.as_bytes())
}

/// Line and column, from 1, of a byte of `text`.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// Adds the nearest known name to a message of the form ``unknown field `x`, expected one of `a`,
/// `b` ``, which serde writes.
fn with_nearest(message: &str) -> String {
    let message = message.trim_end();
    let mut names = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(unknown)) = (is_unknown, names.next()) else {
        return message.to_owned();
    };
    let likeness = |known: &&str| strsim::jaro_winkler(known, unknown);
    let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) > 0.7) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = ConfigFile::read(&path).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
        let error = refusal("c.toml", "[train]\nepochs = 3\nhiden = [8]\n");
        assert!(
            error.starts_with("c.toml:3:1: unknown field `hiden`"),
            "{error}"
        );
        assert!(error.ends_with("did you mean `hidden`?"), "{error}");
        let error = refusal("c.json", "{\"train\": {\n  \"epoch\": 3}}");
        assert!(error.starts_with("c.json:2:"), "{error}");
        assert!(error.ends_with("did you mean `epochs`?"), "{error}");
    }

    #[test]
    fn a_value_of_another_kind_is_refused_with_its_place() {
        let error = refusal("c.toml", "[train]\nepochs = \"three\"\n");
        assert!(error.starts_with("c.toml:2:10: invalid type"), "{error}");
        let error = refusal("c.toml", "train = [\n");
        assert!(
            error.starts_with("c.toml:1:") || error.starts_with("c.toml:2:"),
            "{error}"
        );
    }

    #[test]
    fn settings_change_single_keys() {
        let config = ConfigFile::default();
        let changed = config
            .clone()
            .with_settings(&[
                "train.hidden=[8, 4]".into(),
                "train.schedule.kind=constant".into(),
                "source=digits".into(),
            ])
            .unwrap();
        let mut expected = config.clone();
        expected.train.hidden = vec![8, 4];
        expected.train.schedule = crate::schedule::Schedule::Constant;
        expected.source = Some("digits".into());
        assert_eq!(changed, expected);
        for (setting, problem) in [
            ("train.hiden=[8]", "did you mean `hidden`?"),
            ("train.epochs=many", "invalid type"),
            ("train.epochs.first=1", "has no keys of its own"),
            ("train.epochs", "KEY=VALUE"),
        ] {
            let error = config.clone().with_settings(&[setting.into()]).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }

    #[test]
    fn a_kind_keeps_what_was_set_and_it_knows() {
        let with = |settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
            ConfigFile::default().with_settings(&settings)
        };
        let smooth = "train.loss.label_smoothing=0.1";
        let weights = "train.loss.class_weights=balanced";
        let loss = with(&[smooth, weights, "train.loss.kind=binary-cross-entropy"]).unwrap();
        let again = with(&["train.loss.kind=binary-cross-entropy", smooth, weights]).unwrap();
        assert_eq!(loss, again);
        // Values have no labels to smooth; classes that are trained as values have weights.
        let loss = with(&[smooth, weights, "train.loss.kind=huber"]).unwrap();
        assert_eq!(loss, with(&["train.loss.kind=huber", weights]).unwrap());
        // The decay was chosen, the rest is Adam's.
        let decay = "train.optimiser.weight_decay=0.2";
        let found = with(&[decay, "train.optimiser.kind=sgd"]).unwrap();
        assert_eq!(found, with(&["train.optimiser.kind=sgd", decay]).unwrap());
        // The warm-up of a cosine is not that of one cycle, unless it was chosen.
        let cycle = "train.schedule.kind=one-cycle";
        let found = with(&[cycle]).unwrap().train.schedule;
        assert_eq!(found, crate::schedule::ScheduleKind::OneCycle.into());
        let warm_up = "train.schedule.warm_up=0.2";
        let found = with(&[warm_up, cycle]).unwrap();
        assert_eq!(found, with(&[cycle, warm_up]).unwrap());
        let found = with(&[warm_up, "train.schedule.kind=constant"]).unwrap();
        assert_eq!(found, with(&["train.schedule.kind=constant"]).unwrap());
        let error = with(&[warm_up, "train.schedule.kind=cosin"]).unwrap_err();
        assert!(
            error.to_string().contains("did you mean `cosine`?"),
            "{error}"
        );
        let error = with(&["train.loss.label_smoothing=2.0", "train.loss.kind=huber"]);
        assert_eq!(error.unwrap().train.loss.label_smoothing, 2.0);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "source = \"a.csv\"\n[data]\ntest = \"b.csv\"\n").unwrap();
        let config = ConfigFile::read(&path).unwrap();
        assert_eq!(
            Path::new(&config.source.unwrap()),
            folder.path().join("a.csv")
        );
        assert_eq!(config.data.test.unwrap(), folder.path().join("b.csv"));
        std::fs::write(&path, "source = \"digits\"\n").unwrap();
        assert_eq!(ConfigFile::read(&path).unwrap().source.unwrap(), "digits");
    }
}
