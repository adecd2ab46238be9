//! A value for each setting that a trial has.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One setting's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A name.
    Text(String),
}

impl Value {
    /// As a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Flag(_) | Self::Text(_) => None,
        }
    }

    /// As a size, if it is one.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Integer(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }
}

/// As in a TOML file, but text without quotes; numbers with four significant digits.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) if *value == 0.0 => write!(f, "0"),
            Self::Real(value) => {
                let digits = 3 - value.abs().log10().floor() as i32;
                if (0..8).contains(&digits) {
                    let text = format!("{value:.*}", digits as usize);
                    let short = match text.contains('.') {
                        true => text.trim_end_matches('0').trim_end_matches('.'),
                        false => &text,
                    };
                    write!(f, "{short}")
                } else {
                    write!(f, "{value:.3e}")
                }
            }
            Self::Text(value) => write!(f, "{value}"),
        }
    }
}

/// The settings of a trial by name. A setting whose condition does not hold is absent.
pub type Point = BTreeMap<String, Value>;

/// A setting's name without the prefix that most names share.
pub fn short_name(name: &str) -> &str {
    name.strip_prefix("train.").unwrap_or(name)
}

/// All settings in one line.
pub fn in_one_line(point: &Point) -> String {
    let one = |(name, value): (&String, &Value)| format!("{} {value}", short_name(name));
    point.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_are_read_as_they_are_written() {
        for value in [
            Value::Flag(true),
            Value::Integer(-3),
            Value::Real(0.1 + 0.2),
            Value::Real(4.0),
            Value::Text("adam-w".into()),
        ] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&json).unwrap(),
                value,
                "{json}"
            );
        }
    }

    #[test]
    fn numbers_are_shown_with_four_digits() {
        for (value, text) in [
            (0.012345678, "0.01235"),
            (0.5, "0.5"),
            (123.456, "123.5"),
            (1000.0, "1000"),
            (1.2345e-7, "1.235e-7"),
            (0.0, "0"),
        ] {
            assert_eq!(Value::Real(value).to_string(), text);
        }
    }
}
