//! Checks a search space before anything is written: all settings must exist, and some network must fit the chip.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::study::Definition;
use super::trial::TrialError;
use super::trial_config::{PointError, TrialConfig};
use super::trial_data::TrialData;
use crate::cost::{Footprint, Limits};
use crate::search::Point;

/// Number of points to draw for the check.
const DRAWS: usize = 500;

/// Why the space cannot be searched.
#[derive(Debug, thiserror::Error)]
pub enum FeasibleError {
    /// A point makes no valid configuration.
    #[error("tune.space: {0}")]
    Point(#[from] PointError),
    /// There is no such model.
    #[error("tune.space: {0}")]
    NoModel(TrialError),
    /// No network fits the chip.
    #[error(
        "of {DRAWS} networks of the search space none fits the chip: the smallest need {smallest}; allow more, or widen the space towards smaller networks (the engine alone takes most of a small flash)"
    )]
    NothingFits {
        /// What the smallest ones need.
        smallest: String,
    },
}

/// What the model of `point` will need. `None` if it does not fit the chip, or the point makes no valid
/// configuration.
pub fn footprint_that_fits(
    definition: &Definition,
    data: &TrialData,
    point: &Point,
) -> Option<Footprint> {
    let chip = &definition.search.chip;
    let trial_config = TrialConfig::new(&definition.config, point).ok()?;
    let footprint = data.footprint(&trial_config, chip).ok()?;
    chip.check(&footprint).ok().map(|()| footprint)
}

/// The share of the space that fits the chip.
///
/// # Errors
/// [`FeasibleError`]
pub fn share_that_fits(definition: &Definition, data: &TrialData) -> Result<f64, FeasibleError> {
    let chip = &definition.search.chip;
    for point in &definition.search.first {
        TrialConfig::new(&definition.config, point)?;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(definition.search.seed);
    let mut footprints: Vec<Footprint> = Vec::new();
    let (mut out_of_range, mut no_model) = (None, None);
    for _ in 0..DRAWS {
        let point = definition.search.space.draw(&mut rng);
        match TrialConfig::new(&definition.config, &point) {
            Ok(trial_config) => match data.footprint(&trial_config, chip) {
                Ok(footprint) => footprints.push(footprint),
                Err(error) => no_model = Some(error),
            },
            Err(error @ PointError::OutOfRange(_)) => out_of_range = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    let fitting = footprints.iter().filter(|f| chip.check(f).is_ok()).count();
    if fitting > 0 {
        return Ok(fitting as f64 / DRAWS as f64);
    }
    match (out_of_range, no_model) {
        (Some(error), _) if footprints.is_empty() => Err(error.into()),
        (_, Some(error)) if footprints.is_empty() => Err(FeasibleError::NoModel(error)),
        _ => Err(FeasibleError::NothingFits {
            smallest: smallest(&footprints, chip),
        }),
    }
}

/// The smallest values of the limited quantities.
fn smallest(footprints: &[Footprint], chip: &Limits) -> String {
    let least = |of: fn(&Footprint) -> u64| footprints.iter().map(of).min().unwrap_or_default();
    let time = footprints.iter().filter_map(|f| f.estimated_seconds);
    let time = time.fold(f64::INFINITY, f64::min);
    let needs = [
        (
            chip.flash.is_some(),
            format!("{} bytes of flash", least(|f| f.flash_bytes as u64)),
        ),
        (
            chip.ram.is_some(),
            format!("{} bytes of RAM", least(|f| f.ram_bytes as u64)),
        ),
        (
            chip.instructions.is_some(),
            format!("{} instructions a step", least(|f| f.instructions)),
        ),
        (
            chip.latency.is_some(),
            format!("an estimated {:.3} ms a step", 1e3 * time),
        ),
    ];
    let limited = needs.into_iter().filter(|(is_limited, _)| *is_limited);
    limited.map(|(_, need)| need).collect::<Vec<_>>().join(", ")
}
