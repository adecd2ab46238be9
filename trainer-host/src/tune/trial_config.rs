//! From a point of the search space to the configuration of a trial.
//!
//! | setting | what it is |
//! | --- | --- |
//! | `layers` | how many LSTM layers |
//! | `hidden` | units of every LSTM layer |
//! | `hidden.0`, `hidden.1`, … | units of that layer |
//! | `scheme` | w8a16, w8a8 or w4a16, of all layers |
//! | `train.…`, `data.…` | that key of the configuration file |

use lstm_nostd::kernels::Scheme;
use lstm_nostd::model::MAX_RECURRENT_LAYERS;

use crate::run::RunConfig;
use crate::run::config_file::{ConfigError, ConfigFile};
use crate::search::{Point, Value};

/// The configuration of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialConfig {
    /// The run that trains its network.
    pub run: RunConfig,
    /// The scheme of all layers.
    pub scheme: Scheme,
}

/// Why a point makes no valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum PointError {
    /// A name that is not a setting.
    #[error(
        "{name} is no setting; there are layers, hidden, hidden.0 and on, scheme, and keys of the configuration file that begin with train. or data. (train.hidden is hidden)"
    )]
    Unknown {
        /// What it was called.
        name: String,
    },
    /// A setting that would change the validation part, or the initial network.
    #[error("{name} cannot be searched: {reason}")]
    Judge {
        /// Which.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The units of a layer that the network does not have.
    #[error(
        "hidden.{layer} sets the units of a layer that the network does not have: it has {count}; give the setting the condition when = {{ layers = [...] }}"
    )]
    NoLayer {
        /// From 0.
        layer: usize,
        /// Layers that there are.
        count: usize,
    },
    /// If the number of layers varies, all layers must share one scheme.
    #[error(
        "train.qat names a scheme for each layer, and a search tries other numbers of layers; name one for all"
    )]
    SchemePerLayer,
    /// A setting has another kind of value.
    #[error("{name} = {value} must be {needed}")]
    Value {
        /// Which.
        name: String,
        /// What it was.
        value: Value,
        /// What it must be.
        needed: &'static str,
    },
    /// The configuration refuses a setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A number is out of its range.
    #[error(transparent)]
    OutOfRange(#[from] crate::out_of_range::OutOfRange),
}

impl TrialConfig {
    /// `base` with the settings of `point`.
    ///
    /// # Errors
    /// [`PointError`]
    pub fn new(base: &RunConfig, point: &Point) -> Result<Self, PointError> {
        let qat = base.train.qat.clone().unwrap_or_default();
        let scheme = qat.single().ok_or(PointError::SchemePerLayer)?;
        let settings = SortedSettings::of(point)?;
        if base.train.init.is_some()
            && let Some(name) = point.keys().find(|name| is_structure(name))
        {
            return Err(PointError::Judge {
                name: name.clone(),
                reason: "trials begin with the network of train.init, which has its own structure",
            });
        }
        let mut config = ConfigFile {
            source: Some(base.source.clone()),
            data: base.data.clone(),
            train: base.train.clone(),
            tune: None,
        }
        .with_settings(&settings.in_file_order())?;
        settings.resize(&mut config.train.hidden)?;
        let scheme = settings.scheme.unwrap_or(scheme);
        // Training for integers is training for the integers that the trial is judged by.
        if config.train.qat.is_some() {
            config.train.qat = Some(scheme.into());
        }
        let run = RunConfig {
            source: base.source.clone(),
            data: config.data,
            train: config.train,
        };
        run.validate()?;
        Ok(Self { run, scheme })
    }

    /// The same training with another seed, on the same parts. Repeat 0 is the trial's own training.
    pub fn repeated(mut self, repeat: usize) -> Self {
        let train = &mut self.run.train;
        // Seeds are below 2^63, like TOML's integers.
        train.reseed(train.seed.wrapping_add(repeat as u64) & (u64::MAX >> 1));
        self
    }
}

/// The settings of a point, sorted by what they change.
#[derive(Default)]
struct SortedSettings<'a> {
    scheme: Option<Scheme>,
    layers: Option<usize>,
    /// Units of every recurrent layer.
    hidden: Option<usize>,
    /// Units of single recurrent layers, with the layer's number.
    hidden_of: Vec<(usize, usize)>,
    /// Keys of the configuration file, each with its text for `--set`.
    file: Vec<(&'a str, String)>,
}

impl<'a> SortedSettings<'a> {
    fn of(point: &'a Point) -> Result<Self, PointError> {
        let mut sorted = Self::default();
        for (name, value) in point {
            sorted.take(name, value)?;
        }
        Ok(sorted)
    }

    fn take(&mut self, name: &'a str, value: &Value) -> Result<(), PointError> {
        let wrong = |needed| PointError::Value {
            name: name.to_owned(),
            value: value.clone(),
            needed,
        };
        let size = || {
            let size = value.size().filter(|size| *size > 0);
            size.ok_or_else(|| wrong("a whole number above 0"))
        };
        match name {
            "layers" => {
                let count = size()?;
                if count > MAX_RECURRENT_LAYERS {
                    return Err(wrong("1 to 4"));
                }
                self.layers = Some(count);
            }
            "hidden" => self.hidden = Some(size()?),
            "scheme" => {
                let scheme = Scheme::from_name(&value.to_string());
                self.scheme = Some(scheme.ok_or_else(|| wrong("w8a16, w8a8 or w4a16"))?);
            }
            key if judges(key) => {
                return Err(PointError::Judge {
                    name: name.to_owned(),
                    reason: "trials would be judged by different validation parts, or not be trained from the start",
                });
            }
            key if key.starts_with("train.") || key.starts_with("data.") => {
                self.file.push((key, setting(key, value)));
            }
            key => match key.strip_prefix("hidden.").map(str::parse::<usize>) {
                Some(Ok(layer)) => self.hidden_of.push((layer, size()?)),
                _ => {
                    return Err(PointError::Unknown {
                        name: name.to_owned(),
                    });
                }
            },
        }
        Ok(())
    }

    /// Each kind before its constants, since these depend on the kind.
    fn in_file_order(&self) -> Vec<String> {
        let (kinds, others): (Vec<_>, Vec<_>) =
            (self.file.iter()).partition(|(key, _)| key.ends_with(".kind"));
        let texts = kinds.into_iter().chain(others);
        texts.map(|(_, text)| text.clone()).collect()
    }

    /// Changes the number of recurrent layers first, then the units of all, then those of single layers.
    fn resize(&self, hidden: &mut Vec<usize>) -> Result<(), PointError> {
        if let Some(layers) = self.layers {
            let last = hidden.last().copied().unwrap_or(32);
            hidden.resize(layers, last);
        }
        if let Some(units) = self.hidden {
            hidden.fill(units);
        }
        for &(layer, units) in &self.hidden_of {
            let count = hidden.len();
            *hidden
                .get_mut(layer)
                .ok_or(PointError::NoLayer { layer, count })? = units;
        }
        Ok(())
    }
}

/// Whether a setting changes the structure of the recurrent and dense layers.
fn is_structure(name: &str) -> bool {
    let names = [
        "layers",
        "hidden",
        "train.layer",
        "train.direction",
        "train.peepholes",
        "train.pooling",
        "train.projection",
        "train.dense",
    ];
    names.contains(&name) || name.starts_with("hidden.")
}

/// Whether a key of the configuration changes the validation part, or the initial network.
fn judges(key: &str) -> bool {
    const KEYS: [&str; 14] = [
        "train.seed",
        "train.split_seed",
        "train.validation_share",
        "train.validation_fold",
        "train.init",
        "train.prune_to",
        "train.prune_projection_to",
        "train.hidden",
        "data.seed",
        "data.test",
        "data.sizes",
        "data.forecast.validation_rows",
        "data.forecast.test_rows",
        "data.forecast.test_share",
    ];
    KEYS.iter().any(|known| {
        key.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The value in the form that `--set` takes.
fn setting(key: &str, value: &Value) -> String {
    match value {
        // All digits, and a point or an exponent.
        Value::Real(value) => format!("{key}={value:?}"),
        Value::Text(text) => format!("{key}={text:?}"),
        other => format!("{key}={other}"),
    }
}

#[cfg(test)]
pub(in crate::tune) mod tests {
    use lstm_nostd::kernels::Scheme;

    use super::*;
    use crate::cost::Limits;
    use crate::network::{Head, NetworkConfig};
    use crate::run::estimate;

    pub(in crate::tune) fn base() -> RunConfig {
        RunConfig {
            source: "digits".into(),
            data: crate::data::Options::default(),
            train: crate::train::TrainConfig::default(),
        }
    }

    pub(in crate::tune) fn point(text: &str) -> Point {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn settings_change_the_run() {
        let point = point(
            r#"{"layers": 3, "hidden": 20, "hidden.1": 12, "scheme": "w4a16",
                "train.learning_rate": 0.012345678, "train.peepholes": false,
                "train.optimiser.kind": "adamw", "train.optimiser.weight_decay": 1e-5}"#,
        );
        let trial = TrialConfig::new(&base(), &point).unwrap();
        assert_eq!(trial.run.train.hidden, [20, 12, 20]);
        assert_eq!(trial.scheme, Scheme::W4a16);
        assert_eq!(trial.run.train.learning_rate, 0.012345678);
        assert!(!trial.run.train.peepholes);
        let text = toml::to_string(&trial.run).unwrap();
        assert!(
            text.contains("adamw") && text.contains("weight_decay"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for (text, problem) in [
            (r#"{"units": 3}"#, "units is no setting"),
            (r#"{"train.hiden": [3]}"#, ""),
            (r#"{"train.epoch": 3}"#, "did you mean `epochs`?"),
            (r#"{"hidden": 0}"#, "above 0"),
            (r#"{"hidden.x": 3}"#, "no setting"),
            (r#"{"scheme": "w2a2"}"#, "w8a16"),
            (r#"{"layers": 1, "hidden.1": 12}"#, "does not have"),
            (r#"{"layers": 100000000000}"#, "1 to 4"),
            (r#"{"train.seed": 3}"#, "cannot be searched"),
            (r#"{"train.learning_rate": -1.0}"#, "learning_rate"),
        ] {
            let Ok(point) = serde_json::from_str::<Point>(text) else {
                assert!(problem.is_empty());
                continue;
            };
            let error = TrialConfig::new(&base(), &point).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    /// A footprint counts a step of the input, so that a longer stride costs less.
    #[test]
    fn a_convolution_is_searched_and_costs_less_with_a_longer_stride() {
        let names = |count: usize| vec!["x".to_owned(); count];
        let instructions = |stride: usize| {
            let text = format!(r#"{{"train.conv.filters": 6, "train.conv.stride": {stride}}}"#);
            let config = TrialConfig::new(&base(), &point(&text)).unwrap().run.train;
            let conv = config.conv.unwrap();
            assert_eq!((conv.filters, conv.stride), (6, stride));
            let network = NetworkConfig {
                inputs: 3,
                conv: Some(conv),
                directions: Vec::new(),
                hidden: vec![16],
                cell: config.layer.cell(true, None),
                dense: vec![],
                outputs: 4,
                head: Head::Softmax,
                mode: crate::network::Mode::SequenceToOne,
            };
            let names = (&names(3)[..], &names(4)[..]);
            let limits = Limits::default();
            let found =
                estimate::footprint(&network, names, Scheme::W8a16, (None, 0, 1), &limits).unwrap();
            found.instructions
        };
        let [one, two, four] = [1, 2, 4].map(instructions);
        assert!(
            two < one * 6 / 10 && four < two * 6 / 10,
            "{one} {two} {four}"
        );
    }

    /// A layer both ways costs as two, and its outputs at each step need RAM for the longest window.
    #[test]
    fn directions_are_searched_and_need_ram_for_the_longest_window() {
        let names = |count: usize| vec!["x".to_owned(); count];
        let footprint = |direction: &str, longest: usize| {
            let text = format!(r#"{{"train.direction": "{direction}", "hidden": 16}}"#);
            let train = TrialConfig::new(&base(), &point(&text)).unwrap().run.train;
            let (hidden, directions) = train.direction.halves(&train.hidden);
            let network = NetworkConfig {
                inputs: 3,
                conv: None,
                directions,
                hidden,
                cell: crate::network::Cell::Gru,
                dense: vec![],
                outputs: 4,
                head: Head::Softmax,
                mode: crate::network::Mode::SequenceToSequence,
            };
            let names = (&names(3)[..], &names(4)[..]);
            let limits = Limits::default();
            estimate::footprint(&network, names, Scheme::W8a16, (None, 0, longest), &limits)
                .unwrap()
        };
        let [one, two] = ["reverse", "bidirectional"].map(|way| footprint(way, 10));
        assert!(
            two.instructions > one.instructions * 18 / 10,
            "{one:?} {two:?}"
        );
        // 32 int16 outputs a step.
        let longer = footprint("bidirectional", 110).ram_bytes - two.ram_bytes;
        assert_eq!(longer, 100 * 32 * 2);
        let forward = [10, 110].map(|longest| footprint("forward", longest).ram_bytes);
        assert_eq!(forward[0], forward[1]);
        let said = TrialConfig::new(&base(), &point(r#"{"train.direction": "both"}"#));
        assert!(said.unwrap_err().to_string().contains("no direction"));
    }
}
