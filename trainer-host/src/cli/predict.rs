//! `trainer-host predict`: a network's answers for recordings with labels or without, or for a stream of steps.

use std::io::{BufRead, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use lstm_nostd::Parsed;
use lstm_nostd::front_end::{FrontEnd, Signal, Tables, Word2};
use serde::Serialize;

use super::Printer;
use super::data_args::{ReadArgs, print_notes};
use super::device::DeviceArgs;
use super::model_source::{ModelSource, QuantisedArgs};
use super::table::table;
use crate::data::{self, Dataset, StepLine, StepLines, counted};
use crate::files::atomic;
use crate::import::read_array;
use crate::integers::clamped;
use crate::integers::engine::AnyModel;
use crate::predict::{
    Answer, Answers, Arithmetic, Format, Meaning, Predictor, csv_header, csv_line, json_line,
    to_csv, to_json_lines, to_npz,
};

#[derive(Debug, clap::Args)]
#[command(mut_arg("device", |arg| arg.help(DEVICE_HELP)))]
pub(super) struct Args {
    /// Run folder or model file.
    model: PathBuf,
    /// Recordings to answer: a file, built-in data, or an array (.npy) [N, T, I]; of data with a test part, that part.
    /// Labels and targets are not read.
    #[arg(required_unless_present = "stdin")]
    data: Option<String>,
    /// Answer a stream from standard input, step by step: a line with a value for each channel in, a line out. An empty
    /// line resets the state. Lines may begin with the names of the columns; then so do the answers.
    #[arg(long, conflicts_with_all = ["data", "out"])]
    stdin: bool,
    /// With --stdin, of a model for sound or vibration: samples of 16 bits, little-endian, without a header, in place of lines;
    /// a line out for each frame.
    #[arg(long, requires = "stdin", conflicts_with = "data")]
    samples: bool,
    /// Form of the answers [default: by the ending of --out; else text, and csv for a stream].
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// File to write [default: standard output].
    #[arg(short, long, value_name = "FILE", visible_alias = "output")]
    out: Option<PathBuf>,
    /// Compute in f32, of a run that is quantised too [default: in integers, where there are some].
    #[arg(long, conflicts_with_all = ["device", "scheme", "quantised"])]
    f32: bool,
    #[command(flatten)]
    quantised: QuantisedArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// `--device` answers on a device; `eval`, which has the same flag, compares a device with this machine.
const DEVICE_HELP: &str =
    "Compute the answers on a device: a serial port such as /dev/ttyACM0, or qemu:MACHINE";

/// Values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// A table.
    Text,
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// NumPy: outputs, probabilities, decisions.
    Npz,
}

/// The answers for JSON.
#[derive(Serialize)]
struct Predicted<'a> {
    data: &'a str,
    arithmetic: Arithmetic,
    /// Name of the run's quantisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantisation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    answers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<&'a Answers>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let source = ModelSource::open(&args.model, &args.quantised)?;
    let file = source.for_this_computer()?;
    let model = (file.as_deref())
        .map(|bytes| AnyModel::parse(bytes))
        .transpose()?;
    if !args.f32 {
        source.say_which();
        args.device_needs(model.is_some())?;
    }
    let mut predictor = match (&model, &source.run) {
        (Some(model), run) if !args.f32 => match args.device.loaded(&source)? {
            Some(device) => Predictor::device(model, run.as_ref(), device),
            None => Predictor::integers(model, run.as_ref()),
        },
        (_, Some(run)) => Predictor::float(run),
        (_, None) => bail!(
            "{}: a model file holds integers alone; name its run for --f32",
            args.model.display()
        ),
    };
    say_arithmetic(&predictor, source.run.is_some());
    if args.data.is_none() && predictor.is_of_windows() {
        bail!(
            "--stdin: the network has a layer that runs backwards over a whole window, so that it has no stream; name a file \
             with windows"
        );
    }
    let Some(name) = &args.data else {
        if source.reads_the_mean()? {
            say!(
                "note: the network reads the mean over a sequence, which stays as it is after 65,535 steps; an empty line \
                 begins the next sequence"
            );
        }
        return match args.samples {
            true => answer_samples(&args, &source, &mut predictor, printer),
            false => answer_stream(&args, &source, &mut predictor, printer),
        };
    };
    let data = open_data(&args, &source, name)?;
    print_notes(&data.notes);
    if let (Some(model), false) = (&model, args.f32) {
        for channel in clamped::count(model, &data.recordings()) {
            say!(
                "warning: {} lie outside of what the integers hold, and were clamped",
                channel.describe()
            );
        }
    }
    let answers = predictor.answers(&data)?;
    let quantisation = source.quantisation().filter(|_| !args.f32);
    write(&args, (name, &answers), quantisation, printer)
}

impl Args {
    fn device_needs(&self, has_integers: bool) -> anyhow::Result<()> {
        match has_integers {
            true => Ok(()),
            false => self.device.refuse_without_model(&self.model).map(|_| ()),
        }
    }

    fn format(&self) -> Option<Format> {
        if let Some(format) = self.format {
            return Some(match format {
                FormatArg::Text => Format::Text,
                FormatArg::Csv => Format::Csv,
                FormatArg::Jsonl => Format::JsonLines,
                FormatArg::Npz => Format::Npz,
            });
        }
        match self.out.as_deref()?.extension()?.to_str()? {
            "csv" => Some(Format::Csv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            "npz" => Some(Format::Npz),
            _ => None,
        }
    }
}

/// Says what the numbers are computed in.
fn say_arithmetic(predictor: &Predictor<'_>, is_run: bool) {
    let schemes = |model: &Parsed<'_>| {
        let mut names: Vec<&str> = model.schemes().map(|scheme| scheme.name()).collect();
        names.dedup();
        names.join(", ")
    };
    match predictor {
        Predictor::Float { .. } => say!("note: computed in f32"),
        Predictor::Integers { model, .. } => say!(
            "note: computed in the chip's integers ({}){}",
            schemes(model),
            if is_run {
                "; --f32 for the network in f32"
            } else {
                ""
            }
        ),
        Predictor::Device { model, device, .. } => say!(
            "note: computed on the device ({}), in integers ({})",
            device.info().board,
            schemes(model)
        ),
    }
}

fn open_data(args: &Args, source: &ModelSource, name: &str) -> anyhow::Result<Dataset> {
    let schema = source.schema()?;
    let known = source.known(&schema, true);
    let mut options = source.test_options();
    args.read.apply(&mut options)?;
    match name.ends_with(".npy") {
        true => Ok(read_array(Path::new(name), known)?),
        false => Ok(data::open_test(name, &options, known)?),
    }
}

fn write(
    args: &Args,
    (name, answers): (&str, &Answers),
    quantisation: Option<String>,
    printer: Printer,
) -> anyhow::Result<()> {
    let bytes = match args.format().unwrap_or(Format::Text) {
        Format::Text => text(answers).into_bytes(),
        Format::Csv => to_csv(answers).into_bytes(),
        Format::JsonLines => to_json_lines(answers).into_bytes(),
        Format::Npz => to_npz(answers)?,
    };
    let predicted = Predicted {
        data: name,
        arithmetic: answers.meaning.arithmetic,
        quantisation,
        file: args.out.as_deref(),
        answers: answers.rows.len(),
        rows: args.out.is_none().then_some(answers),
    };
    if let Some(file) = &args.out {
        atomic::write(file, &bytes)?;
        let line = |_: &Predicted<'_>| {
            format!(
                "{}: {}",
                file.display(),
                counted(answers.rows.len(), "answer")
            )
        };
        return printer.print(&predicted, line);
    }
    if printer.json {
        return printer.print(&predicted, |_| String::new());
    }
    let mut output = std::io::stdout();
    if args.format() == Some(Format::Npz) && output.is_terminal() {
        bail!("an NPZ archive is no text for a terminal; name a file with --out");
    }
    until_closed(output.write_all(&bytes)).map(|_| ())
}

/// Whether the reader is still there: one such as `head` that has seen enough is no error.
fn until_closed(written: std::io::Result<()>) -> anyhow::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("standard output cannot be written"),
    }
}

/// Answers of a stream, each of which is a line.
struct StreamAnswers<'m> {
    format: Format,
    meaning: &'m Meaning,
    output: std::io::StdoutLock<'static>,
    sequence: usize,
    step: usize,
}

impl<'m> StreamAnswers<'m> {
    fn new(args: &Args, printer: Printer, meaning: &'m Meaning) -> anyhow::Result<Self> {
        let format = match args.format() {
            None if printer.json => Format::JsonLines,
            None => Format::Csv,
            Some(format @ (Format::Csv | Format::JsonLines)) => format,
            Some(Format::Text | Format::Npz) => {
                bail!("--stdin: a stream is answered in csv or jsonl")
            }
        };
        if !args.read.is_empty() {
            bail!(
                "--stdin: the flags for reading data are for files; a stream has a column for each channel, or samples"
            );
        }
        Ok(Self {
            format,
            meaning,
            output: std::io::stdout().lock(),
            sequence: 0,
            step: 0,
        })
    }

    /// The next step belongs to another recording.
    fn reset(&mut self) {
        (self.sequence, self.step) = (self.sequence + usize::from(self.step > 0), 0);
    }

    /// Writes the answer to the next step; whether the reader is still there.
    fn answer(&mut self, answer: Answer) -> anyhow::Result<bool> {
        let answer = Answer {
            sequence: self.sequence,
            step: (self.format == Format::JsonLines).then_some(self.step),
            ..answer
        };
        self.step += 1;
        let text = match self.format {
            Format::JsonLines => json_line(self.meaning, &answer, &[]),
            _ => csv_line(self.meaning, &answer),
        };
        self.write(&text)
    }

    /// Writes a line; whether the reader is still there.
    fn write(&mut self, text: &str) -> anyhow::Result<bool> {
        let written = writeln!(self.output, "{text}").and_then(|()| self.output.flush());
        until_closed(written)
    }
}

/// A front end, and the samples of a stream that it still needs.
struct Frames<'t> {
    front_end: FrontEnd<'t>,
    signal: Signal<Vec<i16>>,
    work: Vec<Word2>,
    features: Vec<i32>,
}

impl<'t> Frames<'t> {
    fn new(tables: &'t Tables) -> Self {
        let front_end = tables.view();
        Self {
            signal: Signal::new(vec![0; front_end.history()]),
            work: vec![[0; 2]; front_end.work()],
            features: vec![0; front_end.features()],
            front_end,
        }
    }

    /// The features, if a frame ends with `sample`.
    fn after(&mut self, sample: i16) -> anyhow::Result<Option<Vec<f64>>> {
        let mut sample = &[sample][..];
        let (signal, work) = (&mut self.signal, &mut self.work);
        let ended = (self.front_end).push(signal, work, &mut sample, &mut self.features)?;
        let features = || self.features.iter().map(|feature| f64::from(*feature));
        Ok(ended.then(|| features().collect()))
    }

    /// The features, if a frame ends with these values of the channels of motion.
    fn after_values(&mut self, values: &[f64]) -> anyhow::Result<Option<Vec<f64>>> {
        let FrontEnd::Statistics(statistics) = self.front_end else {
            return Ok(None);
        };
        let mut features = None;
        for (channel, value) in values.iter().enumerate() {
            features = self.after(statistics.sample(channel, *value as f32))?;
        }
        Ok(features)
    }
}

/// A line in, a line out; behind a front end for motion, a line out for each frame.
fn answer_stream(
    args: &Args,
    source: &ModelSource,
    predictor: &mut Predictor<'_>,
    printer: Printer,
) -> anyhow::Result<()> {
    let (schema, meaning) = (source.schema()?, predictor.meaning());
    let mut answers = StreamAnswers::new(args, printer, &meaning)?;
    let samples = source.known(&schema, true).schema_of_samples();
    let channels = &samples.as_ref().unwrap_or(&schema).channels;
    let mut frames = (source.front_end().filter(|_| samples.is_some())).map(Frames::new);
    let mut lines = StepLines::new(channels, "standard input");
    let advice = match source.front_end() {
        Some(_) => "; samples of 16 bits are taken with --samples",
        None => "",
    };
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let line =
            line.with_context(|| format!("standard input, line {number}: no text{advice}"))?;
        let is_read = match lines.take(&line)? {
            StepLine::Header if answers.format == Format::Csv => {
                answers.write(&csv_header(&meaning, (false, false), &[]))?
            }
            StepLine::Header => continue,
            StepLine::Reset => {
                predictor.reset()?;
                answers.reset();
                frames.iter_mut().for_each(|frames| frames.signal.reset());
                continue;
            }
            StepLine::Step(values) => {
                let step = match &mut frames {
                    None => Some(values),
                    Some(frames) => frames.after_values(&values)?,
                };
                let Some(step) = step else { continue };
                answers.answer(predictor.step(&meaning, &step)?)?
            }
        };
        if !is_read {
            break;
        }
    }
    Ok(())
}

/// Samples in, a line for each frame that they end out.
fn answer_samples(
    args: &Args,
    source: &ModelSource,
    predictor: &mut Predictor<'_>,
    printer: Printer,
) -> anyhow::Result<()> {
    let Some(tables) = source.front_end() else {
        bail!(
            "{}: --samples is for a model that takes samples (train --front-end); this one takes lines with a value for \
             each channel",
            args.model.display()
        );
    };
    let meaning = predictor.meaning();
    let mut answers = StreamAnswers::new(args, printer, &meaning)?;
    let mut frames = Frames::new(tables);
    let mut input = std::io::stdin().lock();
    let mut pair = [0; 2];
    loop {
        match input.read_exact(&mut pair[..1]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error).context("standard input cannot be read"),
        }
        input
            .read_exact(&mut pair[1..])
            .context("standard input: half a sample is at its end; samples have 16 bits")?;
        if let Some(features) = frames.after(i16::from_le_bytes(pair))?
            && !answers.answer(predictor.step(&meaning, &features)?)?
        {
            break;
        }
    }
    Ok(())
}

/// A table for people.
fn text(answers: &Answers) -> String {
    let meaning = &answers.meaning;
    let first = answers.rows.first();
    let has = |what: fn(&Answer) -> bool| first.is_some_and(what);
    let mut header = vec!["sequence"];
    header.extend(has(|row| row.step.is_some()).then_some("step"));
    if meaning.is_class() {
        header.extend(["class", "probability"]);
    } else {
        header.extend(meaning.output_names().iter().map(String::as_str));
        header.extend(answers.forecast_names.iter().map(String::as_str));
    }
    let row = |row: &Answer| {
        let name = row.name.clone();
        let mut cells = vec![name.unwrap_or_else(|| row.sequence.to_string())];
        cells.extend(row.step.map(|step| step.to_string()));
        if let Some(class) = row.class {
            cells.push(meaning.names[class].clone());
            // Several sigmoids are of several classes at once.
            let probability = row.probabilities.get(class).copied().unwrap_or_default();
            cells.push(format!("{probability:.4}"));
        } else {
            let values = row.outputs.iter().chain(&row.forecasts);
            cells.extend(values.map(|value| meaning.number(*value).to_string()));
        }
        cells
    };
    let rows: Vec<Vec<String>> = answers.rows.iter().map(row).collect();
    table(&header, &rows)
}
