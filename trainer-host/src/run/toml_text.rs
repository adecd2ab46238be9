//! TOML text in which every number has the fewest digits that say it: 0.01, where TOML alone would write the f32 that is
//! nearest to it as 0.009999999776482582.

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::Value;

/// `value` as a table, its numbers as a person writes them.
///
/// # Errors
/// When TOML has no form for it.
pub fn to_table<T: Serialize>(value: &T) -> Result<toml::Table, toml::ser::Error> {
    let mut table = toml::Table::try_from(value)?;
    // JSON has the fewest digits of each number in its own precision.
    let text = serde_json::to_string(value).map_err(toml::ser::Error::custom)?;
    let digits: Value = serde_json::from_str(&text).map_err(toml::ser::Error::custom)?;
    shorten_table(&mut table, &digits);
    Ok(table)
}

/// `value` as the text of a TOML file.
///
/// # Errors
/// As [`to_table`].
pub fn to_toml<T: Serialize>(value: &T) -> Result<String, toml::ser::Error> {
    toml::to_string(&to_table(value)?)
}

fn shorten_table(table: &mut toml::Table, digits: &Value) {
    for (key, value) in table.iter_mut() {
        shorten(value, &digits[key.as_str()]);
    }
}

fn shorten(value: &mut toml::Value, digits: &Value) {
    match value {
        // JSON has no infinite numbers; they stay as they are.
        toml::Value::Float(float) => *float = digits.as_f64().unwrap_or(*float),
        toml::Value::Array(values) => {
            for (n, value) in values.iter_mut().enumerate() {
                shorten(value, &digits[n]);
            }
        }
        toml::Value::Table(table) => shorten_table(table, digits),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Numbers {
        single: f32,
        double: f64,
        list: Vec<f32>,
        count: usize,
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back_to_the_bit(single in any::<f32>(), double in any::<f64>(), list in prop::collection::vec(any::<f32>(), 0..4), count in 0usize..1000) {
            prop_assume!(single.is_finite() && double.is_finite() && list.iter().all(|x| x.is_finite()));
            let numbers = Numbers { single, double, list, count };
            let text = to_toml(&numbers).unwrap();
            prop_assert_eq!(toml::from_str::<Numbers>(&text).unwrap(), numbers, "{}", text);
        }
    }

    #[test]
    fn numbers_are_short() {
        let numbers = Numbers {
            single: 0.01,
            double: 0.15,
            list: vec![0.1, f32::INFINITY],
            count: 3,
        };
        assert_eq!(
            to_toml(&numbers).unwrap(),
            "single = 0.01\ndouble = 0.15\nlist = [0.1, inf]\ncount = 3\n"
        );
    }
}
