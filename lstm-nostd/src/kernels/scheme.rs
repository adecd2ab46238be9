//! Quantisation schemes: the types of a layer's weights and activations, `w` and `a` with their bits.

use core::fmt;

use super::Width;

/// How a layer's weights and activations are quantised; a model may mix them layer by layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// int8 weights, int16 activations.
    #[default]
    W8a16,
    /// int8 weights, int8 activations: the least memory for the state, and the fastest on Helium.
    W8a8,
    /// int4 weights, packed two to a byte, and int16 activations: the least flash.
    W4a16,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 3] = [Self::W8a16, Self::W8a8, Self::W4a16];

    /// The number of the scheme in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::W8a16 => 1,
            Self::W8a8 => 2,
            Self::W4a16 => 3,
        }
    }

    /// The scheme with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
    }

    /// Whether this build runs it; a cargo feature for each but w8a16 decides.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::W8a16 => true,
            Self::W8a8 => cfg!(feature = "w8a8"),
            Self::W4a16 => cfg!(feature = "w4a16"),
        }
    }

    /// As the field writes it: `w8a16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W8a16 => "w8a16",
            Self::W8a8 => "w8a8",
            Self::W4a16 => "w4a16",
        }
    }

    /// The scheme of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// The type of its activations.
    pub const fn width(self) -> Width {
        match self {
            Self::W8a16 | Self::W4a16 => Width::Int16,
            Self::W8a8 => Width::Int8,
        }
    }

    /// The largest magnitude of a weight.
    pub const fn weight_max(self) -> i8 {
        match self {
            Self::W8a16 | Self::W8a8 => 127,
            Self::W4a16 => 7,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
