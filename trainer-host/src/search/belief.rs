//! What the search believes of one setting: the error that its Gaussian process expects along the setting's values, while
//! the other settings stay as they are in one point.

use std::collections::BTreeMap;

use super::gaussian::Model;
use super::taught::Taught;
use super::{Domain, Observation, Parameter, Point, Space, Value};

/// Values of a range at which the process is asked.
const VALUES: usize = 33;

/// What is expected at one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The setting's value.
    pub value: Value,
    /// Median of the first objective.
    pub error: f64,
    /// The same, a deviation of its logarithm lower and higher.
    pub range: [f64; 2],
}

/// What is expected along each setting of `around`, the others as there. Empty where too few trials are finished.
pub fn beliefs(
    space: &Space,
    taught: &[Taught],
    observations: &[Observation],
    around: &Point,
) -> BTreeMap<String, Vec<Expected>> {
    let Some(model) = Model::new(space, taught, observations, &[]) else {
        return BTreeMap::new();
    };
    let along = |(name, parameter): (&String, &Parameter)| {
        around.get(name)?;
        let values = values(&parameter.domain);
        let points: Vec<Point> = (values.iter())
            .map(|value| {
                let mut point = around.clone();
                point.insert(name.clone(), value.clone());
                point
            })
            .collect();
        let expected = model.expected(points.iter()).into_iter().zip(values);
        let expected = expected.map(|((mean, deviation), value)| Expected {
            value,
            error: libm::exp(mean),
            range: [mean - deviation, mean + deviation].map(libm::exp),
        });
        Some((name.clone(), expected.collect()))
    };
    space.parameters.iter().filter_map(along).collect()
}

/// Values from one end of a domain to the other, each once.
fn values(domain: &Domain) -> Vec<Value> {
    if let Domain::Choices(choices) = domain {
        return choices.clone();
    }
    let places = (0..VALUES).map(|n| n as f64 / (VALUES - 1) as f64);
    let mut values: Vec<Value> = places.map(|place| domain.value(place)).collect();
    values.dedup();
    values
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    /// A valley over `a` that `b` shifts up: the belief has its least error in the valley, and doubts most where nothing was
    /// tried.
    #[test]
    fn what_was_seen_is_expected_and_what_was_not_is_doubted() {
        let text = "a = { low = 0.0, high = 1.0 }\nb = { choices = [\"x\", \"y\"] }";
        let space: Space = toml::from_str(text).unwrap();
        let point = |a: f64, b: &str| -> Point {
            let values = [("a", Value::Real(a)), ("b", Value::Text(b.into()))];
            values.map(|(name, value)| (name.to_owned(), value)).into()
        };
        let observations: Vec<Observation> = (0..24)
            .map(|n| {
                // Nothing above 0.7.
                let (a, b) = (0.7 * f64::from(n) / 23.0, ["x", "y"][n as usize % 2]);
                let error = 0.1 + (a - 0.3).powi(2) + if b == "y" { 0.1 } else { 0.0 };
                Observation {
                    point: point(a, b),
                    outcome: Outcome::Finished(vec![error]),
                    values: Vec::new(),
                    first_fold: Default::default(),
                }
            })
            .collect();
        let found = beliefs(&space, &[], &observations, &point(0.3, "x"));
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
        let least = (found["a"].iter())
            .min_by(|a, b| a.error.total_cmp(&b.error))
            .unwrap();
        assert!(
            (least.value.number().unwrap() - 0.3).abs() < 0.12,
            "{least:?}"
        );
        assert!((0.08..0.13).contains(&least.error), "{least:?}");
        let width = |at: usize| (found["a"][at].range[1] / found["a"][at].range[0]).ln();
        assert!(
            width(VALUES - 1) > 2.0 * width(9),
            "{} {}",
            width(VALUES - 1),
            width(9)
        );
        let [x, y] = [&found["b"][0], &found["b"][1]];
        assert!(y.error > 1.3 * x.error && x.range[0] < x.error && x.error < x.range[1]);
        assert!(beliefs(&space, &[], &observations[..2], &point(0.3, "x")).is_empty());
    }
}
