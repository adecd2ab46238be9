//! `trainer-host quantise`: a run's network to integers, calibrated on its training part.

use std::path::PathBuf;

use lstm_nostd::Model;
use ndarray::ArrayView2;
use serde::Serialize;

use super::Printer;
use super::table::table;
use crate::calibrate::Calibration;
use crate::evaluate::{Comparison, compare};
use crate::export::{InputStage, assemble};
use crate::input_format::choose_formats;
use crate::layer_error::{self, LayerError};
use crate::quantise::quantise;
use crate::run_folder::{QUANTISED, Run};
use crate::{integers, quantised_file};

/// Sequences whose layers are compared, at most: enough for figures that do not change any more.
const COMPARED_SEQUENCES: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder, after `trainer-host train`.
    run: PathBuf,
}

#[derive(Debug, Serialize)]
struct Quantised {
    file: PathBuf,
    scheme: &'static str,
    /// Which part the accuracy is of.
    part: &'static str,
    comparison: Comparison,
    layers: Vec<LayerError>,
    cell_formats: Vec<String>,
    x_shifts: Vec<u8>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let run = Run::open(&args.run)?;
    let data = run.open_data()?;
    let real = views(&data.train.sequences);
    let normalised = run.fitted.normalised_inputs(&data.train);
    let normalised = views(&normalised);

    let inputs = &run.fitted.inputs;
    let formats = choose_formats(&data.train.channels, &real)?;
    let smallest: Vec<f64> = formats
        .iter()
        .zip(&inputs.deviation)
        .map(|(format, dev)| format.smallest_range(*dev))
        .collect();
    let calibration = Calibration::observe(&run.network, &normalised);
    let quantised = quantise(&run.network, &calibration, &smallest)?;
    let stage = InputStage {
        formats: &formats,
        mean: &inputs.mean,
        deviation: &inputs.deviation,
    };
    let names = (
        run.fitted.schema.channels.as_slice(),
        run.fitted.output_names(),
    );
    let file = assemble(&run.network.config, &quantised, &stage, names, real[0])?;
    let bytes = file.to_bytes()?;
    let model = Model::parse(&bytes)?;

    let few = ..real.len().min(COMPARED_SEQUENCES);
    let layers = layer_error::measure(&run.network, &model, &normalised[few], &real[few]);
    let (part, judged) = match (&data.test, &data.validation) {
        (Some(test), _) => ("test part", test),
        (None, Some(validation)) => ("validation part", validation),
        (None, None) => ("training part", &data.train),
    };
    let found = integers::outputs(&model, &views(&judged.sequences));
    let comparison = compare(judged, &run.outputs(judged), &found);
    let path = run.folder.join(QUANTISED);
    quantised_file::write(&path, &file)?;
    let summary = Quantised {
        file: path,
        scheme: "w8a16",
        part,
        comparison,
        cell_formats: file
            .lstm
            .iter()
            .map(|l| format!("Q{}.{}", l.cell_int_bits, 31 - l.cell_int_bits))
            .collect(),
        x_shifts: file.lstm.iter().map(|l| l.x_shift).collect(),
        layers,
    };
    printer.print(&summary, text)
}

/// Borrows every sequence.
pub(super) fn views(sequences: &[ndarray::Array2<f32>]) -> Vec<ArrayView2<'_, f32>> {
    sequences.iter().map(|sequence| sequence.view()).collect()
}

fn text(quantised: &Quantised) -> String {
    let rows: Vec<Vec<String>> = quantised
        .layers
        .iter()
        .zip(quantised.cell_formats.iter().zip(&quantised.x_shifts))
        .map(|(layer, (cell, shift))| {
            vec![
                layer.layer.clone(),
                format!("{:.5}", layer.hidden_max),
                format!("{:.5}", layer.hidden_rms),
                format!("{:.4}", layer.hidden_signal_rms),
                format!("{:.5}", layer.cell_max),
                format!("{:.5}", layer.cell_rms),
                cell.clone(),
                layer.saturated_cells.to_string(),
                shift.to_string(),
            ]
        })
        .collect();
    let header = [
        "layer",
        "h max error",
        "h RMS error",
        "RMS of h",
        "c max error",
        "c RMS error",
        "cell",
        "saturated",
        "x shift",
    ];
    format!(
        "{}  (scheme {})\n\n{}\n{}",
        quantised.file.display(),
        quantised.scheme,
        table(&header, &rows),
        quantised.comparison.to_text(quantised.part),
    )
}
