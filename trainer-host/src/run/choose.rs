//! From a network and its fit to integers: the ways of calibrating and rounding are tried, and the one whose outputs
//! are nearest to the f32 network's on held-out training data is kept.
//!
//! ```text
//! softmax   D = mean over rows of Σ_k p_k ln(p_k / p̂_k)                   (CH1)
//! sigmoid   the same over every output's two chances                      (CH2)
//! linear    D = mean over outputs of Σ (y − ŷ)² / Σ (y − mean y)²          (CH3)
//! ```
//!
//! Held out is the validation part, or every fifth training sequence where there is none. The test part
//! has no say.

use lstm_nostd::artifact::{AlignedBytes, ModelFile, WriteError};
use lstm_nostd::kernels::Scheme;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::data::{Dataset, Recording, views};
use crate::evaluate::Outputs;
use crate::integers::assemble::{InputStage, assemble};
use crate::integers::engine::AnyModel;
use crate::integers::input_format::{InputFormat, RawRangeError};
use crate::integers::stream;
use crate::network::{Head, Network};
use crate::quantise::calibrate::{Calibration, evenly_spaced};
use crate::quantise::magnitudes::Clipping;
use crate::quantise::{Plan, QuantiseError, QuantisedNetwork, Rounding, quantise};
use crate::run::fitted::Fitted;

/// Held-out sequences that outputs are compared on, at most.
const HELD_OUT: usize = 256;
/// Without a validation part, one of so many training sequences is held out.
const EVERY: usize = 5;

/// Why a network cannot become integers.
#[derive(Debug, thiserror::Error)]
pub enum ChooseError {
    /// A channel's values are too large for raw integers.
    #[error(transparent)]
    RawRange(#[from] RawRangeError),
    /// A weight or a cell leaves the integer formats.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
    /// The model does not fit the file format.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What is wanted; `None` is to be chosen.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of the LSTM layers, then of the dense layers.
    pub schemes: Vec<Scheme>,
    /// How ranges follow from what was observed.
    pub clipping: Option<Clipping>,
    /// How weights become integers.
    pub rounding: Option<Rounding>,
    /// [`Plan::equal_shifts`]
    pub equal_shifts: bool,
}

/// A way that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// How ranges follow from what was observed.
    pub calibration: &'static str,
    /// How weights become integers.
    pub rounding: &'static str,
    /// (CH1) to (CH3) on held-out training data; `None` where it cannot be quantised.
    pub distance: Option<f64>,
}

/// The integers of a network.
#[derive(Debug)]
pub struct Chosen {
    /// The integers.
    pub quantised: QuantisedNetwork,
    /// The same as the content of a model file.
    pub file: ModelFile,
    /// The model file in the generic order.
    pub bytes: AlignedBytes,
    /// How ranges follow from what was observed.
    pub clipping: Clipping,
    /// How weights became integers.
    pub rounding: Rounding,
    /// Everything that was tried.
    pub candidates: Vec<Candidate>,
}

/// What is the same for all candidates.
struct Trial<'a> {
    /// With its outputs in the targets' units.
    network: &'a Network,
    fitted: &'a Fitted,
    schemes: &'a [Scheme],
    equal_shifts: bool,
    formats: &'a [InputFormat],
    smallest_input_range: Vec<f64>,
}

/// Sequences in normalised and in real units.
struct Sequences<'a> {
    normalised: Vec<ArrayView2<'a, f32>>,
    real: Vec<Recording<'a>>,
}

/// The integers of `network`, whose outputs are normalised, calibrated on `train` and chosen on what is held out
/// of it, or on `validation`; both in real units.
///
/// # Errors
/// [`ChooseError`] when no way leads to integers.
///
/// # Panics
/// When `train` is empty, or there is not one scheme for each layer.
pub fn choose(
    (network, fitted): (&Network, &Fitted),
    train: &Dataset,
    validation: Option<&Dataset>,
    request: &Request,
) -> Result<Chosen, ChooseError> {
    let network = &fitted.in_target_units(network);
    let normalised = fitted.normalised_inputs(train);
    let all = Sequences::of(&normalised, train);
    let formats = fitted.raw_formats(train)?;
    let width = request.schemes[0].width();
    let trial = Trial {
        network,
        fitted,
        schemes: &request.schemes,
        equal_shifts: request.equal_shifts,
        formats: &formats,
        smallest_input_range: (formats.iter().zip(&fitted.inputs.deviation))
            .map(|(format, deviation)| format.smallest_range(*deviation, width))
            .collect(),
    };
    let validation = validation.map(|part| (fitted.normalised_inputs(part), part));
    let ways = ways(request);
    let mut candidates = Vec::new();
    let (clipping, rounding) = match ways.as_slice() {
        [only] => *only,
        _ => {
            let (fit, held_out) = match &validation {
                Some((normalised, part)) => (all.all(), Sequences::of(normalised, part)),
                None => all.split(),
            };
            trial.compare(&ways, &fit, &held_out, &mut candidates)
        }
    };
    let calibration = Calibration::observe(network, &all.normalised);
    let (quantised, file) = trial.integers(clipping, rounding, &calibration, &all)?;
    let bytes = file.to_bytes()?;
    Ok(Chosen {
        quantised,
        file,
        bytes,
        clipping,
        rounding,
        candidates,
    })
}

/// Every way that the request leaves open.
fn ways(request: &Request) -> Vec<(Clipping, Rounding)> {
    let clippings = Clipping::ALL.into_iter();
    let clippings = clippings.filter(|c| request.clipping.is_none_or(|asked| asked == *c));
    clippings
        .flat_map(|clipping| Rounding::ALL.map(|rounding| (clipping, rounding)))
        .filter(|(_, r)| request.rounding.is_none_or(|asked| asked == *r))
        .collect()
}

impl<'a> Sequences<'a> {
    fn of(normalised: &'a [Array2<f32>], part: &'a Dataset) -> Self {
        Self {
            normalised: views(normalised),
            real: part.recordings(),
        }
    }

    fn all(&self) -> Self {
        self.select(|_| true)
    }

    /// Those to calibrate on, and those to judge by; the same ones where there are few.
    fn split(&self) -> (Self, Self) {
        if self.real.len() < 2 * EVERY {
            return (self.all(), self.all());
        }
        let held_out = |n: usize| n % EVERY == EVERY - 1;
        (self.select(|n| !held_out(n)), self.select(held_out))
    }

    fn select(&self, which: impl Fn(usize) -> bool) -> Self {
        fn pick<T: Copy>(all: &[T], which: impl Fn(usize) -> bool) -> Vec<T> {
            let numbered = all.iter().enumerate();
            numbered
                .filter_map(|(n, sequence)| which(n).then_some(*sequence))
                .collect()
        }
        Self {
            normalised: pick(&self.normalised, &which),
            real: pick(&self.real, &which),
        }
    }
}

impl Trial<'_> {
    fn integers(
        &self,
        clipping: Clipping,
        rounding: Rounding,
        calibration: &Calibration,
        sequences: &Sequences<'_>,
    ) -> Result<(QuantisedNetwork, ModelFile), ChooseError> {
        let plan = Plan {
            schemes: self.schemes,
            smallest_input_range: &self.smallest_input_range,
            output_mean: &self.fitted.target_means(),
            clipping,
            rounding,
            equal_shifts: self.equal_shifts,
        };
        let quantised = quantise(self.network, calibration, &plan, &sequences.normalised)?;
        let fitted = self.fitted;
        let means = fitted.inputs.real_means();
        let stage = InputStage {
            formats: self.formats,
            mean: &means,
            deviation: &fitted.inputs.deviation,
            front_end: fitted.front_end_tables(),
        };
        let names = (fitted.schema.channels.as_slice(), fitted.output_names());
        let config = &self.network.config;
        let file = assemble(config, &quantised, &stage, names, sequences.real[0])?;
        Ok((quantised, file))
    }

    /// The way with the least distance; the first one, which changes least, where none can be judged.
    fn compare(
        &self,
        ways: &[(Clipping, Rounding)],
        fit: &Sequences<'_>,
        held_out: &Sequences<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> (Clipping, Rounding) {
        let network = self.network;
        let calibration = Calibration::observe(network, &fit.normalised);
        let exact = network.outputs(&evenly_spaced(&held_out.normalised, HELD_OUT));
        let real = evenly_spaced(&held_out.real, HELD_OUT);
        let means = self.fitted.target_means();
        let distance = |(clipping, rounding)| -> Result<f64, ChooseError> {
            let (_, file) = self.integers(clipping, rounding, &calibration, fit)?;
            let bytes = file.to_bytes()?;
            let model = AnyModel::parse(&bytes).expect("the writer returns only what parses");
            let found = stream::distances(&model, &real, &means);
            Ok(output_distance(network.config.head, &exact, &found))
        };
        let mut best = (f64::INFINITY, ways[0]);
        for &way in ways {
            let distance = distance(way).ok();
            candidates.push(Candidate {
                calibration: way.0.name(),
                rounding: way.1.name(),
                distance,
            });
            if let Some(distance) = distance.filter(|distance| *distance < best.0) {
                best = (distance, way);
            }
        }
        best.1
    }
}

/// (CH1) to (CH3) between the f32 network's outputs and others.
pub fn output_distance(head: Head, exact: &Outputs, found: &Outputs) -> f64 {
    let rows = || {
        let pairs = exact.iter().zip(found);
        pairs.flat_map(|(a, b)| a.rows().into_iter().zip(b.rows()))
    };
    let count = rows().count().max(1) as f64;
    let pairs = || {
        rows().flat_map(|(a, b)| {
            let pairs = a.into_iter().zip(b);
            pairs.map(|(a, b)| (f64::from(*a), f64::from(*b)))
        })
    };
    match head {
        Head::Softmax => {
            let divergence = rows().map(|(a, b)| {
                let (a, b) = (log_softmax(a.iter()), log_softmax(b.iter()));
                let terms = a.iter().zip(&b).map(|(a, b)| a.exp() * (a - b));
                terms.sum::<f64>()
            });
            divergence.sum::<f64>() / count
        }
        Head::Sigmoid => {
            // ln σ(y), without overflow.
            let log = |y: f64| y.min(0.0) - (-y.abs()).exp().ln_1p();
            let divergence = pairs().map(|(a, b)| {
                log(a).exp() * (log(a) - log(b)) + log(-a).exp() * (log(-a) - log(-b))
            });
            divergence.sum::<f64>() / count
        }
        Head::Linear => {
            let outputs = exact.first().map_or(0, Array2::ncols);
            let share = |o: usize| {
                let pairs = || rows().map(|(a, b)| (f64::from(a[o]), f64::from(b[o])));
                let mean = pairs().map(|(a, _)| a).sum::<f64>() / count;
                let variance = pairs().map(|(a, _)| (a - mean).powi(2)).sum::<f64>();
                let square = pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                // An output that does not vary has no deviation to judge by.
                if variance > 0.0 {
                    square / variance
                } else {
                    0.0
                }
            };
            (0..outputs).map(share).sum::<f64>() / outputs.max(1) as f64
        }
    }
}

fn log_softmax<'a>(outputs: impl Iterator<Item = &'a f32> + Clone) -> Vec<f64> {
    let largest = f64::from(outputs.clone().fold(f32::MIN, |max, y| max.max(*y)));
    let shifted = outputs.map(|y| f64::from(*y) - largest);
    let sum: f64 = shifted.clone().map(f64::exp).sum();
    shifted.map(|y| y - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_by_hand() {
        // p = (¼, ¾) against (½, ½): ¼ ln ½ + ¾ ln 3/2.
        let exact = vec![array![[0.0, 3f32.ln()]]];
        let expected = 0.25 * 0.5f64.ln() + 0.75 * 1.5f64.ln();
        let softmax = output_distance(Head::Softmax, &exact, &vec![array![[7.0, 7.0]]]);
        assert!((softmax - expected).abs() < 1e-6);
        // The same two chances from one output.
        let sigmoid = output_distance(
            Head::Sigmoid,
            &vec![array![[3f32.ln()]]],
            &vec![array![[0.0]]],
        );
        assert!((sigmoid - expected).abs() < 1e-6);
        // Errors 0 and 1 against deviations ±2.
        let linear = output_distance(
            Head::Linear,
            &vec![array![[1.0], [5.0]]],
            &vec![array![[1.0], [4.0]]],
        );
        assert!((linear - 1.0 / 8.0).abs() < 1e-6);
        // A second output counts by its own deviation: errors 0 and 100 against ±200.
        let linear = output_distance(
            Head::Linear,
            &vec![array![[1.0, 1e5], [5.0, 1e5 + 400.0]]],
            &vec![array![[1.0, 1e5], [4.0, 1e5 + 500.0]]],
        );
        assert!((linear - 1.0 / 8.0).abs() < 1e-6);
    }

    #[test]
    fn a_request_leaves_open_what_it_does_not_name() {
        let request = |clipping, rounding| Request {
            schemes: Vec::new(),
            clipping,
            rounding,
            equal_shifts: false,
        };
        assert_eq!(ways(&request(None, None)).len(), 6);
        assert_eq!(ways(&request(Some(Clipping::Percentile), None)).len(), 2);
        assert_eq!(
            ways(&request(Some(Clipping::MinMax), Some(Rounding::Gptq))),
            [(Clipping::MinMax, Rounding::Gptq)]
        );
    }
}
