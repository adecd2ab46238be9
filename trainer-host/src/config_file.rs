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

use crate::data::{BuiltIn, Options};
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
        let mut config: Self = read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.source = config.source.map(|source| {
            if BuiltIn::named(&source).is_some() {
                source
            } else {
                folder.join(source).to_string_lossy().into_owned()
            }
        });
        config.data.test = config.data.test.map(|test| folder.join(test));
        Ok(config)
    }

    /// This configuration with `KEY=VALUE` settings applied in their order: a dotted key, and a value
    /// in TOML (`train.hidden=[32, 16]`), quotes of a string left out if you like.
    ///
    /// Setting a `kind` forgets what belonged to the kind before.
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
        let mut root = toml::Table::try_from(self).map_err(|error| error.to_string())?;
        let (tables, last) = match key.trim().rsplit_once('.') {
            Some((tables, last)) => (tables.split('.').collect(), last),
            None => (Vec::new(), key.trim()),
        };
        let mut table = &mut root;
        for name in tables {
            table = table
                .entry(name)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
                .ok_or_else(|| format!("`{name}` is a value and has no keys of its own"))?;
        }
        if last == "kind" {
            table.clear();
        }
        table.insert(last.to_owned(), value);
        root.try_into()
            .map_err(|error: toml::de::Error| with_nearest(error.message()))
    }
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
