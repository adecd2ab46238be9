//! The values of one setting, and its places from 0 to 1.
//!
//! Each setting is also a number u from 0 to 1, even on the setting's scale. Whole numbers and choices divide the
//! interval evenly:
//!
//! ```text
//! real      v = low + u (high − low)                       or exp of that between logarithms   (SP1)
//! integer   v = round of (SP1) between low − s/2 and last + s/2, by steps s from low to last     (SP2)
//! choices   v = choice ⌊u n⌋                                                                   (SP3)
//! ```

use serde::{Deserialize, Serialize};

use super::point::Value;

/// How the values of a range are spread.
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
        /// How its values are spread.
        scale: Scale,
    },
    /// A range of whole numbers, both ends included.
    Integer {
        /// Lowest value.
        low: i64,
        /// Highest value.
        high: i64,
        /// How its values are spread.
        scale: Scale,
        /// Distance from one value to the next.
        step: i64,
    },
    /// Some values without an order.
    Choices(Vec<Value>),
}

/// The largest number of a range. Beyond it, two whole numbers can share one float.
const LARGEST: f64 = (1u64 << 52) as f64;

/// The range from `low` to `high`; an error says what is wrong with it.
pub(super) fn range(
    low: &Value,
    high: &Value,
    scale: Scale,
    step: Option<i64>,
) -> Result<Domain, String> {
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

impl Domain {
    fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Real { low, high, .. } => (*low, *high),
            Self::Integer { low, high, .. } => (*low as f64, *high as f64),
            Self::Choices(choices) => (0.0, choices.len() as f64),
        }
    }

    /// The ends of (SP1), on the domain's scale.
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
            Scale::Log => libm::exp(place),
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

    /// A place from 0 to 1 at which [`Domain::value`] returns `value`; `None` if `value` is not of this
    /// domain.
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

    /// The place of `value`, or of the nearer end of the range if `value` is outside; `None` for an unknown
    /// choice.
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
        Scale::Log => libm::log(value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
}
