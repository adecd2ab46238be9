//! From a point of the search space to the configuration of a trial, and to the size and cost of its model.
//!
//! | setting | what it is |
//! | --- | --- |
//! | `layers` | how many LSTM layers |
//! | `hidden` | units of every LSTM layer |
//! | `hidden.0`, `hidden.1`, … | units of that layer |
//! | `scheme` | w8a16, w8a8 or w4a16, of all layers |
//! | `train.…`, `data.…` | that key of the configuration file |

use lstm_nostd::artifact::{Dense, ModelFile, WriteError};
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Scheme;
use lstm_nostd::layers::input::InputChannel;
use lstm_nostd::model::MAX_RECURRENT_LAYERS;
use lstm_nostd::{Model, OutputScale};

use crate::cost::{Footprint, Limits};
use crate::network::{Head, LayerKind, NetworkConfig, StructureError};
use crate::quantise::convolution;
use crate::quantise::recurrent::empty;
use crate::run::config_file::{ConfigError, ConfigFile};
use crate::run::{RunConfig, RunError};
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
        config.train.validate()?;
        Ok(Self {
            run: RunConfig {
                source: base.source.clone(),
                data: config.data,
                train: config.train,
            },
            scheme,
        })
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

/// Why a network's cost cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum FootprintError {
    /// The engine has no such network.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// No model file holds it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Its data cannot be read as its settings say.
    #[error(transparent)]
    Data(#[from] RunError),
}

/// The cost of a network of this structure behind `front_end`, if there is one, with `scheme` in all layers, to the byte. A model's size follows from the
/// sizes of its layers, its names and its golden steps alone. Only a w8a8 layer on an M55 may cost less, if its two
/// shifts are equal.
///
/// # Errors
/// When the engine or the file format has no such model.
pub fn footprint(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    (front_end, golden_steps): (Option<Tables>, usize),
    limits: &Limits,
) -> Result<Footprint, FootprintError> {
    network.validate()?;
    let core = limits.core();
    let file = ModelFile {
        front_end,
        ..empty_model(network, (channels, outputs), scheme, golden_steps)
    };
    let bytes = file.to_bytes_in(core.order())?;
    let model = Model::parse(&bytes).expect("the writer returns only what parses");
    Ok(Footprint::of(core, limits, &model, bytes.len()).with_second(&model))
}

/// A model of this structure without useful weights.
fn empty_model(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    golden_steps: usize,
) -> ModelFile {
    let rows = |count: usize, width: usize| vec![vec![0; width]; count];
    let (mut recurrent, mut dense) = (Vec::new(), Vec::new());
    let conv = |conv| convolution::empty(conv, network.inputs, scheme);
    for layer in network.layers() {
        match layer.kind {
            LayerKind::Convolution => {}
            LayerKind::Recurrent(cell) => recurrent.push(empty(cell, &layer, scheme)),
            LayerKind::Dense => dense.push(Dense {
                scheme,
                weight: rows(layer.rows, layer.inputs),
                bias: vec![0; layer.rows],
                mult: vec![1; layer.rows],
                ..Dense::default()
            }),
        }
    }
    let channel = InputChannel {
        mult: 1,
        ..InputChannel::default()
    };
    ModelFile {
        task: network.head.into(),
        front_end: None,
        mode: network.mode.into(),
        channels: vec![channel; network.inputs],
        scales: match network.head {
            Head::Linear => vec![OutputScale::LOGIT; network.outputs],
            Head::Sigmoid | Head::Softmax => Vec::new(),
        },
        conv: network.conv.as_ref().map(conv),
        recurrent,
        directions: Vec::new(),
        dense,
        input_names: channels.to_vec(),
        output_names: outputs.to_vec(),
        golden: vec![(vec![0; network.inputs], vec![0; network.outputs]); golden_steps],
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::front_end::{Kind, Settings};

    use super::*;
    use crate::network::Cell;

    fn base() -> RunConfig {
        RunConfig {
            source: "digits".into(),
            data: crate::data::Options::default(),
            train: crate::train::TrainConfig::default(),
        }
    }

    fn point(text: &str) -> Point {
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
            let found = footprint(&network, names, Scheme::W8a16, (None, 0), &limits).unwrap();
            found.instructions
        };
        let [one, two, four] = [1, 2, 4].map(instructions);
        assert!(
            two < one * 6 / 10 && four < two * 6 / 10,
            "{one} {two} {four}"
        );
    }

    /// A front end is a section of the model file, and the costs of a second of signal are known with it.
    #[test]
    fn a_front_end_costs_flash_and_has_a_share_of_each_second() {
        let tables = Tables::new(&Settings::new(Kind::Mfcc, 8000)).unwrap();
        let inputs = tables.view().features();
        let network = NetworkConfig {
            inputs,
            conv: None,
            directions: Vec::new(),
            hidden: vec![8],
            cell: Cell::Gru,
            dense: vec![],
            outputs: 2,
            head: Head::Softmax,
            mode: crate::network::Mode::SequenceToOne,
        };
        let names = |count: usize| (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>();
        let (channels, outputs) = (names(inputs), names(2));
        let of = |front_end: Option<Tables>| {
            let names = (&channels[..], &outputs[..]);
            footprint(
                &network,
                names,
                Scheme::W8a16,
                (front_end, 0),
                &Limits::default(),
            )
            .unwrap()
        };
        let (plain, heard) = (of(None), of(Some(tables)));
        assert!(plain.second.is_none() && heard.flash_bytes > plain.flash_bytes + 1000);
        let second = heard.second.unwrap();
        // 62.5 frames a second.
        assert_eq!(
            second.network,
            (62.5 * heard.instructions as f64).round() as u64
        );
        let frames = (62.5 * second.frame as f64) as u64;
        assert!(second.front_end.abs_diff(frames) <= 32, "{second:?}");
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
}
