//! `cargo xtask bench --front-end`: what a frame of features costs on each core, counted in QEMU.
//!
//! A frame is `FrontEnd::push` with the samples of half a frame, from samples to features.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lstm_nostd::front_end::{Kind, Settings, Tables};
use serde_json::json;

use super::image::Image;
use super::measure::{Ready, plugin, ready_image};
use super::{frames, statistics};
use crate::boards::Board;
use crate::firmware::{self, Application};
use crate::{command, set_up};

/// Samples of a frame, the rate, bands, and coefficients or 0 for log-mel.
const FRAMES: [(usize, u32, usize, usize); 8] = [
    (64, 8000, 8, 6),
    (128, 8000, 16, 0),
    (128, 8000, 16, 13),
    (256, 8000, 20, 13),
    (256, 8000, 40, 13),
    (256, 8000, 20, 0),
    (512, 16_000, 20, 13),
    (512, 16_000, 40, 0),
];

/// The instructions that M4 may take for so many points, 20 bands and 13 coefficients: fewer than CMSIS-DSP's
/// `arm_mfcc_q15` of GCC 12.2 -O3, whose 32,542 and 55,204 were counted in the same way.
const ALLOWED: [(usize, u64); 2] = [(256, 23_000), (512, 39_000)];

/// A frame that was counted; `trainer-host/src/cost/front_end.rs` reads it.
struct CountedFrame {
    core: String,
    points: usize,
    bands: usize,
    coefficients: usize,
    /// The mean.
    instructions: u64,
    stack_bytes: usize,
    /// Of the section in the model file.
    table_bytes: usize,
}

/// The repository's counts.
const SAVED: &str = "trainer-host/assets/front_end.json";

/// Counts and prints; an error where M4 takes more than it may. With `save`, the counts become those of the repository.
pub(super) fn run(boards: &[&'static Board], save: bool) -> Result<()> {
    set_up::qemu_ready()?;
    for board in boards {
        set_up::compiler_ready(board.target)?;
    }
    let plugin = plugin()?;
    let folder = command::target_root().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (mut counted, mut of_motion) = (Vec::new(), Vec::new());
    for board in boards {
        let ready = ready_image(board)?;
        let image = Image::read(&firmware::Image::of(board, Application::NoPanic).build()?)?;
        let of_motion_code = image.bytes_of(&["10lstm_nostd9front_end10statistics"]);
        let code = image.bytes_of(&["8no_panic8features", "10lstm_nostd9front_end", "fft_stage"])
            - of_motion_code;
        println!("core  points  bands  coefficients  instructions  stack  tables  code");
        for size in FRAMES {
            let frame = measured(&ready, (&plugin, &folder), size)?;
            println!(
                "{:<4}  {:>6}  {:>5}  {:>12}  {:>12}  {:>5}  {:>6}  {code:>4}",
                frame.core,
                frame.points,
                frame.bands,
                frame.coefficients,
                frame.instructions,
                frame.stack_bytes,
                frame.table_bytes
            );
            counted.push(frame);
        }
        of_motion.extend(statistics::of_core(
            &ready,
            (&plugin, &folder),
            of_motion_code,
        )?);
    }
    if save {
        statistics::save(&of_motion)?;
        frames::save(SAVED, counted.iter().map(CountedFrame::to_json))?;
    }
    refuse_more_than_allowed(&counted)
}

impl CountedFrame {
    fn to_json(&self) -> String {
        json!({
            "core": self.core,
            "points": self.points,
            "bands": self.bands,
            "coefficients": self.coefficients,
            "instructions": self.instructions,
            "stack_bytes": self.stack_bytes,
            "table_bytes": self.table_bytes,
        })
        .to_string()
    }
}

fn refuse_more_than_allowed(counted: &[CountedFrame]) -> Result<()> {
    for (points, most) in ALLOWED {
        let is_it = |frame: &&CountedFrame| {
            (frame.core.as_str(), frame.points) == ("M4", points)
                && (frame.bands, frame.coefficients) == (20, 13)
        };
        if let Some(frame) = counted.iter().find(is_it)
            && frame.instructions > most
        {
            bail!(
                "M4 takes {} instructions for {points} points, where {most} are allowed",
                frame.instructions
            );
        }
    }
    Ok(())
}

fn measured(
    ready: &Ready,
    places: (&Path, &Path),
    (points, rate, bands, coefficients): (usize, u32, usize, usize),
) -> Result<CountedFrame> {
    let kind = match coefficients {
        0 => Kind::LogMel,
        _ => Kind::Mfcc,
    };
    let settings = Settings {
        frame: points,
        hop: points / 2,
        bands,
        coefficients,
        ..Settings::new(kind, rate)
    };
    let core = ready.board.core_name();
    let name = format!("{core}-front-end-{points}-{bands}-{coefficients}");
    let cost = frames::cost(ready, places, &name, Tables::new(&settings)?)?;
    Ok(CountedFrame {
        core: core.to_owned(),
        points,
        bands,
        coefficients,
        instructions: cost.instructions,
        stack_bytes: cost.stack_bytes,
        table_bytes: cost.table_bytes,
    })
}
