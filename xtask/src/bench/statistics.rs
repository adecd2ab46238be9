//! What a frame of statistics costs on each core, counted in QEMU: `FrontEnd::push` with the samples of half a frame,
//! from samples to features.

use std::path::Path;

use anyhow::Result;
use lstm_nostd::front_end::{Statistic, StatisticsSettings, Tables};
use serde_json::json;

use super::frames;
use super::measure::Ready;

/// Sizes of a front end.
struct Size {
    frame: usize,
    channels: usize,
    /// Each of three axes; the last one of two where it is said.
    magnitudes: usize,
    of_two: bool,
    statistics: &'static [Statistic],
}

const fn size(
    frame: usize,
    channels: usize,
    magnitudes: usize,
    statistics: &'static [Statistic],
) -> Size {
    Size {
        frame,
        channels,
        magnitudes,
        of_two: false,
        statistics,
    }
}

use Statistic::{Crossings, Deviation, Differences, Maximum, Mean, Minimum};

/// The first is that of activities with three sensors of three axes.
const SIZES: [Size; 11] = [
    size(16, 9, 3, &Statistic::ALL),
    size(16, 9, 3, &[Mean, Deviation, Differences]),
    size(32, 3, 1, &Statistic::ALL),
    size(32, 3, 0, &Statistic::ALL),
    size(64, 6, 2, &Statistic::ALL),
    size(16, 3, 1, &[Mean, Deviation]),
    size(128, 1, 0, &Statistic::ALL),
    size(50, 6, 0, &[Mean, Minimum, Maximum]),
    Size {
        of_two: true,
        ..size(20, 4, 2, &[Crossings, Differences])
    },
    size(100, 3, 1, &[Crossings]),
    Size {
        of_two: true,
        ..size(64, 2, 1, &[Mean, Minimum])
    },
];

/// A frame that was counted; `trainer-host/src/cost/statistics.rs` reads it.
pub(super) struct CountedFrame {
    core: String,
    frame: usize,
    channels: usize,
    magnitudes: usize,
    axes: usize,
    statistics: usize,
    crossings: bool,
    logarithms: usize,
    /// The mean.
    instructions: u64,
    stack_bytes: usize,
    /// Of the section in the model file.
    table_bytes: usize,
}

/// The repository's counts.
const SAVED: &str = "trainer-host/assets/statistics.json";

/// Counts and prints the frames of one core, whose code for statistics has so many bytes.
pub(super) fn of_core(
    ready: &Ready,
    places: (&Path, &Path),
    code: u64,
) -> Result<Vec<CountedFrame>> {
    println!("core  moments  channels  magnitudes  statistics  instructions  stack  tables  code");
    let mut counted = Vec::new();
    for size in &SIZES {
        let frame = measured(ready, places, size)?;
        println!(
            "{:<4}  {:>7}  {:>8}  {:>10}  {:>10}  {:>12}  {:>5}  {:>6}  {code:>4}",
            frame.core,
            frame.frame,
            frame.channels,
            frame.magnitudes,
            frame.statistics,
            frame.instructions,
            frame.stack_bytes,
            frame.table_bytes
        );
        counted.push(frame);
    }
    Ok(counted)
}

/// Makes the counts those of the repository.
pub(super) fn save(counted: &[CountedFrame]) -> Result<()> {
    frames::save(SAVED, counted.iter().map(CountedFrame::to_json))
}

impl CountedFrame {
    fn to_json(&self) -> String {
        json!({
            "core": self.core,
            "frame": self.frame,
            "channels": self.channels,
            "magnitudes": self.magnitudes,
            "axes": self.axes,
            "crossings": self.crossings,
            "logarithms": self.logarithms,
            "instructions": self.instructions,
            "stack_bytes": self.stack_bytes,
            "table_bytes": self.table_bytes,
        })
        .to_string()
    }
}

impl Size {
    fn magnitudes(&self) -> Vec<Vec<usize>> {
        let of = |magnitude: usize| {
            let axes = match self.of_two && magnitude + 1 == self.magnitudes {
                true => 2,
                false => 3,
            };
            (0..axes)
                .map(|axis| (3 * magnitude + axis) % self.channels)
                .collect()
        };
        (0..self.magnitudes).map(of).collect()
    }
}

fn measured(ready: &Ready, places: (&Path, &Path), size: &Size) -> Result<CountedFrame> {
    let settings = StatisticsSettings {
        frame: size.frame,
        hop: size.frame / 2,
        statistics: size.statistics.to_vec(),
        magnitudes: size.magnitudes(),
        ..StatisticsSettings::new(size.channels)
    };
    let core = ready.board.core_name();
    let (frame, channels) = (size.frame, size.channels);
    let statistics = size.statistics.len();
    let name = format!(
        "{core}-statistics-{frame}-{channels}-{}-{statistics}",
        size.magnitudes
    );
    let cost = frames::cost(ready, places, &name, Tables::of_statistics(&settings)?)?;
    let has = |wanted: &Statistic| size.statistics.contains(wanted);
    Ok(CountedFrame {
        core: core.to_owned(),
        frame,
        channels,
        magnitudes: size.magnitudes,
        axes: settings.magnitudes.iter().map(Vec::len).sum(),
        statistics,
        crossings: has(&Crossings),
        logarithms: [Deviation, Differences]
            .iter()
            .filter(|wanted| has(wanted))
            .count(),
        instructions: cost.instructions,
        stack_bytes: cost.stack_bytes,
        table_bytes: cost.table_bytes,
    })
}
