//! Where points lie for the Gaussian process: coordinates from 0 to 1.

use super::{Domain, Parameter, Point, Space};

/// How far apart two studies are, where the interval of a setting is 1. By (GP1) and its prior, a point's errors in both
/// correlate by 0.9.
const APART: f64 = 0.3;

/// The coordinates of a space's points.
#[derive(Clone, Copy)]
pub(super) struct Coordinates<'a> {
    space: &'a Space,
    /// Whether one more coordinate says which study a point is of, [`taught`](super::taught).
    has_study: bool,
}

impl<'a> Coordinates<'a> {
    /// Those of one study.
    pub(super) fn of(space: &'a Space) -> Self {
        Self {
            space,
            has_study: false,
        }
    }

    /// Those of a study and an earlier one.
    pub(super) fn of_two_studies(space: &'a Space) -> Self {
        Self {
            space,
            has_study: true,
        }
    }

    /// The setting of each coordinate; the study is one more.
    pub(super) fn groups(self) -> Vec<usize> {
        let settings = self.space.parameters.values().map(width);
        let counts = settings.chain(self.has_study.then_some(1)).enumerate();
        counts
            .flat_map(|(group, count)| std::iter::repeat_n(group, count))
            .collect()
    }

    /// Those of a point of this study. A setting that is not there is in the middle.
    pub(super) fn at(self, point: &Point) -> Vec<f64> {
        self.with_study(point, APART)
    }

    /// Those of a point of the earlier study.
    pub(super) fn at_earlier(self, point: &Point) -> Vec<f64> {
        self.with_study(point, 0.0)
    }

    fn with_study(self, point: &Point, study: f64) -> Vec<f64> {
        let mut all = Vec::new();
        for (name, parameter) in &self.space.parameters {
            let value = point.get(name);
            match &parameter.domain {
                Domain::Choices(choices) => {
                    let at = |choice| f64::from(u8::from(Some(choice) == value));
                    all.extend(
                        choices
                            .iter()
                            .map(|c| at(c) * std::f64::consts::FRAC_1_SQRT_2),
                    );
                }
                domain => all.push(value.and_then(|v| domain.place(v)).unwrap_or(0.5)),
            }
        }
        all.extend(self.has_study.then_some(study));
        all
    }
}

/// Coordinates of a setting: one for numbers; one for each choice, so that two different ones are as far apart as the
/// ends of a range.
fn width(parameter: &Parameter) -> usize {
    match &parameter.domain {
        Domain::Choices(choices) => choices.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn space() -> Space {
        let text = "x = { low = 0.0, high = 1.0 }\nkind = { choices = [\"a\", \"b\", \"c\"] }\n\
                    z = { low = 0.0, high = 1.0, when = { kind = [\"c\"] } }";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn choices_are_as_far_apart_as_the_ends_of_a_range() {
        let space = space();
        let coordinates = Coordinates::of(&space);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..50 {
            let (a, b) = (space.draw(&mut rng), space.draw(&mut rng));
            let pairs = (coordinates.at(&a).into_iter()).zip(coordinates.at(&b));
            let kinds = coordinates.groups().into_iter().zip(pairs);
            let apart: f64 = kinds
                .filter(|(group, _)| *group == 0)
                .map(|(_, (a, b))| (a - b) * (a - b))
                .sum();
            let differ = f64::from(u8::from(a["kind"] != b["kind"]));
            assert!((apart - differ).abs() < 1e-12);
        }
    }

    #[test]
    fn the_study_is_one_more_coordinate() {
        let space = space();
        let (one, two) = (Coordinates::of(&space), Coordinates::of_two_studies(&space));
        assert_eq!(one.groups(), [0, 0, 0, 1, 2]);
        assert_eq!(two.groups(), [0, 0, 0, 1, 2, 3]);
        let point = space.draw(&mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(one.at(&point), one.at_earlier(&point));
        let (own, earlier) = (two.at(&point), two.at_earlier(&point));
        assert_eq!(own[..5], one.at(&point));
        assert_eq!(earlier[..5], own[..5]);
        assert_eq!((own[5], earlier[5]), (APART, 0.0));
    }
}
