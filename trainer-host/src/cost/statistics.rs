//! What a frame of statistics costs on a core, from the sizes of the front end alone.
//!
//! ```text
//! a·1 + b·N·V + c·N·A + d·N·M + e·N·V·[crossings] + f·V·L + g·V + h·N·[C = 1]                     (KS1)
//! ```
//!
//! N moments of C channels and M magnitudes, whose axes are A together, make V = C + M values a moment. Of each value's
//! statistics, L are logarithms. The samples of one channel alone lie side by side. The coefficients are fitted to the counts in `assets/statistics.json`, which `cargo xtask
//! bench --front-end --save` writes.

use std::sync::LazyLock;

use lstm_nostd::front_end::{Statistic, Statistics};
use serde::Deserialize;

use super::fit::fit;
use super::{Core, dot};

/// The sizes that (KS1) follows from.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct StatisticsSize {
    /// Moments of a frame.
    pub frame: usize,
    /// Channels.
    pub channels: usize,
    /// Magnitudes.
    pub magnitudes: usize,
    /// Axes of all magnitudes.
    pub axes: usize,
    /// Whether crossings are counted.
    pub crossings: bool,
    /// Logarithms of a value.
    pub logarithms: usize,
}

/// A frame that was counted.
#[derive(Clone, Debug, Deserialize)]
struct CountedFrame {
    /// The core's name.
    core: String,
    #[serde(flatten)]
    size: StatisticsSize,
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
        serde_json::from_str(include_str!("../../assets/statistics.json"))
            .expect("the tests read this file")
    }
}

impl StatisticsSize {
    /// Of a front end.
    pub fn of(statistics: &Statistics<'_>, frame: usize) -> Self {
        let magnitudes = statistics.magnitudes();
        let has = |wanted: Statistic| statistics.statistics().any(|found| found == wanted);
        let logarithms = [Statistic::Deviation, Statistic::Differences];
        Self {
            frame,
            channels: statistics.fraction_bits().len(),
            magnitudes: magnitudes.len(),
            axes: magnitudes.iter().map(|axes| axes.channels().count()).sum(),
            crossings: has(Statistic::Crossings),
            logarithms: logarithms.into_iter().filter(|wanted| has(*wanted)).count(),
        }
    }

    /// The terms of (KS1).
    fn terms(&self) -> Vec<f64> {
        let n = self.frame as f64;
        let values = (self.channels + self.magnitudes) as f64;
        vec![
            1.0,
            n * values,
            n * self.axes as f64,
            n * self.magnitudes as f64,
            if self.crossings { n * values } else { 0.0 },
            values * self.logarithms as f64,
            values,
            if self.channels == 1 { n } else { 0.0 },
        ]
    }

    /// Instructions of a frame.
    pub fn instructions(&self, core: Core) -> f64 {
        dot(&FITTED[core as usize], &self.terms())
    }
}

/// By core.
static FITTED: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let counted = CountedFrames::of_this_build().frames;
    let of_core = |core: Core| {
        let rows: Vec<_> = (counted.iter())
            .filter(|frame| Core::from_name(&frame.core) == Some(core))
            .collect();
        fit(
            &rows,
            |frame| frame.size.terms(),
            |frame| frame.instructions as f64,
        )
    };
    Core::ALL.map(of_core).to_vec()
});

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
                let ratio = frame.size.instructions(core) / frame.instructions as f64;
                assert!((ratio - 1.0).abs() < MAX_ERROR, "{frame:?}: {ratio}");
                frames += 1;
            }
            assert!(frames >= 10, "{core:?}");
        }
    }
}
