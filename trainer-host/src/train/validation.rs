//! Loss and accuracy of a network on a part of the data.

use super::error::TrainError;
use super::state::Validation;
use crate::data::Dataset;
use crate::evaluate::{Outputs, Streams};
use crate::loss::{Objective, Target};
use crate::network::Network;
use crate::passes::activation_format::ActivationFormats;

/// Mean loss of `network` on normalised data, without label smoothing, and accuracy for a
/// classification.
pub fn validate(network: &Network, data: &Dataset, objective: &Objective) -> Validation {
    validate_rounded(network, &ActivationFormats::default(), data, objective)
}

/// [`validate`] with activations rounded to `formats`.
pub fn validate_rounded(
    network: &Network,
    formats: &ActivationFormats,
    data: &Dataset,
    objective: &Objective,
) -> Validation {
    let sequences: Vec<_> = data
        .sequences
        .iter()
        .map(|sequence| sequence.view())
        .collect();
    let outputs = network.outputs_in(formats, &sequences);
    judge(&outputs, data, &objective.without_smoothing())
}

/// [`validate_rounded`] with the sequences of `data` as streams: no state is reset but at the beginning of a stream.
pub fn validate_streams(
    network: &Network,
    formats: &ActivationFormats,
    data: &Dataset,
    objective: &Objective,
) -> Validation {
    let streams = Streams::of(data);
    let outputs = streams.outputs(network, formats, &data.sequences);
    judge(&outputs, data, &objective.without_smoothing())
}

/// Mean loss and accuracy of given outputs, for the normalised targets of `data`.
pub fn judge(outputs: &Outputs, data: &Dataset, objective: &Objective) -> Validation {
    let mut gradient = vec![0.0; outputs.first().map_or(0, |outputs| outputs.ncols())];
    let (mut sum, mut rows, mut right) = (0.0, 0usize, 0usize);
    for (s, outputs) in outputs.iter().enumerate() {
        let target = Target::of(&data.targets, s);
        for (t, row) in outputs.rows().into_iter().enumerate() {
            let row = row.to_slice().expect("outputs are stored row by row");
            let expected = target.expected(t);
            sum += objective.row(row, expected, &mut gradient);
            rows += 1;
            right += usize::from(expected.is_met_by(row));
        }
    }
    let rows = rows.max(1) as f64;
    Validation {
        loss: sum / rows,
        accuracy: data
            .targets
            .task()
            .is_class()
            .then_some(right as f64 / rows),
    }
}

/// Refuses a part that cannot be used for training or for judging.
pub(super) fn check(part: &'static str, data: &Dataset, train: &Dataset) -> Result<(), TrainError> {
    let refuse = |problem: String| Err(TrainError::Data { part, problem });
    if data.sequences.is_empty() {
        return refuse("has no sequences".into());
    }
    if data.channels.len() != train.channels.len() || data.outputs.len() != train.outputs.len() {
        return refuse(format!(
            "has {} channels and {} outputs, and the training part {} and {}",
            data.channels.len(),
            data.outputs.len(),
            train.channels.len(),
            train.outputs.len()
        ));
    }
    for (s, sequence) in data.sequences.iter().enumerate() {
        if sequence.nrows() == 0 {
            return refuse(format!("has an empty sequence (number {s}, from 0)"));
        }
        if sequence.iter().any(|value| !value.is_finite()) {
            return refuse(format!(
                "has a value that is not finite in sequence {s}, from 0"
            ));
        }
    }
    Ok(())
}
