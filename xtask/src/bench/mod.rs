//! `cargo xtask bench`: what a time step costs on each core, counted in QEMU.
//!
//! ```text
//! table → peer, image, cycles → measure → frames → statistics → front_end, features, convolution, summary → render, compare
//! ```
//!
//! For each core, one image steps models that QEMU puts into its flash. A QEMU plugin (`../../instruction-counter`)
//! counts every executed instruction by its address. Labels in the kernels' assembly say which part of a step an
//! address belongs to: products, activations, or the rest. Nothing is timed. With the same compiler, the counts are
//! the same on every machine.

mod compare;
pub mod convolution;
mod cycles;
mod features;
mod frames;
mod front_end;
mod image;
mod measure;
mod peer;
mod render;
mod statistics;
mod summary;
pub mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::measure::Layer;
use self::table::{SHAPES, Shape, Step, Table};
use crate::boards::{self, Board};
use crate::firmware::Engine;
use crate::{command, qemu, set_up};

/// A board for each core.
pub(crate) const BOARDS: [&str; 6] = [
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "mps2-an500",
    "mps2-an505",
    "mps3-an547",
];

/// The largest layer that `firmware/src/bin/bench.rs` has room for.
const MOST_INPUTS: usize = 64;
const MOST_UNITS: usize = 128;

/// The repository's table. The next file is the same table for readers; paths begin at the repository's root.
pub const SAVED: &str = "trainer-host/assets/instructions.json";
const SAVED_TEXT: &str = "docs/instructions.md";
/// The file that quotes some of the table's figures.
const README: &str = "README.md";

/// What to measure, and what to do with the result.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only this core, for example m4; may be repeated
    #[arg(long)]
    core: Vec<String>,
    /// Only this kind of layer, lstm, gru, coupled or gru-before, and no engine; with --save, other kinds keep their figures
    #[arg(long, value_name = "KIND")]
    layer: Option<String>,
    /// This layer instead of those of the table, INPUTS,HIDDEN; may be repeated
    #[arg(long)]
    shape: Vec<Shape>,
    /// Count frames of the front end in place of steps, and fail where M4 takes more than it may; --save writes
    /// front_end.json and statistics.json in trainer-host/assets/
    #[arg(long, conflicts_with_all = ["layer", "shape", "json", "compare"])]
    front_end: bool,
    /// Build the engine with each cargo feature in place of counting steps, and print the flash that it adds; --save
    /// writes trainer-host/assets/engine_features.json
    #[arg(long, conflicts_with_all = ["layer", "shape", "json", "compare", "front_end"])]
    engine: bool,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
    /// Print what changed against an earlier table (JSON); fail when a step grew by more than 2 %
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write trainer-host/assets/instructions.json, docs/instructions.md and the figures in README.md; with --core,
    /// other cores keep their figures
    #[arg(long)]
    save: bool,
}

/// Measures, prints, compares and saves.
pub fn run(arguments: &Arguments) -> Result<()> {
    let boards = chosen_boards(&arguments.core)?;
    if arguments.front_end {
        return front_end::run(&boards, arguments.save);
    }
    if arguments.engine {
        if arguments.save && boards.len() < BOARDS.len() {
            bail!("--save writes all cores; leave out --core");
        }
        return features::run(&boards, arguments.save);
    }
    let shapes = chosen_shapes(&arguments.shape)?;
    let layers = chosen_layers(arguments.layer.as_deref())?;
    if arguments.save && shapes != SHAPES {
        bail!("--save writes all shapes of the table; leave out --shape");
    }
    // Finds an unreadable file before the work.
    let earlier = arguments.compare.as_deref().map(Table::load).transpose()?;
    set_up::qemu_ready()?;
    for board in &boards {
        set_up::compiler_ready(board.target)?;
    }
    let table = Table {
        steps: measure::steps(&boards, &shapes, (&layers, false))?,
        engines: match arguments.layer {
            Some(_) => Vec::new(),
            None => (boards.iter().map(|board| measure::engine(board))).collect::<Result<_>>()?,
        },
    };
    if arguments.save {
        let table = match (arguments.core.as_slice(), &arguments.layer) {
            ([], None) => table.clone(),
            _ => table
                .clone()
                .over(Table::load(&command::root().join(SAVED))?),
        };
        save(SAVED, &table.to_json())?;
        save(SAVED_TEXT, &render::page(&table)?)?;
        let readme = std::fs::read_to_string(command::root().join(README))
            .with_context(|| format!("{README} cannot be read"))?;
        save(README, &render::readme(&readme, &table)?)?;
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

/// Counts the steps of any layers, in every scheme, as LSTM without and with peepholes, as GRU,
/// as coupled without and with, and as GRU with its reset gate before the product.
pub fn count(boards: &[&'static Board], shapes: &[Shape]) -> Result<Vec<Step>> {
    measure::steps(boards, shapes, (&Layer::ALL, false))
}

/// The same of LSTM layers without peepholes alone, whose outputs are those of the mean over time.
pub fn count_means(boards: &[&'static Board], shapes: &[Shape]) -> Result<Vec<Step>> {
    let lstm = Layer::Lstm { peepholes: false };
    measure::steps(boards, shapes, (&[lstm], true))
}

/// Outputs of `hidden` units with a projection in [`count_projections`].
pub fn projection(hidden: usize) -> usize {
    hidden.div_ceil(3)
}

/// The same of LSTM layers without peepholes alone, of [`projection`] outputs.
pub fn count_projections(boards: &[&'static Board], shapes: &[Shape]) -> Result<Vec<Step>> {
    measure::steps(boards, shapes, (&[Layer::Projected], false))
}

/// Flash of the engine that is built for a model, in bytes.
///
/// # Errors
/// When it cannot be built.
pub fn engine_bytes(board: &'static Board, model: &Path) -> Result<u64> {
    Ok(measure::flash(board, Engine::ForModel, Some(model))?.all())
}

/// The instructions of each interval between marks of a program that brings its model, without those of the marks.
pub(crate) fn intervals_of(board: &Board, image: &Path) -> Result<Vec<u64>> {
    let mark = image::Image::read(image)?.address(measure::MARK)?;
    let counts = image.with_extension("counts");
    let mut qemu = qemu::counting(board, &measure::plugin()?, mark, &counts);
    command::run(qemu.arg(image))?;
    let counts = std::fs::read_to_string(&counts)
        .with_context(|| format!("QEMU's plugin left no {}", counts.display()))?;
    measure::intervals(&counts)
}

/// Writes a file of the repository.
fn save(name: &str, text: &str) -> Result<()> {
    let path = command::root().join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn chosen_layers(kind: Option<&str>) -> Result<Vec<Layer>> {
    let wanted = |layer: &Layer| kind.is_none_or(|kind| layer.kind().name() == kind);
    let layers: Vec<_> = Layer::ALL.into_iter().filter(wanted).collect();
    if layers.is_empty() {
        bail!("--layer is lstm, gru, coupled or gru-before");
    }
    Ok(layers)
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
    for &Shape { inputs, hidden } in shapes {
        if !(1..=MOST_INPUTS).contains(&inputs) || !(1..=MOST_UNITS).contains(&hidden) {
            bail!(
                "--shape {inputs},{hidden}: the image has room for 1 to {MOST_INPUTS} inputs and 1 to {MOST_UNITS} units"
            );
        }
    }
    if shapes.is_empty() {
        return Ok(SHAPES.into());
    }
    Ok(shapes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_shape_that_the_image_has_room_for_is_measured() {
        let shapes = [Shape::new(1, 7), Shape::new(MOST_INPUTS, MOST_UNITS)];
        assert_eq!(chosen_shapes(&shapes).unwrap(), shapes);
        assert_eq!(chosen_shapes(&[]).unwrap(), SHAPES);
        for (inputs, hidden) in [(0, 1), (1, 0), (MOST_INPUTS + 1, 1), (1, MOST_UNITS + 1)] {
            let error = chosen_shapes(&[Shape::new(inputs, hidden)]).unwrap_err();
            assert!(error.to_string().contains(&format!("{inputs},{hidden}")));
        }
    }
}
