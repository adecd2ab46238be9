//! The record that the section of a front end for motion begins with, and its tables' units.

use bytemuck::{Pod, Zeroable};

/// A statistic of the samples of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// (FS3)
    Mean,
    /// (FS4), as a logarithm.
    Deviation,
    /// (FS5)
    Minimum,
    /// (FS5)
    Maximum,
    /// (FS6), of the mean.
    Crossings,
    /// (FS7), as a logarithm.
    Differences,
}

impl Statistic {
    /// All statistics, in the order of features.
    pub const ALL: [Self; 6] = [
        Self::Mean,
        Self::Deviation,
        Self::Minimum,
        Self::Maximum,
        Self::Crossings,
        Self::Differences,
    ];

    /// The statistic's bit in model files.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The statistic's name in configurations and of features.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Deviation => "deviation",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Crossings => "crossings",
            Self::Differences => "differences",
        }
    }
}

/// Channels whose magnitude is a channel too: two, with [`Axes::NONE`] as the third, or three; and a byte of 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Axes(pub [u8; 4]);

impl Axes {
    /// In place of a channel.
    pub const NONE: u8 = u8::MAX;

    /// Of two or three channels.
    pub fn new(channels: &[u8]) -> Self {
        let channel = |at: usize| channels.get(at).copied().unwrap_or(Self::NONE);
        Self([channel(0), channel(1), channel(2), 0])
    }

    /// The channels.
    pub fn channels(&self) -> impl Iterator<Item = usize> + use<> {
        let [a, b, c, _] = self.0;
        let all = [a, b, c].into_iter();
        all.filter(|channel| *channel != Self::NONE)
            .map(usize::from)
    }
}

/// The first 44 bytes of the section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct StatisticsRecord {
    /// 0: 4, the number of statistics.
    pub kind: u8,
    /// 1: the sum of [`Statistic::bit`], not 0.
    pub statistics: u8,
    /// 2..4: moments from a frame to the next, 1..=N.
    pub hop: u16,
    /// 4..8: moments in a thousand seconds; 0 if it is not known.
    pub rate_mhz: u32,
    /// 8..10: moments of a frame N, 2..=2048.
    pub frame: u16,
    /// 10..12: features: as many as statistics, of each channel and each magnitude.
    pub features: u16,
    /// 12..14: channels C, 1..=64; N · C ≤ 2¹⁵.
    pub channels: u16,
    /// 14..16: magnitudes, 0..=64.
    pub magnitudes: u16,
    /// 16..20: the r of (FS3), 2²³..=2²⁴.
    pub reciprocal: i32,
    /// 20..28: the F of (FS4), 1..=2⁶²: its low word, then its high word.
    pub floor: [u32; 2],
    /// 28..36: the F of (FS7), in the same way.
    pub difference_floor: [u32; 2],
    /// 36..40: what (FS4) takes off, Q15.16, within ±64.
    pub offset: i32,
    /// 40..44: what (FS7) takes off, Q15.16, within ±64.
    pub difference_offset: i32,
}

impl StatisticsRecord {
    /// Channels, `C`.
    pub(crate) const fn channels(&self) -> u16 {
        self.channels
    }

    /// Moments of a frame.
    pub(crate) const fn frame(&self) -> usize {
        self.frame as usize
    }

    /// Samples that a stream keeps.
    pub(crate) const fn history(&self) -> usize {
        (self.frame as usize).wrapping_mul(self.channels as usize)
    }

    /// Blocks of work memory: a channel's values.
    pub(crate) const fn work(&self) -> usize {
        (self.frame as usize).div_ceil(2)
    }

    /// Whether features have this statistic.
    pub(crate) const fn has(&self, statistic: Statistic) -> bool {
        self.statistics & statistic.bit() != 0
    }
}
