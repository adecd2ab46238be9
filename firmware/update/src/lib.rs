//! Replaces the model of a device that runs `lstm-nostd`. `no_std`, no heap.
//!
//! Flash has two slots. A new model goes into the slot that is not in use. It is checked as a whole: checksum, parser,
//! golden steps, room, and [`Interface`]. The last write switches to it. At the next start it is *on trial*; firmware that
//! finds it good calls [`Store::confirm`]. Without that, the start after goes back to the model before.
//!
//! ```text
//! begin ─▶ write … write ─▶ check ─▶ switch ─▶ restart: boot, on trial ─▶ confirm
//!  erases   in order                              │
//!  a slot                                         └─ restart without confirm: the model before
//! ```
//!
//! A power cut at any moment leaves a device that starts with a valid model: nothing touches the slot in use, and a
//! slot counts only while its record and its model have their checksums.
//!
//! ```text
//! let mut store = Store::new(flash, [0x4_0000..0x5_0000, 0x5_0000..0x6_0000])?;
//! let mut booted = store.boot()?;                 // None: no valid slot; use the model that is compiled in
//! let model = Model::parse(store.model(&booted))?;
//! // … the device works as it should:
//! store.confirm(&mut booted)?;
//! // … a new model arrives, in pieces of any length:
//! let present = Interface::of(&model);
//! let mut update = store.begin(Some(&booted), manifest, Some(&present))?;
//! update.write(offset, bytes)?;
//! let checked = update.check::<INPUTS, CELLS, HIDDEN, SCRATCH, OUTPUTS>()?;
//! checked.switch()?;
//! restart();
//! ```
//!
//! # Layout of a slot
//!
//! | bytes | content |
//! | --- | --- |
//! | 0..32 | record: magic, sequence number, version and length of the model, its CRC-32C, CRC-32C of the record |
//! | 32..64 | mark: on trial |
//! | 64..96 | mark: confirmed |
//! | 128.. | the model file, read in place |
//!
//! Each part is written once between two erasures, in whole write units of at most 32 bytes. So flash with error
//! correction serves too.
//!
//! ```text
//! record → store → update
//! ```
#![no_std]
#![deny(unsafe_code)]

mod record;
mod store;
mod update;

pub use record::crc32c;
pub use store::{Booted, Flash, LayoutError, Store};
pub use update::{Checked, Interface, Manifest, Update, UpdateError};

#[cfg(test)]
mod tests;
