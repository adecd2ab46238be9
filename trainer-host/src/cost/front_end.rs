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

use lstm_nostd::front_end::{FrontEnd, Kind, Sound};
use serde::{Deserialize, Serialize};

use super::fit::fit;
use super::statistics::StatisticsSize;
use super::{Core, dot};

/// A frame that was counted.
#[derive(Clone, Debug, Deserialize)]
struct CountedFrame {
    /// The core's name.
    core: String,
    /// Samples of a frame.
    points: usize,
    /// Bands.
    bands: usize,
    /// Coefficients; 0 where the features are the bands.
    coefficients: usize,
    /// Executed instructions of a frame with half a frame of new samples, the mean of eight.
    instructions: u64,
}

/// Every frame that was counted.
#[derive(Clone, Debug, Deserialize)]
struct CountedFrames {
    /// By core, then by size.
    frames: Vec<CountedFrame>,
}

impl CountedFrames {
    /// Those of this build.
    fn of_this_build() -> Self {
        serde_json::from_str(include_str!("../../assets/front_end.json"))
            .expect("the tests read this file")
    }
}

/// The terms of (K4).
fn terms(points: usize, bands: usize, coefficients: usize) -> Vec<f64> {
    let bits = (points / 2).max(1).ilog2();
    let stages = (bits - bits % 2) / 2;
    // The first stage of four has no turns.
    let turned = stages - u32::from(bits.is_multiple_of(2));
    let n = points as f64;
    vec![
        1.0,
        n,
        if bits % 2 == 1 { n } else { 0.0 },
        n / 8.0 * f64::from(turned),
        bands as f64,
        (coefficients * bands) as f64,
    ]
}

/// By core.
static FITTED: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let counted = CountedFrames::of_this_build().frames;
    let of_core = |core: Core| {
        let rows: Vec<_> = (counted.iter())
            .filter(|frame| Core::from_name(&frame.core) == Some(core))
            .collect();
        let frame = |f: &&CountedFrame| terms(f.points, f.bands, f.coefficients);
        fit(&rows, frame, |f| f.instructions as f64)
    };
    Core::ALL.map(of_core).to_vec()
});

/// Instructions of a frame of sound: of `points` samples, `bands` bands and `coefficients`, 0 where the features are the bands.
pub fn frame_instructions(core: Core, (points, bands, coefficients): (usize, usize, usize)) -> f64 {
    dot(&FITTED[core as usize], &terms(points, bands, coefficients))
}

/// Instructions of a frame of `front_end`.
pub fn instructions(core: Core, front_end: &FrontEnd<'_>) -> f64 {
    match front_end {
        FrontEnd::Sound(sound) => of_sound(core, sound, front_end.frame()),
        FrontEnd::Statistics(statistics) => {
            StatisticsSize::of(statistics, front_end.frame()).instructions(core)
        }
    }
}

fn of_sound(core: Core, sound: &Sound<'_>, frame: usize) -> f64 {
    let coefficients = match sound.kind() {
        Kind::Mfcc => FrontEnd::Sound(*sound).features(),
        Kind::LogMel | Kind::Spectrum => 0,
    };
    frame_instructions(core, (frame, sound.bands(), coefficients))
}

/// What a model takes for a second of signal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
    use super::*;
    use crate::cost::MAX_ERROR;

    #[test]
    fn every_counted_frame_is_met() {
        let counted = CountedFrames::of_this_build().frames;
        for core in Core::ALL {
            let own = counted
                .iter()
                .filter(|frame| Core::from_name(&frame.core) == Some(core));
            let mut frames = 0;
            for frame in own {
                let size = (frame.points, frame.bands, frame.coefficients);
                let ratio = frame_instructions(core, size) / frame.instructions as f64;
                assert!((ratio - 1.0).abs() < MAX_ERROR, "{frame:?}: {ratio}");
                frames += 1;
            }
            assert!(frames >= 7, "{core:?}");
        }
    }
}
