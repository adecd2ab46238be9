//! What a frame of statistics costs on a core, from the sizes of the front end alone.
//!
//! ```text
//! a·1 + b·N·V + c·N·A + d·N·M + e·N·V·[crossings] + f·V·L + g·V + h·N·[C = 1]                     (KS1)
//! ```
//!
//! N moments of C channels and M magnitudes, whose axes are A together, make V = C + M values a moment. Of each value's
//! statistics, L are logarithms. The samples of one channel alone lie side by side. The coefficients are fitted to the
//! counts in `assets/statistics.json`, which `cargo xtask bench --front-end --save` writes.

use std::sync::LazyLock;

use lstm_nostd::front_end::{Statistic, Statistics};
use serde::Deserialize;

use super::counted::CountedFrames;
use super::{Core, dot};

/// The sizes that (KS1) follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

/// The frames that were counted.
fn counted() -> CountedFrames<StatisticsSize> {
    CountedFrames::parse(include_str!("../../assets/statistics.json"))
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
static FITTED: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| counted().fitted(StatisticsSize::terms));

#[cfg(test)]
mod tests {
    use lstm_nostd::front_end::{FrontEnd, StatisticsSettings, Tables};

    use super::*;

    #[test]
    fn sizes_are_those_of_the_front_end() {
        use Statistic::{Crossings, Deviation, Differences, Maximum, Mean};
        for (statistics, crossings, logarithms) in [
            (vec![Mean, Maximum], false, 0),
            (vec![Mean, Crossings, Deviation], true, 1),
            (vec![Deviation, Differences], false, 2),
        ] {
            let settings = StatisticsSettings {
                magnitudes: vec![vec![0, 1, 2], vec![3, 4]],
                statistics,
                ..StatisticsSettings::new(6)
            };
            let tables = Tables::of_statistics(&settings).unwrap();
            let view = tables.view();
            let FrontEnd::Statistics(front_end) = &view else {
                panic!("{view:?}");
            };
            let expected = StatisticsSize {
                frame: 50,
                channels: 6,
                magnitudes: 2,
                axes: 5,
                crossings,
                logarithms,
            };
            assert_eq!(StatisticsSize::of(front_end, 50), expected);
        }
    }

    #[test]
    fn terms_count_moments_values_axes_and_logarithms() {
        let size = StatisticsSize {
            frame: 50,
            channels: 6,
            magnitudes: 2,
            axes: 5,
            crossings: true,
            logarithms: 2,
        };
        let values = 8.0;
        let found = size.terms();
        let expected = [1.0, 400.0, 250.0, 100.0, 400.0, 2.0 * values, values, 0.0];
        assert_eq!(found, expected);
        let one = StatisticsSize {
            channels: 1,
            crossings: false,
            ..size
        };
        let expected = [1.0, 150.0, 250.0, 100.0, 0.0, 6.0, 3.0, 50.0];
        assert_eq!(one.terms(), expected);
    }

    #[test]
    fn every_counted_frame_is_met() {
        counted().require_met(10, |core, size| size.instructions(core));
    }
}
