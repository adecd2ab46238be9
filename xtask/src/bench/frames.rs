//! Frames of a front end of any kind, counted in QEMU.

use std::path::Path;

use anyhow::Result;
use lstm_nostd::artifact::RandomModel;
use lstm_nostd::front_end::Tables;

use super::measure::{Ready, intervals};

/// What a frame costs.
pub(super) struct FrameCost {
    /// The mean.
    pub(super) instructions: u64,
    pub(super) stack_bytes: usize,
    /// Of the section in the model file.
    pub(super) table_bytes: usize,
}

/// Counts frames of a front end before a small network; `name` is that of the case.
pub(super) fn cost(
    ready: &Ready,
    places: (&Path, &Path),
    name: &str,
    tables: Tables,
) -> Result<FrameCost> {
    let shape = RandomModel {
        inputs: tables.view().features(),
        hidden: vec![4],
        outputs: 1,
        seed: 1,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    let plain = file.to_bytes()?.len();
    file.front_end = Some(tables);
    let bytes = file.to_bytes()?;
    let run = ready.run(places, name, &bytes)?;
    let frames = intervals(&run.counts)?;
    let count = frames.len().max(1) as u64;
    Ok(FrameCost {
        instructions: (frames.iter().sum::<u64>() + count / 2) / count,
        stack_bytes: run.stack_bytes,
        table_bytes: bytes.len() - plain,
    })
}

/// Makes frames, each an object of JSON, those of the repository's file `saved`.
pub(super) fn save(saved: &str, frames: impl Iterator<Item = String>) -> Result<()> {
    let lines: Vec<_> = frames.collect();
    let text = format!("{{\"frames\": [\n  {}\n]}}\n", lines.join(",\n  "));
    super::save(saved, &text)
}
