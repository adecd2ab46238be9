//! `trainer-host quantise`: turns a run's network into integers, calibrated on the run's training part.

use std::path::PathBuf;

use anyhow::{Context, bail};
use lstm_nostd::artifact::Recurrent;
use lstm_nostd::kernels::Width;

use super::Printer;
use super::data_args::print_notes;
use super::model_source::open_run;
use super::run_data::RunData;
use super::table::{percent, table};
use crate::data::counted;
use crate::files::atomic;
use crate::integers::clamped;
use crate::network::NetworkConfig;
use crate::network::schemes::Schemes;
use crate::quantise::Rounding;
use crate::quantise::magnitudes::Clipping;
use crate::report::quantisation_page;
use crate::run::choose::{Request, choose};
use crate::run::quantisation::{Files, NOT_FOLLOWED, QuantisationReport, measure};
use crate::run::quantisations;
use crate::run::{FolderLock, Run};
use crate::train::{QAT_CLIPPING, QAT_ROUNDING};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run folder of `trainer-host train` or `import`; of a stopped run, its best weights so far are taken.
    run: PathBuf,
    /// A scheme (w8a16, w8a8 or w4a16) for all layers, or one for each layer, a convolution first, then recurrent layers, for example
    /// w8a8,w8a16 [default: the scheme of quantisation-aware training, else w8a16].
    #[arg(long)]
    scheme: Option<Schemes>,
    /// Name of the quantisation: a run keeps one of each name, so two of one scheme need names [default: the scheme].
    #[arg(long, value_parser = quantisations::check_name)]
    name: Option<String>,
    /// How to derive ranges and scales from the training part: from the largest value, from a percentile, or
    /// from the least mean squared error. `auto` keeps what is nearest to f32 on held-out data.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Calibrate::Auto)]
    calibration: Calibrate,
    /// How to round weights: each to the nearest integer, or all weights of a row together so that the row's
    /// output changes least. `auto` as above.
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Round::Auto)]
    rounding: Round,
    /// Give inputs and hidden state of int8 layers equal shifts. This saves 4 to 16 % of a step's instructions
    /// on M55, but rounds weights more coarsely; the report shows the noise. A layer whose weights are too large
    /// for that keeps its own, with a warning.
    #[arg(long)]
    equal_shifts: bool,
    #[command(flatten)]
    data: RunData,
}

/// Values of `--calibration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Calibrate {
    Auto,
    MinMax,
    Percentile,
    Mse,
}

/// Values of `--rounding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Round {
    Auto,
    Nearest,
    Gptq,
}

impl Calibrate {
    fn clipping(self) -> Option<Clipping> {
        match self {
            Self::Auto => None,
            Self::MinMax => Some(Clipping::MinMax),
            Self::Percentile => Some(Clipping::Percentile),
            Self::Mse => Some(Clipping::MeanSquaredError),
        }
    }
}

impl Round {
    fn rounding(self) -> Option<Rounding> {
        match self {
            Self::Auto => None,
            Self::Nearest => Some(Rounding::Nearest),
            Self::Gptq => Some(Rounding::Gptq),
        }
    }
}

/// What the flags ask for. A run of quantisation-aware training keeps the choices that it was trained with.
fn request(args: &Args, run: &Run) -> anyhow::Result<Request> {
    let network = &run.network.config;
    let trained = run.config.train.qat.as_ref();
    let schemes = match (&args.scheme, trained) {
        (Some(asked), _) => asked.per_layer(network).context("--scheme")?,
        (None, trained) => trained.cloned().unwrap_or_default().per_layer(network)?,
    };
    let as_trained = trained.is_some_and(|qat| qat.per_layer(network).as_ref() == Ok(&schemes));
    let mut recurrent = (schemes.iter())
        .skip(network.first_recurrent())
        .take(network.hidden.len());
    if args.equal_shifts && recurrent.all(|scheme| scheme.width() != Width::Int8) {
        bail!(
            "--equal-shifts: no recurrent layer has int8 activations; quantise with --scheme w8a8"
        );
    }
    let clipping = args.calibration.clipping();
    let rounding = args.rounding.rounding();
    Ok(Request {
        schemes,
        clipping: clipping.or(as_trained.then_some(QAT_CLIPPING)),
        rounding: rounding.or(as_trained.then_some(QAT_ROUNDING)),
        equal_shifts: args.equal_shifts,
    })
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let mut run = open_run(&args.run)?;
    args.data.apply(&mut run.config);
    let data = run.open_data()?;
    print_notes(&data.notes());
    let request = request(&args, &run)?;
    let _lock = FolderLock::take(&run.folder)?;
    let chosen = choose(
        run.network_and_fit(),
        &data.train,
        data.validation.as_ref(),
        &request,
    )?;
    if request.equal_shifts {
        let unequal = unequal_shifts(&run.network.config, &chosen.file.recurrent);
        if !unequal.is_empty() {
            eprintln!(
                "warning: --equal-shifts: {} cannot have equal shifts, since a row's weights are too large for \
                 them; train with weight decay",
                unequal.join(", ")
            );
        }
    }
    let name = (args.name).unwrap_or_else(|| quantisations::name_of(&request.schemes));
    let files = Files {
        integers: quantisations::path_of(&run.folder, &name),
        report: quantisations::page_of(&run.folder, &name),
        name,
    };
    let integers = chosen.file.clone();
    let report = measure(&run, &data, &request.schemes, chosen, files)?;
    quantisations::write(&run.folder, &report.name, &integers, &run.network)?;
    atomic::write(&report.report, quantisation_page(&report).as_bytes())?;
    printer.print(&report, text)
}

/// The layers of int8 activations whose inputs and hidden states have shifts that differ.
fn unequal_shifts(network: &NetworkConfig, recurrent: &[Recurrent]) -> Vec<String> {
    let layers = network.layers();
    (layers.iter().skip(network.first_recurrent()).zip(recurrent))
        .filter(|(_, layer)| layer.scheme().width() == Width::Int8)
        .filter(|(_, layer)| layer.x_shift() != layer.h_shift())
        .map(|(shape, _)| shape.name())
        .collect()
}

fn text(report: &QuantisationReport) -> String {
    let mut sections = vec![
        format!(
            "{}  (schemes {}; calibration {}, rounding {})\n",
            report.file.display(),
            report.schemes.join(", "),
            report.calibration,
            report.rounding,
        ),
        match report.layers.is_empty() {
            true => format!("{NOT_FOLLOWED}\n"),
            false => layer_table(report),
        },
        noise_table(report),
        report.comparison.to_text(report.part),
    ];
    if !report.clamped_inputs.is_empty() {
        sections.push(clamped::to_text(&report.clamped_inputs));
    }
    if let Some(reference) = &report.reference {
        sections.push(format!(
            "The f32 network is the one of {}.\n",
            reference.display()
        ));
    }
    sections.extend(changed_classes(report));
    if let Some(first) = report.disagreements.followed.first() {
        sections.push(format!(
            "decisions differ in {}; in sequence {} they first differ at step {} of {}\n",
            counted(report.disagreements.sequences, "sequence"),
            first.sequence,
            first.parted_at,
            first.steps,
        ));
    }
    let steps: Vec<String> = (report.cores.iter())
        .map(|core| format!("{} {}", core.core, core.instructions))
        .collect();
    sections.push(format!(
        "flash {} bytes, RAM {}\n\
         instructions a step, estimated: {}\nreport {}\n",
        report.memory.file_bytes,
        report.memory.ram(),
        steps.join(", "),
        report.report.display()
    ));
    sections.join("\n")
}

/// The classes that integers find more or less often than f32 does, if there are any.
fn changed_classes(report: &QuantisationReport) -> Option<String> {
    let changed: Vec<Vec<String>> = (report.classes.iter())
        .filter(|class| class.difference.is_some_and(|d| d != 0.0))
        .map(|class| {
            let share = |share: Option<f64>| share.map_or("-".into(), percent);
            vec![
                class.class.clone(),
                class.support.to_string(),
                share(class.float_recall),
                share(class.integer_recall),
            ]
        })
        .collect();
    let header = [
        "class that changed",
        "occurs",
        "found in f32",
        "in integers",
    ];
    (!changed.is_empty()).then(|| table(&header, &changed))
}

/// Signal-to-quantisation-noise ratios of each layer; of weights alone where layers were not followed step by step.
fn noise_table(report: &QuantisationReport) -> String {
    let decibels = |value: f64| format!("{value:.1}");
    let rows: Vec<Vec<String>> = (report.weights.iter().enumerate())
        .map(|(l, weights)| {
            let mut row = vec![weights.layer.clone(), decibels(weights.sqnr_db)];
            match report.layers.get(l) {
                None if report.layers.is_empty() => {}
                Some(layer) => row.extend(
                    [
                        layer.gates_sqnr_db,
                        layer.cell_sqnr_db,
                        layer.hidden_sqnr_db,
                    ]
                    .map(decibels),
                ),
                None => row.extend(["-", "-", "-"].map(String::from)),
            }
            row
        })
        .collect();
    let header = ["SQNR, dB", "weights", "gates", "cell", "hidden"];
    let columns = rows.first().map_or(header.len(), Vec::len);
    table(&header[..columns], &rows)
}

fn layer_table(report: &QuantisationReport) -> String {
    let rows: Vec<Vec<String>> = report
        .layers
        .iter()
        .zip(report.cell_formats.iter().zip(&report.x_shifts))
        .zip(&report.schemes)
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
    table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::{Gru, Lstm};
    use lstm_nostd::kernels::Scheme;

    use super::*;
    use crate::network::{Cell, Head, Mode};

    #[test]
    fn layers_of_int8_activations_whose_shifts_differ_are_named() {
        let network = NetworkConfig {
            inputs: 1,
            conv: None,
            hidden: vec![2; 3],
            directions: vec![],
            cell: Cell::Lstm { peepholes: false },
            dense: vec![],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        let layer = |scheme, x_shift, h_shift| {
            Recurrent::Lstm(Lstm {
                scheme,
                x_shift,
                h_shift,
                ..Lstm::default()
            })
        };
        let layers = [
            layer(Scheme::W8a8, 3, 3),
            layer(Scheme::W8a16, 3, 0),
            layer(Scheme::W8a8, 3, 0),
        ];
        assert_eq!(unequal_shifts(&network, &layers), ["lstm.2"]);
        let gru = Recurrent::Gru(Gru::default());
        assert!(unequal_shifts(&network, &[gru]).is_empty());
    }
}
