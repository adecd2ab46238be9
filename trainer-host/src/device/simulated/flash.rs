//! The flash of the simulated board, and what it keeps without power.

use lstm_link::{Manifest, ModelInfo, Refusal, Request, Response, Slots, checksum};

use super::toy_info;

/// A model in the board's flash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) file: Vec<u8>,
    pub(crate) version: Option<u32>,
}

/// The board's flash. The slots of real boards are tested by themselves, in `firmware/update`.
#[derive(Debug, Default)]
pub(crate) struct Flash {
    /// The model that is confirmed.
    pub(crate) kept: Stored,
    /// The one that the board started with on trial.
    pub(super) trial: Option<Stored>,
    /// The one that it tries at the next start.
    pub(super) next: Option<Stored>,
    /// The one that arrives.
    pub(super) arriving: Option<(Manifest, Vec<u8>)>,
    /// How often the board has started anew by request.
    pub(crate) starts: u64,
    /// The golden steps of a model with this file give other outputs.
    pub(crate) fails: Vec<u8>,
    /// The board takes the model with this file and has no room for it.
    pub(crate) has_no_room: Vec<u8>,
}

impl Flash {
    /// The model that the board started with.
    pub(in crate::device) fn started(&self) -> &Stored {
        self.trial.as_ref().unwrap_or(&self.kept)
    }

    /// Whether that is on trial.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Its shape, if the board has room for it.
    pub(super) fn embedded(&self) -> Option<ModelInfo> {
        let file = &self.started().file;
        (self.trial.is_none() || *file != self.has_no_room).then(|| toy_info(file))
    }

    pub(super) fn carry_out(&mut self, request: Request<'_>) -> Response<'static> {
        match (request, &mut self.arriving) {
            (Request::Slots, _) => {
                return Response::Slots(Slots {
                    room_bytes: 1 << 16,
                    version: self.started().version,
                    is_on_trial: self.trial.is_some(),
                });
            }
            (Request::BeginUpdate(_), _) if self.trial.is_some() => {
                return Response::Refused(Refusal::Update("on trial"));
            }
            (Request::BeginUpdate(manifest), _)
                if Some(manifest.version) < self.kept.version && !manifest.force =>
            {
                return Response::Refused(Refusal::Update("older"));
            }
            (Request::BeginUpdate(manifest), arriving) => {
                *arriving = Some((manifest, Vec::new()));
                // It lay in the slot that is erased.
                self.next = None;
            }
            (Request::WriteUpdate { offset, bytes }, Some((_, file)))
                if offset as usize == file.len() =>
            {
                file.extend(bytes);
            }
            (Request::FinishUpdate, Some((manifest, file)))
                if manifest.checksum == checksum(file) && manifest.bytes == file.len() as u32 =>
            {
                self.next = Some(Stored {
                    file: std::mem::take(file),
                    version: Some(manifest.version),
                });
                self.arriving = None;
            }
            (Request::Confirm, _) => {
                if let Some(trial) = self.trial.take() {
                    self.kept = trial;
                }
            }
            (Request::Restart, _) => self.starts += 1,
            _ => return Response::Refused(Refusal::LoadOrder { expected: 0 }),
        }
        Response::Done
    }
}
