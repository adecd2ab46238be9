//! The settings of a recogniser as a person writes them, in TOML or JSON.
//!
//! ```toml
//! rate_hz = 50              # steps of the network a second
//! [windows]                 # or [running]: warm_up, every, reset_after, reset_on_event
//! steps = 100
//! hop = 25
//! [decision]
//! on = 0.8                  # probabilities
//! off = 0.5
//! votes = 2
//! answers = 3
//! refractory = 50           # steps
//! background = ["noise"]    # classes that are no events
//! [judge]                   # for `eval` alone
//! tolerance = 25            # steps after an occurrence in which an event still counts for it
//! occurrences = "runs"      # or "sequences"
//! ```

use std::path::{Path, PathBuf};

use lstm_nostd::recognise::{Settings, SettingsError, States};
use lstm_nostd::{Mode, Model};
use serde::{Deserialize, Serialize};

use crate::run::config_file::{self, ConfigError};

/// A file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct RecogniserFile {
    path: PathBuf,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    rate_hz: f64,
    windows: Option<Windows>,
    running: Option<Running>,
    #[serde(default)]
    decision: Decision,
    #[serde(default)]
    judge: JudgeSettings,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Windows {
    steps: u32,
    hop: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Running {
    warm_up: u32,
    every: u32,
    reset_after: u32,
    reset_on_event: bool,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            warm_up: 1,
            every: 1,
            reset_after: 0,
            reset_on_event: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Decision {
    on: f64,
    off: f64,
    votes: u8,
    answers: u8,
    refractory: u32,
    background: Vec<String>,
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            on: 0.8,
            off: 0.5,
            votes: 1,
            answers: 1,
            refractory: 0,
            background: Vec::new(),
        }
    }
}

/// How events are held against the labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeSettings {
    /// Steps after the end of an occurrence in which an event still counts for it.
    pub tolerance: u32,
    /// What an occurrence of a class is.
    pub occurrences: Occurrences,
}

/// What an occurrence of a class is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occurrences {
    /// Each sequence, for example a spoken word. Where each step has a label, runs.
    #[default]
    Sequences,
    /// Each run of steps of one class, for example a person's walk, over as many sequences as it takes.
    Runs,
}

/// Where the fields of [`Settings`] stand in the file.
const TABLES: [(&str, &[&str]); 3] = [
    ("windows", &["steps", "hop"]),
    ("running", &["warm_up", "every", "reset_after"]),
    (
        "decision",
        &["on", "off", "votes", "answers", "refractory", "background"],
    ),
];

impl RecogniserFile {
    /// Reads a file: JSON if its name ends in `.json`, else TOML.
    ///
    /// # Errors
    /// When it cannot be read, has unknown keys, or values that no model could use. The error has line and field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = Self {
            path: path.to_owned(),
            content: config_file::read(path)?,
        };
        let rate = file.content.rate_hz;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(file.refuse(&["rate_hz"], "must be above 0".into()));
        }
        // What does not depend on the model.
        let settings = file.with_background(0)?;
        settings.check().map_err(|error| file.at_field(&error))?;
        Ok(file)
    }

    /// Steps of the network a second.
    pub fn rate_hz(&self) -> f64 {
        self.content.rate_hz
    }

    /// How events are held against labels.
    pub fn judge(&self) -> JudgeSettings {
        self.content.judge
    }

    /// The settings for `model`, whose classes have names.
    ///
    /// # Errors
    /// When a class is unknown, or cannot be left out, or when one state runs on although the network reads a mean over
    /// time. The error has line and field.
    pub fn settings(&self, model: &Model<'_>) -> Result<Settings, ConfigError> {
        let names: Vec<&str> = model.output_names().collect();
        let mut background = 0;
        for wanted in &self.content.decision.background {
            let class = names.iter().position(|name| name == wanted);
            let bit = class.and_then(|class| 1u64.checked_shl(class as u32));
            background |= bit.ok_or_else(|| {
                let problem = match class {
                    None => format!(
                        "the model has no class `{wanted}`; it has {}",
                        names.join(", ")
                    ),
                    Some(_) => format!("`{wanted}` is not among the model's first 64 classes"),
                };
                self.refuse(&["decision", "background"], problem)
            })?;
        }
        let settings = self.with_background(background)?;
        let has_windows = matches!(settings.states, States::Windows { .. });
        if model.mode() == Mode::SequenceToMean && !has_windows {
            let problem = "it is for endless streams, and the network reads the mean over a sequence \
                           (pooling = \"mean\"); take [windows], each of which begins with a reset";
            return Err(self.refuse(&["running"], problem.into()));
        }
        Ok(settings)
    }

    fn with_background(&self, background: u64) -> Result<Settings, ConfigError> {
        let content = &self.content;
        let states = match (&content.windows, &content.running) {
            (Some(windows), None) => States::Windows {
                steps: windows.steps,
                hop: windows.hop,
            },
            (None, Some(running)) => States::Running {
                warm_up: running.warm_up,
                every: running.every,
                reset_after: running.reset_after,
                reset_on_event: running.reset_on_event,
            },
            _ => {
                let problem = "needs either the table [windows] or the table [running]";
                return Err(self.refuse(&["running"], problem.into()));
            }
        };
        let decision = &content.decision;
        Ok(Settings {
            states,
            on: self.q15("on", decision.on)?,
            off: self.q15("off", decision.off)?,
            votes: decision.votes,
            answers: decision.answers,
            refractory: decision.refractory,
            background,
        })
    }

    /// A probability in Q0.15, rounded to the nearest; 1 is 32767.
    fn q15(&self, field: &str, probability: f64) -> Result<i16, ConfigError> {
        if !(0.0..=1.0).contains(&probability) {
            let problem = format!("{field}: must be a probability from 0 to 1");
            return Err(self.refuse(&["decision", field], problem));
        }
        Ok((probability * 32_768.0).round().min(32_767.0) as i16)
    }

    /// An error of the engine's settings, at its place in the file.
    pub fn at_field(&self, error: &SettingsError) -> ConfigError {
        let table = TABLES
            .iter()
            .find(|(_, fields)| fields.contains(&error.field));
        let keys = table.map_or(vec![], |(table, _)| vec![*table, error.field]);
        self.refuse(&keys, error.to_string())
    }

    fn refuse(&self, keys: &[&str], problem: String) -> ConfigError {
        config_file::refuse(&self.path, keys, problem)
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::Task;
    use lstm_nostd::artifact::RandomModel;

    use super::*;

    const GOOD: &str = "rate_hz = 50\n[windows]\nsteps = 8\nhop = 4\n[decision]\non = 0.75\noff = 0.5\n\
                        refractory = 9\nbackground = [\"out1\"]\n";

    /// The settings for a model of three classes, or the refusal, its path cut to the file's name.
    fn read(name: &str, text: &str) -> Result<Settings, String> {
        read_for(Mode::SequenceToOne, name, text)
    }

    /// The same for a model of this mode.
    fn read_for(mode: Mode, name: &str, text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let shape = RandomModel {
            inputs: 1,
            hidden: vec![1],
            outputs: 3,
            ..RandomModel::default()
        };
        let mut file = shape.build();
        (file.task, file.scales) = (Task::Softmax, Vec::new());
        file.mode = mode;
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        RecogniserFile::read(&path)
            .and_then(|file| file.settings(&model))
            .map_err(|error| {
                let place = format!("{}/", folder.path().display());
                error.to_string().replace(&place, "")
            })
    }

    #[test]
    fn a_mean_over_time_has_windows_alone() {
        let read = |text| read_for(Mode::SequenceToMean, "r.toml", text);
        assert!(read(GOOD).is_ok());
        let refused = read("rate_hz = 1\n[running]\n[decision]\non = 1\noff = 1\n").unwrap_err();
        assert!(
            refused.contains("r.toml:2") && refused.contains("take [windows]"),
            "{refused}"
        );
    }

    #[test]
    fn a_file_becomes_settings() {
        let expected = Settings {
            states: States::Windows { steps: 8, hop: 4 },
            on: 24_576,
            off: 16_384,
            votes: 1,
            answers: 1,
            refractory: 9,
            background: 0b010,
        };
        assert_eq!(read("r.toml", GOOD), Ok(expected));
        let json = r#"{"rate_hz": 50, "windows": {"steps": 8, "hop": 4},
            "decision": {"on": 0.75, "refractory": 9, "background": ["out1"]}}"#;
        assert_eq!(read("r.json", json), Ok(expected));
        let running =
            "rate_hz = 1\n[running]\nreset_on_event = true\n[decision]\non = 1\noff = 1\n";
        let found = read("r.toml", running).unwrap();
        assert_eq!((found.on, found.off), (i16::MAX, i16::MAX));
        let expected = States::Running {
            warm_up: 1,
            every: 1,
            reset_after: 0,
            reset_on_event: true,
        };
        assert_eq!(found.states, expected);
    }

    #[test]
    fn what_is_wrong_has_its_line_and_field() {
        let cases = [
            (("hop = 4", "hop = 0"), "r.toml:4:7: hop: must be from 1"),
            (("hop = 4", "hops = 4"), "r.toml:4:1: unknown field `hops`"),
            (
                ("on = 0.75", "on = 1.5"),
                "r.toml:6:6: on: must be a probability",
            ),
            (("off = 0.5", "off = 0.8"), "r.toml:7:7: off: must be"),
            (
                ("refractory", "votes = 2\nrefractory"),
                "r.toml:8:9: votes: must be",
            ),
            (
                ("\"out1\"", "\"hum\""),
                "r.toml:9:14: the model has no class `hum`; it has out0",
            ),
            (("= 50", "= -1"), "r.toml:1:11: must be above 0"),
            (
                ("[windows]\nsteps = 8\nhop = 4\n", ""),
                "r.toml:1:1: needs either the table",
            ),
        ];
        for ((from, to), expected) in cases {
            let refusal = read("r.toml", &GOOD.replace(from, to)).unwrap_err();
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        let json = "{\"rate_hz\": 50, \"windows\": {\"steps\": 8,\n \"hop\": 0}, \"decision\": {}}";
        let refusal = read("r.json", json).unwrap_err();
        assert!(refusal.starts_with("r.json:2:2: hop: must be"), "{refusal}");
    }
}
