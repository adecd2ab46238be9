//! What a step of a model with a convolution costs on each core, counted in QEMU: where the outputs move, and between.

use std::fs;

use anyhow::{Context, Result};
use lstm_nostd::artifact::{RandomConv, RandomModel};
use lstm_nostd::kernels::Scheme;

use super::measure::{intervals, plugin, ready_image};
use crate::boards::Board;
use crate::command;

/// Steps of each kind, as in `firmware/src/bin/bench.rs`.
const STEPS: usize = 8;

/// Sizes of a model: a convolution with ReLU, one LSTM layer, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels.
    pub inputs: usize,
    /// Filters.
    pub filters: usize,
    /// Steps that a filter looks at.
    pub kernel: usize,
    /// Steps from one output to the next, 2 to 8.
    pub stride: usize,
    /// Units of the LSTM layer.
    pub hidden: usize,
}

/// Executed instructions of a model's steps, means of some.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedConvolution {
    /// The core's name.
    pub core: String,
    /// The scheme of all layers.
    pub scheme: Scheme,
    /// The sizes.
    pub shape: ConvShape,
    /// Of a step at which the outputs move.
    pub moving: f64,
    /// Of a step between.
    pub waiting: f64,
}

/// Counts the steps of each shape in each scheme on each board.
///
/// # Errors
/// When an image cannot be built or run.
pub fn count(boards: &[&'static Board], shapes: &[ConvShape]) -> Result<Vec<CountedConvolution>> {
    let plugin = plugin()?;
    let folder = command::target_root().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut counted = Vec::new();
    for board in boards {
        let ready = ready_image(board)?;
        let core = board.core_name();
        for (scheme, shape) in Scheme::ALL
            .into_iter()
            .flat_map(|scheme| shapes.iter().map(move |shape| (scheme, *shape)))
        {
            let bytes = model(scheme, shape).build().to_bytes_in(board.order())?;
            let ConvShape {
                filters, kernel, ..
            } = shape;
            let name = format!("{core}-{scheme}-conv-{filters}-{kernel}");
            let run = ready.run((&plugin, &folder), &name, &bytes)?;
            let all = intervals(&run.counts)?;
            let steps = all
                .get(STEPS..2 * STEPS)
                .context("the image ran no steps")?;
            let mean = |moves: bool| {
                let own = steps.iter().enumerate();
                let own = own.filter(|(t, _)| t.is_multiple_of(shape.stride) == moves);
                let own: Vec<f64> = own.map(|(_, count)| *count as f64).collect();
                own.iter().sum::<f64>() / own.len() as f64
            };
            counted.push(CountedConvolution {
                core: core.to_owned(),
                scheme,
                shape,
                moving: mean(true),
                waiting: mean(false),
            });
        }
    }
    Ok(counted)
}

fn model(scheme: Scheme, shape: ConvShape) -> RandomModel {
    RandomModel {
        inputs: shape.inputs,
        hidden: vec![shape.hidden],
        outputs: 1,
        schemes: vec![scheme],
        // Few steps and taps.
        conv: Some(RandomConv {
            filters: shape.filters,
            kernel: shape.kernel as u16,
            stride: shape.stride as u16,
            first: 0,
            is_rectified: true,
        }),
        shifts: Some(std::cmp::Ordering::Greater),
        seed: 1,
        ..RandomModel::default()
    }
}
