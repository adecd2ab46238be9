//! What is too large for the formats, and the ranges of the first layer's inputs.

use lstm_nostd::kernels::{Scheme, Width};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Case, Noise, cases, is_near};
use super::SUMS;
use super::cases::{LayerCase, NAME, pairs, up_to};
use super::plain::Plain;
use super::rounding::gru;
use crate::network::RecurrentLayer;
use crate::quantise::QuantiseError;
use crate::quantise::magnitudes::Clipping;
use crate::quantise::recurrent::input_ranges;

/// The same layer with some parameters of row `r` that no scale holds.
fn with_large_row(mut case: LayerCase, r: usize, part: usize) -> LayerCase {
    let [w_x, w_h] = case.layer.weights_mut();
    match part {
        0 => w_x.row_mut(r).fill(-3e9),
        1 => w_h.row_mut(r).fill(3e9),
        _ => case.layer.bias_mut()[r] = -3e9,
    }
    case
}

proptest! {
    /// Of several rows the first one; a multiplier of less than 2^31 holds a scale of less than four.
    #[test]
    fn refuses_a_weight_too_large(
        cases in pairs(), rows in any::<[proptest::sample::Index; 2]>(), parts in [0usize..3, 0usize..3],
    ) {
        for case in cases {
            let count = case.layer.input_weights().nrows();
            let [a, b] = rows.map(|row| row.index(count));
            let case = with_large_row(with_large_row(case.plain(), a, parts[0]), b, parts[1]);
            let plain = Plain::of(&case);
            let formats = plain.least_noise();
            let first = formats.scales.iter().position(|s| *s >= 4.0).unwrap();
            let expected = formats.scales[first] * plain.weight_max;
            match case.quantised() {
                Err(QuantiseError::WeightTooLarge { layer, row, largest, limit }) => {
                    prop_assert_eq!((layer.as_str(), row), (NAME, first));
                    prop_assert!(is_near(largest, expected, SUMS), "{largest}, {expected}");
                    prop_assert_eq!(limit, 4.0 * plain.weight_max);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn inputs_have_the_calibrated_range_with_a_margin(
        case in cases(), clipping in select(Clipping::ALL.to_vec()), int8 in any::<bool>(),
        seed in any::<u64>().no_shrink(),
    ) {
        let mut noise = Noise(seed);
        let inputs = case.smallest_input_range.len();
        let reaches: Vec<f64> = (0..inputs)
            .map(|_| noise.one_of(&[0.0, 1e-5, 0.03, 0.3, 2.0]) * noise.power(0.0, 0.5))
            .collect();
        let seen: Vec<_> = reaches.iter().map(|reach| up_to(*reach, &mut noise)).collect();
        let case = Case { clipping, ..case };
        let (width, margin, wider) = match int8 {
            true => (Width::Int8, 128.0 / 127.0, 1.0),
            false => (Width::Int16, 1.25, 32.0),
        };
        let (shift, narrowest, widest) = input_ranges(&seen, &case.plan(), width);
        prop_assert_eq!((shift, narrowest.len(), widest.len()), (0, inputs, inputs));
        for (j, least) in case.smallest_input_range.iter().enumerate() {
            let expected = match seen[j].reach(clipping, width) {
                // Under any multiplier a channel is zero that never moved.
                0.0 => 1e-3,
                reach => (reach * margin).max(*least).max(1e-3),
            };
            prop_assert!(is_near(narrowest[j], expected, SUMS), "{j}: {}, {expected}", narrowest[j]);
            prop_assert!(is_near(widest[j], expected * wider, SUMS), "{j}: {}", widest[j]);
        }
    }
}

/// 0.43 times 2^13 is beyond the recurrent weight at every shift: the largest one has the least noise.
#[test]
fn no_shift_of_inputs_is_beyond_those_of_the_engine_and_the_search() {
    for (scheme, most) in [(Scheme::W8a8, 15), (Scheme::W4a16, 10)] {
        let range = vec![8192.0];
        let mut case = gru(0.0);
        case.layer.bias_mut().fill(0.0);
        case.ranges.input_square = vec![range[0] * range[0] / 3.0];
        (case.narrowest, case.widest) = (range.clone(), range);
        (case.scheme, case.moments) = (scheme, [const { None }; 3]);
        let (layer, _) = case.quantised().unwrap();
        assert_eq!(layer.content.x_shift(), most, "{scheme:?}");
    }
}

/// A weight of 3 on inputs of one takes a scale of 3 · 2^8 / 127, which is six: no multiplier is as large.
#[test]
fn shifts_alike_give_way_where_their_scale_is_too_large() {
    let mut case = gru(0.0);
    let [w_x, _] = case.layer.weights_mut();
    w_x[[2, 0]] = 3.0;
    case.layer.bias_mut().fill(0.0);
    (case.scheme, case.equal_shifts) = (Scheme::W8a8, true);
    case.moments = [const { None }; 3];
    let (layer, _) = case.quantised().unwrap();
    assert_eq!(layer.content.h_shift(), 0);
    assert_ne!(layer.content.x_shift(), 0);
    // A scale of three can be.
    let [w_x, _] = case.layer.weights_mut();
    w_x[[2, 0]] = 1.5;
    let (layer, _) = case.quantised().unwrap();
    assert_eq!(layer.content.x_shift(), 0);
}

/// A layer whose largest cell is this one.
fn with_cell(case: &LayerCase, largest: f64) -> LayerCase {
    let mut case = case.clone();
    case.ranges.cell = up_to(largest, &mut Noise(1));
    case
}

proptest! {
    /// Twice the reach is less than 2^m, but at the end of the formats.
    #[test]
    fn refuses_a_cell_too_large(cases in pairs()) {
        for case in cases {
            let has_cells = !matches!(case.layer, RecurrentLayer::Gru(_) | RecurrentLayer::GruBefore(_));
            let case = case.plain();
            for (largest, m) in [
                (0.0, Some(1)), (0.99, Some(1)), (1.0, Some(2)), (1.5, Some(2)), (2.0, Some(3)), (100.0, Some(8)),
                (8_191.0, Some(14)), (8_192.0, Some(15)), (16_383.0, Some(15)), (16_384.0, Some(15)),
                (32_767.0, Some(15)), (32_768.0, None), (1e6, None),
            ] {
                let expected = QuantiseError::CellTooLarge { layer: NAME.to_owned(), largest };
                let small = small_peepholes(with_cell(&case, largest));
                let found = small.quantised().map(|(layer, _)| layer.content.cell_int_bits());
                match has_cells {
                    true => prop_assert_eq!(found, m.ok_or(expected)),
                    false => prop_assert_eq!(found, Ok(0)),
                }
            }
        }
    }
}

/// A peephole times 2^m must fit too.
fn small_peepholes(mut case: LayerCase) -> LayerCase {
    if let Some(Some(peephole)) = case.layer.peephole_mut() {
        *peephole *= 1e-3;
    }
    case
}
