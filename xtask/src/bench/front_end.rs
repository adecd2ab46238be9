//! `cargo xtask bench --front-end`: what a frame of features costs on each core, counted in QEMU.
//!
//! A frame is `FrontEnd::push` with the samples of half a frame, from samples to 13 coefficients of 20 bands.

use std::fs;

use anyhow::{Context, Result, bail};
use lstm_nostd::artifact::RandomModel;
use lstm_nostd::front_end::{Kind, Settings, Tables};

use super::image::Image;
use super::measure::{Ready, built, intervals, plugin, ready_image};
use crate::boards::Board;
use crate::firmware::{Application, target_root};
use crate::set_up;

/// Samples of a frame, the rate, and the instructions that M4 may take: fewer than CMSIS-DSP's `arm_mfcc_q15` of GCC 12.2
/// -O3, whose 32,542 and 55,204 were counted in the same way.
const FRAMES: [(usize, u32, u64); 2] = [(256, 8000, 23_000), (512, 16_000, 39_000)];

/// Counts and prints; an error where M4 takes more than it may.
pub(super) fn run(boards: &[&'static Board]) -> Result<()> {
    set_up::qemu_ready()?;
    for board in boards {
        set_up::compiler_ready(board.target)?;
    }
    let plugin = plugin()?;
    let folder = target_root().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    println!("core  points  instructions  least    most     stack  tables  code");
    let mut over = Vec::new();
    for board in boards {
        let ready = ready_image(board)?;
        let code = Image::read(&built(board, Application::NoPanic, true)?)?
            .function_bytes("8no_panic8features");
        let core = board.core_name();
        for (points, rate, most) in FRAMES {
            let frame = measured(&ready, (&plugin, &folder), (points, rate))?;
            println!(
                "{core:<4}  {points:>6}  {:>12}  {:>7}  {:>7}  {:>5}  {:>6}  {code:>4}",
                frame.mean, frame.least, frame.most, frame.stack_bytes, frame.table_bytes
            );
            if core == "M4" && frame.mean > most {
                over.push(format!(
                    "{} for {points} points, where {most} are allowed",
                    frame.mean
                ));
            }
        }
    }
    match over.is_empty() {
        true => Ok(()),
        false => bail!("M4 takes {}", over.join("; ")),
    }
}

/// Instructions of a frame, and bytes.
struct Frame {
    mean: u64,
    least: u64,
    most: u64,
    stack_bytes: usize,
    /// Of the section in the model file.
    table_bytes: usize,
}

fn measured(
    ready: &Ready,
    places: (&std::path::Path, &std::path::Path),
    (points, rate): (usize, u32),
) -> Result<Frame> {
    let settings = Settings {
        frame: points,
        hop: points / 2,
        ..Settings::new(Kind::Mfcc, rate)
    };
    let shape = RandomModel {
        inputs: settings.features(),
        hidden: vec![4],
        outputs: 1,
        seed: 1,
        ..RandomModel::default()
    };
    let plain = shape.build().to_bytes()?.len();
    let mut file = shape.build();
    file.front_end = Some(Tables::new(&settings)?);
    let bytes = file.to_bytes()?;
    let name = format!("{}-front-end-{points}", ready.board.core_name());
    let run = ready.run(places, &name, &bytes)?;
    let frames = intervals(&run.counts)?;
    let count = frames.len().max(1) as u64;
    Ok(Frame {
        mean: (frames.iter().sum::<u64>() + count / 2) / count,
        least: frames.iter().min().copied().unwrap_or(0),
        most: frames.iter().max().copied().unwrap_or(0),
        stack_bytes: run.stack_bytes,
        table_bytes: bytes.len() - plain,
    })
}
