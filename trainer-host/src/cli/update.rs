//! `trainer-host update`: a new model for a device's flash, tried before it is kept.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use serde::Serialize;

use super::Printer;
use super::interrupt::{self, Stopped};
use super::model_source::ModelSource;
use crate::device::{Device, NewModel, SelfTest};
use crate::files::model;
use crate::new_firmware::Board;
use crate::run::QUANTISED;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The device: a serial port such as /dev/ttyACM0, or qemu:MACHINE, whose flash ends with this command.
    device: String,
    /// Model file, or run folder after `trainer-host quantise`.
    #[arg(long)]
    model: PathBuf,
    /// Firmware for QEMU to start; `cargo xtask firmware build --application runner` builds it.
    #[arg(long, value_name = "ELF")]
    image: Option<PathBuf>,
    /// The model's version: a device refuses one that is lower than its own [default: when the file was last changed, in
    /// seconds since 1970].
    #[arg(long, value_name = "N")]
    model_version: Option<u32>,
    /// Take an older version too, and a model with other inputs, outputs, names or another task.
    #[arg(long)]
    force: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// The device tried the model and keeps it.
    Updated,
    /// The device ran this model before.
    Present,
}

/// The device afterwards.
#[derive(Debug, Serialize)]
struct Updated<'a> {
    device: &'a str,
    board: String,
    model: &'a Path,
    file_bytes: usize,
    outcome: Outcome,
    /// Of the model that the device keeps; `None` of the one that is compiled in.
    version: Option<u32>,
    /// Of the model before.
    previous_version: Option<u32>,
    /// Golden steps that the device repeated.
    self_test_steps: usize,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let source = ModelSource::open(&args.model)?;
    let given = args.file(&source)?;
    let version = args.version()?;
    let stop = interrupt::flag_saying("the device keeps the model that it has")?;
    let mut device = Device::open(&args.device, args.image.as_deref())?;
    let file = in_order_of(&device, given).with_context(|| args.model.display().to_string())?;

    let mut before = device.slots()?;
    let is_there = device.has_started_with(&file);
    if before.is_on_trial && !is_there {
        say!("note: the device has another model on trial; it starts anew to go back");
        device.restart()?;
        before = device.slots()?;
    }
    let mut outcome = Outcome::Present;
    if !is_there || (args.force && !before.is_on_trial) {
        outcome = Outcome::Updated;
        let new = NewModel {
            file: &file,
            version,
            force: args.force,
        };
        write(&mut device, new, &stop)?;
        device.restart().context(NOT_KEPT)?;
        ensure!(
            device.has_started_with(&file) && device.slots()?.is_on_trial,
            "{}: the device took the model, and started with another one",
            args.device
        );
    }
    let self_test = try_out(&mut device)?;
    device.keep_model().context(NOT_KEPT)?;
    let updated = Updated {
        device: &args.device,
        board: device.info().board.clone(),
        model: &args.model,
        file_bytes: file.len(),
        outcome,
        version: device.slots()?.version,
        previous_version: before.version,
        self_test_steps: self_test.steps,
    };
    printer.print(&updated, Updated::to_text)
}

/// What an error means after the model was written.
const NOT_KEPT: &str =
    "the new model was written and is not confirmed; the device tries it once, and then goes back";

impl Args {
    /// The model file.
    fn file<'s>(&self, source: &'s ModelSource) -> anyhow::Result<&'s AlignedBytes> {
        let name = self.model.display();
        let file = source.model.as_ref().with_context(|| {
            format!("{name}: is not quantised yet; `trainer-host quantise {name}` does that")
        })?;
        ensure!(
            Model::parse(file)?.golden_steps().next().is_some(),
            "{name}: has no golden steps, by which the device tests itself; export it again with this trainer-host"
        );
        Ok(file)
    }

    /// The model's version.
    fn version(&self) -> anyhow::Result<u32> {
        if let Some(version) = self.model_version {
            return Ok(version);
        }
        let path = match self.model.is_dir() {
            true => self.model.join(QUANTISED),
            false => self.model.clone(),
        };
        let changed = std::fs::metadata(&path)
            .and_then(|file| file.modified())
            .ok();
        let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let seconds = since.and_then(|since| u32::try_from(since.as_secs()).ok());
        seconds.with_context(|| {
            format!(
                "{}: the time of its last change is no version; give one by --model-version",
                path.display()
            )
        })
    }
}

/// The model with its weights in the order of the device's core; as it is for a board that this program does not know.
fn in_order_of(device: &Device, file: &AlignedBytes) -> anyhow::Result<AlignedBytes> {
    match Board::named(&device.info().board) {
        Ok(board) => Ok(model::in_order(&*Model::parse(file)?, board.core.order())?),
        Err(_) => Ok(file.clone()),
    }
}

/// Writes the model, until it is there or Ctrl-C stops it.
fn write(device: &mut Device, new: NewModel<'_>, stop: &AtomicBool) -> anyhow::Result<()> {
    // Hidden where standard error is no terminal.
    let bar = ProgressBar::new(new.file.len() as u64);
    let style = ProgressStyle::with_template(
        "{elapsed_precise} [{bar:16}] {bytes} of {total_bytes}, {eta} left",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let shown = bar.clone();
    interrupt::hint_by(Some(Box::new(move |hint| shown.println(hint))));
    let written = device.write_model(new, |bytes| {
        bar.set_position(bytes as u64);
        !stop.load(Ordering::SeqCst)
    });
    interrupt::hint_by(None);
    bar.finish_and_clear();
    match written? {
        true => Ok(()),
        false => bail!(Stopped(
            "the update was stopped; the device keeps the model that it has".into()
        )),
    }
}

/// Has the device test itself with the model that it started with; without success it goes back to the one before.
fn try_out(device: &mut Device) -> anyhow::Result<SelfTest> {
    let tested = device.use_embedded().and_then(|_| device.self_test());
    let reason = match tested {
        Ok(test) if test.passed && test.steps > 0 => return Ok(test),
        Ok(test) => format!("one of {} golden steps has other outputs there", test.steps),
        Err(error) => error.to_string(),
    };
    device.restart().context(NOT_KEPT)?;
    bail!("the device's self-test failed, and it went back to the model before: {reason}")
}

impl Updated<'_> {
    fn to_text(&self) -> String {
        let version = |version: Option<u32>| match version {
            Some(version) => format!("version {version}"),
            None => "compiled into the firmware".to_owned(),
        };
        let outcome = match self.outcome {
            Outcome::Updated => format!(
                "now         {}\n  before      {}",
                version(self.version),
                version(self.previous_version)
            ),
            Outcome::Present => format!("unchanged   {}", version(self.version)),
        };
        format!(
            "{} ({}): model of {} bytes\n  {outcome}\n  self-test   {} steps, bit for bit as on the host",
            self.device, self.board, self.file_bytes, self.self_test_steps
        )
    }
}
