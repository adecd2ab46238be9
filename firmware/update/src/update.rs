//! A new model on its way into a slot.

use core::fmt;

use lstm_nostd::{ArtifactError, Model, SelfTestError, SizeError};

use crate::record::{CRC32C, MODEL, PART_BYTES, Record, crc32c};
use crate::store::{Booted, Flash, Store};

/// What is about to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Counts the models of a device; a later one has a higher version.
    pub version: u32,
    /// Length of the model file.
    pub bytes: u32,
    /// CRC-32C (ISCSI, as [`crc32c`](crate::crc32c)) of the model file.
    pub crc: u32,
    /// Takes an older model too, and one with another [`Interface`].
    pub force: bool,
}

/// Why a new model was refused. The model in use stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateError<E> {
    /// The model in use is on trial, and the other slot has the only model that is confirmed.
    OnTrial,
    /// The device has a later version.
    Older {
        /// That of the manifest.
        offered: u32,
        /// That in use.
        present: u32,
    },
    /// The model does not fit a slot.
    TooLong {
        /// Its bytes.
        bytes: u32,
        /// The bytes that a slot has for it.
        room: u32,
    },
    /// Pieces must follow each other without a gap.
    Order {
        /// Where the next piece begins.
        expected: u32,
    },
    /// The bytes that arrived are not those of the manifest.
    Checksum,
    /// The parser refuses the model.
    Model(ArtifactError),
    /// The golden steps give other outputs here, or the model needs longer buffers than the program has.
    SelfTest(SelfTestError),
    /// The model has no golden steps, so nothing shows that it works here.
    NoGoldenSteps,
    /// The model has another [`Interface`] than the one in use.
    OtherInterface,
    /// The flash failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for UpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnTrial => write!(
                f,
                "the model in use is on trial; confirm it first, or restart to go back"
            ),
            Self::Older { offered, present } => write!(
                f,
                "version {offered} is older than version {present} in use; force it if you want it"
            ),
            Self::TooLong { bytes, room } => {
                write!(f, "the model has {bytes} bytes, a slot has room for {room}")
            }
            Self::Order { expected } => {
                write!(
                    f,
                    "the next piece must begin at byte {expected} and end within the model"
                )
            }
            Self::Checksum => write!(f, "the bytes that arrived have another checksum"),
            Self::Model(error) => error.fmt(f),
            Self::SelfTest(error) => error.fmt(f),
            Self::NoGoldenSteps => write!(
                f,
                "the model has no golden steps, which show that it works here; export it from a run"
            ),
            Self::OtherInterface => write!(
                f,
                "the model has other inputs, outputs or names, another task or another mode (such as sequence-to-mean) \
                 than the one in use; force it if you want it"
            ),
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for UpdateError<E> {}

/// A slot that is being written. Dropped, it leaves everything as it was.
#[derive(Debug)]
pub struct Update<'s, F> {
    store: &'s mut Store<F>,
    slot: usize,
    sequence: u32,
    manifest: Manifest,
    /// Of the model in use.
    present: Option<Interface>,
    /// Bytes that arrived.
    arrived: u32,
    /// Those of them that are not yet in flash: less than a write unit, or the end.
    waiting: [u8; PART_BYTES],
}

impl<F: Flash> Store<F> {
    /// Erases the slot that is not in use, for a new model. `present` is that of the model in use, from `booted` or compiled
    /// in; a device without one takes a model for any task.
    ///
    /// # Errors
    /// When the model is older than the one in use or too long, that one is on trial, or the flash fails.
    pub fn begin(
        &mut self,
        booted: Option<&Booted>,
        manifest: Manifest,
        present: Option<&Interface>,
    ) -> Result<Update<'_, F>, UpdateError<F::Error>> {
        let (slot, sequence) = match booted {
            Some(booted) if booted.is_on_trial => return Err(UpdateError::OnTrial),
            Some(booted) if manifest.version < booted.version() && !manifest.force => {
                return Err(UpdateError::Older {
                    offered: manifest.version,
                    present: booted.version(),
                });
            }
            Some(booted) => (
                1 - booted.slot.min(1),
                booted.record.sequence.wrapping_add(1),
            ),
            None => self.free_slot(),
        };
        let [first, second] = &self.slots;
        let range = if slot == 0 { first } else { second }.clone();
        let room = self.room(slot);
        if manifest.bytes > room {
            return Err(UpdateError::TooLong {
                bytes: manifest.bytes,
                room,
            });
        }
        // The record goes first: a slot that is half erased has none.
        let first_unit = range.start.saturating_add(F::ERASE_SIZE as u32);
        for (from, to) in [(range.start, first_unit), (first_unit, range.end)] {
            if from < to {
                self.flash.erase(from, to).map_err(UpdateError::Flash)?;
            }
        }
        Ok(Update {
            store: self,
            slot,
            sequence,
            manifest,
            present: present.copied(),
            arrived: 0,
            waiting: [0xff; PART_BYTES],
        })
    }
}

/// What a device's program expects of a model: its task, its mode (when its outputs are read), and inputs and outputs with
/// their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface(u32);

impl Interface {
    /// Of a model.
    pub fn of(model: &Model<'_>) -> Self {
        let mut digest = CRC32C.digest();
        digest.update(&[model.task().code(), model.mode().code()]);
        for count in [model.inputs(), model.outputs()] {
            digest.update(&(count as u32).to_le_bytes());
        }
        for name in model.input_names().chain(model.output_names()) {
            digest.update(name.as_bytes());
            digest.update(&[0]);
        }
        Self(digest.finalize())
    }
}

impl<'s, F: Flash> Update<'s, F> {
    /// Takes the next piece of the model file, which begins at byte `offset`; of any length.
    ///
    /// # Errors
    /// When the piece does not follow the one before, is beyond the length of the manifest, or the flash fails.
    pub fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), UpdateError<F::Error>> {
        let left = self.manifest.bytes.saturating_sub(self.arrived);
        if offset != self.arrived || bytes.len() > left as usize {
            return Err(UpdateError::Order {
                expected: self.arrived,
            });
        }
        for byte in bytes {
            let place = self.arrived as usize % PART_BYTES;
            if let Some(waiting) = self.waiting.get_mut(place) {
                *waiting = *byte;
            }
            self.arrived = self.arrived.wrapping_add(1);
            if place == PART_BYTES - 1 {
                self.flush(self.arrived.wrapping_sub(PART_BYTES as u32))?;
            }
        }
        Ok(())
    }

    /// Checks the model as a whole: whether it is the manifest's, has room and works here, and has the interface of the one
    /// in use. The constants are the largest sizes that the program has room for: raw inputs of a step, and the others as
    /// in [`Model::self_test`].
    ///
    /// # Errors
    /// What is wrong with the model, or that the flash fails.
    pub fn check<
        const INPUTS: usize,
        const CELLS: usize,
        const HIDDEN: usize,
        const SCRATCH: usize,
        const OUTPUTS: usize,
    >(
        mut self,
    ) -> Result<Checked<'s, F>, UpdateError<F::Error>> {
        if self.arrived != self.manifest.bytes {
            return Err(UpdateError::Order {
                expected: self.arrived,
            });
        }
        let beyond = self.arrived % PART_BYTES as u32;
        if beyond > 0 {
            self.flush(self.arrived.wrapping_sub(beyond))?;
        }
        self.look::<INPUTS, CELLS, HIDDEN, SCRATCH, OUTPUTS>()?;
        Ok(Checked(self))
    }

    /// [`Update::check`] of what is in flash.
    fn look<
        const INPUTS: usize,
        const CELLS: usize,
        const HIDDEN: usize,
        const SCRATCH: usize,
        const OUTPUTS: usize,
    >(
        &self,
    ) -> Result<(), UpdateError<F::Error>> {
        let Manifest { bytes, crc, .. } = self.manifest;
        let file = self.store.file(self.slot, bytes).unwrap_or_default();
        if crc32c(file) != crc {
            return Err(UpdateError::Checksum);
        }
        // By reference: a small stack has no room for copies of a model.
        let parsed = Model::parse(file);
        let model = (parsed.as_ref()).map_err(|error| UpdateError::Model(*error))?;
        // Golden steps bring their inputs along, and a program does not.
        if model.inputs() > INPUTS {
            return Err(UpdateError::SelfTest(SelfTestError::Size(SizeError {
                what: "inputs that the program has room for",
                found: INPUTS,
                needed: model.inputs(),
            })));
        }
        let golden = model.self_test::<CELLS, HIDDEN, SCRATCH, OUTPUTS>();
        if golden.map_err(UpdateError::SelfTest)? == 0 {
            return Err(UpdateError::NoGoldenSteps);
        }
        match self.present {
            Some(present) if Interface::of(model) != present && !self.manifest.force => {
                Err(UpdateError::OtherInterface)
            }
            _ => Ok(()),
        }
    }

    /// Writes what waits to byte `offset` of the model; bytes that did not arrive stay erased.
    fn flush(&mut self, offset: u32) -> Result<(), UpdateError<F::Error>> {
        let place = self.start().wrapping_add(MODEL).wrapping_add(offset);
        let written = self.store.flash.write(place, &self.waiting);
        self.waiting = [0xff; PART_BYTES];
        written.map_err(UpdateError::Flash)
    }

    /// Where the slot begins.
    fn start(&self) -> u32 {
        let range = self.store.slots.get(self.slot);
        range.map_or(0, |range| range.start)
    }
}

/// A slot whose model was found good. Dropped, it leaves everything as it was: a program that has checks of its own, such as
/// one that its stack was deep enough, makes them before the switch.
#[derive(Debug)]
pub struct Checked<'s, F>(Update<'s, F>);

impl<F: Flash> Checked<'_, F> {
    /// Switches to the model: the next [`Store::boot`] starts with it, on trial.
    ///
    /// # Errors
    /// When the flash fails. The model in use stays.
    pub fn switch(self) -> Result<(), UpdateError<F::Error>> {
        let Self(update) = self;
        let record = Record {
            sequence: update.sequence,
            version: update.manifest.version,
            bytes: update.manifest.bytes,
            crc: update.manifest.crc,
        };
        let start = update.start();
        let written = update.store.flash.write(start, &record.to_bytes());
        written.map_err(UpdateError::Flash)
    }
}
