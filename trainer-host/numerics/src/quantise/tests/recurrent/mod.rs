//! The integers of recurrent layers against (Q1) to (Q4), (QP1), (QP2) and (FQ1).

mod cases;
mod edges;
mod empty;
mod plain;
mod rounding;

use lstm_nostd::artifact::Recurrent;
use lstm_nostd::kernels::Width;
use proptest::prelude::*;

use self::cases::{Integers, pairs};
use self::plain::{Plain, cell_int_bits, ranges_of_projection};
use super::dense::high_word;
use super::{cases as networks, is_near};
use crate::network::RecurrentLayer;
use crate::quantise::RecurrentIntegers;
use crate::quantise::recurrent::least_range;

/// Sums of the same numbers in another order.
const SUMS: f64 = 1e-9;

/// Whether integer `found` stands for `real` in units of `unit` as nearly as any.
fn is_nearest(found: f64, real: f64, unit: f64) -> bool {
    (found * unit - real).abs() <= (0.5 + 1e-6) * unit
}

proptest! {
    #[test]
    fn no_shifts_and_input_ranges_have_less_noise(cases in pairs()) {
        for case in cases {
            let (layer, range) = case.quantised().unwrap();
            let (found, plain) = (Integers::of(&layer), Plain::of(&case));
            prop_assert_eq!(found.h_shift, plain.h_shift);
            let all = plain.all_formats();
            let own = all.iter().find(|formats| formats.kappa == found.kappa).unwrap();
            prop_assert!(own.noise <= plain.least_noise().noise * (1.0 + SUMS), "{}", found.kappa);
            prop_assert_eq!(range.len(), own.input_range.len());
            for ((found, plain), gain) in range.iter().zip(&own.input_range).zip(&layer.input_gain) {
                prop_assert!(is_near(*found, *plain, SUMS));
                prop_assert!(is_near(*gain, 2f64.powi(own.kappa) / found, SUMS));
            }
            prop_assert_eq!(layer.input_gain.len(), range.len());
        }
    }

    #[test]
    fn a_multiplier_is_the_least_that_holds_a_rows_scale(cases in pairs()) {
        for case in cases {
            let case = case.plain();
            let (layer, range) = case.quantised().unwrap();
            let (found, plain) = (Integers::of(&layer), Plain::of(&case));
            prop_assert_eq!(found.mult.len(), plain.bias.len());
            for (r, mult) in found.mult.iter().enumerate() {
                let wanted = plain.scale(r, &range, found.kappa) * 2f64.powi(29);
                let beyond = f64::from(*mult) - wanted;
                let sums = 1e-12 * wanted;
                prop_assert!(beyond >= -sums && beyond < 1.0 + sums, "{r}: {mult}, {wanted}");
            }
        }
    }

    #[test]
    fn integers_are_the_nearest_in_the_scale_of_their_row(cases in pairs()) {
        for case in cases {
            let case = case.plain();
            let (layer, range) = case.quantised().unwrap();
            let (found, plain) = (Integers::of(&layer), Plain::of(&case));
            for r in 0..plain.bias.len() {
                let s = found.scale(r);
                let row = [&found.w_x[r][..], &found.w_h[r]].concat();
                let real = plain.row(r, &range, found.kappa);
                prop_assert_eq!(row.len(), real.len());
                for (w, real) in row.iter().zip(real) {
                    prop_assert!(is_nearest((*w).into(), real, s), "row {r}: {w}, {}", real / s);
                }
                let q15 = s / 32_768.0;
                prop_assert!(is_nearest(found.bias[r].into(), plain.bias[r], q15));
                prop_assert!(is_nearest(found.recurrent_bias[r].into(), plain.recurrent_bias[r], q15));
                prop_assert!(is_nearest(found.peephole[r].into(), plain.peephole[r], s));
                prop_assert!(found.fits(r), "{r}");
            }
        }
    }

    #[test]
    fn a_layer_has_its_scheme_its_shifts_and_the_least_cell_format(cases in pairs()) {
        for case in cases {
            let (layer, _) = case.quantised().unwrap();
            prop_assert_eq!(layer.scheme(), case.scheme);
            prop_assert_eq!(layer.input_shift(), case.input_shift);
            prop_assert_eq!(layer.weights(), layer.content.weights());
            let cell_bits = match &case.layer {
                RecurrentLayer::Gru(_) | RecurrentLayer::GruBefore(_) => 0,
                _ => cell_int_bits(&case),
            };
            prop_assert_eq!(i32::from(layer.content.cell_int_bits()), cell_bits);
            let n = i32::from(layer.content.h_shift());
            let is_int8 = case.scheme.width() == Width::Int8;
            let (unit, step) = (layer.hidden_unit(), 2f64.powi(n - 15));
            prop_assert!(is_near(unit, Plain::of(&case).unit, SUMS));
            // h_real = h ρ 2^(n − 15) in int8: the range is 128 times that.
            let range = if is_int8 { 128.0 * step } else { 1.0 };
            prop_assert!(is_near(layer.output_range(), range * unit, SUMS));
            let hidden = is_int8.then_some((step * unit) as f32);
            prop_assert_eq!(layer.format().map(|format| format.step), hidden);
            let is_shown = is_int8 && matches!(case.layer, RecurrentLayer::Projected(_));
            let shown = is_shown.then_some(step as f32);
            prop_assert_eq!(layer.shown_format().map(|format| format.step), shown);
        }
    }

    /// (QP1), (QP2): what the rows of the projection are follows from what they stand for.
    #[test]
    fn outputs_of_a_projection_have_the_range_of_the_half_beside_it_at_least(cases in pairs()) {
        for case in cases {
            let needs = least_range(&case.layer, &case.ranges, case.scheme, case.clipping);
            let Some((range, _)) = ranges_of_projection(&case) else {
                prop_assert_eq!(needs, 0.0);
                continue;
            };
            prop_assert!(is_near(needs, range, SUMS));
            let (layer, _) = case.quantised().unwrap();
            let ratio = layer.output_range() / range.max(case.least_range);
            // ρ is in f32.
            prop_assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
        }
    }

    /// (FQ1)
    #[test]
    fn no_parameter_of_the_fake_layer_is_further_than_half_a_unit(cases in pairs()) {
        for case in cases {
            let case = case.plain();
            let (layer, _) = case.quantised().unwrap();
            is_within_half_a_unit(&layer.layer(), &case.layer, &layer)?;
        }
    }

    /// (PB) of docs/numerics.md; the range that a projection's outputs have leaves no need for a shift.
    #[test]
    fn each_shift_of_a_projection_doubles_what_its_weights_stand_for(cases in pairs()) {
        for case in cases {
            let (mut layer, _) = case.quantised().unwrap();
            let before = layer.layer();
            if let Recurrent::Projected(integers) = &mut layer.content {
                integers.projection.output_shift += 2;
            }
            let after = layer.layer();
            if let (RecurrentLayer::Projected(before), RecurrentLayer::Projected(after)) = (before, after) {
                prop_assert_eq!(after.w_r, before.w_r * 4.0);
                prop_assert_eq!(after.lstm, before.lstm);
            }
        }
    }

    /// (FQ1)
    #[test]
    fn no_parameter_of_a_fake_networks_layers_is_further_than_half_a_unit(case in networks()) {
        let case = case.plain();
        let quantised = case.quantised();
        let fake = quantised.fake(&case.network.config).network;
        prop_assert_eq!(fake.recurrent.len(), case.network.recurrent.len());
        let layers = fake.recurrent.iter().zip(&case.network.recurrent);
        for ((fake, real), integers) in layers.zip(&quantised.recurrent) {
            is_within_half_a_unit(fake, real, integers)?;
        }
    }
}

/// Whether each parameter of `fake` is as near to that of `real` as `integers` allow.
fn is_within_half_a_unit(
    fake: &RecurrentLayer,
    real: &RecurrentLayer,
    integers: &RecurrentIntegers,
) -> Result<(), TestCaseError> {
    let units = units_of_parts(real, integers);
    prop_assert_eq!(fake.cell(), real.cell());
    let (fakes, reals) = (fake.parameters(), real.parameters());
    prop_assert_eq!(fakes.len(), reals.len());
    for (fake, real) in fakes.iter().zip(&reals) {
        prop_assert_eq!((fake.part, &fake.shape), (real.part, &real.shape));
        for (place, (a, b)) in fake.values.iter().zip(real.values).enumerate() {
            let unit = units(real.part, place);
            let (a, b) = (f64::from(*a), f64::from(*b));
            // Both may be rounded to f32.
            let most = (0.5 + 1e-6) * unit + 2e-7 * b.abs();
            prop_assert!(
                (a - b).abs() <= most,
                "{} {place}: {a}, {b}, {unit}",
                real.part
            );
        }
    }
    Ok(())
}

/// What one is in value `place` of a part of the parameters.
fn units_of_parts<'a>(
    layer: &RecurrentLayer,
    integers: &'a RecurrentIntegers,
) -> impl Fn(&str, usize) -> f64 + 'a {
    let (inputs, outputs, units) = (layer.inputs(), layer.outputs(), layer.units());
    let with_peephole: &[usize] = match layer {
        RecurrentLayer::Coupled(_) => &[0, 2],
        _ => &[0, 1, 3],
    };
    let content = &integers.content;
    let (gain, rho) = (&integers.input_gain, integers.hidden_unit());
    let cell_unit = 0.5f64.powi(content.cell_int_bits().into());
    let rows = Integers::of(integers);
    let count = rows.mult.len();
    move |part, place| match part {
        "w_x" => rows.scale(place / inputs) * gain[place % inputs],
        "w_h" => rows.scale(place / outputs) / rho,
        "bias" => rows.scale(place) / 32_768.0,
        "recurrent_bias" => rows.scale(count - units + place) / 32_768.0,
        "peephole" => {
            let row = with_peephole[place / units] * units + place % units;
            rows.scale(row) * cell_unit
        }
        // (PB) of docs/numerics.md has h 2^(15 − n) / ρ of m 2^(15 − n).
        "w_r" => match content {
            Recurrent::Projected(layer) => high_word(&layer.projection, place / units) * rho,
            _ => f64::NAN,
        },
        _ => f64::NAN,
    }
}
