//! The configuration itself as a point of the search space. A study begins with this point, so it never ends with
//! a worse one.

use crate::data::Dataset;
use crate::run::RunConfig;
use crate::run::toml_text::to_table;
use crate::search::{Point, Space, Value};

/// By how much sizes shrink from one attempt to fit the chip to the next.
const SHRINK: f64 = 0.97;

/// The point of `space` nearest to `config`. If `allowed` refuses its network, the network is made smaller. `None` if
/// even the smallest is refused.
pub fn base_point(
    config: &RunConfig,
    data: &Dataset,
    space: &Space,
    allowed: impl Fn(&Point) -> bool,
) -> Option<Point> {
    let mut config = config.clone();
    // Settings that depend on the kind of data are written out.
    let perturbation = config.train.perturbation(data);
    config.train.dropout = Some(perturbation.dropout);
    config.train.input_noise = Some(perturbation.input_noise);
    // In the digits of a person: 0.01, and not the nearest f32.
    let written = toml::Value::Table(to_table(&config).ok()?);
    let hidden = |layer: usize| {
        let of_layer = config
            .train
            .hidden
            .get(layer)
            .or(config.train.hidden.last());
        of_layer.map(|units| Value::Integer(*units as i64))
    };
    let value = |name: &str| match name {
        "layers" => Some(Value::Integer(config.train.hidden.len() as i64)),
        "hidden" => hidden(0),
        "scheme" => Some(Value::Text(
            config.train.qat.clone().unwrap_or_default().to_string(),
        )),
        name => match name.strip_prefix("hidden.") {
            Some(layer) => hidden(layer.parse().ok()?),
            None => at(&written, name),
        },
    };
    let mut share = 1.0;
    loop {
        let mut point = space.point(|name, parameter| {
            let place = value(name).and_then(|value| parameter.domain.nearest(&value));
            // A setting without a value in the configuration is in the middle of its range.
            let place = place.unwrap_or(0.5);
            let is_size =
                ["layers", "train.projection"].contains(&name) || name.starts_with("hidden");
            if is_size { place * share } else { place }
        });
        if allowed(&point) {
            for (name, chosen) in &mut point {
                // On a logarithmic scale, a number may come back with another last digit.
                if let (Value::Real(found), Some(Value::Real(own))) = (&*chosen, value(name))
                    && (found - own).abs() <= 1e-12 * own.abs()
                {
                    *chosen = Value::Real(own);
                }
            }
            return Some(point);
        }
        if share < 0.01 {
            return None;
        }
        share *= SHRINK;
    }
}

/// The value at a dotted key.
fn at(table: &toml::Value, key: &str) -> Option<Value> {
    let value = (key.split('.')).try_fold(table, |table, name| table.get(name))?;
    match value {
        toml::Value::Boolean(value) => Some(Value::Flag(*value)),
        toml::Value::Integer(value) => Some(Value::Integer(*value)),
        toml::Value::Float(value) => Some(Value::Real(*value)),
        toml::Value::String(value) => Some(Value::Text(value.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::default_space::{FEWEST, default_space};
    use super::*;
    use crate::data::{Options, open};
    use crate::train::TrainConfig;

    fn config() -> RunConfig {
        RunConfig {
            source: "digits".into(),
            data: Options::default(),
            train: TrainConfig {
                hidden: vec![40],
                learning_rate: 0.02,
                ..TrainConfig::default()
            },
        }
    }

    #[test]
    fn it_is_the_configuration() {
        let data = open("digits", &Options::default()).unwrap().train;
        let point = base_point(&config(), &data, &default_space(FEWEST), |_| true).unwrap();
        assert_eq!(point["hidden"], Value::Integer(40));
        assert_eq!(point["layers"], Value::Integer(1));
        assert_eq!(point["train.batch_size"], Value::Integer(32));
        assert_eq!(point["train.layer"], Value::Text("lstm".into()));
        assert_eq!(point["train.peepholes"], Value::Flag(true));
        assert_eq!(point["scheme"], Value::Text("w8a16".into()));
        for (name, expected) in [
            ("train.learning_rate", 0.02),
            ("train.dropout", 0.2),
            ("train.input_noise", 0.3),
        ] {
            let found = point[name].number().unwrap();
            assert!((found - expected).abs() < 1e-6, "{name} {found}");
        }
    }

    #[test]
    fn it_shrinks_until_it_fits() {
        let data = open("digits", &Options::default()).unwrap().train;
        let fits = |point: &Point| point["hidden"].size().unwrap() <= 12;
        let point = base_point(&config(), &data, &default_space(FEWEST), fits).unwrap();
        let units = point["hidden"].size().unwrap();
        assert!((9..=12).contains(&units), "{units}");
        assert_eq!(
            base_point(&config(), &data, &default_space(FEWEST), |_| false),
            None
        );
    }
}
