//! What an earlier study teaches the Gaussian process of a new one.
//!
//! The earlier study may have had another chip, other data, or longer trainings. So its errors count as those of
//! another quantity, and the process learns how alike the two are:
//!
//! ```text
//! x'       the settings, and one more coordinate: 0 for the earlier study, 0.3 for this one        (TA1)
//! taught   ln of the earlier errors − what the priors expect + o                                    (TA2)
//! o        mean over this study's finished trials of ln error − what the priors expect − what a
//!          process of the earlier trials alone expects beside them
//! ```
//!
//! The length of the study's coordinate is fitted as those of the settings are. A short one says that the earlier study
//! teaches nothing. The points that are taught are never chosen, and no front holds them.

use serde::{Deserialize, Serialize};
use trainer_numerics::gaussian_process::{Observed, Process};

use super::coordinates::Coordinates;
use super::logarithm::Logarithm;
use super::{Observation, Outcome, Point, Space};

/// Trials of an earlier study that teach, at most: half of them the best, half the latest others.
pub const MOST: usize = 100;
/// Points of an earlier study that a new one begins with, at most.
pub const FIRST: usize = 5;

/// A finished trial of an earlier study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taught {
    /// Its settings.
    pub point: Point,
    /// Its error.
    pub error: f64,
}

/// Those of the finished `observations` of an earlier study that can teach a search of `space`, at most a hundred. A
/// point can if it has every setting of the space whose condition holds, with a value that the space has.
pub fn taught(observations: &[Observation], space: &Space) -> Vec<Taught> {
    let finished: Vec<Observation> = (observations.iter())
        .filter(|o| o.is_finished())
        .filter(|o| lacks(space, &o.point).is_none())
        .cloned()
        .collect();
    let chosen = super::ranking::best_and_latest(&finished, MOST / 2);
    let of = |o: &Observation| match &o.outcome {
        Outcome::Finished(values) => Some(Taught {
            point: o.point.clone(),
            error: values[0],
        }),
        _ => None,
    };
    chosen.into_iter().filter_map(of).collect()
}

/// The first setting of `space` that `point` lacks, or has with a value that the space does not have.
pub fn lacks<'a>(space: &'a Space, point: &Point) -> Option<&'a str> {
    let is_missing = |(name, parameter): &(&String, &super::Parameter)| {
        let place = point.get(*name).and_then(|v| parameter.domain.place(v));
        parameter.is_there(point) && place.is_none()
    };
    let mut settings = space.parameters.iter();
    settings.find(is_missing).map(|(name, _)| name.as_str())
}

/// Adds what is `taught` to the observations of this study, given ln error of its finished trials at their points.
pub(super) fn add(
    observed: &mut Observed,
    taught: &[Taught],
    own: &[(&Point, f64)],
    space: &Space,
) {
    if taught.is_empty() {
        return;
    }
    let coordinates = Coordinates::of_two_studies(space);
    observed.values.extend(values(taught, own, space));
    for Taught { point, .. } in taught {
        observed.known_noise.push(0.0);
        let place = coordinates.at_earlier(point);
        observed.places.coordinates.extend(place);
    }
}

/// (TA2): the values of `taught`.
fn values(taught: &[Taught], own: &[(&Point, f64)], space: &Space) -> Vec<f64> {
    let logarithm = Logarithm::of(taught.iter().map(|t| t.error));
    let values: Vec<f64> = (taught.iter())
        .map(|t| logarithm.at(t.error) - space.expected(&t.point, own.len()))
        .collect();
    let coordinates = Coordinates::of(space);
    let mut observed = Observed {
        known_noise: vec![0.0; values.len()],
        values: values.clone(),
        ..Observed::default()
    };
    observed.places.groups = coordinates.groups();
    let places = taught.iter().flat_map(|t| coordinates.at(&t.point));
    observed.places.coordinates = places.collect();
    let Some(alone) = Process::fit(observed) else {
        return values;
    };
    let places: Vec<Vec<f64>> = own.iter().map(|(point, _)| coordinates.at(point)).collect();
    let expected = alone.at_all(&places).into_iter().zip(own);
    let sum: f64 = expected
        .map(|((mean, _), (point, ln_error))| ln_error - space.expected(point, own.len()) - mean)
        .sum();
    let offset = sum / own.len().max(1) as f64;
    values.into_iter().map(|value| value + offset).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::gaussian::Model;
    use super::super::{FirstFold, Value};
    use super::*;

    fn space() -> Space {
        let text = "a = { low = 0.0, high = 1.0 }\nb = { low = 1e-3, high = 1.0, scale = \"log\" }\n\
                    kind = { choices = [\"x\", \"y\"] }\n\
                    c = { low = 1, high = 9, when = { kind = [\"y\"] } }";
        toml::from_str(text).unwrap()
    }

    /// A valley in `a`, lower by 1 where `kind` is x.
    fn ln_error(point: &Point) -> f64 {
        let a = point["a"].number().unwrap();
        let kind = if point["kind"] == Value::Text("x".into()) {
            0.0
        } else {
            1.0
        };
        6.0 * (a - 0.7) * (a - 0.7) + kind - 4.0
    }

    fn drawn(seed: u64, count: usize, ln_error: impl Fn(&Point) -> f64) -> Vec<Observation> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|_| {
                let point = space().draw(&mut rng);
                Observation {
                    outcome: Outcome::Finished(vec![libm::exp(ln_error(&point))]),
                    values: Vec::new(),
                    first_fold: FirstFold::default(),
                    point,
                }
            })
            .collect()
    }

    /// How far the process of so many own trials is off at new points: root of the mean square, in ln error.
    fn off(own: usize, taught: &[Taught]) -> f64 {
        let (space, own) = (space(), drawn(7, own, ln_error));
        let model = Model::new(&space, taught, &own, &[]).unwrap();
        let points: Vec<Point> = (drawn(8, 60, ln_error).into_iter())
            .map(|o| o.point)
            .collect();
        let expected = model.expected(points.iter()).into_iter().zip(&points);
        let squares = expected.map(|((mean, _), point)| (mean - ln_error(point)).powi(2));
        (squares.sum::<f64>() / points.len() as f64).sqrt()
    }

    /// Four own trials say little; forty of an earlier study with twenty times the error say most. Forty of a study that
    /// says the opposite do no harm once there are thirty own trials.
    #[test]
    fn an_earlier_study_teaches_what_it_shares() {
        let space = space();
        let alike = drawn(1, 40, |point| ln_error(point) + 3.0);
        let (alone, with_alike) = (off(4, &[]), off(4, &taught(&alike, &space)));
        assert!(with_alike < 0.5 * alone, "{with_alike} {alone}");
        let other = drawn(2, 40, |point| -ln_error(point));
        let (alone, with_other) = (off(30, &[]), off(30, &taught(&other, &space)));
        assert!(with_other < 0.1, "{with_other} {alone}");
        // Nor do a hundred, which are most of what the process is fitted to.
        let other = drawn(2, 100, |point| -ln_error(point));
        let with_other = off(30, &taught(&other, &space));
        assert!(with_other < 0.1, "{with_other} {alone}");
    }

    #[test]
    fn values_are_shifted_to_this_study() {
        let space = space();
        let earlier = drawn(1, 40, |point| ln_error(point) + 3.0);
        let taught = taught(&earlier, &space);
        let own = drawn(5, 6, ln_error);
        let own: Vec<(&Point, f64)> = (own.iter())
            .map(|o| (&o.point, ln_error(&o.point)))
            .collect();
        for (value, t) in values(&taught, &own, &space).into_iter().zip(&taught) {
            assert!((value - ln_error(&t.point)).abs() < 0.2);
        }
    }

    #[test]
    fn points_of_another_space_teach_nothing() {
        let space = space();
        let mut seen = drawn(3, 4, ln_error);
        seen[0].point.insert("a".into(), Value::Real(1.5));
        seen[1].point.remove("b");
        seen[2].outcome = Outcome::Failed;
        seen[3].point.insert("more".into(), Value::Real(9.0));
        let kept = taught(&seen, &space);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].point, seen[3].point);
        assert_eq!(lacks(&space, &seen[0].point), Some("a"));
        assert_eq!(lacks(&space, &seen[1].point), Some("b"));
        assert_eq!(lacks(&space, &seen[3].point), None);
    }

    /// A hundred teach, the best among them.
    #[test]
    fn the_best_and_the_latest_teach() {
        let seen = drawn(4, 300, ln_error);
        let kept = taught(&seen, &space());
        assert_eq!(kept.len(), MOST);
        let least = seen.iter().map(|o| ln_error(&o.point));
        let least = libm::exp(least.fold(f64::INFINITY, f64::min));
        assert!(kept.iter().any(|t| t.error == least));
        assert!(kept.iter().any(|t| t.point == seen[299].point));
    }

    #[test]
    fn too_many_trials_and_errors_that_are_no_numbers_are_refused() {
        let seen = drawn(4, MOST, ln_error);
        let config = super::super::SearchConfig {
            space: space(),
            taught: taught(&seen, &space()),
            ..Default::default()
        };
        assert!(config.validate().is_ok());
        let mut more = config.clone();
        more.taught.push(config.taught[0].clone());
        let said = more.validate().unwrap_err().to_string();
        assert!(
            said.contains("tune.taught") && said.contains("at most 100"),
            "{said}"
        );
        for (name, value) in [("a", Some(Value::Real(1.5))), ("b", None)] {
            let mut wrong = config.clone();
            let point = &mut wrong.taught[2].point;
            point.remove(name);
            point.extend(value.map(|value| (name.to_owned(), value)));
            let said = wrong.validate().unwrap_err().to_string();
            let is_named =
                said.contains("tune.taught.point") && said.contains(&format!("`{name}`"));
            assert!(is_named, "{said}");
        }
        for error in [f64::NAN, f64::INFINITY, -0.1] {
            let mut wrong = config.clone();
            wrong.taught[3].error = error;
            assert!(wrong.validate().is_err(), "{error}");
        }
    }
}
