//! `trainer-host quantise`: a run's network to integers, calibrated on its training part.

use std::path::PathBuf;

use anyhow::bail;
use lstm_nostd::Model;
use lstm_nostd::kernels::Scheme;
use ndarray::ArrayView2;
use serde::Serialize;

use super::Printer;
use super::table::table;
use crate::calibrate::Calibration;
use crate::evaluate::{Comparison, compare};
use crate::export::{InputStage, assemble};
use crate::input_format::choose_formats;
use crate::layer_error::{self, LayerError};
use crate::network::Network;
use crate::quantise::quantise;
use crate::run_folder::{QUANTISED, Run};
use crate::{integers, quantised_file};

/// Sequences whose layers are compared, at most: enough for figures that do not change any more.
const COMPARED_SEQUENCES: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder, after `trainer-host train`.
    run: PathBuf,
    /// Scheme of all layers, or of each, LSTM layers first, as in `w8a8,w8a16`: w8a16, w8a8 or w4a16.
    #[arg(long, value_delimiter = ',', value_parser = scheme, default_value = "w8a16")]
    scheme: Vec<Scheme>,
}

fn scheme(name: &str) -> Result<Scheme, String> {
    Scheme::from_name(name).ok_or_else(|| {
        let known = Scheme::ALL.map(Scheme::name).join(", ");
        format!("known schemes are {known}")
    })
}

/// One scheme for each layer of `network`.
fn per_layer(named: &[Scheme], network: &Network) -> anyhow::Result<Vec<Scheme>> {
    let layers = network.lstm.len() + network.dense.len();
    match named {
        [all] => Ok(vec![*all; layers]),
        each if each.len() == layers => Ok(each.to_vec()),
        each => bail!(
            "--scheme names {} schemes, and the network has {layers} layers, {} LSTM and {} dense; name one for all layers, or one for each",
            each.len(),
            network.lstm.len(),
            network.dense.len(),
        ),
    }
}

#[derive(Debug, Serialize)]
struct Quantised {
    file: PathBuf,
    /// Of the LSTM layers, then of the dense layers.
    schemes: Vec<&'static str>,
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
    let schemes = per_layer(&args.scheme, &run.network)?;
    let smallest: Vec<f64> = formats
        .iter()
        .zip(&inputs.deviation)
        .map(|(format, dev)| format.smallest_range(*dev, schemes[0].width()))
        .collect();
    let calibration = Calibration::observe(&run.network, &normalised);
    let quantised = quantise(&run.network, &calibration, &schemes, &smallest)?;
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
        schemes: schemes.iter().map(|scheme| scheme.name()).collect(),
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
        .zip(&quantised.schemes)
        .map(|((layer, (cell, shift)), scheme)| {
            vec![
                layer.layer.clone(),
                (*scheme).into(),
                format!("{:.5}", layer.hidden_max),
                format!("{:.5}", layer.hidden_rms),
                format!("{:.4}", layer.hidden_signal_rms),
                format!("{:.5}", layer.cell_max),
                format!("{:.5}", layer.cell_rms),
                cell.clone(),
                layer.saturated_cells.to_string(),
                layer.saturated_gates.to_string(),
                shift.to_string(),
            ]
        })
        .collect();
    let header = [
        "layer",
        "scheme",
        "h max error",
        "h RMS error",
        "RMS of h",
        "c max error",
        "c RMS error",
        "cell",
        "saturated c",
        "saturated z",
        "x shift",
    ];
    format!(
        "{}  (schemes {})\n\n{}\n{}",
        quantised.file.display(),
        quantised.schemes.join(", "),
        table(&header, &rows),
        quantised.comparison.to_text(quantised.part),
    )
}
