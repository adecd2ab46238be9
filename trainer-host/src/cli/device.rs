//! The part of `eval` that runs on a device and compares it with the host, bit for bit.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use lstm_nostd::Mode;
use lstm_nostd::kernels::Order;
use serde::Serialize;

use super::model_source::ModelSource;
use crate::data::Dataset;
use crate::device::{Device, DeviceError, Keep};
use crate::evaluate::{Score, score};
use crate::integers::engine::AnyModel;
use crate::integers::stream::{input_formats, raw_sequence, real_outputs, run};
use crate::new_firmware::Board;

/// Where the device is.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Device")]
pub(super) struct DeviceArgs {
    /// Run the integers on a device too: a serial port such as /dev/ttyACM0, or qemu:MACHINE.
    #[arg(long, value_name = "ADDRESS")]
    device: Option<String>,
    /// Firmware for QEMU to start; `cargo xtask firmware build --application runner` builds it.
    #[arg(long, value_name = "ELF", requires = "device")]
    image: Option<PathBuf>,
}

/// What the device did.
#[derive(Debug, Serialize)]
pub(super) struct DeviceResult {
    address: String,
    board: String,
    score: Score,
    sequences: usize,
    /// Sequences whose outputs equal the host's, bit for bit.
    identical: usize,
    /// Mean cost of a step in `unit`, if the device could count it.
    cost_per_step: Option<f64>,
    /// Instructions on an emulated device, cycles on a real one.
    unit: String,
    /// Deepest stack of a step.
    step_stack_bytes: usize,
    self_test_passed: bool,
}

/// The order of weights that suits `device`, if it says that or is a board that this program knows.
pub(super) fn order_of(device: &mut Device) -> Result<Option<Order>, DeviceError> {
    let said = device.order()?;
    let known = || Board::named(&device.info().board).ok();
    Ok(said.or_else(|| known().map(|board| board.core.order())))
}

impl DeviceArgs {
    /// The device that was named, with the model of `source` loaded.
    pub(super) fn loaded(&self, source: &ModelSource) -> anyhow::Result<Option<Device>> {
        let Some(mut device) = self.open()? else {
            return Ok(None);
        };
        if let Some(file) = source.for_device(&mut device)? {
            device.load(&file)?;
        }
        Ok(Some(device))
    }

    /// Runs every sequence of `data` on the device, if one was named. `model` is `source`'s.
    pub(super) fn evaluate(
        &self,
        source: &ModelSource,
        model: &AnyModel<'_>,
        data: &Dataset,
    ) -> anyhow::Result<Option<DeviceResult>> {
        let (Some(address), Some(mut device)) = (&self.device, self.loaded(source)?) else {
            return Ok(None);
        };
        let self_test = device.self_test()?;
        let formats = input_formats(model);
        let keep = match model.mode() {
            Mode::SequenceToOne | Mode::SequenceToMean => Keep::LastStep,
            Mode::SequenceToSequence => Keep::EveryStep,
        };
        let (mut outputs, mut identical, mut steps, mut cost) = (Vec::new(), 0, 0, Some(0));
        // Hidden where standard error is no terminal.
        let bar = ProgressBar::new(data.len() as u64);
        for sequence in data.recordings() {
            let raw = raw_sequence(&formats, sequence);
            let found = device.run_sequence(&raw.concat(), keep)?;
            let expected = run(model, &raw);
            identical += usize::from(found.outputs == expected.concat());
            steps += found.steps;
            cost = Option::zip(cost, found.cost).map(|(sum, run)| sum + run);
            let rows: Vec<Vec<i32>> = found
                .outputs
                .chunks(model.outputs())
                .map(<[i32]>::to_vec)
                .collect();
            outputs.push(real_outputs(model, &rows));
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Some(DeviceResult {
            address: address.clone(),
            board: device.info().board.clone(),
            score: score(data, &outputs),
            sequences: data.len(),
            identical,
            cost_per_step: cost.map(|cost| cost as f64 / steps.max(1) as f64),
            unit: device.unit().to_string(),
            step_stack_bytes: device.stack()?.step_bytes as usize,
            self_test_passed: self_test.passed,
        }))
    }
}

impl DeviceArgs {
    /// The device that was named.
    pub(super) fn open(&self) -> anyhow::Result<Option<Device>> {
        let open = |address| Device::open(address, self.image.as_deref());
        Ok(self.device.as_deref().map(open).transpose()?)
    }

    /// Refuses a device when there are no integers to run on it.
    pub(super) fn refuse_without_model(&self, path: &Path) -> anyhow::Result<Option<DeviceResult>> {
        if self.device.is_some() {
            anyhow::bail!(
                "{}: has no integers to run on a device; run `trainer-host quantise` first",
                path.display()
            );
        }
        Ok(None)
    }
}

impl DeviceResult {
    /// In words.
    pub(super) fn to_text(&self) -> String {
        let cost = match self.cost_per_step {
            Some(cost) => format!("{cost:.0} {} a step", self.unit),
            None => "not counted".to_owned(),
        };
        format!(
            "{} ({})\n  device      {}\n  agreement   {} of {} sequences equal to the host bit for bit\n  \
             cost        {cost}, {} bytes of stack, self-test {}\n",
            self.address,
            self.board,
            self.score.describe(),
            self.identical,
            self.sequences,
            self.step_stack_bytes,
            if self.self_test_passed {
                "passed"
            } else {
                "FAILED"
            },
        )
    }
}
