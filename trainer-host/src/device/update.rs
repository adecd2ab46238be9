//! A new model in a device's flash: written beside the one in use, started on trial, and kept or not.
//!
//! ```text
//! write_model ─▶ restart ─▶ use_embedded, self_test ─▶ keep_model
//!                           └─ restart without keep_model: the model before
//! ```

use lstm_link::{Manifest, Request, Response, Slots, checksum};

use super::client::{Device, WAIT, is_of};
use super::error::DeviceError;

/// A model for a device's flash.
#[derive(Clone, Copy, Debug)]
pub struct NewModel<'f> {
    /// The model file.
    pub file: &'f [u8],
    /// The device refuses a version that is lower than that of the model it started with.
    pub version: u32,
    /// Has it take an older version too, and a model with other inputs, outputs or names, or another task or mode.
    pub force: bool,
}

impl Device {
    /// What the device keeps in its flash.
    ///
    /// # Errors
    /// [`DeviceError`] when the device does not answer, or its firmware has no slots.
    pub fn slots(&mut self) -> Result<Slots, DeviceError> {
        self.exchange
            .ask(&Request::Slots, WAIT, |answer| match answer {
                Response::Slots(slots) => Some(*slots),
                _ => None,
            })
    }

    /// Whether the device has started with this model file.
    pub fn has_started_with(&self, file: &[u8]) -> bool {
        let embedded = self.info.embedded.as_ref();
        embedded.is_some_and(|model| is_of(model, file))
    }

    /// Writes a model into the slot that is not in use. `goes_on` gets the number of bytes that are there, after each
    /// part, and says whether to go on. The device starts with the model next time, on trial, if all of it was written;
    /// that is returned. No model is in use then.
    ///
    /// # Errors
    /// [`DeviceError::Refused`] with the device's reason when it does not take the model, and others. The device keeps
    /// the model that it has. If `goes_on` knew of all bytes before an error that is no refusal, the device may have
    /// carried out the last request: then it starts with the new model next time, on trial.
    pub fn write_model(
        &mut self,
        model: NewModel<'_>,
        mut goes_on: impl FnMut(usize) -> bool,
    ) -> Result<bool, DeviceError> {
        let NewModel {
            file,
            version,
            force,
        } = model;
        self.model = None;
        self.command(Request::BeginUpdate(Manifest {
            version,
            bytes: u32::try_from(file.len()).unwrap_or(u32::MAX),
            checksum: checksum(file),
            force,
        }))?;
        let part_bytes = self.payload_bytes();
        let mut written = 0;
        for bytes in file.chunks(part_bytes) {
            if !goes_on(written) {
                return Ok(false);
            }
            let offset = written as u32;
            self.command(Request::WriteUpdate { offset, bytes })?;
            written += bytes.len();
        }
        if !goes_on(written) {
            return Ok(false);
        }
        self.command(Request::FinishUpdate)?;
        Ok(true)
    }

    /// Has the device start anew, and begins a session with it. No model is in use then. If another program has begun a
    /// session meanwhile, the device does not start anew; [`slots`](Self::slots) shows what it runs.
    ///
    /// # Errors
    /// [`DeviceError`] when it does not answer afterwards, among others.
    pub fn restart(&mut self) -> Result<(), DeviceError> {
        self.restart_as(rand::random())
    }

    pub(super) fn restart_as(&mut self, session: u32) -> Result<(), DeviceError> {
        match self.command(Request::Restart) {
            // Of a device whose answer was lost, the next reply says that it knows no session.
            Ok(()) | Err(DeviceError::Restarted { .. }) => self.reconnect_as(session),
            Err(error) => Err(error),
        }
    }

    /// Keeps the model that the device started with, if it is on trial. No model is in use then.
    ///
    /// # Errors
    /// [`DeviceError::Refused`] when the device cannot write to its flash, and others.
    pub fn keep_model(&mut self) -> Result<(), DeviceError> {
        self.model = None;
        self.command(Request::Confirm)
    }
}
