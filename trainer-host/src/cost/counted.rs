//! Frames of front ends that were counted on each core, and the coefficients that follow from the counts.

use serde::Deserialize;

use super::Core;
use super::fit::fit;

/// A frame that was counted, of a front end with the sizes `S`.
#[derive(Clone, Debug, Deserialize)]
struct CountedFrame<S> {
    /// The core's name.
    core: String,
    #[serde(flatten)]
    size: S,
    /// Executed instructions of a frame with half a frame of new samples, the mean of eight.
    instructions: u64,
}

/// Every frame that was counted.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CountedFrames<S> {
    /// By core, then by size.
    frames: Vec<CountedFrame<S>>,
}

impl<S: for<'de> Deserialize<'de>> CountedFrames<S> {
    /// Those of a file in `assets/`.
    pub(super) fn parse(file: &str) -> Self {
        serde_json::from_str(file).expect("the tests read this file")
    }
}

impl<S> CountedFrames<S> {
    fn of(&self, core: Core) -> Vec<&CountedFrame<S>> {
        let is_own = |frame: &&CountedFrame<S>| Core::from_name(&frame.core) == Some(core);
        self.frames.iter().filter(is_own).collect()
    }

    /// Coefficients of `terms`, by core.
    pub(super) fn fitted(&self, terms: impl Fn(&S) -> Vec<f64>) -> Vec<Vec<f64>> {
        let of_core = |core: Core| {
            fit(
                &self.of(core),
                |frame| terms(&frame.size),
                |frame| frame.instructions as f64,
            )
        };
        Core::ALL.map(of_core).to_vec()
    }
}

#[cfg(test)]
impl<S: std::fmt::Debug> CountedFrames<S> {
    /// Holds `instructions` to the counts of each core, of which there are `least` or more.
    pub(super) fn require_met(&self, least: usize, instructions: impl Fn(Core, &S) -> f64) {
        for core in Core::ALL {
            let own = self.of(core);
            for frame in &own {
                let ratio = instructions(core, &frame.size) / frame.instructions as f64;
                assert!((ratio - 1.0).abs() < super::MAX_ERROR, "{frame:?}: {ratio}");
            }
            assert!(own.len() >= least, "{core:?}");
        }
    }
}
