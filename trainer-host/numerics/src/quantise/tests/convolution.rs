//! Filters of a convolution: (QC), what their inputs are in units of, and what the integers stand for.

use lstm_nostd::kernels::Width;
use ndarray::Array1;
use proptest::prelude::*;

use super::dense::{Formats, high_word};
use super::{Case, cases, is_near, one};
use crate::network::{ConvActivation, DenseLayer, Padding};
use crate::quantise::ConvIntegers;
use crate::quantise::Rounding;
use crate::quantise::calibrate::ConvRanges;
use crate::quantise::convolution::{Job, empty};
use crate::quantise::magnitudes::Clipping;

/// Up to the rounding of doubles.
const EXACT: f64 = 1e-12;

fn cases_with_filters() -> impl Strategy<Value = Case> {
    cases().prop_filter("there is no convolution", |case| {
        case.network.conv.is_some()
    })
}

/// The layer, what calibration saw of it, and its integers, each weight to the nearest.
fn quantised(case: &Case) -> (DenseLayer, ConvRanges, ConvIntegers) {
    let layer = case.network.conv.clone().unwrap();
    let ranges = case.calibration().conv.unwrap();
    let job = Job {
        name: String::new(),
        conv: case.network.config.conv.as_ref().unwrap(),
        layer: &layer,
        ranges: &ranges,
        scheme: case.schemes[0],
        moments: None,
    };
    let integers = job.quantise(&case.plan()).unwrap();
    (layer, ranges, integers)
}

/// What an integer weight of one is worth in filter `r` and column `j`, and an integer bias of one. Full integers are
/// the ranges of inputs and outputs.
fn units(integers: &ConvIntegers, r: usize, j: usize) -> (f64, f64) {
    let filters = &integers.content.filters;
    let unit = high_word(filters, r) * integers.output_range;
    let channels = integers.input_range.len();
    let weight = unit / integers.input_range[j % channels];
    (weight, unit / one(filters.scheme))
}

proptest! {
    #[test]
    fn filters_are_the_nearest_integers_of_the_least_scales(case in cases_with_filters()) {
        let case = case.plain();
        let (layer, ranges, integers) = quantised(&case);
        let scheme = case.schemes[0];
        let channels = case.network.config.inputs;
        let mut in_units = layer;
        for ((_, j), w) in in_units.weight.indexed_iter_mut() {
            *w = (f64::from(*w) * integers.input_range[j % channels]) as f32;
        }
        let reach = ranges.outputs.largest();
        let formats = Formats::of(&in_units, scheme, 1.0, Some(reach));
        prop_assert_eq!(integers.output_range, formats.range);
        formats.assert_nearest(&integers.content.filters, &in_units, scheme, 1.0)?;
    }

    #[test]
    fn a_channel_has_the_widest_range_that_leaves_every_row_its_scale(case in cases_with_filters()) {
        let (layer, ranges, integers) = quantised(&case);
        let width = case.schemes[0].width();
        let (margin, widest) = match width {
            Width::Int16 => (1.25, 32.0),
            Width::Int8 => (128.0 / 127.0, 1.0),
        };
        let narrowest: Vec<f64> = (ranges.input.iter().zip(&case.smallest_input_range))
            .map(|(seen, least)| least.max(margin * seen.reach(case.clipping, width)))
            .collect();
        let channels = narrowest.len();
        let most = |r: usize, range: &[f64]| {
            let row = layer.weight.row(r);
            let real = row.iter().enumerate().map(|(j, w)| f64::from(w.abs()) * range[j % channels]);
            real.fold(0.0, f64::max)
        };
        let rows = 0..layer.bias.len();
        for r in rows.clone() {
            prop_assert!(most(r, &integers.input_range) <= most(r, &narrowest) * (1.0 + EXACT));
        }
        for (c, range) in integers.input_range.iter().enumerate() {
            let ratio = range / narrowest[c];
            prop_assert!((1.0 - EXACT..widest + 1e-9).contains(&ratio), "{ratio}");
            // A weight of this channel is then the largest of its row.
            let is_held = rows.clone().any(|r| {
                let taps = layer.weight.row(r).into_iter().skip(c).step_by(channels);
                let largest = taps.fold(0.0f32, |max, w| max.max(w.abs()));
                f64::from(largest) * range >= most(r, &narrowest) * (1.0 - EXACT)
            });
            prop_assert!(is_held || ratio >= widest - 1e-9, "{ratio}");
        }
    }

    #[test]
    fn integers_stand_for_values_within_half_a_unit(case in cases_with_filters()) {
        let case = case.plain();
        let (layer, _, integers) = quantised(&case);
        // Other integers stand for other values.
        let mut larger = integers.clone();
        larger.content.filters.output_shift = 3;
        prop_assert_eq!(larger.layer().weight, integers.layer().weight * 8.0);
        let real = integers.layer();
        for ((r, j), w) in layer.weight.indexed_iter() {
            let (unit, bias_unit) = units(&integers, r, j);
            let filters = &integers.content.filters;
            let exact = f64::from(filters.weight[r][j]) * unit;
            prop_assert!(is_near(real.weight[[r, j]].into(), exact, 1e-7));
            let error = exact - f64::from(*w);
            prop_assert!(error.abs() <= unit * 0.5001, "{error} {unit}");
            let exact = f64::from(filters.bias[r]) * bias_unit;
            prop_assert!(is_near(real.bias[r].into(), exact, 1e-7));
            let error = exact - f64::from(layer.bias[r]);
            prop_assert!(error.abs() <= bias_unit * 0.5001, "{error} {bias_unit}");
        }
    }

    /// (R2) over all windows of the calibration's sequences.
    #[test]
    fn a_rounding_by_output_error_keeps_the_mean_of_every_filter(case in cases_with_filters()) {
        let case = Case { rounding: Rounding::Gptq, clipping: Clipping::MinMax, ..case };
        let (all, layer) = (case.quantised(), case.network.conv.clone().unwrap());
        let integers = all.conv.unwrap();
        prop_assert_eq!(&all.input_range, &integers.input_range);
        let conv = case.network.config.conv.unwrap();
        let mut sum = Array1::<f64>::zeros(layer.weight.ncols());
        let mut windows = 0.0;
        for sequence in case.views() {
            for window in conv.windows(sequence).rows() {
                sum += &window.mapv(f64::from);
                windows += 1.0;
            }
        }
        for r in 0..layer.bias.len() {
            let (mut error, mut magnitude) = (0.0, 0.0);
            for (j, w) in layer.weight.row(r).iter().enumerate() {
                let real = f64::from(integers.content.filters.weight[r][j]) * units(&integers, r, j).0;
                error += (real - f64::from(*w)) * sum[j] / windows;
                magnitude += f64::from(w.abs()) * integers.input_range[j % integers.input_range.len()];
            }
            let (_, unit) = units(&integers, r, 0);
            error += f64::from(integers.content.filters.bias[r]) * unit - f64::from(layer.bias[r]);
            // Weights in units of their range are f32.
            prop_assert!(error.abs() <= unit * 0.51 + magnitude * 1e-6, "{error} {unit}");
        }
    }

    #[test]
    fn the_shape_is_the_networks_and_that_of_an_empty_one(case in cases_with_filters()) {
        let mut content = quantised(&case).2.content;
        let (conv, channels) = (case.network.config.conv.unwrap(), case.network.config.inputs);
        prop_assert_eq!(usize::from(content.kernel), conv.kernel);
        prop_assert_eq!(usize::from(content.stride), conv.stride);
        let first = match conv.padding {
            Padding::Causal => 0,
            Padding::Valid => conv.kernel - 1,
        };
        prop_assert_eq!(usize::from(content.first), first);
        prop_assert_eq!(content.is_rectified, conv.activation != ConvActivation::None);
        prop_assert_eq!(content.filters.weight.len(), conv.filters);
        let filters = &mut content.filters;
        filters.output_shift = 0;
        for row in &mut filters.weight {
            prop_assert_eq!(row.len(), conv.kernel * channels);
            row.fill(0);
        }
        filters.bias.fill(0);
        filters.mult.fill(0);
        prop_assert_eq!(empty(&conv, channels, case.schemes[0]), content);
    }

    #[test]
    fn outputs_of_eight_bits_have_a_step(case in cases_with_filters()) {
        let (_, _, integers) = quantised(&case);
        let step = integers.format().map(|format| f64::from(format.step));
        match case.schemes[0].width() {
            Width::Int16 => prop_assert_eq!(step, None),
            // 128 of them are the range.
            Width::Int8 => {
                let ratio = step.unwrap() * 128.0 / integers.output_range;
                prop_assert!((ratio - 1.0).abs() < 1e-6, "{ratio}");
            }
        }
    }
}
