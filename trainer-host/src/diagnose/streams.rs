//! Whether the network could run in an endless stream: its sequences end to end, without a reset between them.
//!
//! A network that meets every sequence with a zero state may count up what it sees. Its cells then grow from sequence
//! to sequence, and the decisions get worse the longer a stream is.

use super::finding::{Figure, Finding, Kind, Lever, Severity};
use super::fit::PartFit;
use crate::data::Dataset;
use crate::evaluate::{CellGrowth, Streams};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::carried::StreamPart;
use crate::run::Run;
use crate::train::{TrainError, judge};
use crate::training_run::TrainingRunError;

/// Sequences that are run end to end, at most: cells that grow have grown by then.
const MOST_SEQUENCES: usize = 400;
/// Cells of a network that lives with streams are somewhat larger than after a reset, since they are never empty.
/// Those that grow are soon several times as large.
const GROWN: f64 = 1.5;
/// Rise of the loss without resets, as a share of the guess's loss.
const WORSE: f64 = 0.1;

/// A part as streams, with resets and without.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamCheck {
    /// How the cells grow.
    pub cells: CellGrowth,
    /// Mean loss with a reset before each sequence and without.
    pub losses: [f64; 2],
    /// Share of right decisions with resets and without, for a classification.
    pub accuracies: Option<[f64; 2]>,
    /// Sequences of the longest stream.
    pub longest: usize,
}

impl StreamCheck {
    /// Runs the network of `run` over the first sequences of `part`, which is in real units, as `train` is.
    ///
    /// # Errors
    /// When the loss is not for the data.
    pub fn measure(run: &Run, part: &Dataset, train: &Dataset) -> Result<Self, TrainingRunError> {
        let objective = run
            .config
            .train
            .loss
            .objective(&train.targets, train.outputs.len());
        let objective = objective.map_err(TrainError::from)?.without_smoothing();
        let count = part.len().min(MOST_SEQUENCES);
        let data = part.select(&(0..count).collect::<Vec<_>>());
        let data = run.fitted.normalised(&data);
        let streams = Streams::of(&data);
        let formats = ActivationFormats::default();
        let runs = [&Streams::reset_at_each(count), &streams]
            .map(|way| way.run(&run.network, &formats, &data.sequences));
        let cells = CellGrowth::of(&streams, [&runs[0], &runs[1]]);
        let judged = runs.map(|parts: Vec<StreamPart>| {
            let outputs: Vec<_> = parts.into_iter().map(|part| part.outputs).collect();
            judge(&outputs, &data, &objective)
        });
        let [reset, stream] = judged;
        Ok(Self {
            cells,
            losses: [reset.loss, stream.loss],
            accuracies: Option::zip(reset.accuracy, stream.accuracy).map(|(a, b)| [a, b]),
            longest: streams.longest(),
        })
    }
}

/// Cells that grow without bound.
pub(super) fn findings(
    check: &StreamCheck,
    judged: &PartFit,
    for_streams: bool,
) -> Option<Finding> {
    let [reset, stream] = check.losses;
    let worse = (stream - reset) / judged.guess_loss.max(f64::MIN_POSITIVE);
    let mut evidence = vec![
        Figure::at_least(
            "RMS of the cells at the end of the sequences run end to end, in RMS with resets",
            check.cells.growth(),
            GROWN,
        ),
        Figure::at_least(
            "rise of the loss without resets, in the guess's loss",
            worse,
            WORSE,
        ),
        Figure::of("sequences of the longest stream", check.longest as f64),
    ];
    if let Some([reset, stream]) = check.accuracies {
        evidence.push(Figure::of(
            "accuracy with a reset before each sequence",
            reset,
        ));
        evidence.push(Figure::of("accuracy without resets", stream));
    }
    let found = Finding::when(
        Kind::GrowingCells,
        Severity::Note,
        "The cells grow from sequence to sequence, so the network is not for endless streams.",
        evidence,
    )?;
    let reset = Lever::look(
        "call reset() at the beginning of each recording or window: the network was trained that way",
    );
    let train = Lever::train(
        "--for-streams",
        "sequences begin with the state that another one left behind, so that the network learns to forget",
    );
    let longer = Lever::look(
        "train on long recordings with several classes and a target for each step, with --truncate and the state \
         carried on; join single recordings, or cut them at random places",
    );
    Some(
        found
            .advise([reset])
            .advise((!for_streams).then_some(train))
            .advise([longer]),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::diagnose::classes::tests::part;

    /// A check of cells that are `growth` times as large without resets, where the loss rises by `rise`.
    fn check(growth: f64, rise: f64) -> StreamCheck {
        StreamCheck {
            cells: CellGrowth {
                reset: 0.5,
                stream: 0.5 * growth,
                largest: 2.0 * growth,
                reset_by_position: vec![0.5; 4],
                stream_by_position: vec![0.5, 0.5 * growth, 0.5 * growth, 0.5 * growth],
            },
            losses: [0.1, 0.1 + rise],
            accuracies: Some([0.95, 0.5]),
            longest: 4,
        }
    }

    fn found(check: &StreamCheck, for_streams: bool) -> Option<Finding> {
        let judged = part(&[&[90, 10], &[10, 90]]).0;
        findings(check, &judged, for_streams)
    }

    /// What is found where cells grow.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let all = [false, true].map(|for_streams| found(&check(8.0, 3.0), for_streams));
        vec![(Kind::GrowingCells, all.into_iter().flatten().collect())]
    }

    #[test]
    fn growth_that_costs_nothing_is_no_finding() {
        assert_eq!(found(&check(8.0, 0.0), false), None);
        assert_eq!(found(&check(1.1, 3.0), false), None);
    }

    #[test]
    fn a_run_for_streams_is_not_sent_to_where_it_is() {
        let (_, found) = &ill()[0];
        let trains = |finding: &Finding| {
            finding
                .advice
                .iter()
                .any(|lever| lever.flags == ["--for-streams"])
        };
        assert!(trains(&found[0]) && !trains(&found[1]));
    }
}
