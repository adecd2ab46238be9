//! The record that the section of a front end for sound begins with.

use bytemuck::{Pod, Zeroable};

use crate::front_end::LAST_SOUND_CODE;

/// What the features of sound are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mel-frequency cepstral coefficients.
    Mfcc,
    /// Logarithms of the energies of bands of equal width in mel.
    LogMel,
    /// Logarithms of the energies of bands of equal width in Hz.
    Spectrum,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Mfcc, Self::LogMel, Self::Spectrum];

    /// The kind's number in model files.
    pub const fn code(self) -> u8 {
        match self {
            Self::Mfcc => 1,
            Self::LogMel => 2,
            Self::Spectrum => LAST_SOUND_CODE,
        }
    }

    /// The kind's name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mfcc => "mfcc",
            Self::LogMel => "log-mel",
            Self::Spectrum => "spectrum",
        }
    }
}

/// The first 40 bytes of the section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SoundRecord {
    /// 0: [`Kind::code`].
    pub kind: u8,
    /// 1: log₂ of the samples of a frame, 5..=11.
    pub frame_bits: u8,
    /// 2..4: samples from a frame to the next, 1..=N.
    pub hop: u16,
    /// 4..8: samples a second, at least 1.
    pub rate: u32,
    /// 8..10: bands, 1..=64.
    pub bands: u16,
    /// 10..12: features: coefficients of kind mfcc, at most the bands, or the bands.
    pub features: u16,
    /// 12..14: pre-emphasis, Q0.15, 0..=32767.
    pub emphasis: u16,
    /// 14..16: the first bin of the first band.
    pub first_bin: u16,
    /// 16..24: what is added to each energy, 1..=2⁶²: its low word, then its high word.
    pub floor: [u32; 2],
    /// 24..28: what is taken off each logarithm, Q15.16, within ±64.
    pub offset: i32,
    /// 28..30: bins between the first and the last corner of the bands.
    pub bins: u16,
    /// 30..40: zero.
    pub reserved: [u16; 5],
}

impl SoundRecord {
    /// Samples of a frame.
    pub(crate) const fn frame(&self) -> usize {
        // The mask changes nothing in a checked record.
        1 << (self.frame_bits & 15)
    }

    /// Sound has one channel.
    pub(crate) const fn channels(&self) -> u16 {
        1
    }

    /// Samples that a stream keeps.
    pub(crate) const fn history(&self) -> usize {
        self.frame()
    }

    /// Blocks of work memory.
    pub(crate) const fn work(&self) -> usize {
        self.frame() / 2
    }

    /// What is added to each energy.
    pub(crate) fn floor(&self) -> u64 {
        u64::from(self.floor[0]) | u64::from(self.floor[1]) << 32
    }

    /// The kind; the parser has refused others.
    pub(crate) fn kind_of(&self) -> Kind {
        let is_it = |kind: &Kind| kind.code() == self.kind;
        Kind::ALL.into_iter().find(is_it).unwrap_or(Kind::Mfcc)
    }
}
