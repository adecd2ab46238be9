//! The settings that a search may change, their values, and the conditions under which each exists.
//!
//! ```toml
//! [tune.space]
//! "train.learning_rate" = { low = 1e-4, high = 1e-1, scale = "log" }
//! "train.batch_size" = { choices = [16, 32, 64] }
//! "train.layer" = ["lstm", "gru"]
//! layers = { low = 1, high = 2 }
//! "hidden.0" = { low = 8, high = 64, scale = "log", prior = "larger" }
//! "hidden.1" = { low = 8, high = 64, scale = "log", when = { layers = [2] } }
//! ```
//!
//! Bounds that are both whole numbers make a setting of whole numbers; [`Domain`] has the equations, and [`Prior`] what is
//! expected before any trial.

use std::collections::BTreeMap;
use std::fmt;

use rand::{Rng, RngExt};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::domain::{Domain, Scale, range};
use super::point::{Point, Value};
use super::prior::{self, Prior};

/// A setting of the search.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "ParameterText")]
pub struct Parameter {
    /// Its values.
    pub domain: Domain,
    /// The condition: the setting exists while each of these other settings has one of these values.
    pub when: BTreeMap<String, Vec<Value>>,
    /// What is expected of it before any trial, if anything.
    pub prior: Option<Prior>,
}

/// [`Parameter`] in the form of the configuration file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterText {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<Scale>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prior: Option<Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Vec<Value>>,
}

/// A table, or a list of choices.
impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParameterVisitor)
    }
}

struct ParameterVisitor;

impl<'de> Visitor<'de> for ParameterVisitor {
    type Value = Parameter;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table with `low` and `high` or with `choices`, or a list of choices")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Parameter, A::Error> {
        let text = ParameterText::deserialize(MapAccessDeserializer::new(map))?;
        text.try_into().map_err(de::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Parameter, A::Error> {
        let choices = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        let text = ParameterText {
            choices: Some(choices),
            ..ParameterText::default()
        };
        text.try_into().map_err(de::Error::custom)
    }
}

impl TryFrom<ParameterText> for Parameter {
    type Error = String;

    fn try_from(text: ParameterText) -> Result<Self, String> {
        let ParameterText {
            low,
            high,
            scale,
            step,
            choices,
            prior,
            when,
        } = text;
        let domain = match (choices, low, high) {
            (Some(choices), None, None) => {
                if scale.is_some() || step.is_some() {
                    return Err("choices have neither scale nor step".into());
                }
                if choices.is_empty() {
                    return Err("choices is empty".into());
                }
                Domain::Choices(choices)
            }
            (None, Some(low), Some(high)) => range(&low, &high, scale.unwrap_or_default(), step)?,
            _ => return Err("give either `low` and `high`, or `choices`".into()),
        };
        let prior = prior
            .map(|text| Prior::from_text(text, &domain))
            .transpose()?;
        Ok(Self {
            domain,
            when,
            prior,
        })
    }
}

impl From<Parameter> for ParameterText {
    fn from(parameter: Parameter) -> Self {
        let rest = Self {
            when: parameter.when,
            prior: parameter.prior.map(Prior::into_text),
            ..Self::default()
        };
        match parameter.domain {
            Domain::Real { low, high, scale } => Self {
                low: Some(Value::Real(low)),
                high: Some(Value::Real(high)),
                scale: Some(scale),
                ..rest
            },
            Domain::Integer {
                low,
                high,
                scale,
                step,
            } => Self {
                low: Some(Value::Integer(low)),
                high: Some(Value::Integer(high)),
                scale: Some(scale),
                step: Some(step),
                ..rest
            },
            Domain::Choices(choices) => Self {
                choices: Some(choices),
                ..rest
            },
        }
    }
}

/// All settings of a search by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space {
    /// By name.
    pub parameters: BTreeMap<String, Parameter>,
}

/// A space that cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// A condition names a value that the other setting never has.
    #[error("tune.space: `{parameter}` needs `{on}` to be {value}, which is never the case")]
    ImpossibleCondition {
        /// The setting.
        parameter: String,
        /// What its condition names.
        on: String,
        /// The value.
        value: String,
    },
    /// A condition names no setting of the space.
    #[error("tune.space: `{parameter}` depends on `{on}`, which the space does not have")]
    UnknownCondition {
        /// The setting.
        parameter: String,
        /// What its condition names.
        on: String,
    },
    /// Conditions that depend on each other.
    #[error("tune.space: the condition of `{parameter}` depends on itself")]
    Circular {
        /// One of them.
        parameter: String,
    },
}

impl Space {
    /// Refuses conditions that name nothing or each other.
    ///
    /// # Errors
    /// [`SpaceError`]
    pub fn validate(&self) -> Result<(), SpaceError> {
        for (name, parameter) in &self.parameters {
            if let Some(on) = parameter
                .when
                .keys()
                .find(|on| !self.parameters.contains_key(*on))
            {
                return Err(SpaceError::UnknownCondition {
                    parameter: name.clone(),
                    on: on.clone(),
                });
            }
        }
        for (name, parameter) in &self.parameters {
            for (on, values) in &parameter.when {
                let domain = self.parameters.get(on).map(|other| &other.domain);
                let is_had = |value: &Value| {
                    domain.is_some_and(|domain| {
                        let exact = !matches!(domain, Domain::Real { .. });
                        let again = domain.place(value).map(|place| domain.value(place));
                        exact && again.as_ref() == Some(value)
                    })
                };
                if let Some(value) = values.iter().find(|value| !is_had(value)) {
                    return Err(SpaceError::ImpossibleCondition {
                        parameter: name.clone(),
                        on: on.clone(),
                        value: value.to_string(),
                    });
                }
            }
        }
        let ordered = self.ordered();
        match self
            .parameters
            .keys()
            .find(|name| !ordered.iter().any(|(o, _)| o == name))
        {
            None => Ok(()),
            Some(name) => Err(SpaceError::Circular {
                parameter: name.clone(),
            }),
        }
    }

    /// The settings, each after those that its condition names. Settings whose conditions form a circle are left
    /// out.
    pub(super) fn ordered(&self) -> Vec<(&String, &Parameter)> {
        let mut ordered: Vec<(&String, &Parameter)> = Vec::new();
        loop {
            let next = self.parameters.iter().find(|(name, parameter)| {
                let placed = |other: &String| ordered.iter().any(|(o, _)| *o == other);
                !placed(name) && parameter.when.keys().all(placed)
            });
            match next {
                Some(next) => ordered.push(next),
                None => return ordered,
            }
        }
    }

    /// The point with each setting at the place, from 0 to 1, that `place` returns. `place` is called only for settings
    /// whose conditions hold.
    pub fn point(&self, mut place: impl FnMut(&str, &Parameter) -> f64) -> Point {
        let mut point = Point::new();
        for (name, parameter) in self.ordered() {
            if parameter.is_there(&point) {
                let value = parameter.domain.value(place(name, parameter));
                point.insert(name.clone(), value);
            }
        }
        point
    }

    /// A point at random, even on each setting's scale.
    pub fn draw(&self, rng: &mut impl Rng) -> Point {
        self.point(|_, _| rng.random::<f64>())
    }

    /// A point at random, near the values that are likely good; the other settings are even on their scales.
    pub fn draw_likely(&self, rng: &mut impl Rng) -> Point {
        self.point(|_, parameter| {
            let likely = |prior: &Prior| prior.draw(&parameter.domain, rng);
            let likely = parameter.prior.as_ref().and_then(likely);
            likely.unwrap_or_else(|| rng.random::<f64>())
        })
    }

    /// Whether this is `other`, but for the priors that `other` alone has.
    pub(crate) fn is_without_priors_of(&self, other: &Self) -> bool {
        let mut other = other.clone();
        let parameters = other.parameters.values_mut();
        parameters.for_each(|parameter| parameter.prior = None);
        *self == other
    }

    /// (PR4): what the priors expect of ln error at `point` after so many `finished` trials, beside a constant.
    pub(super) fn expected(&self, point: &Point, finished: usize) -> f64 {
        let of = |(name, parameter): (&String, &Parameter)| {
            let u = parameter.domain.place(point.get(name)?)?;
            Some(parameter.prior.as_ref()?.expected(&parameter.domain, u))
        };
        prior::weight(finished) * self.parameters.iter().filter_map(of).sum::<f64>()
    }
}

impl Parameter {
    /// A setting without condition or prior.
    pub fn free(domain: Domain) -> Self {
        Self {
            domain,
            when: BTreeMap::new(),
            prior: None,
        }
    }

    /// Whether its condition holds.
    pub fn is_there(&self, point: &Point) -> bool {
        let holds = |(on, values): (&String, &Vec<Value>)| {
            point.get(on).is_some_and(|value| values.contains(value))
        };
        self.when.iter().all(holds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn space(text: &str) -> Space {
        toml::from_str(text).unwrap()
    }

    const EXAMPLE: &str = r#"
        "train.learning_rate" = { low = 1e-4, high = 1e-1, scale = "log" }
        "train.batch_size" = { choices = [16, 32, 64] }
        "train.dropout" = { low = 0.0, high = 0.5 }
        layers = { low = 1, high = 3 }
        "hidden.0" = { low = 8, high = 128, scale = "log", step = 4 }
        "hidden.1" = { low = 8, high = 64, when = { layers = [2, 3] } }
    "#;

    #[test]
    fn a_space_is_read_as_it_is_written() {
        let example = space(EXAMPLE);
        let text = toml::to_string(&example).unwrap();
        assert_eq!(space(&text), example, "{text}");
        example.validate().unwrap();
        // Two numbers are two choices, and no range.
        for list in [r#"["w8a16", "w4a16"]"#, "[16, 64]"] {
            let table = space(&format!("a = {{ choices = {list} }}"));
            assert_eq!(space(&format!("a = {list}")), table);
        }
    }

    proptest! {
        #[test]
        fn values_go_to_their_place_and_back(u in 0.0f64..1.0) {
            for parameter in space(EXAMPLE).parameters.values() {
                let value = parameter.domain.value(u);
                let place = parameter.domain.place(&value).unwrap();
                match (parameter.domain.value(place), value) {
                    (Value::Real(a), Value::Real(b)) => prop_assert!((a - b).abs() < 1e-12),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }

    #[test]
    fn a_setting_is_there_when_its_condition_holds() {
        let space = space(EXAMPLE);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut seen = [0, 0];
        for _ in 0..200 {
            let point = space.draw(&mut rng);
            let deep = point["layers"].size().unwrap() > 1;
            assert_eq!(point.contains_key("hidden.1"), deep);
            seen[usize::from(deep)] += 1;
        }
        assert!(seen[0] > 40 && seen[1] > 40, "{seen:?}");
    }

    #[test]
    fn what_cannot_be_searched_is_refused() {
        for (text, problem) in [
            ("a = { low = 2, high = 1 }", "must be at most"),
            ("a = { low = 0, high = 1, scale = \"log\" }", "above 0"),
            ("a = { low = 1 }", "either"),
            ("a = { choices = [] }", "empty"),
            ("a = []", "empty"),
            ("a = 3", "a list of choices"),
            ("a = { low = 1.0, high = 2.0, step = 1 }", "whole numbers"),
            ("a = { low = 1, high = 2, stp = 1 }", "unknown field"),
        ] {
            let error = toml::from_str::<Space>(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
        let on_nothing = space("a = { low = 1, high = 2, when = { b = [1] } }");
        assert!(
            on_nothing
                .validate()
                .unwrap_err()
                .to_string()
                .contains("`b`")
        );
        let circle = "a = { low = 1, high = 2, when = { b = [1] } }\nb = { low = 1, high = 2, when = { a = [1] } }";
        let never =
            space("a = { low = 1, high = 2, when = { b = [9] } }\nb = { low = 1, high = 2 }");
        assert!(
            never
                .validate()
                .unwrap_err()
                .to_string()
                .contains("never the case")
        );
        assert!(matches!(
            space(circle).validate(),
            Err(SpaceError::Circular { .. })
        ));
    }
}
