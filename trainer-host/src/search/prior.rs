//! What is expected of a setting before any trial.
//!
//! ```text
//! prior = 0.01        m(u) = 4 (u − u₀)² − c   the error is likely lowest near 0.01, at u₀          (PR1)
//!                     u drawn from a normal distribution around u₀, of deviation 1/6, within 0 to 1  (PR2)
//! prior = "larger"    m(u) = 2 (1 − u)² − c    the error likely falls towards the range's upper end,
//!                                              ever more slowly                                     (PR3)
//! ```
//!
//! u is the setting's [place](super::domain) from 0 to 1, m a part of ln error, and c makes its mean 0 over all u: a
//! point without the setting is as good as one with it. The default learning rate has three decades: two draws of three
//! are within half a decade of 0.01, and a tenth of 0.01 is expected to raise the error by a half. The process knows
//! the difference to Σ m, so it takes the prior's word only where no trial is near. Sizes are not drawn near their upper
//! end, which costs most.
//!
//! A prior may be wrong. So m counts less, the more trials are finished, and a quarter of the points that the process
//! chooses from are even over the space:
//!
//! ```text
//! ln error = m(u) / (1 + n/5) + what the process knows,   n finished trials                       (PR4)
//! ```

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::domain::Domain;
use super::point::Value;

/// How much worse a place is expected to be, an interval away from the likely one, in ln error.
const NEAR: f64 = 4.0;
/// How much worse the lower end is expected to be, where larger is likely better, in ln error.
const LARGER: f64 = 2.0;
/// Finished trials after which (PR4) counts half.
const HALF: f64 = 5.0;
/// Deviation of draws around a likely place.
const DEVIATION: f64 = 1.0 / 6.0;
/// How (PR3) is written.
const LARGER_TEXT: &str = "larger";

/// The weight of (PR4) after so many finished trials.
pub(super) fn weight(finished: usize) -> f64 {
    1.0 / (1.0 + finished as f64 / HALF)
}

/// Where the error is likely low.
#[derive(Clone, Debug, PartialEq)]
pub enum Prior {
    /// Near a value of the range.
    Near(Value),
    /// At larger values.
    Larger,
}

impl Prior {
    /// From its form in a configuration file; an error says what is wrong with it.
    pub(super) fn from_text(text: Value, domain: &Domain) -> Result<Self, String> {
        if domain.choices().is_some() {
            return Err("choices have no prior".into());
        }
        match &text {
            Value::Text(word) if word == LARGER_TEXT => Ok(Self::Larger),
            _ if domain.place(&text).is_some() => Ok(Self::Near(text)),
            _ => Err(format!(
                "prior = {text} must be a number of the range, or \"{LARGER_TEXT}\""
            )),
        }
    }

    /// Its form in a configuration file.
    pub(super) fn into_text(self) -> Value {
        match self {
            Self::Near(value) => value,
            Self::Larger => Value::Text(LARGER_TEXT.into()),
        }
    }

    /// (PR1) or (PR3) at the place `u`, from 0 to 1.
    pub(super) fn expected(&self, domain: &Domain, u: f64) -> f64 {
        match self {
            Self::Near(value) => {
                let likely = domain.place(value).unwrap_or(u);
                NEAR * ((u - likely).powi(2) - (0.5 - likely).powi(2) - 1.0 / 12.0)
            }
            Self::Larger => LARGER * ((1.0 - u).powi(2) - 1.0 / 3.0),
        }
    }

    /// (PR2); `None` where it says nothing of draws.
    pub(super) fn draw(&self, domain: &Domain, rng: &mut impl Rng) -> Option<f64> {
        let Self::Near(value) = self else {
            return None;
        };
        let middle = domain.place(value)?;
        // The middle is within, so that no more than half are outside on either side.
        loop {
            let normal: f64 = StandardNormal.sample(rng);
            let u = middle + DEVIATION * normal;
            if (0.0..=1.0).contains(&u) {
                return Some(u);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::Space;
    use super::*;

    fn space(text: &str) -> Result<Space, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    const EXAMPLE: &str = "rate = { low = 1e-4, high = 1e-1, scale = \"log\", prior = 0.01 }\n\
                           units = { low = 8, high = 128, scale = \"log\", prior = \"larger\" }\n\
                           kind = [\"a\", \"b\"]\n\
                           more = { low = 0, high = 8, prior = 2, when = { kind = [\"b\"] } }";

    #[test]
    fn a_prior_is_read_as_it_is_written() {
        let example = space(EXAMPLE).unwrap();
        let text = toml::to_string(&example).unwrap();
        assert_eq!(space(&text).unwrap(), example, "{text}");
        assert_eq!(example.parameters["units"].prior, Some(Prior::Larger));
    }

    #[test]
    fn a_prior_outside_its_range_or_of_choices_is_refused() {
        for (setting, said) in [
            (
                "a = { low = 0.0, high = 1.0, prior = 1.5 }",
                "prior = 1.5 must be a number",
            ),
            (
                "a = { low = 0.0, high = 1.0, prior = \"smaller\" }",
                "prior = smaller must be",
            ),
            (
                "a = { low = 0.0, high = 1.0, prior = true }",
                "prior = true must be",
            ),
            (
                "a = { choices = [1, 2], prior = 1 }",
                "choices have no prior",
            ),
        ] {
            let error = space(setting).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    /// Two of three within half a decade, none outside; even where nothing is likely.
    #[test]
    fn settings_are_drawn_near_their_likely_values() {
        let space = space(EXAMPLE).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let points: Vec<_> = (0..2000).map(|_| space.draw_likely(&mut rng)).collect();
        let share = |name: &str, within: std::ops::RangeInclusive<f64>| {
            let is_within = |value: &&Value| within.contains(&value.number().unwrap());
            let values = points.iter().filter_map(|point| point.get(name));
            let all = values.clone().count() as f64;
            values.filter(is_within).count() as f64 / all
        };
        let rate = share("rate", 10f64.powf(-2.5)..=10f64.powf(-1.5));
        assert!((0.66..0.76).contains(&rate), "{rate}");
        assert_eq!(share("rate", 1e-4..=1e-1), 1.0);
        let units = share("units", 8.0..=32.0);
        assert!((0.45..0.55).contains(&units), "{units}");
        let more = share("more", 1.0..=3.0);
        assert!(more > 0.6, "{more}");
        // Nor are draws beyond the ends put on them: nine of 2000 would be at 0.1.
        assert_eq!(share("rate", 0.1..=0.1), 0.0);
    }

    #[test]
    fn a_setting_that_is_there_is_neither_better_nor_worse_on_average() {
        let space = space(EXAMPLE).unwrap();
        for parameter in space.parameters.values() {
            let Some(prior) = &parameter.prior else {
                continue;
            };
            let places = (0..1000).map(|n| (f64::from(n) + 0.5) / 1000.0);
            let sum: f64 = places.map(|u| prior.expected(&parameter.domain, u)).sum();
            assert!((sum / 1000.0).abs() < 1e-5, "{prior:?} {sum}");
        }
    }

    #[test]
    fn settings_that_are_there_add_to_what_is_expected() {
        let space = space(EXAMPLE).unwrap();
        let expected = |text: &str| space.expected(&toml::from_str(text).unwrap(), 0);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        let best = expected("rate = 0.01\nkind = \"a\"");
        // A decade is a third of the range.
        let decade = expected("rate = 0.001\nkind = \"a\"");
        close(decade - best, NEAR / 9.0);
        let units = |units| expected(&format!("units = {units}"));
        assert!(units(8) - units(128) > 1.8 && units(8) - units(128) < LARGER);
        let step = |from: i64, to: i64| units(from) - units(to);
        assert!(step(8, 16) > step(16, 32) && step(64, 128) > 0.0);
        // As far as from 2 to 0, of nine values.
        let more = |more| expected(&format!("rate = 0.01\nkind = \"b\"\nmore = {more}"));
        close(more(0) - more(2), NEAR * (2.0 / 9.0) * (2.0 / 9.0));
    }

    #[test]
    fn draws_without_priors_are_even_draws() {
        let mut space = space(EXAMPLE).unwrap();
        for parameter in space.parameters.values_mut() {
            parameter.prior = None;
        }
        let (mut a, mut b) = (ChaCha8Rng::seed_from_u64(2), ChaCha8Rng::seed_from_u64(2));
        for _ in 0..50 {
            assert_eq!(space.draw(&mut a), space.draw_likely(&mut b));
        }
    }
}
