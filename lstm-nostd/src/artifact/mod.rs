//! The model file: a network's integers in one buffer, parsed in place.
//!
//! Little-endian; every section begins on a 4-byte boundary of the file, and the file itself must
//! lie on one. Version 11:
//!
//! | section | content |
//! | --- | --- |
//! | header | 32 bytes, field by field in [`Header`] |
//! | front end | if the header counts its words: a record and its tables, see `front_end.rs` beside this page |
//! | input channels | `I` times 16 bytes: mean i32, fraction i32, mult i32, shift u8, fraction bits u8, zero u16, see [`layers::input`](crate::layers::input) |
//! | output scales | in linear tasks, `O` times 12 bytes: offset i64, exponent i16, zero u16, see [`layers::output`](crate::layers::output) |
//! | convolution | if the model has one, `ConvRecord` and the sections of a dense layer, `kinds::conv` |
//! | recurrent layers | for each [`RecurrentRecord`] and the sections of its kind: [`kinds::lstm`], `kinds::gru`, `kinds::coupled`, `kinds::gru_before`, `kinds::projected` |
//! | dense layers | for each [`DenseRecord`](kinds::dense::DenseRecord) and the sections that it names; the last is the output layer |
//! | golden steps | for each raw inputs i32 `[I]`, outputs i32 `[O]` |
//! | names | of `I` channels, then of the classes or values: u8 length, UTF-8; zeros to 4 bytes |
//! | checksum | u32, CRC-32/ISO-HDLC of all before it |
//!
//! A single sigmoid output has two class names, any other output one. The orders of weights for certain
//! kernels are in [`crate::kernels`]; an engine refuses those that its kernels do not read.
//!
//! Records and header are structures that lie in the file as they lie in memory: each declaration is the
//! one place with the positions of its bytes.
//!
//! # Kinds of layers
//!
//! Every layer begins with a [`LayerHead`](layer::LayerHead), whose first byte is its [`LayerKind`]. One
//! file in [`kinds`] reads, checks and writes one kind, and [`kinds`] alone asks for the kind. The walk over a
//! file's layers knows kinds only by the traits `layer::View` (a record that is read) and `layer::Content`
//! (a record that is written). The header counts the recurrent layers, then the dense ones. The kind byte of a
//! recurrent layer's record decides what is read; that of the first record says whether it is a convolution.
//!
//! # Versions
//!
//! An engine reads versions 3 to 11 and refuses others by name; `trainer-host quantise` and `export` write the file
//! anew from the run. A file states the oldest version that has what is in it: version 3 has LSTM and dense
//! layers, version 4 has GRU layers too, version 5 layers with coupled gates, and a front end,
//! version 6 GRU layers whose reset gate comes before the product, version 7 a convolution, version 8 means over time,
//! version 9 front ends for motion, version 10 layers that run backwards, version 11 projections.
//! Version 2 shifted raw inputs before it took the mean off, and had one exponent for all outputs.

mod aligned;
mod cursor;
mod error;
#[cfg(feature = "write")]
mod file;
#[cfg(feature = "front-end")]
mod front_end;
mod header;
mod include;
pub mod kinds;
pub mod layer;
mod parse;
#[cfg(feature = "write")]
mod random;
mod rows;

#[doc(hidden)]
pub use aligned::Aligned;
#[cfg(feature = "write")]
pub use aligned::AlignedBytes;
#[cfg(feature = "write")]
pub use error::WriteError;
pub use error::{ArtifactError, LayerError};
#[cfg(feature = "write")]
pub use file::{MAX_NAME_BYTES, ModelFile};
pub use header::{Header, MAGIC, VERSION};
pub use include::Sizes;
#[cfg(feature = "window")]
#[doc(hidden)]
pub use include::check_first_layer_of_window;
#[doc(hidden)]
pub use include::{check_first_layer, task_of_file};
pub use kinds::LayerKind;
#[cfg(all(feature = "write", feature = "conv"))]
pub use kinds::conv::Conv;
#[cfg(all(feature = "write", feature = "coupled"))]
pub use kinds::coupled::Coupled;
#[cfg(all(feature = "write", feature = "gru"))]
pub use kinds::gru::Gru;
#[cfg(all(feature = "write", feature = "gru-before"))]
pub use kinds::gru_before::GruBefore;
#[cfg(all(feature = "write", feature = "projection"))]
pub use kinds::projected::Projected;
#[cfg(feature = "write")]
pub use kinds::{Recurrent, dense::Dense, lstm::Lstm};
#[cfg(all(feature = "write", feature = "conv"))]
pub use random::RandomConv;
#[cfg(feature = "write")]
pub use random::RandomModel;
pub use rows::RecurrentRecord;

/// The checksum of a file's content.
const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
