//! The model file: a network's integers in one buffer, parsed in place.
//!
//! Little-endian; every section begins on a 4-byte boundary of the file, and the file itself must
//! lie on one. Version 2:
//!
//! | bytes | field | content |
//! | --- | --- | --- |
//! | **header** | | 32 bytes |
//! | 0..4 | magic | `LSTM` |
//! | 4..6 | version | u16, 2 |
//! | 6 | task | 0 linear, 1 sigmoid, 2 softmax |
//! | 7 | mode | 0 sequence to one, 1 sequence to sequence |
//! | 8..12 | file length | u32, bytes with the checksum |
//! | 12..14 | inputs `I` | u16, at least 1 |
//! | 14..16 | outputs `O` | u16, at least 1 |
//! | 16 | LSTM layers | 1..=4 |
//! | 17 | dense layers | 1..=4, the output layer included |
//! | 18..20 | golden steps | u16 |
//! | 20..22 | cell blocks | u16, Σ ⌈H/4⌉ |
//! | 22..24 | scratch blocks | u16, see [`BufferSizes`](crate::model::BufferSizes) |
//! | 24..28 | names length | u32, bytes with padding |
//! | 28 | output exponent | i8, linear tasks: `real = y · 2^exponent` |
//! | 29 | zero | |
//! | 30..32 | hidden blocks | u16, Σ ⌈H/4⌉ of int16 and ⌈H/8⌉ of int8 layers |
//! | **input channels** | | `I` times 12 bytes: mean i32, mult i32, shift u8, frac bits u8, zero u16 |
//! | **LSTM layers** | | each: |
//! | 0 | kind | 1 = LSTM (others are kept for GRU, projections and the like) |
//! | 1 | scheme | 1 w8a16, 2 w8a8, 3 w4a16: [`Scheme`](crate::kernels::Scheme) |
//! | 2..4 | flags | bit 0: peepholes |
//! | 4..6, 6..8 | inputs, hidden `H` | u16 |
//! | 8 | x_shift `k` | 0..=15 |
//! | 9 | cell integer bits `m` | 1..=15 |
//! | 10 | order | 0 generic, 1 paired, 2 grouped, 3 offset, 4 grouped bytes: [`Order`](crate::kernels::Order); w8a16: all but 4, w8a8: 0 or 4, w4a16: 0 |
//! | 11 | hidden shift `n` | w8a8: 0..=8, the hidden state is Q0.(15−n); else 0 |
//! | 12 | input shift | above a layer of the other width: 0..=8, see [`convert`](crate::kernels::convert); else 0 |
//! | 13..16 | zero | |
//! | | weights | generic: i8 `[H][⌈I/4⌉ + ⌈H/4⌉][4 gates][4 inputs]`, padded with zeros; w4a16 in half the bytes |
//! | | gates | `[H]` times bias i32 `[4]`, mult i32 `[4]` |
//! | | peepholes | `[H]` times i16 `[4]` for i, f, 0, o; only with the flag |
//! | **dense layers** | | each: |
//! | 0, 1 | kind, scheme | 2 = dense, schemes as above |
//! | 2..4 | flags | bit 0: ReLU (on all but the last) |
//! | 4..6, 6..8 | inputs, outputs | u16 |
//! | 8 | output shift | 0..=15 |
//! | 9 | input shift | as above |
//! | 10..16 | zero | |
//! | | weights | i8 `[O][⌈I/4⌉][4]`, padded with zeros; w4a16: `[O][⌈I/8⌉][4]` bytes of two nibbles w + 8 |
//! | | rows | `[O]` times bias i32, mult i32 |
//! | **golden steps** | | each: raw inputs i32 `[I]`, outputs i32 `[O]` |
//! | **names** | | of `I` channels, then of the classes or values: u8 length, UTF-8; zeros to 4 bytes |
//! | **checksum** | | u32, CRC-32/ISO-HDLC of all before it |
//!
//! A single sigmoid output has two class names, any other output one. The orders for certain kernels
//! are in [`crate::kernels`]; an engine refuses those that its kernels do not read.

mod aligned;
mod error;
mod include;
#[cfg(feature = "write")]
mod random;
mod read;
#[cfg(feature = "write")]
mod write;

#[doc(hidden)]
pub use aligned::Aligned;
#[cfg(feature = "write")]
pub use aligned::AlignedBytes;
pub use error::{ArtifactError, LayerError};
pub use include::Sizes;
#[cfg(feature = "write")]
pub use random::RandomModel;
#[cfg(feature = "write")]
pub use write::{Dense, Lstm, MAX_NAME_BYTES, ModelFile, WriteError};

/// The first bytes of every model file.
pub const MAGIC: [u8; 4] = *b"LSTM";
/// The version that this engine reads and writes.
pub const VERSION: u16 = 2;

const HEADER_BYTES: usize = 32;
const LAYER_HEADER_BYTES: usize = 16;
const KIND_LSTM: u8 = 1;
const KIND_DENSE: u8 = 2;
const FLAG_PEEPHOLES: u16 = 1;
const FLAG_RELU: u16 = 1;
const MAX_X_SHIFT: u8 = 15;
/// Between int8 and int16 of the same range.
const MAX_WIDTH_SHIFT: u8 = 8;
const MAX_OUTPUT_SHIFT: u8 = 15;
const MAX_CELL_INT_BITS: u8 = 15;
const MAX_INPUT_SHIFT: u8 = 31;
const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
