//! `trainer-host inspect`: what is in a model file or a run.

use std::path::PathBuf;

use lstm_nostd::kernels::Order;
use lstm_nostd::model::{scratch_bytes, state_bytes};
use lstm_nostd::{OutputScale, Parsed, Task};
use serde::Serialize;

use super::Printer;
use super::chip::ChipArgs;
use super::footprint_text::{range, time_text};
use super::inspect_below::{
    Hearing, Strided, conv_text, hearing, hearing_text, rate_of, seconds, seconds_text, strided,
    strided_text,
};
use super::inspect_layers::{Layer, layers, layers_table};
use super::model_source::{QuantisedArgs, open_run};
use super::several::{of_each, runs_in, texts};
use super::table::table;
use crate::cost::front_end::SecondOfSignal;
use crate::cost::{Core, FlashWaits, Footprint, most_spread_of, useless_int8};
use crate::files::model;
use crate::network::{Head, Mode, NetworkConfig};
use crate::run::integers::{self, RunIntegers};
use crate::run::quantisations::{self, Quantisation};
use crate::run::{MODEL, NetworkOrigin, Run};
use crate::train::TrainConfig;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model file, run folder, or a folder of several runs (`train --seeds`).
    path: PathBuf,
    /// Samples of each channel in a second, for instructions a second of signal [default: the front end's].
    #[arg(long, value_name = "HZ", value_parser = parse_rate)]
    rate: Option<f64>,
    #[command(flatten)]
    quantised: QuantisedArgs,
    #[command(flatten)]
    chip: ChipArgs,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "samples a second, above 0".to_owned())
}

/// What `inspect` says of a model file.
#[derive(Debug, Serialize)]
struct Inspected {
    file_bytes: usize,
    weights_order: &'static str,
    task: &'static str,
    mode: &'static str,
    inputs: Vec<Channel>,
    outputs: Vec<String>,
    /// Of each value; none for classes.
    output_scales: Vec<Scale>,
    layers: Vec<Layer>,
    /// Of a model of whole windows: bytes of its buffer for each step; `scratch_bytes` come once.
    #[serde(skip_serializing_if = "Option::is_none")]
    window_bytes_per_step: Option<usize>,
    state_bytes: usize,
    scratch_bytes: usize,
    macs_per_step: usize,
    cores: Vec<Footprint>,
    /// By how many instructions the data can make two steps differ, on each of them.
    most_spread: Vec<(Core, u64)>,
    /// On which of them int8 activations save nothing, if there are such.
    #[serde(skip_serializing_if = "Option::is_none")]
    useless_int8: Option<String>,
    golden_steps: usize,
    /// Of a model with a convolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    convolution: Option<Strided>,
    /// Of a model that takes samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    front_end: Option<Hearing>,
    /// On the cores of the estimates, where the rate is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seconds: Vec<SecondOfSignal>,
}

#[derive(Debug, Serialize)]
struct Channel {
    name: String,
    frac_bits: u8,
}

/// A value is (offset + raw output) · 2^exponent.
#[derive(Debug, Serialize)]
struct Scale {
    offset: i64,
    exponent: i16,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let runs = runs_in(&args.path)?;
    if !runs.is_empty() {
        args.quantised
            .refuse_for(true, "this folder holds several runs; name one of them")?;
        let found = of_each(runs, |run| Ok(inspect_run(&open_run(run)?)))?;
        return printer.print(&found, |found| texts(found, run_text));
    }
    let is_run = args.path.is_dir();
    if is_run && !args.quantised.wanted().is_said() {
        let run = open_run(&args.path)?;
        return printer.print(&inspect_run(&run), run_text);
    }
    let bytes = match is_run {
        true => args.quantised.of(&open_run(&args.path)?)?.bytes,
        false => model::read(&args.path)?,
    };
    args.quantised.refuse_for(!is_run, "this is a model file")?;
    let model = Parsed::parse(&bytes)?;
    let mut inspected = inspect(&model, bytes.len());
    let cores = Core::ALL.into_iter();
    let chip = args.chip.limits();
    let wanted = cores.filter(|core| chip.core.is_none_or(|only| only == *core));
    let footprint = |core| Footprint::of(core, &chip, &model, bytes.len());
    inspected.cores = wanted.map(footprint).collect();
    let rate = rate_of(&model, args.rate);
    inspected.front_end = hearing(&model, rate);
    inspected.seconds = rate.map_or_else(Vec::new, |rate| seconds(&model, &inspected.cores, rate));
    inspected.convolution = strided(&model, &inspected.cores);
    let spread = |found: &Footprint| (found.core, most_spread_of(found.core, &model));
    inspected.most_spread = inspected.cores.iter().map(spread).collect();
    inspected.useless_int8 = useless_int8(&inspected.cores, &model, bytes.len());
    printer.print(&inspected, text)
}

/// What `inspect` says of a run.
#[derive(Debug, Serialize)]
struct InspectedRun {
    data: String,
    origin: NetworkOrigin,
    network: NetworkConfig,
    parameters: usize,
    channels: Vec<String>,
    outputs: Vec<String>,
    training: TrainConfig,
    quantised: bool,
    /// Whether the integers that were made last are of the weights that the run has now.
    quantised_is_current: bool,
    /// All quantisations, that which was made last at the end.
    quantisations: Vec<Kept>,
    /// What is wrong with those that are of no use, and what makes them again.
    quantisation_problems: Vec<String>,
    exported: bool,
}

/// A quantisation of a run.
#[derive(Debug, Serialize)]
struct Kept {
    name: String,
    file: PathBuf,
    /// Of a convolution, the recurrent layers, the dense layers.
    schemes: Vec<&'static str>,
    /// Whether it was made from the weights that the run has now.
    is_current: bool,
}

impl Kept {
    fn of(one: &Quantisation, run: &Run) -> Self {
        let schemes = one.stored.file.schemes();
        Self {
            name: one.name.clone(),
            file: one.path.clone(),
            schemes: schemes.map(|scheme| scheme.name()).collect(),
            is_current: one.stored.is_of(&run.network),
        }
    }
}

fn inspect_run(run: &Run) -> InspectedRun {
    let all = quantisations::all(&run.folder);
    let kept: Vec<Kept> = (all.readable.iter())
        .map(|one| Kept::of(one, run))
        .collect();
    let tried = (all.readable.into_iter()).filter_map(|one| RunIntegers::of(run, one).err());
    let unreadable = all.unreadable.into_iter();
    let problems = tried.chain(unreadable.map(|file| integers::unusable(run, file)));
    let problems: Vec<String> = problems.map(|problem| problem.to_string()).collect();
    InspectedRun {
        data: run.config.source.clone(),
        origin: run.fitted.origin.clone(),
        network: run.network.config.clone(),
        parameters: run.network.parameter_count(),
        channels: run.fitted.schema.channels.clone(),
        outputs: run.fitted.schema.outputs.clone(),
        training: run.config.train.clone(),
        // One that cannot be read is there all the same.
        quantised: !problems.is_empty() || !kept.is_empty(),
        quantised_is_current: kept.last().is_some_and(|last| last.is_current),
        quantisations: kept,
        quantisation_problems: problems,
        exported: run.folder.join(MODEL).exists(),
    }
}

fn run_text(run: &InspectedRun) -> String {
    let stage = |done: bool, command: &str| {
        if done {
            "yes".to_owned()
        } else {
            format!("not yet; `trainer-host {command}`")
        }
    };
    format!(
        "data           {}\n\
         origin         {}\n\
         network        {} inputs,{} {} {}{}{}, dense {:?}, {} outputs\n\
         parameters     {}\n\
         inputs         {}\n\
         outputs        {}\n\
         training       {} epochs, batches of {}, learning rate {}, seed {}\n\
         quantised      {}\n\
         exported       {}",
        run.data,
        run.origin,
        run.network.inputs,
        conv_text(run.network.conv.as_ref()),
        run.network.cell.title(),
        run.network.recurrent_text(),
        if run.network.cell.peepholes() {
            " with peepholes"
        } else {
            ""
        },
        projection_text(&run.network),
        run.network.dense,
        run.network.outputs,
        run.parameters,
        run.channels.join(", "),
        run.outputs.join(", "),
        run.training.epochs,
        run.training.batch_size,
        run.training.learning_rate,
        run.training.seed,
        quantised_text(run).unwrap_or_else(|| stage(run.quantised, "quantise")),
        stage(run.exported, "export"),
    )
}

/// What is said of quantisations, if there are some.
fn quantised_text(run: &InspectedRun) -> Option<String> {
    let names = run.quantisations.iter().map(|kept| match kept.is_current {
        true => kept.name.clone(),
        false => format!("{} (not from these weights)", kept.name),
    });
    let names = names.collect::<Vec<_>>().join(", ");
    let last = match run.quantisations.len() {
        0 | 1 => "",
        _ => "; the last one is taken, or --quantised NAME",
    };
    if !run.quantised {
        return None;
    }
    let names = match names.is_empty() {
        true => "not readable".to_owned(),
        false => names + last,
    };
    // Under the names, in the column of all values.
    let problems = run.quantisation_problems.iter();
    let problems: String = problems
        .map(|problem| format!("\n{:15}{problem}", ""))
        .collect();
    Some(names + &problems)
}

/// What is said of a projection.
fn projection_text(network: &NetworkConfig) -> String {
    match network.cell.projection() {
        Some(outputs) => format!(" projected to {outputs}"),
        None => String::new(),
    }
}

fn inspect(model: &Parsed<'_>, file_bytes: usize) -> Inspected {
    let layers = layers(model);
    let orders = model
        .recurrent_layers()
        .iter()
        .map(|layer| layer.rows().weights.order());
    let frac_bits = |j| {
        model
            .input_channel(j)
            .map_or(0, |channel| channel.frac_bits)
    };
    let inputs = model.input_names().enumerate();
    Inspected {
        file_bytes,
        weights_order: orders
            .max_by_key(|order| order.code())
            .map_or("", order_name),
        task: Head::from(model.task()).name(),
        mode: Mode::from(model.mode()).describe(),
        inputs: inputs
            .map(|(j, name)| Channel {
                name: name.to_owned(),
                frac_bits: frac_bits(j),
            })
            .collect(),
        outputs: model.output_names().map(str::to_owned).collect(),
        output_scales: output_scales(model),
        macs_per_step: layers.iter().map(|layer| layer.macs_per_step).sum(),
        layers,
        cores: Vec::new(),
        most_spread: Vec::new(),
        useless_int8: None,
        window_bytes_per_step: (model.is_of_windows())
            .then(|| state_bytes(0, model.hidden_blocks())),
        state_bytes: match model.is_of_windows() {
            true => 0,
            false => state_bytes(model.cell_blocks(), model.hidden_blocks()),
        },
        scratch_bytes: scratch_bytes(model.scratch_blocks()),
        golden_steps: model.golden_steps().count(),
        convolution: None,
        front_end: None,
        seconds: Vec::new(),
    }
}

fn output_scales(model: &Parsed<'_>) -> Vec<Scale> {
    let values = match model.task() {
        Task::Linear => model.outputs(),
        Task::Sigmoid | Task::Softmax => 0,
    };
    (0..values)
        .map(|o| model.output_scale(o))
        .map(|OutputScale { offset, exponent }| Scale { offset, exponent })
        .collect()
}

fn order_name(order: Order) -> &'static str {
    match order {
        Order::Generic => "generic",
        Order::Offset | Order::OffsetNibbles => "offset (M0, M3)",
        Order::Paired | Order::PairedNibbles => "paired (M4, M7, M33)",
        Order::Grouped | Order::GroupedBytes | Order::GroupedNibbles => "grouped (M55, M85)",
    }
}

fn text(model: &Inspected) -> String {
    let inputs: Vec<String> = model
        .inputs
        .iter()
        .map(|channel| match channel.frac_bits {
            0 => format!("{} (integers)", channel.name),
            bits => format!("{} (raw = value · 2^{bits})", channel.name),
        })
        .collect();
    let outputs: Vec<String> = (model.outputs.iter().enumerate())
        .map(|(o, name)| match model.output_scales.get(o) {
            Some(Scale { offset, exponent }) => {
                format!("{name} (value = (raw {offset:+}) · 2^{exponent})")
            }
            None => name.clone(),
        })
        .collect();
    format!(
        "model file     {} bytes of flash, {} golden steps\n\
         weights        in {} order\n\
         RAM            {}\n\
         work           {} multiply-accumulates a step\n\
         task           {}, {}\n\
         inputs         {}\n\
         outputs        {}\n\n{}\n\n\
         Estimates for one step, with weights exported for the core and the engine in flash:\n\n{}\n{}{}{}{}{}",
        model.file_bytes,
        model.golden_steps,
        model.weights_order,
        ram_text(model),
        model.macs_per_step,
        model.task,
        model.mode,
        inputs.join(", "),
        outputs.join(", "),
        layers_table(&model.layers),
        cores_table(&model.cores),
        spread_text(&model.most_spread, model.convolution.is_some()),
        (model.useless_int8.as_ref()).map_or_else(String::new, |line| format!("\n\n{line}")),
        (model.convolution.as_ref()).map_or_else(String::new, strided_text),
        model
            .front_end
            .as_ref()
            .map_or_else(String::new, hearing_text),
        match model.seconds.as_slice() {
            [] => String::new(),
            seconds => seconds_text(seconds),
        },
    )
}

/// What RAM is for.
fn ram_text(model: &Inspected) -> String {
    match model.window_bytes_per_step {
        Some(bytes) => format!(
            "whole windows only, no time step: a buffer of {} bytes, and {bytes} bytes for each step of a window (below: for \
             one step)",
            model.scratch_bytes
        ),
        None => format!(
            "{} bytes of state a stream, {} bytes of scratch during a step",
            model.state_bytes, model.scratch_bytes
        ),
    }
}

/// Whether the data changes the number of instructions.
fn spread_text(spreads: &[(Core, u64)], is_strided: bool) -> String {
    let step = match is_strided {
        true => "step that moves the outputs",
        false => "step",
    };
    let named = |constant: bool| -> Vec<&(Core, u64)> {
        (spreads.iter())
            .filter(|(_, most)| (*most == 0) == constant)
            .collect()
    };
    let [constant, others] = [true, false].map(named);
    let mut lines = Vec::new();
    if !constant.is_empty() {
        let names: Vec<_> = constant.iter().map(|(core, _)| core.name()).collect();
        lines.push(format!(
            "Every {step} takes the same instructions on {}.",
            names.join(", ")
        ));
    }
    for (core, most) in others {
        lines.push(format!(
            "On {}, the data can make two steps differ by {most} instructions at most.",
            core.name()
        ));
    }
    lines.join("\n")
}

fn cores_table(cores: &[Footprint]) -> String {
    let cycles = |core: &Footprint| match core.flash_waits {
        None => core.estimated_cycles.to_string(),
        Some(FlashWaits { at_least, at_most }) => range(
            core.estimated_cycles + at_least,
            core.estimated_cycles + at_most,
        ),
    };
    let rows: Vec<Vec<String>> = cores
        .iter()
        .map(|core| {
            vec![
                core.core.name().to_owned(),
                core.instructions.to_string(),
                cycles(core),
                time_text(core).unwrap_or_else(|| "with --clock".to_owned()),
                core.flash_bytes.to_string(),
                core.ram_bytes.to_string(),
            ]
        })
        .collect();
    let mut text = table(
        &[
            "core",
            "instructions",
            "cycles (estimate)",
            "time (estimate)",
            "flash",
            "RAM",
        ],
        &rows,
    );
    if cores.iter().any(|core| core.flash_waits.is_none()) {
        text += "\nCycles are for flash without wait states. --wait-states adds them; so does --chip, where it knows them.";
    }
    text
}
