//! Energies of bands, and their logarithms.
//!
//! A band is a triangle over frequency: it rises from the corner before its own to its own, and falls to the next. So the
//! bins between two neighbouring corners, a section, belong to two bands, with weights v and 1 − v:
//!
//! ```text
//! S_s = Σ_k P_k,   R_s = Σ_k v_k · P_k            over the bins of section s = 0..bands + 1, v in Q0.15
//! E_b = R_b + (S_{b+1} · 2¹⁵ − R_{b+1})                                                       (FB1)
//! ```

use super::Sound;
use super::fft::power_of;
use crate::front_end::{Word2, logarithm};

/// (FE5) and (FE6): L_b of each band, `[bands]`, from the power of the bins.
#[inline(always)]
pub(super) fn logarithms(sound: &Sound<'_>, bins: &[Word2], out: &mut [i32]) -> Option<()> {
    let record = sound.record;
    let mut bins = bins.get(record.first_bin.into()..)?;
    let mut weights = sound.weights;
    let mut section = |count: u16| {
        let (own, later) = bins.split_at_checked(count.into())?;
        let (v, later_weights) = weights.split_at_checked(count.into())?;
        (bins, weights) = (later, later_weights);
        let (mut sum, mut rising) = (0u64, 0u64);
        for (bin, v) in own.iter().zip(v) {
            let power = power_of(bin);
            sum = sum.wrapping_add(power);
            rising = rising.wrapping_add(power.wrapping_mul(u64::from(*v)));
        }
        Some((rising, (sum << 15).wrapping_sub(rising)))
    };
    let mut counts = sound.counts.iter();
    let (mut rising, _) = section(*counts.next()?)?;
    for out in out {
        let (next, falling) = section(*counts.next()?)?;
        let energy = rising.wrapping_add(falling).wrapping_add(record.floor());
        *out = logarithm::natural(energy).wrapping_sub(record.offset);
        rising = next;
    }
    Some(())
}
