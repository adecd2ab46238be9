//! The two slots, and which of them a device starts with.

use core::fmt;
use core::ops::Range;

use embedded_storage::nor_flash::NorFlash;
use lstm_nostd::Model;

use crate::record::{CONFIRMED, MARK, MODEL, PART_BYTES, Record, TRIAL, crc32c};

/// Flash whose content the core can read in place, as it can that of microcontrollers.
pub trait Flash: NorFlash {
    /// Its content in a range of [`NorFlash`]'s offsets. The range is within the flash. Model files are read in place,
    /// so the offset 0 must be aligned to 8 bytes.
    fn content(&self, range: Range<u32>) -> &[u8];
}

/// Slots that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutError {
    /// What is needed.
    pub needs: &'static str,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slots: {}", self.needs)
    }
}

impl core::error::Error for LayoutError {}

/// The slot that a device started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booted {
    pub(crate) slot: usize,
    pub(crate) record: Record,
    /// Whether the model still has to be confirmed.
    pub is_on_trial: bool,
}

impl Booted {
    /// The version of the model, as its manifest said.
    pub fn version(&self) -> u32 {
        self.record.version
    }
}

/// Flash with two slots.
#[derive(Debug)]
pub struct Store<F> {
    pub(crate) flash: F,
    pub(crate) slots: [Range<u32>; 2],
}

impl<F: Flash> Store<F> {
    /// Takes flash with a slot in each of two ranges.
    ///
    /// # Errors
    /// When a slot is no range of whole erase units and of whole parts of 32 bytes within the flash, the slots overlap, or
    /// a write unit is over 32 bytes.
    pub fn new(flash: F, slots: [Range<u32>; 2]) -> Result<Self, LayoutError> {
        let [first, second] = &slots;
        let unit = F::ERASE_SIZE as u32;
        let needs = if !PART_BYTES.is_multiple_of(F::WRITE_SIZE) {
            "the flash must have write units of 1, 2, 4, 8, 16 or 32 bytes"
        } else if slots.iter().any(|slot| {
            slot.start.checked_rem(unit) != Some(0) || slot.end.checked_rem(unit) != Some(0)
        }) {
            "each must begin and end with an erase unit of the flash"
        } else if slots.iter().any(|slot| {
            let is_whole = |place: u32| (place as usize).is_multiple_of(PART_BYTES);
            !is_whole(slot.start) || !is_whole(slot.end)
        }) {
            "each must begin and end at a multiple of 32 bytes"
        } else if slots.iter().any(|slot| {
            slot.end as usize > flash.capacity() || slot.end.saturating_sub(slot.start) <= MODEL
        }) {
            "each must have over 128 bytes within the flash"
        } else if first.start < second.end && second.start < first.end {
            "they must not overlap"
        } else {
            return Ok(Self { flash, slots });
        };
        Err(LayoutError { needs })
    }

    /// Chooses the model to start with, and marks a new one as on trial. `None`: no slot has a valid model.
    ///
    /// The later slot wins if its model is confirmed, or was never tried. One that was tried and not confirmed is
    /// passed over, and so is one that cannot be marked.
    ///
    /// # Errors
    /// When a mark cannot be written and there is no other model. A device may then start with any model that it has
    /// compiled in.
    pub fn boot(&mut self) -> Result<Option<Booted>, F::Error> {
        let mut slots = [self.valid(0), self.valid(1)];
        slots.sort_unstable_by_key(|slot| slot.map(|(_, record)| record.sequence));
        let [earlier, later] = slots;
        let mut failure = None;
        for (slot, record) in [later, earlier].into_iter().flatten() {
            if self.part(slot, CONFIRMED) == MARK {
                return Ok(Some(Booted {
                    slot,
                    record,
                    is_on_trial: false,
                }));
            }
            // A torn mark is a trial too.
            if self.part(slot, TRIAL).iter().all(|byte| *byte == 0xff) {
                match self.mark(slot, TRIAL) {
                    Ok(()) => {
                        return Ok(Some(Booted {
                            slot,
                            record,
                            is_on_trial: true,
                        }));
                    }
                    Err(error) => failure = Some(error),
                }
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// The model file that the device started with.
    pub fn model(&self, booted: &Booted) -> &[u8] {
        self.file(booted.slot, booted.record.bytes)
            .unwrap_or_default()
    }

    /// Keeps a model that is on trial. Do this when the device has shown that it works with it.
    ///
    /// # Errors
    /// When the mark cannot be written; the next start then goes back to the model before.
    pub fn confirm(&mut self, booted: &mut Booted) -> Result<(), F::Error> {
        if booted.is_on_trial {
            self.mark(booted.slot, CONFIRMED)?;
            booted.is_on_trial = false;
        }
        Ok(())
    }

    /// Bytes of the longest model that both slots take.
    pub fn room_bytes(&self) -> u32 {
        self.room(0).min(self.room(1))
    }

    /// Bytes that a slot has for a model.
    pub(crate) fn room(&self, slot: usize) -> u32 {
        let bytes = |range: &Range<u32>| range.end.saturating_sub(range.start);
        (self.slots.get(slot)).map_or(0, |range| bytes(range).saturating_sub(MODEL))
    }

    /// The flash.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Slot and record, if both record and model are whole.
    fn valid(&self, slot: usize) -> Option<(usize, Record)> {
        let record = Record::from_bytes(self.part(slot, 0))?;
        let file = self.file(slot, record.bytes)?;
        (crc32c(file) == record.crc && Model::parse(file).is_ok()).then_some((slot, record))
    }

    /// Slot and sequence number for a model when none of them was started: a slot without a confirmed model, and a number
    /// beyond those of all valid ones.
    pub(crate) fn free_slot(&self) -> (usize, u32) {
        let valid = [self.valid(0), self.valid(1)];
        let is_confirmed = valid[0].is_some() && self.part(0, CONFIRMED) == MARK;
        let sequences = valid
            .into_iter()
            .flatten()
            .map(|(_, record)| record.sequence);
        let next = sequences.max().map_or(1, |last| last.wrapping_add(1));
        (usize::from(is_confirmed), next)
    }

    /// Record or mark of a slot.
    fn part(&self, slot: usize, offset: u32) -> &[u8] {
        let Some(range) = self.slots.get(slot) else {
            return &[];
        };
        let start = range.start.saturating_add(offset);
        self.flash
            .content(start..start.saturating_add(PART_BYTES as u32))
    }

    /// The model file in a slot, if it fits there.
    pub(crate) fn file(&self, slot: usize, bytes: u32) -> Option<&[u8]> {
        let range = self.slots.get(slot)?;
        let start = range.start.checked_add(MODEL)?;
        let end = start.checked_add(bytes)?;
        (end <= range.end).then(|| self.flash.content(start..end))
    }

    fn mark(&mut self, slot: usize, offset: u32) -> Result<(), F::Error> {
        match self.slots.get(slot) {
            Some(range) => self.flash.write(range.start.saturating_add(offset), &MARK),
            None => Ok(()),
        }
    }
}
