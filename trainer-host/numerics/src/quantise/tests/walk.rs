//! What each layer hands upwards, what the one above makes of it, and what dense layers of a network stand for.

use lstm_nostd::kernels::{Scheme, Width};
use ndarray::Array1;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::dense::Formats;
use super::formats::{DenseUnits, is_meaning_of_dense};
use super::{Case, Noise, cases, is_near, least_shift, network, of_layers};
use crate::network::{Cell, DenseLayer, Direction, Head, Mode, NetworkConfig, RecurrentLayer};
use crate::quantise::calibrate::Calibration;
use crate::quantise::output::OutputFormat;
use crate::quantise::{
    QuantisedNetwork, RecurrentIntegers, Rounding, Signal, hidden_format, narrowing_shift, quantise,
};

/// Up to the rounding of f32.
const NEARLY: f64 = 1e-6;

/// Values of a layer: their width, what the full range is, and what calibration saw.
type Values = (Width, f64, f64);

/// The shift to integers of another width, and their range there: (W) and (N).
fn converted((width, range, reach): Values, to: Width) -> (u8, f64) {
    match (width, to) {
        (Width::Int8, Width::Int16) => (8, range),
        (Width::Int16, Width::Int8) => {
            let n = least_shift(reach / range);
            (n, range * f64::from(1u16 << n) / 256.0)
        }
        _ => (0, range),
    }
}

/// What recurrent layer `l` hands on: Q0.15 or Q0.(15 − n), in units of ρ.
fn handed_on(
    case: &Case,
    calibration: &Calibration,
    l: usize,
    integers: &RecurrentIntegers,
) -> Values {
    let width = integers.scheme().width();
    let range = match width {
        Width::Int16 => 1.0,
        Width::Int8 => 2f64.powi(i32::from(integers.content.h_shift()) - 8),
    };
    let seen = &calibration.recurrent[l].hidden;
    let reach = seen.reach(case.clipping, width);
    (width, range * integers.hidden_unit(), reach)
}

/// S_j, from the gain 2^κ / S_j.
fn input_ranges(integers: &RecurrentIntegers) -> Vec<f64> {
    let k = i32::from(integers.content.x_shift());
    let kappa = match integers.scheme().width() {
        Width::Int16 => k,
        Width::Int8 => k - 8,
    };
    let gain = integers.input_gain.iter();
    gain.map(|gain| 2f64.powi(kappa) / gain).collect()
}

/// The values that the first dense layer reads.
fn assert_recurrent_inputs(
    case: &Case,
    calibration: &Calibration,
    all: &QuantisedNetwork,
) -> Result<Values, TestCaseError> {
    let config = &case.network.config;
    let mut below: Option<Values> = all.conv.as_ref().map(|conv| {
        let width = conv.content.filters.scheme.width();
        let seen = &calibration.conv.as_ref().unwrap().outputs;
        (width, conv.output_range, seen.reach(case.clipping, width))
    });
    if let Some(conv) = &all.conv {
        prop_assert_eq!(&all.input_range, &conv.input_range);
    }
    let mut beneath = below;
    for (l, integers) in all.recurrent.iter().enumerate() {
        if config.direction(l) != Direction::Beside {
            beneath = below;
        }
        let found = input_ranges(integers);
        prop_assert_eq!(found.len(), case.network.recurrent[l].inputs());
        let (shift, ranges) = match beneath {
            // Both halves read the same raw inputs.
            None => (0, all.input_range.clone()),
            Some(values) => {
                let (shift, range) = converted(values, integers.scheme().width());
                (shift, vec![range; found.len()])
            }
        };
        prop_assert_eq!(integers.input_shift(), shift);
        prop_assert!(
            found
                .iter()
                .zip(&ranges)
                .all(|(a, b)| is_near(*a, *b, NEARLY)),
            "{l}: {found:?} {ranges:?}"
        );
        below = Some(handed_on(case, calibration, l, integers));
    }
    let top = all.recurrent.last().unwrap();
    Ok(match config.mode {
        // (MT2)
        Mode::SequenceToMean => (
            Width::Int16,
            top.hidden_unit(),
            calibration.mean.reach(case.clipping, Width::Int16),
        ),
        Mode::SequenceToOne | Mode::SequenceToSequence => below.unwrap(),
    })
}

/// Shifts and ranges of all layers' inputs.
fn assert_inputs(
    case: &Case,
    calibration: &Calibration,
    all: &QuantisedNetwork,
) -> Result<(), TestCaseError> {
    let mut below = assert_recurrent_inputs(case, calibration, all)?;
    prop_assert_eq!(all.relu_range.len() + 1, all.dense.len());
    prop_assert_eq!(all.dense_range.len(), all.dense.len());
    for (l, layer) in all.dense.iter().enumerate() {
        let width = layer.scheme.width();
        let (shift, range) = converted(below, width);
        prop_assert_eq!(layer.input_shift, shift);
        prop_assert!(
            is_near(all.dense_range[l], range, NEARLY),
            "{l}: {} {range}",
            all.dense_range[l]
        );
        if let Some(range) = all.relu_range.get(l) {
            below = (
                width,
                *range,
                calibration.dense[l].reach(case.clipping, width),
            );
        }
    }
    let content: Vec<_> = all
        .recurrent
        .iter()
        .map(|layer| layer.content.clone())
        .collect();
    prop_assert_eq!(all.recurrent_content(), content);
    Ok(())
}

/// Dense layers stand for what their integers do, each weight and bias within half a unit of the real one.
fn assert_dense_values(case: &Case, all: &QuantisedNetwork) -> Result<(), TestCaseError> {
    let last = case.network.dense.len() - 1;
    for (l, (layer, found)) in case.network.dense.iter().zip(&all.dense).enumerate() {
        is_meaning_of_dense(case, all, l)?;
        for r in 0..layer.bias.len() {
            let units = DenseUnits::of(case, all, l, r);
            for (j, w) in layer.weight.row(r).iter().enumerate() {
                let error = f64::from(found.weight[r][j]) * units.weight - f64::from(*w);
                prop_assert!(
                    error.abs() <= 0.5001 * units.weight,
                    "{l} of {last}: {error} {}",
                    units.weight
                );
            }
            let (bias, centre) = (f64::from(layer.bias[r]), units.centre);
            let error = f64::from(found.bias[r]) * units.bias + centre - bias;
            let rounding = (bias.abs() + centre.abs()) * NEARLY;
            prop_assert!(
                error.abs() <= 0.5001 * units.bias + rounding,
                "{l} of {last}: {error} {}",
                units.bias
            );
        }
    }
    Ok(())
}

/// `case` with the structure that `change` makes of its own, and other parameters.
fn rebuilt(case: Case, seed: u64, change: impl Fn(&mut NetworkConfig)) -> Case {
    let mut config = case.network.config.clone();
    change(&mut config);
    let schemes: Vec<Scheme> = case.schemes.iter().copied().cycle().take(8).collect();
    Case {
        network: network(&config, &mut Noise(seed)),
        schemes: of_layers(&config, &schemes),
        ..case
    }
}

/// Layers both ways with a projection, and means over time above them. Units show little, so that the weights of one of
/// the halves decide the range.
fn cases_of_projected_halves() -> impl Strategy<Value = Case> {
    (cases(), any::<u64>(), any::<(bool, bool)>()).prop_map(|(case, seed, (two, larger))| {
        let case = Case {
            rounding: Rounding::Nearest,
            ..case
        };
        let mut case = rebuilt(case, seed, |config| {
            config.cell = Cell::Projected {
                peepholes: false,
                outputs: 2,
            };
            config.mode = Mode::SequenceToMean;
            let above = two.then_some(Direction::Forward);
            let halves = [Direction::Forward, Direction::Beside];
            config.directions = halves.into_iter().chain(above).collect();
            config.hidden = vec![5, 3, 4][..config.directions.len()].to_vec();
        });
        for (l, layer) in case.network.recurrent.iter_mut().enumerate() {
            if let RecurrentLayer::Projected(layer) = layer {
                let units = layer.w_r.ncols();
                let outputs = layer.lstm.bias.iter_mut().skip(3 * units);
                outputs.for_each(|bias| *bias = -6.0);
                // Formats of states so small leave little room for other weights.
                layer.lstm.w_x *= 0.01;
                layer.lstm.w_h *= 0.05;
                layer.w_r *= if (l == 0) == larger { 8.0 } else { 1.0 };
            }
        }
        case
    })
}

proptest! {
    #[test]
    fn every_layer_reads_what_the_one_below_hands_on(case in cases()) {
        let case = Case { rounding: Rounding::Nearest, ..case };
        assert_inputs(&case, &case.calibration(), &case.quantised())?;
    }

    #[test]
    fn dense_layers_are_the_nearest_integers_and_outputs_have_their_own_unit(case in cases()) {
        let case = case.plain();
        let (calibration, all) = (case.calibration(), case.quantised());
        let schemes = &case.schemes[case.schemes.len() - all.dense.len()..];
        for (l, (layer, found)) in case.network.dense.iter().zip(&all.dense).enumerate() {
            let (scheme, range) = (schemes[l], all.dense_range[l]);
            let reach = calibration.dense.get(l).map(|seen| seen.largest());
            let mut in_units = layer.clone();
            if reach.is_none() {
                for (r, found) in all.outputs.iter().enumerate() {
                    let format = match case.network.config.head {
                        Head::Linear => {
                            let (seen, mean) = (calibration.outputs[r], case.output_mean[r]);
                            OutputFormat::of(layer, r, (scheme.width(), range), seen, mean)
                        }
                        Head::Sigmoid | Head::Softmax => OutputFormat::LOGIT,
                    };
                    prop_assert_eq!(*found, format);
                    let one = 65_536.0 * 2f64.powi(format.scale.exponent.into());
                    let scaled = |value: f64| (value / one) as f32;
                    in_units.bias[r] = scaled(f64::from(layer.bias[r]) - format.centre);
                    in_units.weight.row_mut(r).mapv_inplace(|w| scaled(w.into()));
                }
            }
            let formats = Formats::of(&in_units, scheme, range, reach);
            formats.assert_nearest(found, &in_units, scheme, range)?;
            prop_assert_eq!(all.relu_range.get(l).copied(), reach.map(|_| formats.range));
        }
    }

    #[test]
    fn dense_layers_stand_for_values_within_half_a_unit(case in cases()) {
        let case = case.plain();
        assert_dense_values(&case, &case.quantised())?;
    }

    /// One sequence, which is answered once: nothing says how far the output goes, but what its weights could give.
    #[test]
    fn an_output_that_does_not_move_has_integers(
        case in cases(), seed in any::<u64>(), scheme in select(Scheme::ALL.to_vec()),
    ) {
        let case = rebuilt(case, seed, |config| {
            config.head = Head::Linear;
            config.mode = Mode::SequenceToOne;
        });
        let mut case = case.plain();
        case.sequences.truncate(1);
        *case.schemes.last_mut().unwrap() = scheme;
        for seen in &case.calibration().outputs {
            prop_assert_eq!(seen.reach(), 0.0);
        }
        assert_dense_values(&case, &case.quantised())?;
    }

    /// The larger of what both need.
    #[test]
    fn projected_halves_hand_on_one_range_that_both_need(case in cases_of_projected_halves()) {
        let (calibration, all) = (case.calibration(), case.quantised());
        assert_inputs(&case, &calibration, &all)?;
        let needed = |l: usize| {
            let RecurrentLayer::Projected(layer) = &case.network.recurrent[l] else {
                panic!("every layer has a projection");
            };
            let integers = &all.recurrent[l];
            let scheme = integers.scheme();
            let shown = match scheme.width() {
                Width::Int16 => 1.0,
                Width::Int8 => 2f64.powi(i32::from(integers.content.h_shift()) - 8),
            };
            let reach = calibration.recurrent[l].hidden.reach(case.clipping, scheme.width());
            let rows = DenseLayer {
                weight: layer.w_r.clone(),
                bias: Array1::zeros(layer.w_r.nrows()),
            };
            Formats::of(&rows, scheme, shown, Some(reach)).range
        };
        let both = needed(0).max(needed(1));
        let expected = [both, both].into_iter().chain((2..all.recurrent.len()).map(needed));
        for (l, expected) in expected.enumerate() {
            let found = all.recurrent[l].output_range();
            prop_assert!(is_near(found, expected, NEARLY), "{l}: {found} {expected}");
        }
    }

    #[test]
    fn a_layer_that_is_too_large_is_named(case in cases(), which in any::<Index>()) {
        let mut case = case.plain();
        // Any recurrent layer, or the output layer of a classifier, whose unit is fixed.
        case.network.config.head = Head::Softmax;
        let recurrent = case.network.recurrent.len();
        let which = which.index(recurrent + 1);
        let (values, number) = match case.network.recurrent.get_mut(which) {
            Some(layer) => (layer.values_mut(), which),
            None => {
                let number = case.network.config.dense.len();
                (case.network.dense[number].values_mut(), recurrent + number)
            }
        };
        // The weights of its inputs come first.
        values.into_iter().next().unwrap().iter_mut().for_each(|weight| *weight *= 1e15);
        let config = &case.network.config;
        let name = config.layers()[config.first_recurrent() + number].name();
        let error = quantise(&case.network, &case.calibration(), &case.plan(), &case.views());
        let error = error.unwrap_err().to_string();
        prop_assert!(error.starts_with(&name), "{name}: {error}");
    }

    #[test]
    fn int8_covers_the_reach_with_the_least_shift(
        share in 0.0f64..1.0, bits in -9i32..1, exact in any::<bool>(), range in 0.1f64..9.0,
    ) {
        // A reach that 127 steps cover exactly, too.
        let reach = if exact { 127.0 * 2f64.powi(bits - 7) } else { share * 2f64.powi(bits) };
        let shift = narrowing_shift(reach);
        let covers = |n: u8| 127.0 * f64::from(1u16 << n) >= reach * 32_768.0;
        prop_assert!(covers(shift) || shift == 8, "{shift}");
        prop_assert!((0..shift).all(|n| !covers(n)), "{shift}");
        let signal = Signal { width: Width::Int16, range, reach: reach * range };
        let (shift, narrow) = signal.arriving(Width::Int8);
        prop_assert!(shift == converted((Width::Int16, range, reach * range), Width::Int8).0);
        // A step is 2ⁿ of the int16 ones.
        let steps = (narrow / 128.0) / (range / 32_768.0);
        prop_assert!(is_near(steps, f64::from(1u16 << shift), NEARLY), "{steps}");
    }
}

#[test]
fn an_int8_state_of_shift_n_is_in_q_0_15_less_n() {
    for n in 0..=8u8 {
        let steps = 1.0 / hidden_format(n).step;
        assert_eq!(steps, (1u32 << (15 - n)) as f32);
    }
}

#[test]
fn roundings_have_the_names_of_the_command_line() {
    let names = Rounding::ALL.map(Rounding::name);
    assert_eq!(names, ["nearest", "gptq"]);
}
