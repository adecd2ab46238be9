//! Where integers and the f32 network decide otherwise, and at which step they part.
//!
//! The output layer is asked after every step, also where only the last answer counts, so that a decision
//! can be followed back.

use lstm_nostd::Model;
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;

use crate::data::{Dataset, Recording, Targets};
use crate::evaluate::decide;
use crate::integers::stream::{Stream, input_formats, raw_sequence};
use crate::network::Network;
use crate::passes::activation_format::ActivationFormats;

/// Sequences that are followed step by step, at most.
const MOST: usize = 100;
/// A hidden state is off where its error exceeds so many times the RMS error of its layer.
const FAR: f64 = 8.0;

/// One sequence on which the decisions differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// Its number in the part, from 0.
    pub sequence: usize,
    /// Its steps.
    pub steps: usize,
    /// The class that it has; at the step below, where each step has one.
    pub truth: usize,
    /// What the f32 network decides there.
    pub float: usize,
    /// What the integers decide there.
    pub integer: usize,
    /// The first judged step at which the decisions differ, from 0.
    pub judged_step: usize,
    /// The first step after which the decisions differ up to the judged one.
    pub parted_at: usize,
    /// The first step at which a hidden value is off by more than [`Disagreements::bound`] of its layer.
    pub hidden_off_at: Option<usize>,
}

/// All of a part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Disagreements {
    /// Sequences with a decision that differs.
    pub sequences: usize,
    /// What a hidden value of each LSTM layer may be off by.
    pub bound: Vec<f64>,
    /// The first of these sequences, step by step.
    pub followed: Vec<Disagreement>,
}

/// What happens in one sequence, in f32 and in integers.
struct Run {
    /// Decisions after each step.
    float: Vec<usize>,
    integer: Vec<usize>,
    hidden_off_at: Option<usize>,
}

/// Follows the sequences of `data`, in real units and, `normalised`, as the network sees them, on which
/// `model` decides otherwise than `network`; `hidden_rms` are the usual errors of its LSTM layers.
///
/// Nothing is found for values, which are no decisions.
///
/// # Panics
/// When the model is of another shape than the network.
pub fn find(
    network: &Network,
    model: &Model<'_>,
    (data, normalised): (&Dataset, &[Array2<f32>]),
    hidden_rms: &[f64],
) -> Disagreements {
    let truth = |s: usize, t: usize| match &data.targets {
        Targets::Class(classes) => Some(classes[s]),
        Targets::ClassPerStep(classes) => Some(classes[s][t]),
        Targets::Value(_) | Targets::ValuePerStep(_) => None,
    };
    let bound: Vec<f64> = hidden_rms.iter().map(|rms| FAR * rms).collect();
    if !data.targets.task().is_class() {
        return Disagreements {
            bound,
            ..Disagreements::default()
        };
    }
    let last_only = !network.config.mode.is_per_step();
    let found: Vec<Option<Disagreement>> = (0..data.len())
        .into_par_iter()
        .map(|s| {
            let sequences = (normalised[s].view(), data.recording(s));
            let run = Run::of(network, model, sequences, &bound);
            let steps = run.float.len();
            let judged = if last_only {
                steps - 1..steps
            } else {
                0..steps
            };
            let differs = |t: &usize| run.float[*t] != run.integer[*t];
            let judged_step = judged.clone().find(differs)?;
            let agreed = (0..judged_step).rev().find(|t| !differs(t));
            Some(Disagreement {
                sequence: s,
                steps,
                truth: truth(s, judged_step)?,
                float: run.float[judged_step],
                integer: run.integer[judged_step],
                judged_step,
                parted_at: agreed.map_or(0, |t| t + 1),
                hidden_off_at: run.hidden_off_at,
            })
        })
        .collect();
    let found: Vec<Disagreement> = found.into_iter().flatten().collect();
    Disagreements {
        sequences: found.len(),
        bound,
        followed: found.into_iter().take(MOST).collect(),
    }
}

impl Run {
    fn of(
        network: &Network,
        model: &Model<'_>,
        (normalised, real): (ndarray::ArrayView2<'_, f32>, Recording<'_>),
        bound: &[f64],
    ) -> Self {
        let trace = network.trace(normalised);
        let formats = ActivationFormats::default();
        let outputs = network.outputs_after_each_step(&formats, normalised);
        let mut stream = Stream::new(model);
        let mut run = Self {
            float: outputs.rows().into_iter().map(decide).collect(),
            integer: Vec::new(),
            hidden_off_at: None,
        };
        // The recurrent layers' step, which is fewer than the sequence's above a convolution.
        let mut taken = 0;
        for (t, raw) in raw_sequence(&input_formats(model), real).iter().enumerate() {
            let outputs = stream.step(model, raw).iter();
            let outputs: Vec<f32> = outputs.map(|y| y.to_num()).collect();
            run.integer
                .push(decide(ndarray::ArrayView1::from(&outputs)));
            if !stream.has_moved() {
                continue;
            }
            let off = trace
                .iter()
                .zip(bound)
                .enumerate()
                .any(|(l, (exact, bound))| {
                    (0..exact.hidden.ncols()).any(|u| {
                        let error =
                            stream.hidden(model, l, u) - f64::from(exact.hidden[[taken, u]]);
                        error.abs() > *bound
                    })
                });
            if off && run.hidden_off_at.is_none() {
                run.hidden_off_at = Some(t);
            }
            taken += 1;
        }
        run
    }
}
