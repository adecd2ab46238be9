//! The work of the kernels' loops, as their files in `lstm-nostd/src/kernels/cortex_m/` have it.

use std::cmp::Ordering;

use lstm_nostd::kernels::coupled::UNITS as COUPLED_BATCH;
use lstm_nostd::kernels::gru::UNITS as GRU_BATCH;
use lstm_nostd::kernels::gru_before::UNITS as GRU_BEFORE_BATCH;
use lstm_nostd::kernels::{COUPLED_ROWS, GRU_ROWS, Scheme, blocks, dense_groups, row_groups};

use super::{Core, DenseSize, RecurrentKind, RecurrentSize};

/// The terms of (K1), (K1g), (K1c) or (K1b).
pub(super) fn layer_terms(core: Core, layer: &RecurrentSize) -> Vec<f64> {
    match layer.kind {
        RecurrentKind::Lstm => lstm_terms(core, layer),
        RecurrentKind::Gru => gru_terms(core, layer),
        RecurrentKind::Coupled => coupled_terms(core, layer),
        RecurrentKind::GruBefore => gru_before_terms(core, layer),
    }
}

fn coupled_terms(core: Core, layer: &RecurrentSize) -> Vec<f64> {
    let count = row_groups(layer.hidden, COUPLED_ROWS);
    let hidden = layer.hidden;
    let units = match core {
        Core::M55 => 4 * blocks(hidden),
        _ => hidden,
    } as f64;
    let batches = hidden.div_ceil(COUPLED_BATCH) as f64;
    let peepholes = if layer.peepholes { units } else { 0.0 };
    let work = count as f64 * stored_row(core, layer);
    vec![1.0, units, work, batches * lanes(layer), peepholes]
}

fn gru_before_terms(core: Core, layer: &RecurrentSize) -> Vec<f64> {
    let groups = GRU_ROWS * blocks(layer.hidden);
    let batches = (GRU_ROWS * layer.hidden.div_ceil(GRU_BEFORE_BATCH)) as f64;
    let work = groups as f64 * stored_row(core, layer);
    let units = layer.hidden as f64;
    vec![1.0, units, work, batches * lanes(layer), batches]
}

/// Work for four rows whose sums go to memory.
fn stored_row(core: Core, layer: &RecurrentSize) -> f64 {
    let (inputs, hidden) = (layer.inputs, layer.hidden);
    match (core, layer.scheme, layer.shifts) {
        // `mve_coupled.s` sums the rows of one group at a time.
        (Core::M55, Scheme::W8a8, Ordering::Equal) => first_groups(inputs + hidden, 9, 3) as f64,
        (Core::M55, Scheme::W8a8, Ordering::Greater) => {
            (first_groups(inputs, 9, 3) + groups(hidden, 9, 7)) as f64
        }
        (Core::M55, Scheme::W8a8, Ordering::Less) => {
            (first_groups(hidden, 9, 3) + groups(inputs, 9, 7)) as f64
        }
        _ => row(core, layer),
    }
}

fn gru_terms(core: Core, layer: &RecurrentSize) -> Vec<f64> {
    let hidden = layer.hidden;
    let units = match core {
        Core::M55 => 4 * blocks(hidden),
        _ => hidden,
    } as f64;
    let batches = match core {
        Core::M0 | Core::M3 => hidden.div_ceil(GRU_BATCH),
        _ => 1,
    } as f64;
    let row = match (core, layer.scheme) {
        (Core::M55, scheme) => {
            let group = if scheme == Scheme::W8a8 { 9 } else { 14 };
            (first_groups(layer.inputs, group, 3) + first_groups(hidden, group, 3)) as f64
        }
        _ => row(core, layer),
    };
    let work = row_groups(hidden, GRU_ROWS) as f64 * row;
    vec![1.0, units, work, batches * lanes(layer)]
}

fn lstm_terms(core: Core, layer: &RecurrentSize) -> Vec<f64> {
    let hidden = layer.hidden;
    let helium = core == Core::M55;
    let units = if helium { 4 * blocks(hidden) } else { hidden } as f64;
    // `mve_w8a8.s` sums the rows of two units at a time.
    let summed = match (helium, layer.scheme) {
        (true, Scheme::W8a8) => hidden.next_multiple_of(2),
        _ => hidden,
    } as f64;
    let peepholes = if layer.peepholes { units } else { 0.0 };
    let row = row(core, layer);
    vec![1.0, units, summed * row, lanes(layer), peepholes]
}

/// The terms of (K2).
pub(super) fn rest_terms(
    core: Core,
    channels: usize,
    scheme: Scheme,
    dense: &[DenseSize],
) -> Vec<f64> {
    let order = core.order().of(scheme);
    let (mut groups, mut grouped, mut single, mut products) = (0, 0, 0, 0);
    for &DenseSize { inputs, outputs } in dense {
        let count = dense_groups(order, outputs);
        let rows = outputs.saturating_sub(4 * count);
        groups += count;
        single += rows;
        products += rows * blocks(inputs);
        grouped += dense_work(core, scheme, inputs, count);
    }
    [1, channels, groups, grouped, single, products]
        .map(|term| term as f64)
        .into()
}

/// Instructions for the groups of a dense layer: its activations are prepared once, and each group goes through the loop
/// of a unit's inputs.
fn dense_work(core: Core, scheme: Scheme, inputs: usize, groups: usize) -> usize {
    let (four, eight) = (blocks(inputs), inputs.div_ceil(8));
    let [prepared, group] = match (core, scheme) {
        (Core::M0, Scheme::W4a16) => [58 * eight, 105 * eight],
        (Core::M0, _) => [25 * four, 49 * four + 2 * four.div_ceil(2)],
        (Core::M3, Scheme::W4a16) => [38 * eight, 63 * eight + 3 * eight.div_ceil(2)],
        (Core::M3, _) => [18 * four, 30 * four + 3 * four.div_ceil(4)],
        (Core::M4 | Core::M7 | Core::M33, Scheme::W4a16) => {
            [8 * four, 16 + turns(4 * four, [16, 9], 1, NIBBLES)]
        }
        (Core::M4 | Core::M7 | Core::M33, Scheme::W8a16) => {
            [0, 14 + turns(4 * four, [14, 8], 1, INPUTS)]
        }
        (Core::M4 | Core::M7 | Core::M33, Scheme::W8a8) => {
            [13 * four, 14 + turns(4 * four, [14, 8], 1, INPUTS)]
        }
        // Without groups, nothing is prepared.
        (Core::M55, _) if groups == 0 => [0, 0],
        (Core::M55, Scheme::W8a8) => [3 * inputs.div_ceil(16), 12 * inputs.div_ceil(16)],
        (Core::M55, _) => [6 * eight, 16 * inputs.div_ceil(16)],
    };
    prepared + groups * group
}

/// The terms of (K3).
pub(super) fn stack_terms(layer: &RecurrentSize) -> Vec<f64> {
    vec![1.0, lanes(layer)]
}

/// Activations in whole blocks.
fn lanes(layer: &RecurrentSize) -> f64 {
    4.0 * (blocks(layer.inputs) + blocks(layer.outputs())) as f64
}

/// Work for four rows.
fn row(core: Core, layer: &RecurrentSize) -> f64 {
    let (inputs, hidden) = (layer.inputs, layer.outputs());
    let work = match (core, layer.scheme) {
        (Core::M4 | Core::M7 | Core::M33, Scheme::W8a16 | Scheme::W8a8) => {
            // The first block of inputs precedes its loop.
            14 + turns(inputs, [14, 8], 1, INPUTS) + turns(hidden, [14, 8], 0, HIDDEN)
        }
        (Core::M4 | Core::M7 | Core::M33, Scheme::W4a16) => {
            16 + turns(inputs, [16, 9], 1, NIBBLES) + turns(hidden, [16, 9], 0, HIDDEN_NIBBLES)
        }
        (Core::M0 | Core::M3, Scheme::W4a16) => inputs.div_ceil(8) + hidden.div_ceil(8),
        (Core::M55, Scheme::W8a16 | Scheme::W4a16) => {
            first_groups(inputs, 14, 3) + first_groups(hidden, 14, 7)
        }
        (Core::M55, Scheme::W8a8) => match layer.shifts {
            Ordering::Equal => first_groups(inputs + hidden, 17, 8),
            Ordering::Greater => first_groups(inputs, 17, 3) + groups(hidden, 17, 8) + 11,
            Ordering::Less => first_groups(hidden, 17, 3) + groups(inputs, 17, 8) + 11,
        },
        _ => blocks(inputs) + blocks(hidden),
    };
    work as f64
}

/// A loop of `dsp.s` or `dsp_w4a16.s`: the blocks in it, and whether the test of its end lies apart.
type Loop = (usize, bool);
const INPUTS: Loop = (3, true);
const HIDDEN: Loop = (16, true);
const NIBBLES: Loop = (4, true);
const HIDDEN_NIBBLES: Loop = (8, false);

/// Whole and half blocks of these instructions, and what is executed at the end of each turn of a loop: 3 or, where a
/// jump leads to them, 4. Such a jump leads past the test if there is but one turn.
fn turns(
    len: usize,
    [block, half_block]: [usize; 2],
    before: usize,
    (unroll, test_apart): Loop,
) -> usize {
    let whole = ((len + 1) / 4).max(before) - before;
    let half = usize::from(blocks(len) > whole + before);
    let ends = match (whole.div_ceil(unroll).max(1), test_apart) {
        (1, true) => 0,
        (turns, true) => 4 * turns,
        (turns, false) => 3 * turns,
    };
    block * whole + half_block * half + ends
}

/// `mve.s`, `mve_w8a8.s`: groups of `instructions`, the first of which precedes its loop.
fn first_groups(len: usize, instructions: usize, unroll: usize) -> usize {
    instructions + groups(len.saturating_sub(16), instructions, unroll)
}

/// Groups of `instructions`, and 2 for each turn of their loop.
fn groups(len: usize, instructions: usize, unroll: usize) -> usize {
    let groups = len.div_ceil(16);
    instructions * groups + 2 * groups.div_ceil(unroll)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(kind: RecurrentKind, scheme: Scheme, hidden: usize) -> RecurrentSize {
        RecurrentSize {
            kind,
            scheme,
            inputs: 20,
            hidden,
            projection: None,
            peepholes: false,
            shifts: Ordering::Equal,
        }
    }

    /// Loops of three blocks behind a first one, of 16, and of eight whose turns all end alike.
    #[test]
    fn turns_count_whole_and_half_blocks_and_ends() {
        for (len, instructions) in [
            (1, 0),
            (5, 8),
            (16, 3 * 14),
            (17, 3 * 14 + 8),
            (19, 4 * 14 + 2 * 4),
            (20, 4 * 14 + 2 * 4),
        ] {
            assert_eq!(turns(len, [14, 8], 1, INPUTS), instructions, "{len}");
        }
        for (len, instructions) in [(64, 16 * 14), (68, 17 * 14 + 2 * 4)] {
            assert_eq!(turns(len, [14, 8], 0, HIDDEN), instructions, "{len}");
        }
        for (len, instructions) in [(2, 9 + 3), (4, 16 + 3), (36, 9 * 16 + 2 * 3)] {
            let found = turns(len, [16, 9], 0, HIDDEN_NIBBLES);
            assert_eq!(found, instructions, "{len}");
        }
    }

    #[test]
    fn groups_hold_sixteen_and_the_first_may_precede_its_loop() {
        for (len, instructions) in [(0, 0), (16, 9 + 2), (64, 4 * 9 + 2 * 2)] {
            assert_eq!(groups(len, 9, 3), instructions, "{len}");
        }
        for (len, instructions) in [(3, 9), (16, 9), (17, 2 * 9 + 2), (80, 5 * 9 + 2 * 2)] {
            assert_eq!(first_groups(len, 9, 3), instructions, "{len}");
        }
    }

    #[test]
    fn a_row_is_the_work_of_its_kernels_loops() {
        use Scheme::{W4a16, W8a8, W8a16};
        for (core, scheme, work) in [
            (Core::M0, W8a16, 5 + 6),
            (Core::M3, W4a16, 3 + 3),
            (Core::M4, W8a16, 14 + 64 + 6 * 14),
            (Core::M7, W4a16, 16 + 4 * 16 + 6 * 16 + 3),
            (Core::M55, W8a16, 14 + 16 + 14 + 16),
            (Core::M55, W8a8, 17 + 2 * 17 + 2),
        ] {
            let found = row(core, &layer(RecurrentKind::Lstm, scheme, 24));
            assert_eq!(found, f64::from(work), "{core:?} {scheme}");
        }
    }

    /// Helium sums both parts of an int8 row at once where their shifts are equal.
    #[test]
    fn unequal_shifts_part_the_rows_of_int8_activations() {
        let int8 = |shifts| RecurrentSize {
            shifts,
            ..layer(RecurrentKind::Lstm, Scheme::W8a8, 80)
        };
        for (shifts, sum, stored) in [
            (Ordering::Equal, 17 + 6 * 17 + 2, 9 + 6 * 9 + 2 * 2),
            (Ordering::Greater, 36 + 5 * 17 + 2 + 11, 20 + 5 * 9 + 2),
            (Ordering::Less, 5 * 17 + 4 + 36 + 11, 5 * 9 + 4 + 20),
        ] {
            let found = row(Core::M55, &int8(shifts));
            assert_eq!(found, f64::from(sum), "{shifts:?}");
            let found = stored_row(Core::M55, &int8(shifts));
            assert_eq!(found, f64::from(stored), "{shifts:?}");
        }
        assert_eq!(stored_row(Core::M0, &int8(Ordering::Equal)), 25.0);
    }

    /// 1, units, work, lanes and what is the kind's own.
    #[test]
    fn the_terms_of_a_layer_are_those_of_its_kind() {
        use RecurrentKind::{Coupled, Gru, GruBefore, Lstm};
        use Scheme::{W8a8, W8a16};
        let of = |core, layer: &RecurrentSize| layer_terms(core, layer);
        let with_peepholes = |layer| RecurrentSize {
            peepholes: true,
            ..layer
        };
        let lstm = layer(Lstm, W8a16, 24);
        assert_eq!(of(Core::M4, &lstm), [1.0, 24.0, 24.0 * 162.0, 44.0, 0.0]);
        let found = of(Core::M4, &with_peepholes(lstm));
        assert_eq!(found, [1.0, 24.0, 24.0 * 162.0, 44.0, 24.0]);
        let found = of(Core::M55, &with_peepholes(layer(Lstm, W8a16, 22)));
        assert_eq!(found, [1.0, 24.0, 22.0 * 60.0, 44.0, 24.0]);
        let found = of(Core::M55, &layer(Lstm, W8a8, 21));
        assert_eq!(found, [1.0, 24.0, 22.0 * 53.0, 44.0, 0.0]);
        // 18 groups of four of 72 rows; M0 makes the sums for 16 units at a time.
        let gru = layer(Gru, W8a16, 24);
        assert_eq!(of(Core::M0, &gru), [1.0, 24.0, 18.0 * 11.0, 2.0 * 44.0]);
        assert_eq!(of(Core::M4, &gru), [1.0, 24.0, 18.0 * 162.0, 44.0]);
        let found = of(Core::M55, &layer(Gru, W8a16, 22));
        assert_eq!(found, [1.0, 24.0, 17.0 * 60.0, 44.0]);
        let found = of(Core::M55, &layer(Gru, W8a8, 24));
        assert_eq!(found, [1.0, 24.0, 18.0 * 40.0, 44.0]);
        // Two batches of 32 units; three times as many where each gate has its own.
        let found = of(Core::M4, &with_peepholes(layer(Coupled, W8a16, 40)));
        assert_eq!(found, [1.0, 40.0, 30.0 * 218.0, 2.0 * 60.0, 40.0]);
        let found = of(Core::M55, &layer(Coupled, W8a16, 38));
        assert_eq!(found, [1.0, 40.0, 29.0 * 74.0, 2.0 * 60.0, 0.0]);
        let found = of(Core::M4, &layer(GruBefore, W8a16, 40));
        assert_eq!(found, [1.0, 40.0, 30.0 * 218.0, 6.0 * 60.0, 6.0]);
        assert_eq!(stack_terms(&lstm), [1.0, 44.0]);
    }

    /// Two groups of four on 20 inputs: what is prepared once, and each group.
    #[test]
    fn the_work_of_dense_groups_is_that_of_their_loops() {
        use Scheme::{W4a16, W8a8, W8a16};
        for (core, scheme, prepared, group) in [
            (Core::M0, W4a16, 58 * 3, 105 * 3),
            (Core::M0, W8a16, 25 * 5, 49 * 5 + 2 * 3),
            (Core::M3, W4a16, 38 * 3, 63 * 3 + 3 * 2),
            (Core::M3, W8a8, 18 * 5, 30 * 5 + 3 * 2),
            (Core::M4, W4a16, 8 * 5, 16 + 4 * 16),
            (Core::M7, W8a16, 0, 14 + 64),
            (Core::M33, W8a8, 13 * 5, 14 + 64),
            (Core::M55, W8a8, 3 * 2, 12 * 2),
            (Core::M55, W8a16, 6 * 3, 16 * 2),
        ] {
            let found = dense_work(core, scheme, 20, 2);
            assert_eq!(found, prepared + 2 * group, "{core:?} {scheme}");
        }
        assert_eq!(dense_work(Core::M55, W8a16, 20, 0), 0);
    }

    /// Ten rows on 20 inputs are two groups and two rows, three on ten are one group.
    #[test]
    fn the_terms_beyond_the_layers_sum_groups_and_single_rows() {
        let dense = [(20, 10), (10, 3)].map(|(inputs, outputs)| DenseSize { inputs, outputs });
        let found = rest_terms(Core::M4, 7, Scheme::W8a16, &dense[..1]);
        assert_eq!(found, [1.0, 7.0, 2.0, 2.0 * 78.0, 2.0, 2.0 * 5.0]);
        let found = rest_terms(Core::M4, 7, Scheme::W8a16, &dense);
        let second = 14.0 + turns(12, [14, 8], 1, INPUTS) as f64;
        assert_eq!(found, [1.0, 7.0, 3.0, 2.0 * 78.0 + second, 2.0, 10.0]);
    }
}
