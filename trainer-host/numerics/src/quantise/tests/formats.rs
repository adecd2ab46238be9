//! The f32 network that stands for integers, and what its activations are rounded to, against `docs/numerics.md`.

use lstm_nostd::kernels::Width;
use proptest::prelude::*;

use super::dense::high_word;
use super::{Case, cases, is_near, one};
use crate::network::{Cell, Mode};
use crate::passes::activation_format::ActivationFormat;
use crate::quantise::{QuantisedNetwork, RecurrentIntegers};

/// Of f32 values.
const TOLERANCE: f64 = 1e-6;

/// Whether this is the step, in real units.
fn is_step(found: Option<ActivationFormat>, step: Option<f64>) -> bool {
    match (found, step) {
        (Some(found), Some(step)) => is_near(found.step.into(), step, TOLERANCE),
        (found, step) => found.is_none() && step.is_none(),
    }
}

/// A network's integers, and the layers in the order of a model file.
struct Formats<'a> {
    case: &'a Case,
    quantised: QuantisedNetwork,
}

impl Formats<'_> {
    fn width(&self, layer: usize) -> Width {
        self.case.schemes[layer].width()
    }

    /// The place of recurrent layer `l` among all layers.
    fn place(&self, l: usize) -> usize {
        usize::from(self.quantised.conv.is_some()) + l
    }

    /// The shift of what a layer reads, by its place.
    fn input_shift(&self, layer: usize) -> i32 {
        let l = layer - self.place(0);
        match self.quantised.recurrent.get(l) {
            Some(recurrent) => recurrent.content.input_shift().into(),
            None => {
                let l = l - self.quantised.recurrent.len();
                self.quantised.dense[l].input_shift.into()
            }
        }
    }

    /// (N): one of an int8 layer's inputs is 2ⁿ of these int16 values, whose range is that of 2¹⁵. `None` where nothing
    /// is narrowed.
    fn narrowed(&self, from: Width, above: usize, range: f64) -> Option<f64> {
        (from == Width::Int16 && self.width(above) == Width::Int8)
            .then(|| range / 32_768.0 * 2f64.powi(self.input_shift(above)))
    }

    /// What one of h is in Q0.15, in an accumulator: ρ with a projection, else one.
    fn unit(&self, l: usize) -> f64 {
        match &self.quantised.recurrent[l].content {
            lstm_nostd::artifact::Recurrent::Projected(layer) => layer.unit.into(),
            _ => 1.0,
        }
    }

    /// The place of what reads the outputs of recurrent layer `l`.
    fn above(&self, l: usize) -> usize {
        let is_beside = |l: usize| self.case.network.config.is_beside(l);
        // Over the half beside it, if there is one.
        self.place(if is_beside(l + 1) { l + 2 } else { l + 1 })
    }

    fn is_top(&self, l: usize) -> bool {
        self.above(l) == self.place(self.quantised.recurrent.len())
    }
}

/// What an integer of one is worth in a row of a dense layer, in real units.
pub(super) struct DenseUnits {
    pub(super) weight: f64,
    pub(super) bias: f64,
    /// What an output of zero is.
    pub(super) centre: f64,
}

impl DenseUnits {
    /// Of row `r` of dense layer `l`.
    pub(super) fn of(case: &Case, quantised: &QuantisedNetwork, l: usize, r: usize) -> Self {
        let one = one(case.schemes[case.schemes.len() - quantised.dense.len() + l]);
        let (output, centre) = match quantised.relu_range.get(l) {
            Some(range) => (range / one, 0.0),
            // Of a value, or of a logit in Q15.16, which the same exponent says.
            None => {
                let format = quantised.outputs[r];
                (2f64.powi(format.scale.exponent.into()), format.centre)
            }
        };
        let bias = high_word(&quantised.dense[l], r) * output;
        Self {
            weight: bias * one / quantised.dense_range[l],
            bias,
            centre,
        }
    }
}

/// Whether each parameter of dense layer `l` is what its integer stands for.
pub(super) fn is_meaning_of_dense(
    case: &Case,
    quantised: &QuantisedNetwork,
    l: usize,
) -> Result<(), TestCaseError> {
    let (integers, fake) = (&quantised.dense[l], quantised.fake(&case.network.config));
    let found = &fake.network.dense[l];
    for (r, (weights, bias)) in integers.weight.iter().zip(&integers.bias).enumerate() {
        let units = DenseUnits::of(case, quantised, l, r);
        let expected = f64::from(*bias) * units.bias + units.centre;
        prop_assert!(is_near(found.bias[r].into(), expected, TOLERANCE));
        prop_assert_eq!(weights.len(), found.weight.ncols());
        for (w, found) in weights.iter().zip(found.weight.row(r)) {
            let expected = f64::from(*w) * units.weight;
            prop_assert!(is_near((*found).into(), expected, TOLERANCE));
        }
    }
    prop_assert_eq!(found.bias.len(), integers.bias.len());
    Ok(())
}

fn recurrent_formats(formats: &Formats<'_>) -> Result<(), TestCaseError> {
    let config = &formats.case.network.config;
    let found = formats.quantised.fake(config).formats;
    let count = formats.quantised.recurrent.len();
    let is_mean = config.mode == Mode::SequenceToMean;
    for all in [&found.hidden, &found.shown, &found.upward] {
        prop_assert_eq!(all.len(), count);
    }
    for l in 0..count {
        let width = formats.width(formats.place(l));
        let n = i32::from(formats.quantised.recurrent[l].content.h_shift());
        // Q0.(15−n); of a projection's outputs, in units of ρ.
        let q = (width == Width::Int8).then(|| 2f64.powi(n - 15));
        prop_assert!(is_step(found.hidden[l], q.map(|q| q * formats.unit(l))));
        let is_projected = matches!(config.cell, Cell::Projected { .. });
        prop_assert!(is_step(found.shown[l], q.filter(|_| is_projected)));
        // The mean goes up in place of the uppermost outputs.
        let goes_up = !(is_mean && formats.is_top(l));
        let narrowed = formats.narrowed(width, formats.above(l), formats.unit(l));
        prop_assert!(is_step(found.upward[l], narrowed.filter(|_| goes_up)));
    }
    // (MT2) is Q0.15 whatever the layers have.
    let mean = formats.narrowed(Width::Int16, formats.place(count), formats.unit(count - 1));
    prop_assert!(is_step(found.mean, mean.filter(|_| is_mean)));
    Ok(())
}

fn is_rounded_where_int8_values_are(case: &Case) -> Result<(), TestCaseError> {
    let formats = Formats {
        case,
        quantised: case.quantised(),
    };
    let quantised = &formats.quantised;
    let found = quantised.fake(&case.network.config).formats;
    match formats.width(0) {
        Width::Int16 => prop_assert!(found.input.is_empty()),
        Width::Int8 => {
            prop_assert_eq!(found.input.len(), case.network.config.inputs);
            for (found, range) in found.input.iter().zip(&quantised.input_range) {
                prop_assert!(is_step(Some(*found), Some(range / 128.0)));
            }
        }
    }
    let conv = quantised
        .conv
        .as_ref()
        .and_then(|conv| match formats.width(0) {
            Width::Int8 => Some(conv.output_range / 128.0),
            Width::Int16 => formats.narrowed(Width::Int16, 1, conv.output_range),
        });
    prop_assert!(is_step(found.conv, conv));
    recurrent_formats(&formats)?;
    let first = formats.place(quantised.recurrent.len());
    prop_assert_eq!(found.dense.len(), case.network.config.dense.len());
    for (l, (found, range)) in found.dense.iter().zip(&quantised.relu_range).enumerate() {
        let step = match formats.width(first + l) {
            Width::Int8 => Some(range / 128.0),
            Width::Int16 => formats.narrowed(Width::Int16, first + l + 1, *range),
        };
        prop_assert!(is_step(*found, step));
    }
    Ok(())
}

proptest! {
    /// Several at a time: few cases have int16 values below int8 ones at a given place.
    #[test]
    fn what_integers_stand_for_is_rounded_where_int8_values_are(several in proptest::collection::vec(cases(), 4)) {
        for case in several {
            is_rounded_where_int8_values_are(&case.plain())?;
        }
    }

    #[test]
    fn parameters_are_what_the_integers_stand_for(case in cases()) {
        let case = case.plain();
        let quantised = case.quantised();
        let fake = quantised.fake(&case.network.config).network;
        prop_assert_eq!(&fake.config, &case.network.config);
        prop_assert_eq!(&fake.conv, &quantised.conv.as_ref().map(|conv| conv.layer()));
        let recurrent: Vec<_> = quantised.recurrent.iter().map(RecurrentIntegers::layer).collect();
        prop_assert_eq!(&fake.recurrent, &recurrent);
        prop_assert_eq!(fake.dense.len(), quantised.dense.len());
        for l in 0..quantised.dense.len() {
            is_meaning_of_dense(&case, &quantised, l)?;
        }
    }
}
