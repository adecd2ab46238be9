//! `trainer-host update`: a new model for a device's flash, tried before it is kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use serde::Serialize;

use super::Printer;
use super::device::order_of;
use super::interrupt::{self, Stopped};
use super::model_source::{ModelSource, QuantisedArgs};
use crate::data::counted;
use crate::device::{Device, DeviceError, ModelInfo, NewModel, SelfTest, Slots};
use crate::files::model;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The device: a serial port such as /dev/ttyACM0, or qemu:MACHINE, whose flash ends with this command.
    device: String,
    /// Model file, or run folder after `trainer-host quantise`.
    #[arg(long)]
    model: PathBuf,
    #[command(flatten)]
    quantised: QuantisedArgs,
    /// Firmware for QEMU to start; `cargo xtask firmware build --application runner` builds it.
    #[arg(long, value_name = "ELF")]
    image: Option<PathBuf>,
    /// The model's version: a device refuses one that is lower than its own [default: when the file was last changed, in
    /// seconds since 1970].
    #[arg(long, value_name = "N")]
    model_version: Option<u32>,
    /// Take an older version too, and a model with other inputs, outputs or names, or another task or mode.
    #[arg(long)]
    force: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// The device tried the model and keeps it.
    Updated,
    /// The device had this model on trial, and keeps it now.
    Confirmed,
    /// The device kept this model before.
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
    /// Of the model that the device had started with before.
    previous_version: Option<u32>,
    /// Golden steps that the device repeated.
    self_test_steps: usize,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let source = ModelSource::open(&args.model, &args.quantised)?;
    source.say_which();
    ensure!(
        !source.is_of_windows()?,
        "{}: a network of whole windows has no time step, and slots for updates take models with one; compile it in",
        args.model.display()
    );
    let given = args.file(&source)?;
    let version = args.version(source.file(&args.model))?;
    let stop = interrupt::flag_saying(
        "until the new model is confirmed, the device keeps the one that it has",
    )?;
    let mut device = Device::open(&args.device, args.image.as_deref())?;
    let file = in_order_of(&mut device, given).with_context(|| args.model.display().to_string())?;
    let new = NewModel {
        file: &file,
        version,
        force: args.force,
    };
    let replaced = replace(&mut device, new, &|| stop.load(Ordering::SeqCst))?;
    let updated = Updated {
        device: &args.device,
        board: device.info().board.clone(),
        model: &args.model,
        file_bytes: file.len(),
        outcome: replaced.outcome,
        version: replaced.version,
        previous_version: replaced.previous_version,
        self_test_steps: replaced.self_test.steps,
    };
    printer.print(&updated, Updated::to_text)
}

impl Args {
    /// The model file.
    fn file<'s>(&self, source: &'s ModelSource) -> anyhow::Result<&'s AlignedBytes> {
        let file = source.quantised(&self.model)?;
        ensure!(
            Model::parse(file)?.golden_steps().next().is_some(),
            "{}: has no golden steps, by which the device tests itself; export it again with this trainer-host",
            self.model.display()
        );
        Ok(file)
    }

    /// The model's version, whose file is `path`.
    fn version(&self, path: &Path) -> anyhow::Result<u32> {
        if let Some(version) = self.model_version {
            return Ok(version);
        }
        let changed = std::fs::metadata(path)
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

/// The model with its weights in the order that suits the device; as it is where that is not known.
fn in_order_of(device: &mut Device, file: &AlignedBytes) -> anyhow::Result<AlignedBytes> {
    match order_of(device)? {
        Some(order) => Ok(model::in_order(&*Model::parse(file)?, order)?),
        None => Ok(file.clone()),
    }
}

/// What a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    slots: Slots,
    /// `None` of a model that the device has no room for.
    model: Option<ModelInfo>,
}

impl Running {
    fn of(device: &mut Device) -> Result<Self, DeviceError> {
        Ok(Self {
            slots: device.slots()?,
            model: device.info().embedded,
        })
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slots.version {
            Some(version) => write!(f, "version {version}"),
            None => f.write_str("the model that is compiled into the firmware"),
        }
    }
}

/// What became of a device's model.
#[derive(Debug)]
struct Replaced {
    outcome: Outcome,
    version: Option<u32>,
    previous_version: Option<u32>,
    self_test: SelfTest,
}

/// What an error means before the new model is confirmed.
const NOT_KEPT: &str =
    "the new model was written and is not confirmed; the device tries it once, and then goes back";
/// What an error means when the device may have carried out the last request of writing.
const PERHAPS_WRITTEN: &str =
    "the device may have switched to the new model; then it tries it once, and goes back";
/// What an error means when the device may have carried out the request to confirm.
const PERHAPS_KEPT: &str =
    "the device may have confirmed the new model or not; the same command again shows it";
/// What an error means after that request was answered.
const KEPT: &str = "the device confirmed the new model";

/// Writes a model, tries it and keeps it, unless the device has it or `stopped` says so.
fn replace(
    device: &mut Device,
    new: NewModel<'_>,
    stopped: &dyn Fn() -> bool,
) -> anyhow::Result<Replaced> {
    let mut before = Running::of(device)?;
    if before.slots.is_on_trial && !device.has_started_with(new.file) {
        say!("note: the device has another model on trial; it starts anew to go back");
        device.restart()?;
        before = Running::of(device)?;
    }
    // What it went back to may be this model.
    let outcome = match device.has_started_with(new.file) {
        true if before.slots.is_on_trial => Outcome::Confirmed,
        true if !new.force => Outcome::Present,
        _ => Outcome::Updated,
    };
    if outcome == Outcome::Updated {
        write(device, new, stopped)?;
        start_with(device, new.file, &before)?;
    }
    let self_test = try_out(device, outcome, &before)?;
    let mut after = before.slots;
    if outcome != Outcome::Present {
        keep(device, outcome, &before, stopped)?;
        after = device.slots().context(KEPT)?;
    }
    Ok(Replaced {
        outcome,
        version: after.version,
        previous_version: before.slots.version,
        self_test,
    })
}

/// Writes the model, until it is there or Ctrl-C stops it.
fn write(device: &mut Device, new: NewModel<'_>, stopped: &dyn Fn() -> bool) -> anyhow::Result<()> {
    // Hidden where standard error is no terminal.
    let bar = ProgressBar::new(new.file.len() as u64);
    let style = ProgressStyle::with_template(
        "{elapsed_precise} [{bar:16}] {bytes} of {total_bytes}, {eta} left",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    interrupt::hint_above(&bar);
    let mut is_whole = false;
    let written = device.write_model(new, |bytes| {
        bar.set_position(bytes as u64);
        is_whole = bytes == new.file.len();
        !stopped()
    });
    interrupt::hint_by(None);
    bar.finish_and_clear();
    match written {
        Ok(true) => Ok(()),
        Ok(false) => bail!(Stopped(
            "the update was stopped; the device keeps the model that it has".into()
        )),
        // A refusal is the device's word that it did not switch.
        Err(error) if is_whole && !matches!(error, DeviceError::Refused { .. }) => {
            Err(anyhow::Error::new(error).context(PERHAPS_WRITTEN))
        }
        Err(error) => Err(error.into()),
    }
}

/// Has the device start with the model that was written.
fn start_with(device: &mut Device, file: &[u8], before: &Running) -> anyhow::Result<()> {
    device.restart().context(NOT_KEPT)?;
    let now = Running::of(device).context(NOT_KEPT)?;
    let has_started = device.has_started_with(file);
    match now.slots.is_on_trial {
        true if has_started => Ok(()),
        true if now.model.is_none() => {
            let then = go_back(device, before);
            bail!("the device took the model and has no room to run it; {then}")
        }
        true => bail!(
            "the device took the model and has another one on trial, {now}; does another program use it?"
        ),
        false => bail!(
            "the device took the model and did not start with it; it has {now}, and may try the new one at its next start"
        ),
    }
}

/// Has the device test itself with the model that it started with; without success it goes back from one on trial.
fn try_out(device: &mut Device, outcome: Outcome, before: &Running) -> anyhow::Result<SelfTest> {
    let tested = device.use_embedded().and_then(|_| device.self_test());
    let reason = match tested {
        Ok(test) if test.passed && test.steps > 0 => return Ok(test),
        Ok(test) => format!("one of {} golden steps has other outputs there", test.steps),
        Err(error) => error.to_string(),
    };
    let then = match outcome {
        Outcome::Present => {
            "it has no model to go back to, and keeps this one until another is written".to_owned()
        }
        Outcome::Updated | Outcome::Confirmed => go_back(device, before),
    };
    bail!("the device's self-test failed: {reason}; {then}")
}

/// Confirms the model on trial, if nothing stops it.
fn keep(
    device: &mut Device,
    outcome: Outcome,
    before: &Running,
    stopped: &dyn Fn() -> bool,
) -> anyhow::Result<()> {
    if stopped() {
        let then = match outcome {
            Outcome::Updated => go_back(device, before),
            Outcome::Confirmed | Outcome::Present => "its model is on trial as before".to_owned(),
        };
        bail!(Stopped(format!(
            "the update was stopped before the device confirmed the model; {then}"
        )));
    }
    let kept = device.keep_model();
    kept.map_err(|error| {
        let meaning = match error {
            DeviceError::Refused { .. } => NOT_KEPT,
            _ => PERHAPS_KEPT,
        };
        anyhow::Error::new(error).context(meaning)
    })
}

/// Has a device with a model on trial start anew, and says what it has then.
fn go_back(device: &mut Device, before: &Running) -> String {
    match device.restart().and_then(|()| Running::of(device)) {
        Ok(now) if now.slots.is_on_trial => {
            "it still has a model on trial, and goes back at its next start".to_owned()
        }
        Ok(now) if now == *before => format!("it went back to {now}"),
        Ok(now) => format!("it has {now} now"),
        Err(error) => format!("it goes back at its next start, unless it did so already: {error}"),
    }
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
            Outcome::Confirmed => format!("confirmed   {}", version(self.version)),
            Outcome::Present => format!("unchanged   {}", version(self.version)),
        };
        format!(
            "{} ({}): model of {} bytes\n  {outcome}\n  self-test   {}, bit for bit as on the host",
            self.device,
            self.board,
            self.file_bytes,
            counted(self.self_test_steps, "step")
        )
    }
}

#[cfg(test)]
mod tests;
