//! `cargo xtask bench`: what a time step costs on each core, counted in QEMU.
//!
//! ```text
//! table → peer, image, cycles → measure → render, compare
//! ```
//!
//! For each core one image steps models that QEMU puts into its flash; a plugin of QEMU's counts every
//! executed instruction by its address (`../../instruction-counter`). The labels of the kernels' assembly
//! say which part of a step an address belongs to: products, activations, or the rest. Nothing is timed,
//! and counts are the same on every machine with the same compiler.

mod compare;
mod cycles;
mod image;
mod measure;
mod peer;
mod render;
pub mod table;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use self::table::{SHAPES, Shape, Step, Table};
use crate::boards::{self, Board};
use crate::{command, set_up};

/// A board for each core.
const BOARDS: [&str; 6] = [
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "mps2-an500",
    "mps2-an505",
    "mps3-an547",
];

/// The repository's table, from its root, and the same for people.
pub const SAVED: &str = "docs/instructions.json";
const SAVED_TEXT: &str = "docs/instructions.md";
/// Quotes some of its figures.
const README: &str = "README.md";

/// What is measured, and what becomes of it.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only this core, for example m4; may be repeated
    #[arg(long)]
    core: Vec<String>,
    /// Only this layer, INPUTS,HIDDEN; may be repeated
    #[arg(long)]
    shape: Vec<Shape>,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
    /// Print what changed against an earlier table (JSON); fail when a step grew by more than 2 %
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write docs/instructions.json, docs/instructions.md and the figures in README.md
    #[arg(long)]
    save: bool,
}

/// Measures, prints, compares and saves.
pub fn run(arguments: &Arguments) -> Result<()> {
    let boards = chosen_boards(&arguments.core)?;
    let shapes = chosen_shapes(&arguments.shape)?;
    if arguments.save && (boards.len(), shapes.len()) != (BOARDS.len(), SHAPES.len()) {
        bail!("--save writes the whole table; leave out --core and --shape");
    }
    // An unreadable file is better found before the work than after it.
    let earlier = arguments.compare.as_deref().map(Table::load).transpose()?;
    set_up::qemu_ready()?;
    for board in &boards {
        set_up::compiler_ready(board.target)?;
    }
    let table = Table {
        steps: measure::steps(&boards, &shapes)?,
        engines: boards
            .iter()
            .map(|board| measure::engine(board))
            .collect::<Result<_>>()?,
    };
    if arguments.save {
        let save = |name: &str, text: String| {
            let path = command::root().join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        save(SAVED, table.to_json())?;
        save(SAVED_TEXT, render::page(&table)?)?;
        let readme = std::fs::read_to_string(command::root().join(README))
            .with_context(|| format!("{README} cannot be read"))?;
        save(README, render::readme(&readme, &table)?)?;
    }
    match earlier {
        Some(earlier) => compare::print(&earlier, &table),
        None if arguments.json => {
            print!("{}", table.to_json());
            Ok(())
        }
        None => {
            print!("{}", render::text(&table)?);
            Ok(())
        }
    }
}

/// Counts the steps of any layers, in every scheme, without and with peepholes.
pub fn count(boards: &[&'static Board], shapes: &[Shape]) -> Result<Vec<Step>> {
    measure::steps(boards, shapes)
}

fn chosen_boards(cores: &[String]) -> Result<Vec<&'static Board>> {
    let all: Vec<_> = BOARDS
        .iter()
        .map(|name| boards::by_name(name))
        .collect::<Result<_>>()?;
    let short = |board: &Board| board.core_name().to_lowercase();
    for core in cores {
        if !all.iter().any(|board| short(board) == core.to_lowercase()) {
            let names: Vec<_> = all.iter().map(|board| short(board)).collect();
            bail!("no core is called `{core}`; there are {}", names.join(", "));
        }
    }
    let wanted = |board: &&Board| {
        cores.is_empty() || cores.iter().any(|core| short(board) == core.to_lowercase())
    };
    Ok(all.into_iter().filter(wanted).collect())
}

fn chosen_shapes(shapes: &[Shape]) -> Result<Vec<Shape>> {
    for shape in shapes {
        if !SHAPES.contains(shape) {
            let known: Vec<_> = SHAPES
                .iter()
                .map(|s| format!("{},{}", s.inputs, s.hidden))
                .collect();
            bail!(
                "the shape {},{} is not in the table; there are {}",
                shape.inputs,
                shape.hidden,
                known.join(" ")
            );
        }
    }
    let wanted = |shape: &Shape| shapes.is_empty() || shapes.contains(shape);
    Ok(SHAPES.into_iter().filter(wanted).collect())
}
