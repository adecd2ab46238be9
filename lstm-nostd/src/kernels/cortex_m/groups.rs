//! Loops over groups of sixteen weights, as `mve.s` and `mve_w8a8.s` have them: they are entered in their
//! middle, so that their ends are tested once in several groups.

/// Activations of a group.
pub(super) const GROUP: usize = 16;
/// Bytes of instructions of a loop's end.
const LOOP_END_BYTES: usize = 2 * 4;

/// Where a loop is entered for `left` groups of `bytes` of instructions: past its end when there are none.
pub(super) const fn entry(left: usize, unroll: usize, bytes: usize) -> usize {
    if left == 0 {
        unroll * bytes + LOOP_END_BYTES
    } else {
        (unroll - left % unroll) % unroll * bytes
    }
}
