//! Renders the table for readers.

use anyhow::{Context, Result};

use super::peer::Peer;
use super::summary::{
    DENSE_HEADINGS, KIND_HEADINGS, PARTS_HEADINGS, SCHEME_HEADINGS, dense_rows, kind_rows,
    parts_rows, scheme_rows, shape_headings, shape_rows,
};
use super::table::{Engine, Flash, Shape, Step, Table};

const HEADINGS: [&str; 17] = [
    "core",
    "scheme",
    "layer",
    "shape",
    "peepholes",
    "instructions",
    "per MAC",
    "products",
    "activations",
    "rest",
    "of CMSIS-NN s8",
    "cycles (estimate)",
    "outputs",
    "whole model",
    "state",
    "scratch",
    "stack",
];

const ENGINE_HEADINGS: [&str; 6] = [
    "core",
    "schemes",
    "step",
    "tables",
    "step and tables",
    "parser",
];

/// For each core, how close its loop is to the best that its instructions allow.
const BOUNDS: &str = "\
Small layers are bound by what is done once a unit: rescaling four sums, five activations, and the state. Large layers
are bound by the loop over a row. The table counts the instructions of this loop for a product of an int8 weight and an
int16 activation, beside the least that the instruction set allows; the rest is loads and shifts.

| core | loop | least | why |
| ---: | ---: | ---: | --- |
| M0 | 3.06 | 2.75 | a product is `muls` and `add`, and three of four weights need a shift |
| M3 | 1.88 | 1.75 | a product is `mla`, and three of four weights need a shift |
| M4, M7, M33 | 0.875 | 0.75 | two products are one `smlad`, but int16 times int8 leaves no room for a second row in 32 bits: pairs of rows take one `smlald`, one `smlad` and one `sxtb16` for four |
| M55 | 0.219 | 0.125 | sixteen products of bytes are one `vmladava`, and an int16 activation is two bytes; loads of weights are not shared by units |
";

/// For a terminal. What the table has no counts for is left out.
pub(super) fn text(table: &Table) -> Result<String> {
    let schemes = scheme_rows(table)?;
    let dense = dense_rows(table)?;
    let mut text = String::new();
    if !schemes.is_empty() {
        text += &format!(
            "Instructions of one time step (QEMU, -icount shift=0), 16 inputs, 64 units, no peepholes\n\n{}\n",
            aligned(&SCHEME_HEADINGS, &schemes)
        );
    }
    if !dense.is_empty() {
        text += &format!(
            "Instructions of a dense layer for a further MAC, (64 to 10 less 64 to 2) / (8 * 64)\n\n{}\n",
            aligned(&DENSE_HEADINGS, &dense)
        );
    }
    text += &format!(
        "Bytes of flash, code and tables of the engine\n\n{}\n\
         Instructions of one time step, bytes of RAM\n\n{}",
        aligned(&ENGINE_HEADINGS, &engine_rows(table)),
        aligned(&HEADINGS, &step_rows(table)?)
    );
    Ok(text)
}

/// `docs/instructions.md`
pub(super) fn page(table: &Table) -> Result<String> {
    let shapes = shape_headings(table);
    let shapes: Vec<&str> = shapes.iter().map(String::as_str).collect();
    Ok(format!(
        "# What a time step costs\n\n\
         `cargo xtask bench --save` writes this page. [instructions.json](../trainer-host/assets/instructions.json) has all\n\
         shapes and schemes, without and with peepholes. `cargo xtask test` compares the code with that file.\n\n\
         Every figure is a count of instructions executed in QEMU, the mean of eight steps. It is not a time: cores\n\
         take one, two or more clock cycles for an instruction, and may wait for flash ([tuning.md](tuning.md#time)).\n\n\
         ## Schemes\n\n\
         The whole step of an LSTM layer with 16 inputs and 64 units, from its inputs to its new state, without peepholes.\n\
         CMSIS-NN is `arm_lstm_unidirectional_s8` in its faster build ([its figures](cmsis-nn.json)); it has int8\n\
         activations. On M55, w8a8 stands for layers whose two shifts differ ([numerics.md](numerics.md)).\n\n{}\n\
         ## GRU\n\n\
         The whole step of a GRU layer with 16 inputs and 64 units; in brackets as a share of the LSTM's. Products run in the\n\
         loops of the LSTM. What follows from them is assembly, except on M0, where it is compiled code.\n\n{}\n\
         ## Coupled gates\n\n\
         The same of an LSTM layer with coupled gates, without peepholes.\n\n{}\n\
         ## GRU, reset before the product\n\n\
         The same of a GRU layer whose reset gate comes before the product. Products run in the loops of the LSTM, and what\n\
         follows from them is compiled code.\n\n{}\n\
         ## Dense layers\n\n\
         Instructions for a further multiply-accumulate: what a layer of 64 inputs and ten outputs takes above one with\n\
         two outputs, divided by 8·64. Of CMSIS-NN it is `arm_fully_connected_s8`.\n\n{}\n\
         ## Shapes\n\n\
         Instructions of a step in w8a16, without peepholes, for inputs and units as in the first column; in brackets as a\n\
         share of CMSIS-NN's. Peepholes add 4 to 26 instructions a unit.\n\n{}\n\
         ## Parts of a step\n\n\
         w8a16, 16 inputs, 64 units, no peepholes. *Products* include loops and loads. *Activations* are σ and tanh. *Rest*\n\
         is rescaling, state and preparation. *Cycles* are estimated from published timings and not measured;\n\
         `xtask/src/bench/cycles.rs` has sources and assumptions. *Whole model* adds normalisation of the inputs and a dense\n\
         layer with ten outputs. RAM is in bytes: state of a stream, scratch of a step, and the deepest stack below the call\n\
         of the whole model's step.\n\n{}\n\
         {BOUNDS}\n\
         ## Flash\n\n\
         Bytes in a linked image (`firmware/src/bin/no_panic.rs`), by its symbols. *Step* is the code of a step, with\n\
         normalisation, dense layers and the library's functions for memory. *Tables* are those of σ and tanh. *Parser*\n\
         checks a model file. *Every* is all schemes and kinds of layers, which are cargo features of the engine.\n\n{}",
        markdown(&SCHEME_HEADINGS, &scheme_rows(table)?),
        markdown(&KIND_HEADINGS, &kind_rows(table, "gru")),
        markdown(&KIND_HEADINGS, &kind_rows(table, "coupled")),
        markdown(&KIND_HEADINGS, &kind_rows(table, "gru-before")),
        markdown(&DENSE_HEADINGS, &dense_rows(table)?),
        markdown(&shapes, &shape_rows(table)?),
        markdown(&PARTS_HEADINGS, &parts_rows(table)),
        markdown(&ENGINE_HEADINGS, &engine_rows(table))
    ))
}

/// The lines of README.md between these two, which `cargo xtask bench --save` writes.
const README_BEGIN: &str = "<!-- written by `cargo xtask bench --save` -->\n";
const README_END: &str = "<!-- end -->\n";

/// README.md with the table's figures.
pub(super) fn readme(text: &str, table: &Table) -> Result<String> {
    let marked = text.split_once(README_BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(README_END)?;
        Some((before, after))
    });
    let (before, after) = marked.context("README.md has no place for the table")?;
    let rows = table.engines.iter().map(|engine| readme_row(table, engine));
    let rows: Vec<_> = rows.collect::<Result<_>>()?;
    let table = markdown(
        &[
            "core",
            "16 inputs, 64 units",
            "CMSIS-NN s8",
            "10 inputs, 118 units",
            "per MAC",
            "flash: step and tables",
            "parser",
        ],
        &rows,
    );
    Ok(format!("{before}{README_BEGIN}{table}{README_END}{after}"))
}

/// One core's figures, with peepholes.
fn readme_row(table: &Table, engine: &Engine) -> Result<Vec<String>> {
    let peer = Peer::load()?;
    let step = |inputs, hidden| {
        let shape = Shape::new(inputs, hidden);
        let mut steps = table.steps.iter();
        let found = steps.find(|step| {
            step.core == engine.core
                && step.scheme == "w8a16"
                && step.peepholes
                && step.shape == shape
        });
        found.with_context(|| format!("the table has no ({inputs}, {hidden}) for {}", engine.core))
    };
    let (small, large) = (step(16, 64)?, step(10, 118)?);
    let peer = peer.instructions(&engine.core, small.shape);
    let flash = engine.w8a16;
    Ok(vec![
        engine.core.clone(),
        small.instructions.to_string(),
        peer.map_or_else(String::new, |peer| peer.to_string()),
        large.instructions.to_string(),
        format!(
            "{:.3}",
            large.instructions as f64 / large.shape.macs() as f64
        ),
        format!("{} bytes", flash.step + flash.tables),
        format!("{} bytes", flash.parser),
    ])
}

fn step_rows(table: &Table) -> Result<Vec<Vec<String>>> {
    let peer = Peer::load()?;
    Ok(table
        .steps
        .iter()
        .map(|step| step_row(step, &peer))
        .collect())
}

fn step_row(step: &Step, peer: &Peer) -> Vec<String> {
    let share = |part: u64| format!("{:.0} %", 100.0 * part as f64 / step.instructions as f64);
    let peer = peer.instructions(&step.core, step.shape);
    let ratio = peer.map(|peer| format!("{:.3}", step.instructions as f64 / peer as f64));
    vec![
        step.core.clone(),
        step.scheme(),
        step.layer.clone(),
        format!("{}, {}", step.shape.inputs, step.shape.hidden),
        if step.peepholes { "yes" } else { "no" }.to_owned(),
        step.instructions.to_string(),
        format!("{:.3}", step.instructions as f64 / step.shape.macs() as f64),
        share(step.parts.products),
        share(step.parts.activations),
        share(step.parts.rest),
        ratio.unwrap_or_default(),
        step.estimated_cycles.to_string(),
        step.outputs.to_string(),
        step.model_instructions.to_string(),
        step.state_bytes.to_string(),
        step.scratch_bytes.to_string(),
        step.stack_bytes.to_string(),
    ]
}

fn engine_rows(table: &Table) -> Vec<Vec<String>> {
    let row = |core: &str, schemes: &str, flash: Flash| {
        vec![
            core.to_owned(),
            schemes.to_owned(),
            flash.step.to_string(),
            flash.tables.to_string(),
            (flash.step + flash.tables).to_string(),
            flash.parser.to_string(),
        ]
    };
    let rows = |engine: &Engine| {
        [
            row(&engine.core, "w8a16", engine.w8a16),
            row(&engine.core, "every", engine.every_scheme),
        ]
    };
    table.engines.iter().flat_map(rows).collect()
}

fn aligned(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<_> = cells
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:>width$}"))
            .collect();
        cells.join("  ") + "\n"
    };
    let mut text = line(&mut headings.iter().copied());
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

fn markdown(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n|{}\n",
        headings.join(" | "),
        " ---: |".repeat(headings.len())
    );
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bench, command};

    #[test]
    fn readme_and_page_quote_the_table() {
        let read = |name: &str| std::fs::read_to_string(command::root().join(name)).unwrap();
        let table = Table::load(&command::root().join(bench::SAVED)).unwrap();
        let readme_text = read("README.md");
        assert!(
            readme(&readme_text, &table).unwrap() == readme_text,
            "run `cargo xtask bench --save`"
        );
        assert!(
            page(&table).unwrap() == read(bench::SAVED_TEXT),
            "run `cargo xtask bench --save`"
        );
    }
}
