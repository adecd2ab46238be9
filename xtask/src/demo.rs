//! `cargo xtask demo`: the main job, end to end, on embedded data: train, quantise, export, run on
//! an emulated Cortex-M4, and print what came of it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use object::read::elf::{ElfFile32, ProgramHeader};
use serde_json::Value;

use crate::boards::{self, Board};
use crate::firmware::{Application, Image};
use crate::set_up;
use crate::trainer::{Trainer, number, text};

const BOARD: &str = "mps2-an386";

/// Runs the demonstration.
pub fn run() -> Result<()> {
    let board = boards::by_name(BOARD)?;
    set_up::compiler_ready(board.target)?;
    set_up::qemu_ready()?;
    step("Building the trainer");
    let trainer = Trainer::build()?;

    let start = Instant::now();
    let run = crate::firmware::target_root().join("demo");
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
        board,
        application,
        model: Some(Path::new(model)),
        feature: None,
        every_scheme: true,
    };
    let runner = image(Application::Runner).build()?;
    let classify = image(Application::Classify).build()?;
    step("Running every test sequence on the emulated board");
    let device = format!("qemu:{}", board.machine);
    let runner = runner.to_string_lossy();
    let evaluated = trainer.run(&[
        "eval", model, "--data", "digits", "--device", &device, "--image", &runner,
    ])?;
    let seconds = start.elapsed().as_secs_f64();

    println!(
        "\n{}",
        table(
            board,
            &quantised,
            &sizes,
            &evaluated,
            flash_bytes(&classify)?
        )?
    );
    println!("Took {seconds:.0} s after the build.");
    println!(
        "Training curves and confusion matrices: {}",
        text(&trained, "/report")?
    );
    let identical = number(&evaluated, "/device/identical")?;
    let sequences = number(&evaluated, "/device/sequences")?;
    if identical != sequences {
        bail!(
            "the board's outputs differ from the host's in {} sequences",
            sequences - identical
        );
    }
    Ok(())
}

fn step(what: &str) {
    println!("\n==> {what}");
}

/// Bytes that the image occupies in flash: the segments that are loaded, with their padding.
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

fn table(
    board: &Board,
    quantised: &Value,
    sizes: &Value,
    evaluated: &Value,
    flash: u64,
) -> Result<String> {
    let percent = |value: &Value, place: &str| {
        Ok::<_, anyhow::Error>(format!("{:.2} %", 100.0 * number(value, place)?))
    };
    let whole = |value: &Value, place: &str| {
        Ok::<_, anyhow::Error>(format!("{:.0}", number(value, place)?))
    };
    let layer = |place: &str| number(sizes, &format!("/layers/0/{place}"));
    let mut rows: Vec<(&str, String)> = vec![
        (
            "network",
            format!(
                "LSTM, {} inputs, {} units, peepholes; {} outputs",
                layer("inputs")?,
                layer("units")?,
                { sizes["outputs"].as_array().map_or(0, Vec::len) }
            ),
        ),
        (
            "test accuracy, f32",
            percent(quantised, "/comparison/float/accuracy")?,
        ),
        (
            "test accuracy, w8a16 on the host",
            percent(quantised, "/comparison/integer/accuracy")?,
        ),
        (
            "test accuracy, w8a16 on the board",
            percent(evaluated, "/device/score/accuracy")?,
        ),
        (
            "decisions as in f32",
            percent(quantised, "/comparison/agreement")?,
        ),
        (
            "sequences equal to the host, bit for bit",
            format!(
                "{} of {}",
                whole(evaluated, "/device/identical")?,
                whole(evaluated, "/device/sequences")?
            ),
        ),
    ];
    if let Ok(cost) = whole(evaluated, "/device/cost_per_step") {
        rows.push((
            "cost of a time step",
            format!("{cost} {}", text(evaluated, "/device/unit")?),
        ));
    }
    rows.push((
        "flash, model file",
        format!("{} bytes", whole(sizes, "/file_bytes")?),
    ));
    rows.push((
        "flash, whole application with the model",
        format!("{flash} bytes"),
    ));
    rows.push((
        "RAM, state and scratch",
        format!(
            "{} + {} bytes",
            whole(sizes, "/state_bytes")?,
            whole(sizes, "/scratch_bytes")?
        ),
    ));
    rows.push((
        "RAM, stack of a step",
        format!("{} bytes", whole(evaluated, "/device/step_stack_bytes")?),
    ));
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
