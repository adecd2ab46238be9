//! From samples of sound or vibration to features: energies of bands of a short transform.
//!
//! ```text
//! y_n = (x_n << 15) − a · x_{n−1}                pre-emphasis: x int16, a in Q0.15, y in Q1.30       (FE1)
//! z_n = mul_floor16(y_n, w_n)                    window w in Q1.14; |z| < 2²⁹ in Q3.28               (FE2)
//! X_k = 2/N · Σ_n z_n e^{−2πikn/N}               in Q3.28, for k = 0..N/2, by `fft`                (FE3)
//! P_k = round_shift(Re X_k, 6)² + round_shift(Im X_k, 6)²                                            (FE4)
//! E_b = Σ_k v_bk · P_k                           v in Q0.15; a triangle for each band, by `bands` (FE5)
//! L_b = ln(E_b + floor) − offset                 in Q15.16, by `logarithm`                           (FE6)
//! C_j = round(Σ_b D_jb · L_b / 2¹⁹)              D in Q0.15; coefficients in Q19.12                  (FE7)
//! ```
//!
//! A frame is N samples. The sample before a recording's first one is 0. The kinds log-mel and spectrum end with (FE6): a
//! feature is `round_shift(L_b, 4)`, in Q19.12.
//!
//! # Formats
//!
//! Full scale, ±1, is ±2¹⁵ of a sample. `offset` takes the formats out of the logarithm, so that `L_b` is
//! `ln(Σ_k v_bk · |Σ_n z_n e^{…}|² / N + floor)` with z in ±2, as usual formulas have it.
//!
//! Nothing overflows, and nothing needs a scale that depends on the signal:
//! - |x| ≤ 2¹⁵ and a < 1 give |y| < 2³¹; w ≤ 1 gives |z| ≤ 2²⁹.
//! - Each stage of the transform halves or quarters, so that a point's magnitude stays below √2 · 2²⁹; X stays below 2³⁰.
//! - Parseval's equation gives Σ_k |X_k|² ≤ 2⁶⁰, so that Σ_k P_k ≤ 2⁴⁸ and E_b ≤ 2⁶³.
//!
//! Rounding errors of the transform are about an LSB of Q3.28. Those of 16-bit samples are a hundred times as large.

mod bands;
mod fft;
mod record;
#[cfg(feature = "write")]
mod settings;
#[cfg(feature = "write")]
mod tables;

pub(crate) use fft::turn_count;
pub use record::{Kind, SoundRecord};
#[cfg(feature = "write")]
pub use settings::{Settings, Window};
#[cfg(feature = "write")]
pub use tables::SoundTables;

use super::logarithm::LOG_BITS;
use super::{FEATURE_BITS, Word2};
use crate::bounded::{mul, shl, sub};
use crate::kernels::Active;
use crate::kernels::fft::Turn;
use crate::requant::{mul_floor16, round_shift};

/// The most bands.
pub const MAX_BANDS: usize = 64;
/// The shortest frame, as a power of two.
pub const MIN_FRAME_BITS: u8 = 5;
/// The longest frame, as a power of two.
pub const MAX_FRAME_BITS: u8 = 11;
/// Fraction bits of the cosines of (FE7).
const COSINE_BITS: u32 = 15;

/// A front end for sound or vibration: a view of its tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sound<'m> {
    pub(crate) record: &'m SoundRecord,
    /// Q1.14, `[N]`.
    pub(crate) window: &'m [i16],
    /// Cosines and sines of one, two and three times an angle, Q1.30, see `fft`.
    pub(crate) turns: &'m [Turn],
    /// Cosine and sine of 2πk/N for k = 1..N/4, Q1.30.
    pub(crate) halves: &'m [Word2],
    /// Bins between neighbouring corners of the bands, `[bands + 1]`.
    pub(crate) counts: &'m [u16],
    /// Q0.15, see `bands`.
    pub(crate) weights: &'m [u16],
    /// Of kind mfcc, `[features, bands]`, Q0.15.
    pub(crate) cosines: &'m [i16],
    /// Features of the first frame of [`test_samples`](super::test_samples).
    pub(crate) golden: &'m [i32],
}

impl Sound<'_> {
    /// What the features are.
    pub fn kind(&self) -> Kind {
        self.record.kind_of()
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.record.rate
    }

    /// Bands.
    pub fn bands(&self) -> usize {
        self.record.bands.into()
    }

    /// The features of `frame`, `[N]`, behind the sample `before`.
    // Registers of the other front end do not matter here.
    #[inline(never)]
    pub(super) fn frame_features(
        &self,
        before: i16,
        frame: &[i16],
        work: &mut [Word2],
        features: &mut [i32],
    ) -> Option<()> {
        let work = work.get_mut(..self.record.work())?;
        let features = features.get_mut(..self.record.features.into())?;
        self.window_points(before, frame, work);
        fft::transform::<Active>(work, self.turns);
        fft::power(work, self.halves)?;
        let mut logarithms = [0; MAX_BANDS];
        let logarithms = logarithms.get_mut(..self.record.bands.into())?;
        bands::logarithms(self, work, logarithms);
        match self.kind() {
            Kind::Mfcc => self.coefficients(logarithms, features),
            Kind::LogMel | Kind::Spectrum => {
                for (feature, logarithm) in features.iter_mut().zip(logarithms) {
                    *feature = round_shift(*logarithm, LOG_BITS - FEATURE_BITS);
                }
            }
        }
        Some(())
    }

    /// (FE1) and (FE2): two samples become a point, whose place has the bits of its number in reverse.
    #[inline(always)]
    fn window_points(&self, before: i16, frame: &[i16], points: &mut [Word2]) {
        let mut before = i32::from(before);
        let emphasis = i32::from(self.record.emphasis);
        let unused_bits = (points.len() as u32).leading_zeros().wrapping_add(1);
        let (pairs, _) = frame.as_chunks::<2>();
        let (weights, _) = self.window.as_chunks::<2>();
        // A count of `enumerate` would have an overflow check.
        let mut index = 0u32;
        for ([even, odd], [w_even, w_odd]) in pairs.iter().zip(weights) {
            let (even, odd) = (i32::from(*even), i32::from(*odd));
            let y_even = sub(shl(even, 15), mul(emphasis, before));
            let y_odd = sub(shl(odd, 15), mul(emphasis, even));
            before = odd;
            let place = index.reverse_bits().wrapping_shr(unused_bits);
            index = index.wrapping_add(1);
            if let Some(point) = points.get_mut(place as usize) {
                *point = [mul_floor16(y_even, *w_even), mul_floor16(y_odd, *w_odd)];
            }
        }
    }

    /// (FE7)
    #[inline(always)]
    fn coefficients(&self, logarithms: &[i32], features: &mut [i32]) {
        const SHIFT: u32 = COSINE_BITS + LOG_BITS - FEATURE_BITS;
        let rows = self.cosines.chunks_exact(logarithms.len().max(1));
        for (feature, row) in features.iter_mut().zip(rows) {
            let mut sum = 1i64 << (SHIFT - 1);
            for (cosine, logarithm) in row.iter().zip(logarithms.iter()) {
                // 64 products of at most 2¹⁵ · 2²².
                sum = sum.wrapping_add(i64::from(*cosine).wrapping_mul(i64::from(*logarithm)));
            }
            *feature = (sum >> SHIFT) as i32;
        }
    }
}
