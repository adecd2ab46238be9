//! Which settings a search may change, within what, and when.
//!
//! ```toml
//! [tune.space]
//! "train.learning_rate" = { low = 1e-4, high = 1e-1, scale = "log" }
//! "train.batch_size" = { choices = [16, 32, 64] }
//! layers = { low = 1, high = 2 }
//! "hidden.1" = { low = 8, high = 64, scale = "log", when = { layers = [2] } }
//! ```
//!
//! Bounds that are both whole numbers make a setting of whole numbers. Each setting is also a number
//! u from 0 to 1, evenly on its scale; whole numbers and choices share the interval evenly:
//!
//! ```text
//! real      v = low + u (high − low)                       or exp of that between logarithms   (P1)
//! integer   v = round of (P1) between low − s/2 and last + s/2, by steps s from low to last      (P2)
//! choices   v = choice ⌊u n⌋                                                                   (P3)
//! ```

use std::collections::BTreeMap;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::point::{Point, Value};

/// How a range of numbers is walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly in its logarithm.
    Log,
}

/// The values that a setting can have.
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// A range of numbers, both ends included.
    Real {
        /// Lowest value.
        low: f64,
        /// Highest value.
        high: f64,
        /// How it is walked.
        scale: Scale,
    },
    /// A range of whole numbers, both ends included.
    Integer {
        /// Lowest value.
        low: i64,
        /// Highest value.
        high: i64,
        /// How it is walked.
        scale: Scale,
        /// From one value to the next.
        step: i64,
    },
    /// Some values without an order.
    Choices(Vec<Value>),
}

/// A setting of the search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ParameterText", into = "ParameterText")]
pub struct Parameter {
    /// Its values.
    pub domain: Domain,
    /// Other settings by name, and the values of theirs with which this one is there.
    pub when: BTreeMap<String, Vec<Value>>,
}

/// [`Parameter`] as it is written.
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Vec<Value>>,
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
        Ok(Self { domain, when })
    }
}

/// The largest number of a range: beyond it, not every whole number is a float of its own.
const LARGEST: f64 = (1u64 << 52) as f64;

fn range(low: &Value, high: &Value, scale: Scale, step: Option<i64>) -> Result<Domain, String> {
    let domain = match (low, high, step) {
        (Value::Integer(low), Value::Integer(high), step) => Domain::Integer {
            low: *low,
            high: *high,
            scale,
            step: step.unwrap_or(1),
        },
        (low, high, None) => match (low.number(), high.number()) {
            (Some(low), Some(high)) => Domain::Real { low, high, scale },
            _ => return Err(format!("low = {low} and high = {high} must be numbers")),
        },
        _ => return Err("a step needs whole numbers for low and high".into()),
    };
    let (low, high) = domain.bounds();
    if !(low.is_finite() && high.is_finite() && low <= high) {
        return Err(format!("low = {low} must be at most high = {high}"));
    }
    if low.abs().max(high.abs()) > LARGEST {
        return Err(format!(
            "low = {low} and high = {high} must be within ±2^52"
        ));
    }
    if scale == Scale::Log && low <= 0.0 {
        return Err(format!("low = {low} must be above 0 on a log scale"));
    }
    if step.is_some_and(|step| step < 1) {
        return Err("step must be at least 1".into());
    }
    Ok(domain)
}

impl From<Parameter> for ParameterText {
    fn from(parameter: Parameter) -> Self {
        let when = parameter.when;
        match parameter.domain {
            Domain::Real { low, high, scale } => Self {
                low: Some(Value::Real(low)),
                high: Some(Value::Real(high)),
                scale: Some(scale),
                when,
                ..Self::default()
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
                when,
                ..Self::default()
            },
            Domain::Choices(choices) => Self {
                choices: Some(choices),
                when,
                ..Self::default()
            },
        }
    }
}

impl Domain {
    fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Real { low, high, .. } => (*low, *high),
            Self::Integer { low, high, .. } => (*low as f64, *high as f64),
            Self::Choices(choices) => (0.0, choices.len() as f64),
        }
    }

    /// The ends of (P1), on the domain's scale.
    fn ends(&self) -> (f64, f64, Scale) {
        let (low, high) = self.bounds();
        match self {
            Self::Real { scale, .. } => (on(*scale, low), on(*scale, high), *scale),
            Self::Integer { scale, step, .. } => {
                let half = 0.5 * *step as f64;
                // Half a step down may leave a logarithm's range.
                let least = match scale {
                    Scale::Linear => low - half,
                    Scale::Log => (low - half).max(0.5 * low),
                };
                let last = low + ((high - low) / *step as f64).floor() * *step as f64;
                (on(*scale, least), on(*scale, last + half), *scale)
            }
            Self::Choices(_) => (low, high, Scale::Linear),
        }
    }

    /// The value at `u`, from 0 to 1.
    pub fn value(&self, u: f64) -> Value {
        let (from, to, scale) = self.ends();
        let place = from + u.clamp(0.0, 1.0) * (to - from);
        let place = match scale {
            Scale::Linear => place,
            Scale::Log => place.exp(),
        };
        match self {
            Self::Real { low, high, .. } => Value::Real(place.clamp(*low, *high)),
            Self::Integer {
                low, high, step, ..
            } => {
                let steps = ((place - *low as f64) / *step as f64).round() as i64;
                let last = (high - low) / step;
                Value::Integer(low + steps.clamp(0, last) * step)
            }
            Self::Choices(choices) => choices[(place as usize).min(choices.len() - 1)].clone(),
        }
    }

    /// A place of `value` from 0 to 1, such that [`Domain::value`] gives it back; `None` for one that is
    /// not of this domain.
    pub fn place(&self, value: &Value) -> Option<f64> {
        let (from, to, scale) = self.ends();
        let at = match self {
            Self::Choices(choices) => {
                choices.iter().position(|choice| choice == value)? as f64 + 0.5
            }
            Self::Real { .. } | Self::Integer { .. } => {
                let number = value.number()?;
                let (low, high) = self.bounds();
                if !(low..=high).contains(&number) {
                    return None;
                }
                on(scale, number)
            }
        };
        Some(if to > from {
            // Beyond the last step is the last step.
            ((at - from) / (to - from)).min(1.0)
        } else {
            0.5
        })
    }

    /// The place of `value`, or of the end of the range that is nearer to it; `None` for a choice that is
    /// none of these.
    pub fn nearest(&self, value: &Value) -> Option<f64> {
        let (low, high) = self.bounds();
        match (self, value.number()) {
            (Self::Real { .. } | Self::Integer { .. }, Some(number)) => {
                self.place(&Value::Real(number.clamp(low, high)))
            }
            _ => self.place(value),
        }
    }

    /// How many choices there are, if they have no order.
    pub fn choices(&self) -> Option<usize> {
        match self {
            Self::Choices(choices) => Some(choices.len()),
            _ => None,
        }
    }
}

fn on(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.ln(),
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
    #[error("tune.space: `{parameter}` is there when `{on}` is {value}, which it never is")]
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

    /// The settings, each after those that its condition names; without those that depend on themselves.
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

    /// A point whose settings are where `place` puts them, from 0 to 1; it is asked for those only whose
    /// conditions hold.
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
}

impl Parameter {
    /// One without a condition.
    pub fn free(domain: Domain) -> Self {
        Self {
            domain,
            when: BTreeMap::new(),
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

    proptest! {
        #[test]
        fn integers_are_even_on_their_scale_with_both_ends(
            low in -20i64..20, steps in 0i64..6, step in 1i64..9, rest in 0i64..9,
        ) {
            // The range may end between two steps.
            let high = low + steps * step + rest % step;
            let domain = Domain::Integer { low, high, scale: Scale::Linear, step };
            let mut counts = BTreeMap::new();
            let draws = 100 * (steps + 1);
            for k in 0..draws {
                let Value::Integer(value) = domain.value((k as f64 + 0.5) / draws as f64) else {
                    panic!("no whole number");
                };
                *counts.entry(value).or_insert(0) += 1;
            }
            let expected = (0..=steps).map(|k| (low + k * step, 100));
            prop_assert_eq!(counts, expected.collect::<BTreeMap<_, _>>());
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
                .contains("never is")
        );
        assert!(matches!(
            space(circle).validate(),
            Err(SpaceError::Circular { .. })
        ));
    }
}
