//! What a projection adds to a step beside the dense rows that it is: (K7).

use super::Core;

/// a and b of (K7), from counts in QEMU, to which `tests/tests/boards/cost.rs` holds them for several sizes. (K2) counts what
/// an output layer takes, so b makes up for the difference too.
const COUNTED: [[f64; 2]; 6] = [
    [900.0, 18.0],
    [560.0, 8.0],
    [500.0, 8.0],
    [500.0, 8.0],
    [500.0, 8.0],
    [390.0, -8.0],
];

/// Instructions for the state before a step that is copied, and for `outputs` values that are narrowed.
pub(super) fn instructions(core: Core, outputs: usize) -> f64 {
    let [once, each] = COUNTED[core as usize];
    once + each * outputs as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_takes_what_was_counted_once_and_for_each_output() {
        assert_eq!(instructions(Core::M0, 10), 900.0 + 180.0);
        assert_eq!(instructions(Core::M55, 10), 390.0 - 80.0);
    }
}
