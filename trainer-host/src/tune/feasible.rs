//! Checks a search space before anything is written: all settings must exist, and some network must fit the chip.

use lstm_nostd::kernels::Scheme;
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
/// Number of points to draw to compare schemes.
const COMPARED: usize = 100;

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
        "of {DRAWS} networks of the search space none fits the chip: the smallest need {smallest}; allow more, or {cure} (the engine alone takes most of a small flash)"
    )]
    NothingFits {
        /// What the smallest ones need.
        smallest: String,
        /// What makes networks smaller.
        cure: &'static str,
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
            cure: match definition.config.train.init {
                None => "widen the space towards smaller networks",
                Some(_) => "prune the network with --prune-to",
            },
        }),
    }
}

/// A line that says so if int8 activations save neither time nor RAM nor flash in any network of the space on this
/// chip; `None` if they do in one, or if no network has them.
pub fn useless_int8(definition: &Definition, data: &TrialData) -> Option<String> {
    let chip = &definition.search.chip;
    let mut rng = ChaCha8Rng::seed_from_u64(definition.search.seed);
    let mut any = false;
    for _ in 0..COMPARED {
        let point = definition.search.space.draw(&mut rng);
        let Ok(mut trial_config) = TrialConfig::new(&definition.config, &point) else {
            continue;
        };
        if trial_config.scheme != Scheme::W8a8 {
            continue;
        }
        let narrow = data.footprint(&trial_config, chip);
        trial_config.scheme = Scheme::W8a16;
        let (Ok(narrow), Ok(wide)) = (narrow, data.footprint(&trial_config, chip)) else {
            continue;
        };
        if narrow.saves_against(&wide) {
            return None;
        }
        any = true;
    }
    any.then(|| {
        format!(
            "w8a8 saves neither time nor RAM nor flash against w8a16 on {}, in no network of this space.",
            chip.core().name()
        )
    })
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
            chip.model_file.is_some(),
            format!("a model file of {} bytes", least(|f| f.file_bytes as u64)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Core;
    use crate::run::RunConfig;
    use crate::search::SearchConfig;

    /// Whether a study of digits on `core` says that int8 is useless, if it searches `schemes`.
    fn says_so(core: Core, schemes: &str) -> Option<String> {
        let config = RunConfig {
            source: "digits".into(),
            data: Default::default(),
            train: Default::default(),
        };
        let data = TrialData::open(&config).unwrap();
        let text = format!(
            "[space]\nhidden = {{ low = 16, high = 64 }}\nscheme = {{ choices = [{schemes}] }}\n[chip]\ncore = \"{}\"",
            core.name()
        );
        let search: SearchConfig = toml::from_str(&text).unwrap();
        let data_crc = data.checksum();
        let definition = Definition {
            config,
            search,
            data_crc,
        };
        useless_int8(&definition, &data)
    }

    #[test]
    fn useless_int8_is_told_for_a_whole_space() {
        let both = "\"w8a16\", \"w8a8\"";
        // The DSP extension widens int8 on the stack, which takes more RAM than the state saves.
        let line = says_so(Core::M4, both).unwrap();
        assert!(line.contains("w8a16 on M4"), "{line}");
        // Helium sums int8 twice as fast.
        assert_eq!(says_so(Core::M55, both), None);
        assert_eq!(says_so(Core::M4, "\"w8a16\""), None);
    }
}
