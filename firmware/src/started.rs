//! The model that the board started with: from a slot of the flash, or the one that is compiled in.

use lstm_link::{Manifest, Slots};
use lstm_nostd::Model;
use lstm_update::{Booted, Flash, Interface, Store, Update, UpdateError};

use crate::embedded;

/// The slots, and the one that the board started with.
pub struct Started<F> {
    store: Store<F>,
    /// `None` where no slot has a valid model.
    booted: Option<Booted>,
    /// Of the model that the board started with, if it is valid.
    present: Option<Interface>,
}

impl<F: Flash> Started<F> {
    /// Chooses the model to start with. Its stack is not to be that of the whole program.
    #[inline(never)]
    pub fn new(mut store: Store<F>) -> Self {
        // Flash that cannot be written to leaves the model that is compiled in.
        let booted = store.boot().unwrap_or(None);
        let mut started = Self {
            store,
            booted,
            present: None,
        };
        let model = Model::parse(started.file());
        started.present = model.map(|model| Interface::of(&model)).ok();
        started
    }

    /// The model file.
    pub fn file(&self) -> &[u8] {
        match &self.booted {
            Some(booted) => self.store.model(booted),
            None => embedded::FILE,
        }
    }

    /// What the host is to know.
    pub fn slots(&self) -> Slots {
        Slots {
            room_bytes: self.store.room_bytes(),
            version: self.booted.as_ref().map(Booted::version),
            is_on_trial: self.booted.is_some_and(|booted| booted.is_on_trial),
        }
    }

    /// Erases the other slot for a new model.
    ///
    /// # Errors
    /// As [`Store::begin`].
    pub fn begin(&mut self, manifest: Manifest) -> Result<Update<'_, F>, UpdateError<F::Error>> {
        let Manifest {
            version,
            bytes,
            checksum,
            force,
        } = manifest;
        let manifest = lstm_update::Manifest {
            version,
            bytes,
            crc: checksum,
            force,
        };
        self.store
            .begin(self.booted.as_ref(), manifest, self.present.as_ref())
    }

    /// Keeps the model, if it is on trial.
    ///
    /// # Errors
    /// When the flash cannot be written to.
    pub fn confirm(&mut self) -> Result<(), F::Error> {
        match &mut self.booted {
            Some(booted) => self.store.confirm(booted),
            None => Ok(()),
        }
    }
}
