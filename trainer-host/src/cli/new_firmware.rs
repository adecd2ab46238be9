//! `trainer-host new-firmware`: writes a project with a model for a board.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::recognise::Settings;
use lstm_nostd::{Model, Parsed};
use serde::Serialize;

use super::Printer;
use super::model_source::{ModelSource, QuantisedArgs};
use crate::files::model;
use crate::new_firmware::{Board, Engine, Example, Project, ProjectName, Runner, Style};
use crate::recogniser::{RecogniserFile, host_recogniser};
use crate::run::Run;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write; its last part names the package.
    name: ProjectName,
    /// The board, or QEMU's machine.
    #[arg(long, value_parser = Board::named)]
    board: &'static Board,
    /// Run folder, after `trainer-host quantise`, or a model file.
    #[arg(long)]
    model: PathBuf,
    #[command(flatten)]
    quantised: QuantisedArgs,
    /// The engine: a folder with lstm-nostd, or a version of the registry [default: this program's own source, written
    /// into the project].
    #[arg(long, value_name = "PATH|VERSION")]
    engine: Option<Engine>,
    /// Settings of a recogniser, a TOML or JSON file: the program makes events of a stream by them, as `eval --stream
    /// --recogniser FILE` does; docs/recognition.md has the settings.
    #[arg(long, value_name = "FILE")]
    recogniser: Option<PathBuf>,
    /// How the program waits for samples.
    #[arg(long, value_enum, default_value = "loop")]
    style: Style,
    /// What `cargo run` starts [default: qemu, if it has the board].
    #[arg(long, value_enum)]
    runner: Option<Runner>,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    folder: &'a Path,
    board: &'static str,
    core: &'static str,
    target: &'static str,
    style: &'static str,
    #[serde(skip)]
    core_title: String,
    file_bytes: usize,
    engine: String,
    runner: String,
    example: &'a str,
    /// The lines that the program prints.
    prints: Vec<String>,
}

impl Written<'_> {
    fn to_text(&self) -> String {
        format!(
            "{}: firmware for {} ({}), with a model of {} bytes\n\
             engine      {}\n\
             example     {}\n\
             runner      {}\n\n\
             rustup target add {}\n\
             cd {} && cargo run",
            self.folder.display(),
            self.board,
            self.core_title,
            self.file_bytes,
            self.engine,
            self.example,
            self.runner,
            self.target,
            self.folder.display(),
        )
    }
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let board = args.board;
    ensure!(
        !args.name.folder.exists(),
        "{}: exists already; choose another name, or remove it",
        args.name.folder.display()
    );
    let (runner, runner_line) = args.runner()?;
    let style = args.style;
    ensure!(
        Style::of(board).contains(&style),
        "{} has no timer that Embassy knows; leave --style out for a loop",
        board.name
    );
    let source = ModelSource::open(&args.model, &args.quantised)?;
    source.say_which();
    refuse_windows(&args.model, &source)?;
    let file = fitting_file(&args, &source)?;
    let model = Model::parse(&file)?;
    let mut example = example(&source, &model);
    if example.shorten((board.flash_bytes() - file.len()) / 4) {
        say!(
            "warning: the example recording is too long for the flash of {}; only its first {} steps are taken",
            board.name,
            example.raw.len()
        );
    }
    let recogniser = (args.recogniser.as_deref())
        .map(|path| recogniser(path, &model))
        .transpose()?;
    let project = Project {
        name: &args.name,
        board,
        style,
        engine: args.engine.clone().unwrap_or_default(),
        runner,
        file: &file,
        model: &model,
        example,
        recogniser,
    };
    project.write()?;
    let written = Written {
        folder: &args.name.folder,
        board: board.name,
        core: board.core.name(),
        target: board.target,
        style: project.style.name(),
        core_title: board.core.title(),
        file_bytes: file.len(),
        engine: project.engine.describe(),
        runner: runner_line,
        example: &project.example.source,
        prints: project.printed(),
    };
    if recogniser.is_some() && written.prints.len() == 1 {
        say!("note: by these settings, the example recording has no event");
    }
    printer.print(&written, Written::to_text)
}

/// Refuses a network that takes whole windows.
fn refuse_windows(path: &Path, source: &ModelSource) -> anyhow::Result<()> {
    ensure!(
        !source.is_of_windows()?,
        "{}: the network has a layer that runs backwards over a whole window, and projects feed a stream step by step; \
         include the model file with `include_window_model!` of the engine",
        path.display()
    );
    Ok(())
}

/// The settings in the file at `path`, for this model.
fn recogniser(path: &Path, model: &Model<'_>) -> anyhow::Result<Settings> {
    let file = RecogniserFile::read(path)?;
    let settings = file.settings(model)?;
    host_recogniser(model, settings).map_err(|error| file.at_field(&error))?;
    Ok(settings)
}

impl Args {
    /// What `cargo run` starts, and its command line.
    fn runner(&self) -> anyhow::Result<(Runner, String)> {
        let board = self.board;
        let names: Vec<_> = Runner::of(board).map(Runner::name).collect();
        let refused = || {
            format!(
                "{} is started by {}; leave --runner out for {}",
                board.name,
                names.join(" or "),
                names.first().unwrap_or(&"none")
            )
        };
        let runner = self.runner.or(Runner::of(board).next());
        let runner = runner.with_context(refused)?;
        let line = runner.command(board).with_context(refused)?;
        Ok((runner, line))
    }
}

/// The model file with weights in the order of the board's core; it fits the flash, and firmware can test itself by it.
fn fitting_file(args: &Args, source: &ModelSource) -> anyhow::Result<AlignedBytes> {
    let name = args.model.display();
    let file = source.quantised(&args.model)?;
    let file = model::in_order(&Parsed::parse(file)?, args.board.core.order())
        .with_context(|| name.to_string())?;
    ensure!(
        Model::parse(&file)?.golden_steps().next().is_some(),
        "{name}: has no golden steps, by which firmware tests itself; export it again with this trainer-host"
    );
    let flash = args.board.flash_bytes();
    ensure!(
        file.len() < flash,
        "{name}: the model has {} bytes, and the flash of {} has {flash}; `trainer-host tune --flash` finds one that fits",
        file.len(),
        args.board.name
    );
    Ok(file)
}

/// A recording of the run's data, or else the steps of the self-test.
fn example(source: &ModelSource, model: &Model<'_>) -> Example {
    let Some(run) = &source.run else {
        return Example::of_self_test(model);
    };
    first_recording(run, model).unwrap_or_else(|error| {
        say!(
            "note: the run's data cannot be read, so the example is the steps of the self-test: {error}"
        );
        Example::of_self_test(model)
    })
}

/// The first recording that trained nothing, as far as the run's data has such a part.
fn first_recording(run: &Run, model: &Model<'_>) -> anyhow::Result<Example> {
    let parts = run.open_data()?;
    let of_test = parts.test.as_ref().map(|data| ("test", data));
    let of_validation = parts.validation.as_ref().map(|data| ("validation", data));
    let parts = [of_test, of_validation, Some(("training", &parts.train))];
    let mut parts = parts.into_iter().flatten();
    let (part, data) = parts
        .find(|(_, data)| !data.is_empty())
        .context("it has no recordings")?;
    let source = format!(
        "the first recording of the {part} part of {}",
        run.config.source
    );
    Ok(Example::first_of(data, source, model))
}
