//! What a mean over time adds to a step after which outputs are read: (K6).

use lstm_nostd::kernels::Width;

use super::Core;

/// a, b and c of (K6), and by how many instructions a unit the data of two steps can make them differ. From counts in QEMU
/// for 45 and 60 units; `tests/tests/boards/cost.rs` holds them to counts of 45 and 33. M0 divides by a function.
const COUNTED: [([f64; 3], usize); 6] = [
    ([100.0, 216.0, 0.0], 80),
    ([274.0, 24.0, 13.3], 0),
    ([254.0, 24.0, 13.3], 0),
    ([254.0, 24.0, 13.3], 0),
    ([254.0, 24.0, 13.3], 0),
    ([190.0, 23.2, 5.0], 0),
];

/// Instructions for the mean of `units` units, and for its conversion if the dense layer above has int8 activations.
pub(super) fn instructions(core: Core, units: usize, above: Option<Width>) -> f64 {
    let ([once, each, converted], _) = COUNTED[core as usize];
    let of_unit = match above {
        Some(Width::Int8) => each + converted,
        Some(Width::Int16) | None => each,
    };
    once + of_unit * units as f64
}

/// By how many of them the data of two steps can make them differ.
pub(super) fn most_spread(core: Core, units: usize) -> usize {
    let (_, of_unit) = COUNTED[core as usize];
    of_unit * units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_takes_what_was_counted_once_and_for_each_unit() {
        let of = |core, above| instructions(core, 10, above).round();
        assert_eq!(of(Core::M0, Some(Width::Int8)), 100.0 + 2160.0);
        assert_eq!(of(Core::M4, None), 254.0 + 240.0);
        assert_eq!(of(Core::M4, Some(Width::Int16)), 254.0 + 240.0);
        assert_eq!(of(Core::M4, Some(Width::Int8)), 254.0 + 373.0);
        assert_eq!(most_spread(Core::M0, 10), 800);
        assert_eq!(most_spread(Core::M55, 10), 0);
    }
}
