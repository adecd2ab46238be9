//! `cargo xtask demo`: the whole way on embedded data. It trains, quantises, exports, runs the model on an emulated
//! Cortex-M4, and prints the results.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use object::read::elf::{ElfFile32, ProgramHeader};
use serde_json::Value;

use crate::boards::{self, Board};
use crate::firmware::{Application, Engine, Image};
use crate::set_up;
use crate::trainer::{Trainer, number, text};

const BOARD: &str = "mps2-an386";

/// The trainer's results at each stage.
struct Found {
    trained: Value,
    quantised: Value,
    sizes: Value,
    /// The results on the board, beside those on the host.
    evaluated: Value,
    /// Flash of the whole application.
    flash_bytes: u64,
}

/// Runs the demonstration.
pub fn run() -> Result<()> {
    let board = boards::by_name(BOARD)?;
    set_up::compiler_ready(board.target)?;
    set_up::qemu_ready()?;
    step("Building the trainer");
    let trainer = Trainer::build()?;

    let start = Instant::now();
    let found = stages(&trainer, board)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("\n{}", table(board, &found)?);
    println!("Took {seconds:.0} s after the build.");
    println!(
        "Training curves and confusion matrices: {}",
        text(&found.trained, "/report")?
    );
    let identical = number(&found.evaluated, "/device/identical")?;
    let sequences = number(&found.evaluated, "/device/sequences")?;
    if identical != sequences {
        bail!(
            "the board's outputs differ from the host's in {} sequences",
            sequences - identical
        );
    }
    Ok(())
}

/// From the data to the outputs of the board.
fn stages(trainer: &Trainer, board: &'static Board) -> Result<Found> {
    let run = crate::command::target_root().join("demo");
    let run = run.to_string_lossy();
    step("Training an LSTM with peepholes on handwritten digits, read row by row");
    let trained = trainer.run(&["train", "digits", "--out", &run, "--overwrite"])?;
    step("Quantising it to int8 weights and int16 activations");
    let quantised = trainer.run(&["quantise", &run])?;
    step("Exporting it as a model file");
    let exported = trainer.run(&["export", &run, "--target", "m4"])?;
    let model = text(&exported, "/file")?;
    let sizes = trainer.run(&["inspect", model])?;

    step(&format!(
        "Building firmware for a {} with the model in its flash",
        board.core
    ));
    let image = |application| Image {
        model: Some(Path::new(model)),
        engine: Engine::ForModel,
        ..Image::of(board, application)
    };
    let runner = image(Application::Runner).build()?;
    let classify = image(Application::Classify).build()?;
    step("Running every test sequence on the emulated board");
    let device = format!("qemu:{}", board.machine);
    let runner = runner.to_string_lossy();
    let evaluated = trainer.run(&[
        "eval", model, "--data", "digits", "--device", &device, "--image", &runner,
    ])?;
    Ok(Found {
        trained,
        quantised,
        sizes,
        evaluated,
        flash_bytes: flash_bytes(&classify)?,
    })
}

fn step(what: &str) {
    println!("\n==> {what}");
}

/// Bytes of flash that the image occupies: all loaded segments, with their padding.
fn flash_bytes(image: &Path) -> Result<u64> {
    let bytes =
        std::fs::read(image).with_context(|| format!("{} cannot be read", image.display()))?;
    let elf: ElfFile32 = ElfFile32::parse(&*bytes).context("the image is not an ELF file")?;
    let segments = elf.elf_program_headers().iter();
    Ok(segments
        .filter(|segment| segment.p_type(elf.endian()) == object::elf::PT_LOAD)
        .map(|segment| u64::from(segment.p_filesz(elf.endian())))
        .sum())
}

/// The results as a table.
fn table(board: &Board, found: &Found) -> Result<String> {
    let mut rows = network_rows(found)?;
    rows.extend(device_rows(found)?);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut table = format!(
        "Handwritten digits on an emulated {} ({})\n",
        board.core, board.machine
    );
    for (name, value) in rows {
        table += &format!("  {name:<width$}  {value}\n");
    }
    Ok(table)
}

/// A name and a value of the table.
type Row = (&'static str, String);

fn percent(value: &Value, place: &str) -> Result<String> {
    Ok(format!("{:.2} %", 100.0 * number(value, place)?))
}

fn whole(value: &Value, place: &str) -> Result<String> {
    Ok(format!("{:.0}", number(value, place)?))
}

/// Rows about the network and its accuracy.
fn network_rows(found: &Found) -> Result<Vec<Row>> {
    let Found {
        quantised,
        sizes,
        evaluated,
        ..
    } = found;
    let network = format!(
        "LSTM, {} inputs, {} units, peepholes; {} outputs",
        number(sizes, "/layers/0/inputs")?,
        number(sizes, "/layers/0/units")?,
        sizes["outputs"].as_array().map_or(0, Vec::len)
    );
    let float = percent(quantised, "/comparison/float/accuracy")?;
    let host = percent(quantised, "/comparison/integer/accuracy")?;
    let device = percent(evaluated, "/device/score/accuracy")?;
    let identical = format!(
        "{} of {}",
        whole(evaluated, "/device/identical")?,
        whole(evaluated, "/device/sequences")?
    );
    Ok(vec![
        ("network", network),
        ("test accuracy, f32", float),
        ("test accuracy, w8a16 on the host", host),
        ("test accuracy, w8a16 on the board", device),
        (
            "decisions as in f32",
            percent(quantised, "/comparison/agreement")?,
        ),
        ("sequences equal to the host, bit for bit", identical),
    ])
}

/// Rows about the model's cost on the device.
fn device_rows(found: &Found) -> Result<Vec<Row>> {
    let Found {
        sizes, evaluated, ..
    } = found;
    let mut rows = Vec::new();
    if let Ok(cost) = whole(evaluated, "/device/cost_per_step") {
        let unit = text(evaluated, "/device/unit")?;
        rows.push(("cost of a time step", format!("{cost} {unit}")));
    }
    let bytes = |value, place| Ok::<_, anyhow::Error>(format!("{} bytes", whole(value, place)?));
    let state_and_scratch = format!(
        "{} + {} bytes",
        whole(sizes, "/state_bytes")?,
        whole(sizes, "/scratch_bytes")?
    );
    rows.extend([
        ("flash, model file", bytes(sizes, "/file_bytes")?),
        (
            "flash, whole application with the model",
            format!("{} bytes", found.flash_bytes),
        ),
        ("RAM, state and scratch", state_and_scratch),
        (
            "RAM, stack of a step",
            bytes(evaluated, "/device/step_stack_bytes")?,
        ),
    ]);
    Ok(rows)
}
