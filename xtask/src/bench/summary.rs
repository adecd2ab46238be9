//! The rows of the short tables, for the page and for a terminal.

use anyhow::Result;

use super::peer::Peer;
use super::table::{Engine, SHAPES, Shape, Step, Table};

/// The shape that schemes are compared with.
const SHAPE: Shape = Shape::new(16, 64);

pub(super) const SCHEME_HEADINGS: [&str; 8] = [
    "core",
    "w8a16",
    "w8a8",
    "w4a16",
    "w8a8 / w8a16",
    "w4a16 / w8a16",
    "CMSIS-NN s8",
    "w8a16 of it",
];

pub(super) const KIND_HEADINGS: [&str; 4] = ["core", "w8a16", "w8a8", "w4a16"];

pub(super) const DENSE_HEADINGS: [&str; 5] = ["core", "w8a16", "w8a8", "w4a16", "CMSIS-NN s8"];

pub(super) const PARTS_HEADINGS: [&str; 9] = [
    "core",
    "products",
    "activations",
    "rest",
    "cycles (estimate)",
    "whole model",
    "state",
    "scratch",
    "stack",
];

/// The step of an LSTM of this case without peepholes and with unequal shifts.
fn plain<'t>(table: &'t Table, core: &str, scheme: &str, shape: Shape) -> Option<&'t Step> {
    plain_of("lstm", table, core, scheme, shape)
}

/// The step of a layer of this kind.
fn plain_of<'t>(
    layer: &str,
    table: &'t Table,
    core: &str,
    scheme: &str,
    shape: Shape,
) -> Option<&'t Step> {
    table.steps.iter().find(|step| {
        step.layer == layer
            && step.core == core
            && step.scheme == scheme
            && step.shape == shape
            && !step.peepholes
            && !step.equal_shifts
    })
}

/// A row for each core whose steps were counted in every scheme.
pub(super) fn scheme_rows(table: &Table) -> Result<Vec<Vec<String>>> {
    let peer = Peer::load()?;
    let rows = table.engines.iter().filter_map(|Engine { core, .. }| {
        let of = |scheme| Some(plain(table, core, scheme, SHAPE)?.instructions);
        let (wide, narrow, nibbles) = (of("w8a16")?, of("w8a8")?, of("w4a16")?);
        let ratio = |a: u64, b: u64| format!("{:.3}", a as f64 / b as f64);
        let peer = peer.instructions(core, SHAPE);
        Some(vec![
            core.clone(),
            wide.to_string(),
            narrow.to_string(),
            nibbles.to_string(),
            ratio(narrow, wide),
            ratio(nibbles, wide),
            peer.map_or_else(String::new, |peer| peer.to_string()),
            peer.map_or_else(String::new, |peer| ratio(wide, peer)),
        ])
    });
    Ok(rows.collect())
}

/// A row for each core: the step of a layer of this kind in every scheme, and its share of an LSTM's.
pub(super) fn kind_rows(table: &Table, kind: &str) -> Vec<Vec<String>> {
    let rows = table.engines.iter().map(|Engine { core, .. }| {
        let cell = |scheme: &str| {
            let found = plain_of(kind, table, core, scheme, SHAPE)?.instructions;
            let lstm = plain(table, core, scheme, SHAPE)?.instructions;
            Some(format!("{found} ({:.2})", found as f64 / lstm as f64))
        };
        let cells = ["w8a16", "w8a8", "w4a16"].map(|scheme| cell(scheme).unwrap_or_default());
        [core.clone()].into_iter().chain(cells).collect()
    });
    rows.collect()
}

/// A row for each core with both counts of a dense layer.
pub(super) fn dense_rows(table: &Table) -> Result<Vec<Vec<String>>> {
    let peer = Peer::load()?;
    let text = |value: Option<f64>, digits| value.map(|v| format!("{v:.digits$}"));
    let rows = table.engines.iter().filter_map(|Engine { core, .. }| {
        let of = |scheme| text(table.dense_instructions(core, scheme), 2);
        let peer = text(peer.dense_instructions(core), 1).unwrap_or_default();
        Some(vec![
            core.clone(),
            of("w8a16")?,
            of("w8a8")?,
            of("w4a16")?,
            peer,
        ])
    });
    Ok(rows.collect())
}

/// The shape, and every core.
pub(super) fn shape_headings(table: &Table) -> Vec<String> {
    let cores = table.engines.iter().map(|engine| engine.core.clone());
    [String::from("shape")].into_iter().chain(cores).collect()
}

/// A row for each shape: its instructions in w8a16 on every core, and their share of CMSIS-NN's.
pub(super) fn shape_rows(table: &Table) -> Result<Vec<Vec<String>>> {
    let peer = Peer::load()?;
    let cell = |core: &str, shape| {
        let Some(step) = plain(table, core, "w8a16", shape) else {
            return String::new();
        };
        let share = peer
            .instructions(core, shape)
            .map(|peer| format!(" ({:.2})", step.instructions as f64 / peer as f64));
        format!("{}{}", step.instructions, share.unwrap_or_default())
    };
    let row = |shape: &Shape| {
        let cells = table
            .engines
            .iter()
            .map(|engine| cell(&engine.core, *shape));
        let name = format!("{}, {}", shape.inputs, shape.hidden);
        [name].into_iter().chain(cells).collect()
    };
    Ok(SHAPES.iter().map(row).collect())
}

/// A row for each core: what a step in w8a16 consists of.
pub(super) fn parts_rows(table: &Table) -> Vec<Vec<String>> {
    let rows = table.engines.iter().filter_map(|Engine { core, .. }| {
        let step = plain(table, core, "w8a16", SHAPE)?;
        let share = |part: u64| {
            let percent = 100.0 * part as f64 / step.instructions as f64;
            format!("{percent:.0} %")
        };
        Some(vec![
            core.clone(),
            share(step.parts.products),
            share(step.parts.activations),
            share(step.parts.rest),
            step.estimated_cycles.to_string(),
            step.model_instructions.to_string(),
            step.state_bytes.to_string(),
            step.scratch_bytes.to_string(),
            step.stack_bytes.to_string(),
        ])
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bench, command};

    #[test]
    fn a_table_without_the_compared_shape_has_no_rows_for_it() {
        let mut table = Table::load(&command::root().join(bench::SAVED)).unwrap();
        assert_eq!(scheme_rows(&table).unwrap().len(), table.engines.len());
        assert_eq!(shape_rows(&table).unwrap().len(), SHAPES.len());
        table.steps.retain(|step| step.shape != SHAPE);
        assert!(scheme_rows(&table).unwrap().is_empty());
        assert!(parts_rows(&table).is_empty());
    }
}
