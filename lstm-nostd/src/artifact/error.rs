//! Why a model file is refused: what was found, where, and what was needed.

use core::fmt;

use super::header::OLDEST_VERSION;
use super::{LayerKind, MAGIC};
use crate::kernels::{Order, Scheme};

/// Why a model file was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactError {
    /// The buffer does not begin on a 4-byte boundary.
    Misaligned {
        /// Address modulo 4.
        offset: usize,
    },
    /// The buffer ends inside of the file.
    Truncated {
        /// Bytes that the file has, or at least needs.
        need_bytes: usize,
        /// Bytes of the buffer.
        have_bytes: usize,
    },
    /// The buffer goes on after the file.
    TrailingBytes {
        /// Bytes that the file has.
        file_bytes: usize,
        /// Bytes of the buffer.
        have_bytes: usize,
    },
    /// The file does not begin with the magic number.
    BadMagic {
        /// Its first four bytes.
        found: [u8; 4],
    },
    /// This engine reads another format version.
    Version {
        /// Version of the file.
        found: u16,
        /// The newest version that the engine reads.
        supported: u16,
    },
    /// The checksum does not fit the content: the file was damaged.
    Checksum {
        /// Stored in the file.
        stored: u32,
        /// Computed from its content.
        computed: u32,
    },
    /// A header field has a value that this version does not know or allow.
    Field {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// The smallest and largest value allowed.
        allowed: (u32, u32),
    },
    /// The model takes samples, and this build has no front end of its kind.
    FrontEndLeftOut,
    /// The model reads the mean over time, and this build has none.
    MeanLeftOut,
    /// The model takes whole windows, and this build has no such models.
    WindowLeftOut,
    /// The model takes whole windows, and has no step.
    WholeWindows,
    /// A layer is not one that the engine can run.
    Layer {
        /// What it is.
        kind: LayerKind,
        /// Its index among the recurrent or the dense layers, from 0.
        index: usize,
        /// What is wrong with it.
        error: LayerError,
    },
    /// A name is not UTF-8, does not fit into its section, or padding is not zero.
    Name {
        /// Its index: channels first, then outputs.
        index: usize,
    },
}

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerError {
    /// A field has a value that this version does not know or allow.
    Field {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u32,
        /// The smallest and largest value allowed.
        allowed: (u32, u32),
    },
    /// This build leaves the scheme out.
    SchemeLeftOut {
        /// The layer's scheme.
        scheme: Scheme,
    },
    /// This build of the engine has no layers of this kind.
    Feature,
    /// The weights are in an order that no kernel of this build reads.
    Order {
        /// The order's number.
        found: u8,
    },
    /// Weights of this scheme do not lie in this order.
    SchemeOrder {
        /// The layer's scheme.
        scheme: Scheme,
        /// The order in the file.
        order: Order,
    },
    /// A weight is −128 (−8 in int4), or one in the padding is not 0.
    Weight {
        /// Row in the file, from 0 (unit · 4 + gate in LSTM layers).
        row: usize,
    },
    /// A multiplier is negative.
    Multiplier {
        /// Row in the file, from 0.
        row: usize,
    },
    /// A row could overflow its 32-bit accumulator.
    Overflow {
        /// Row in the file, from 0.
        row: usize,
    },
}

/// What to do about weights in the order of another core.
macro_rules! other_core {
    ($order:literal) => {
        concat!(
            "the weights are in the order ",
            $order,
            ", which this core does not read; export the model with `trainer-host export --target CORE`, or with \
             `--target generic` for any core"
        )
    };
}

/// What to do about a scheme that is left out.
macro_rules! left_out {
    ($scheme:literal) => {
        concat!(
            "this build leaves ",
            $scheme,
            " out; switch the cargo feature `",
            $scheme,
            "` of lstm-nostd on, or quantise with another scheme"
        )
    };
}

// These texts are constants, so that a build can stop with them.
impl ArtifactError {
    pub(super) const OTHER_VERSION: &'static str = "the model file has another version than this engine reads; \
         quantise and export the model again with the trainer-host of this engine";
    /// Why a file with a front end is refused by a build without.
    pub(super) const NO_FRONT_END: &'static str = "this build of lstm-nostd has no front end of the kind that the model takes samples with; \
         turn on the cargo feature `sound` or, for a model for motion, `statistics`";
    /// Why a file with a mean over time is refused by a build without.
    pub(super) const NO_MEAN: &'static str = "this build of lstm-nostd has no mean over time, and the model reads it; turn on the cargo feature `mean`";
    /// Why a file with layers that run backwards is refused by a build without.
    pub(super) const NO_WINDOW: &'static str = "this build of lstm-nostd has no layers that run backwards, and the model has one; turn on the cargo feature `window`";
    /// Why a file with layers that run backwards is no `Model`.
    pub(super) const WHOLE_WINDOWS: &'static str = "the model has a layer that runs backwards over a whole window, so that it has no time step; load it as a `WindowModel`, with `include_window_model!` or `WindowModel::parse`";
}

impl LayerError {
    /// Why layers of a kind that the build leaves out are refused.
    pub(super) const NO_SUCH_LAYERS: &'static str = "this build of lstm-nostd has no layers of this kind; turn on the cargo \
         feature of the kind's name";

    /// Why weights in the order of this number are refused.
    pub(super) const fn other_core(order: u8) -> &'static str {
        match order {
            1 | 6 => other_core!("for Cortex-M4, M7 and M33"),
            2 | 4 | 5 => other_core!("for Cortex-M55 and M85"),
            3 | 7 => other_core!("for Cortex-M0 and M3"),
            _ => other_core!("of a later version"),
        }
    }

    /// Why layers of this scheme are refused.
    pub(super) const fn left_out(scheme: Scheme) -> &'static str {
        match scheme {
            Scheme::W8a16 => left_out!("w8a16"),
            Scheme::W8a8 => left_out!("w8a8"),
            Scheme::W4a16 => left_out!("w4a16"),
        }
    }
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut say = |text: fmt::Arguments<'_>| f.write_fmt(text);
        match *self {
            Self::Misaligned { offset } => say(format_args!(
                "misaligned: the model must begin on a 4-byte boundary, found {offset} bytes past one"
            )),
            Self::Truncated {
                need_bytes: need,
                have_bytes: have,
            } => say(format_args!(
                "truncated: the model needs {need} bytes, found {have}; copy it again"
            )),
            Self::TrailingBytes {
                file_bytes: need,
                have_bytes: have,
            } => say(format_args!(
                "trailing bytes: the model has {need} bytes, found {have}"
            )),
            Self::BadMagic { found } => say(format_args!(
                "bad magic: a model begins with {MAGIC:?}, found {found:?}; this is no model file"
            )),
            Self::Version { found, supported } => say(format_args!(
                "version: this engine reads model files of versions {OLDEST_VERSION} to {supported}, found {found}; quantise and export the model again with the trainer-host of this engine"
            )),
            Self::Checksum { stored, computed } => say(format_args!(
                "checksum: stored {stored:#010x}, computed {computed:#010x}; the model was damaged, copy or export it again"
            )),
            Self::Field {
                field,
                found,
                allowed: (low, high),
            } => say(format_args!(
                "header: {field} must be in {low}..={high}, found {found}"
            )),
            Self::FrontEndLeftOut => say(format_args!("{}", Self::NO_FRONT_END)),
            Self::MeanLeftOut => say(format_args!("{}", Self::NO_MEAN)),
            Self::WindowLeftOut => say(format_args!("{}", Self::NO_WINDOW)),
            Self::WholeWindows => say(format_args!("{}", Self::WHOLE_WINDOWS)),
            Self::Layer { kind, index, error } => {
                say(format_args!("{}.{index}: {error}", kind.name()))
            }
            Self::Name { index } => say(format_args!(
                "names: name {index} is not whole UTF-8, or padding is not zero"
            )),
        }
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Field {
                field,
                found,
                allowed: (low, high),
            } => {
                write!(f, "{field} must be in {low}..={high}, found {found}")
            }
            Self::SchemeLeftOut { scheme } => f.write_str(Self::left_out(scheme)),
            Self::Feature => f.write_str(Self::NO_SUCH_LAYERS),
            Self::Order { found } => f.write_str(Self::other_core(found)),
            Self::SchemeOrder { scheme, order } => {
                write!(
                    f,
                    "{scheme} weights in order {}, which is not for this scheme; export the model again",
                    order.code()
                )
            }
            Self::Weight { row } => {
                write!(
                    f,
                    "row {row}: a weight is -128 (-8 in int4) or the padding is not 0"
                )
            }
            Self::Multiplier { row } => write!(f, "row {row}: the multiplier is negative"),
            Self::Overflow { row } => write!(f, "row {row}: its 32-bit accumulator could overflow"),
        }
    }
}

impl core::error::Error for ArtifactError {}

impl From<crate::SizeError> for ArtifactError {
    fn from(error: crate::SizeError) -> Self {
        let needed = error.needed as u32;
        Self::Field {
            field: error.what,
            found: error.found as u32,
            allowed: (needed, needed),
        }
    }
}

/// Why a model cannot be written.
#[cfg(feature = "write")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A size does not fit its field.
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: usize,
        /// The largest value.
        most: usize,
    },
    /// Parts of the model contradict each other or would be refused when read.
    Refused(ArtifactError),
}

#[cfg(feature = "write")]
impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { field, found, most } => {
                write!(
                    f,
                    "the model file holds at most {most} {field}, found {found}"
                )
            }
            Self::Refused(error) => error.fmt(f),
        }
    }
}

#[cfg(feature = "write")]
impl core::error::Error for WriteError {}
