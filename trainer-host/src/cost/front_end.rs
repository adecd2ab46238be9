//! What a frame of features costs on a core, from the sizes of the front end alone.
//!
//! ```text
//! a·1 + b·N + c·N·[N/2 is no power of four] + d·N/8·stages + e·B + f·C·B                        (K4)
//! ```
//!
//! N samples make a frame, of B bands and, for mfcc, C coefficients. A stage of the transform takes N/8 groups of four
//! points. The coefficients are fitted to the counts in `assets/front_end.json`, which `cargo xtask bench --front-end --save`
//! writes.

use std::sync::LazyLock;

use lstm_nostd::Parsed;
use lstm_nostd::front_end::{FrontEnd, Kind};
use serde::{Deserialize, Serialize};

use super::counted::CountedFrames;
use super::statistics::StatisticsSize;
use super::{Core, dot};

/// The sizes that (K4) follows from.
#[derive(Clone, Copy, Debug, Deserialize)]
struct SoundSize {
    /// Samples of a frame.
    points: usize,
    /// Bands.
    bands: usize,
    /// Coefficients; 0 where the features are the bands.
    coefficients: usize,
}

/// The frames that were counted.
fn counted() -> CountedFrames<SoundSize> {
    CountedFrames::parse(include_str!("../../assets/front_end.json"))
}

impl SoundSize {
    /// The terms of (K4).
    fn terms(&self) -> Vec<f64> {
        let bits = (self.points / 2).max(1).ilog2();
        let stages = (bits - bits % 2) / 2;
        // The first stage of four has no turns.
        let turned = stages - u32::from(bits.is_multiple_of(2));
        let n = self.points as f64;
        vec![
            1.0,
            n,
            if bits % 2 == 1 { n } else { 0.0 },
            n / 8.0 * f64::from(turned),
            self.bands as f64,
            (self.coefficients * self.bands) as f64,
        ]
    }

    /// Instructions of a frame.
    fn instructions(&self, core: Core) -> f64 {
        dot(&FITTED[core as usize], &self.terms())
    }
}

/// By core.
static FITTED: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| counted().fitted(SoundSize::terms));

/// Instructions of a frame of `front_end`.
pub fn instructions(core: Core, front_end: &FrontEnd<'_>) -> f64 {
    match front_end {
        FrontEnd::Sound(sound) => {
            let size = SoundSize {
                points: front_end.frame(),
                bands: sound.bands(),
                coefficients: match sound.kind() {
                    Kind::Mfcc => front_end.features(),
                    Kind::LogMel | Kind::Spectrum => 0,
                },
            };
            size.instructions(core)
        }
        FrontEnd::Statistics(statistics) => {
            StatisticsSize::of(statistics, front_end.frame()).instructions(core)
        }
    }
}

/// What a model takes for a second of signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOfSignal {
    /// The core.
    pub core: Core,
    /// Instructions of a frame; 0 without a front end.
    pub frame: u64,
    /// Instructions of the front end in a second.
    pub front_end: u64,
    /// Instructions of the network in a second, of which a step takes `step`.
    pub network: u64,
}

impl SecondOfSignal {
    /// Of `model`, of which a step takes `step` instructions, at the rate of its own samples; `None` where it takes none or
    /// their rate is not known.
    pub fn of_model(core: Core, model: &Parsed<'_>, step: f64) -> Option<Self> {
        let front_end = model.front_end()?;
        match front_end.rate_mhz() {
            0 => None,
            rate => Some(Self::of(core, Some(front_end), step, rate as f64 / 1000.0)),
        }
    }

    /// Of a network whose step takes `step` instructions, behind `front_end`, at `rate` moments a second.
    pub fn of(core: Core, front_end: Option<&FrontEnd<'_>>, step: f64, rate: f64) -> Self {
        let frame = front_end.map_or(0.0, |front_end| instructions(core, front_end));
        let frames = rate / front_end.map_or(1.0, |front_end| front_end.hop() as f64);
        Self {
            core,
            frame: frame.round() as u64,
            front_end: (frame * frames).round() as u64,
            network: (step * frames).round() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::RandomModel;
    use lstm_nostd::front_end::{Settings, StatisticsSettings, Tables};

    use super::*;

    fn sound(kind: Kind) -> Settings {
        Settings::new(kind, 16_000)
    }

    #[test]
    fn a_frame_of_sound_takes_what_its_sizes_take() {
        for kind in [Kind::Mfcc, Kind::LogMel, Kind::Spectrum] {
            let settings = sound(kind);
            let tables = Tables::new(&settings).unwrap();
            let size = SoundSize {
                points: settings.frame,
                bands: settings.bands,
                coefficients: match kind {
                    Kind::Mfcc => settings.coefficients,
                    _ => 0,
                },
            };
            for core in Core::ALL {
                let found = instructions(core, &tables.view());
                assert_eq!(found, size.instructions(core), "{core:?} {kind:?}");
                assert!(found > 10.0 * settings.frame as f64, "{core:?} {kind:?}");
            }
        }
    }

    #[test]
    fn a_frame_of_motion_takes_what_its_sizes_take() {
        let tables = Tables::of_statistics(&StatisticsSettings::new(3)).unwrap();
        let view = tables.view();
        let FrontEnd::Statistics(statistics) = &view else {
            panic!("{view:?}");
        };
        let size = StatisticsSize::of(statistics, view.frame());
        for core in Core::ALL {
            let found = instructions(core, &view);
            assert_eq!(found, size.instructions(core), "{core:?}");
            assert!(found > view.frame() as f64, "{core:?}");
        }
    }

    /// 16,000 samples are 50 hops of 320.
    #[test]
    fn a_second_has_as_many_frames_and_steps_as_hops() {
        let settings = Settings {
            hop: 320,
            ..sound(Kind::LogMel)
        };
        let tables = Tables::new(&settings).unwrap();
        let frame = instructions(Core::M4, &tables.view());
        let mut model = RandomModel {
            inputs: settings.features(),
            hidden: vec![3],
            outputs: 2,
            ..RandomModel::default()
        }
        .build();
        let of = |model: &lstm_nostd::artifact::ModelFile| {
            let bytes = model.to_bytes().unwrap();
            SecondOfSignal::of_model(Core::M4, &Parsed::parse(&bytes).unwrap(), 600.0)
        };
        assert_eq!(of(&model), None);
        model.front_end = Some(tables);
        let expected = SecondOfSignal {
            core: Core::M4,
            frame: frame.round() as u64,
            front_end: (50.0 * frame).round() as u64,
            network: 30_000,
        };
        assert_eq!(of(&model), Some(expected));
    }

    #[test]
    fn without_a_front_end_every_moment_is_a_step() {
        let expected = SecondOfSignal {
            core: Core::M4,
            frame: 0,
            front_end: 0,
            network: 30_000,
        };
        assert_eq!(SecondOfSignal::of(Core::M4, None, 600.0, 50.0), expected);
    }

    /// 512 points are 256 complex ones of eight bits: four stages of four, and 256 points are seven bits.
    #[test]
    fn terms_count_points_stages_bands_and_cosines() {
        let size = |points| SoundSize {
            points,
            bands: 20,
            coefficients: 13,
        };
        let found = size(512).terms();
        assert_eq!(found, [1.0, 512.0, 0.0, 64.0 * 3.0, 20.0, 260.0]);
        let found = size(256).terms();
        assert_eq!(found, [1.0, 256.0, 256.0, 32.0 * 3.0, 20.0, 260.0]);
    }

    #[test]
    fn every_counted_frame_is_met() {
        counted().require_met(7, |core, size| size.instructions(core));
    }
}
