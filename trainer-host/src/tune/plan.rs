//! From a point of the search space to a run, and to what its model will need.
//!
//! | setting | what it is |
//! | --- | --- |
//! | `layers` | how many LSTM layers |
//! | `hidden` | units of every LSTM layer |
//! | `hidden.0`, `hidden.1`, … | units of that layer |
//! | `scheme` | w8a16, w8a8 or w4a16, of all layers |
//! | `train.…`, `data.…` | that key of the configuration file |

use lstm_nostd::Model;
use lstm_nostd::artifact::RandomModel;
use lstm_nostd::kernels::Scheme;

use crate::config_file::{ConfigError, ConfigFile};
use crate::cost::{Footprint, Limits};
use crate::network::{NetworkConfig, StructureError};
use crate::run_folder::RunConfig;
use crate::search::{Point, Value};

/// A run, and what its network is quantised with.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it follows from.
    pub config: RunConfig,
    /// Of all layers.
    pub scheme: Scheme,
}

/// Why a point is no run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A setting is none.
    #[error(
        "{name} is no setting; there are layers, hidden, hidden.0 and on, scheme, and keys of the configuration file that begin with train. or data."
    )]
    Unknown {
        /// What it was called.
        name: String,
    },
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
    /// The configuration does not take it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration does not hold together.
    #[error(transparent)]
    OutOfRange(#[from] crate::out_of_range::OutOfRange),
}

impl Plan {
    /// `base` with the settings of `point`.
    ///
    /// # Errors
    /// [`PlanError`]
    pub fn new(base: &RunConfig, point: &Point) -> Result<Self, PlanError> {
        let wrong = |name: &str, value: &Value, needed| PlanError::Value {
            name: name.to_owned(),
            value: value.clone(),
            needed,
        };
        let mut config = ConfigFile {
            source: Some(base.source.clone()),
            data: base.data.clone(),
            train: base.train.clone(),
            tune: None,
        };
        let mut scheme = base.train.qat.unwrap_or_default();
        let mut settings = Vec::new();
        let (mut layers, mut all, mut each) = (None, None, Vec::new());
        for (name, value) in point {
            let size = || {
                (value.size().filter(|size| *size > 0))
                    .ok_or_else(|| wrong(name, value, "a whole number above 0"))
            };
            match name.as_str() {
                "layers" => layers = Some(size()?),
                "hidden" => all = Some(size()?),
                "scheme" => {
                    scheme = Scheme::from_name(&value.to_string())
                        .ok_or_else(|| wrong(name, value, "w8a16, w8a8 or w4a16"))?;
                }
                key if key.starts_with("train.") || key.starts_with("data.") => {
                    settings.push((key, setting(key, value)));
                }
                key => match key.strip_prefix("hidden.").map(str::parse::<usize>) {
                    Some(Ok(layer)) => each.push((layer, size()?)),
                    _ => return Err(PlanError::Unknown { name: name.clone() }),
                },
            }
        }
        // A kind first: its constants are of that kind alone.
        settings.sort_by_key(|(key, _)| !key.ends_with(".kind"));
        let settings: Vec<String> = settings.into_iter().map(|(_, text)| text).collect();
        config = config.with_settings(&settings)?;
        let hidden = &mut config.train.hidden;
        if let Some(layers) = layers {
            let last = hidden.last().copied().unwrap_or(32);
            hidden.resize(layers, last);
        }
        if let Some(all) = all {
            hidden.fill(all);
        }
        for (layer, units) in each {
            if let Some(hidden) = hidden.get_mut(layer) {
                *hidden = units;
            }
        }
        config.train.validate()?;
        Ok(Self {
            config: RunConfig {
                source: base.source.clone(),
                data: config.data,
                train: config.train,
            },
            scheme,
        })
    }
}

/// As `--set` takes it.
fn setting(key: &str, value: &Value) -> String {
    match value {
        // All digits, and a point or an exponent.
        Value::Real(value) => format!("{key}={value:?}"),
        Value::Text(text) => format!("{key}={text:?}"),
        other => format!("{key}={other}"),
    }
}

/// What a network of this structure will need with `scheme` in all layers, to the byte: a model's
/// size follows from its layers' sizes, its names and its golden steps alone.
///
/// # Errors
/// When the engine has no such structure.
///
/// # Panics
/// When there are no names for the channels or outputs.
pub fn footprint(
    network: &NetworkConfig,
    (channels, outputs): (&[String], &[String]),
    scheme: Scheme,
    golden_steps: usize,
    limits: &Limits,
) -> Result<Footprint, StructureError> {
    network.validate()?;
    let core = limits.core();
    let mut file = RandomModel {
        inputs: network.inputs,
        hidden: network.hidden.clone(),
        dense: network.dense.clone(),
        outputs: network.outputs,
        peepholes: network.peepholes,
        schemes: vec![scheme],
        seed: 0,
    }
    .build();
    file.task = network.head.into();
    file.mode = network.mode.into();
    file.input_names = channels.to_vec();
    file.output_names = outputs.to_vec();
    let step = (vec![0; network.inputs], vec![0; network.outputs]);
    file.golden = vec![step; golden_steps];
    let bytes = file
        .to_bytes_in(core.order())
        .expect("a random model of an allowed structure can be written");
    let model = parse(&bytes);
    Ok(Footprint::of(core, limits.clock, &model, bytes.len()))
}

fn parse(bytes: &[u8]) -> Model<'_> {
    Model::parse(bytes).expect("the writer returns only what parses")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let plan = Plan::new(&base(), &point).unwrap();
        assert_eq!(plan.config.train.hidden, [20, 12, 20]);
        assert_eq!(plan.scheme, Scheme::W4a16);
        assert_eq!(plan.config.train.learning_rate, 0.012345678);
        assert!(!plan.config.train.peepholes);
        let text = toml::to_string(&plan.config).unwrap();
        assert!(
            text.contains("adamw") && text.contains("weight_decay"),
            "{text}"
        );
    }

    #[test]
    fn a_layer_that_is_not_there_is_passed_over() {
        let plan = Plan::new(&base(), &point(r#"{"layers": 1, "hidden.1": 12}"#)).unwrap();
        assert_eq!(plan.config.train.hidden, base().train.hidden);
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
            (r#"{"train.learning_rate": -1.0}"#, "learning_rate"),
        ] {
            let Ok(point) = serde_json::from_str::<Point>(text) else {
                assert!(problem.is_empty());
                continue;
            };
            let error = Plan::new(&base(), &point).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
