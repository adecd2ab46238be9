//! What `tune best` hands over, and how it says so: the exported integers beside what the search found.

use std::path::PathBuf;

use serde::Serialize;

use super::each_seed::OfSeed;
use crate::cli::footprint_text::footprint_line;
use crate::cost::Footprint;
use crate::data::counted;
use crate::evaluate::{Comparison, Spread};
use crate::search::{Point, in_one_line};
use crate::tune::exported::{Exported, Searched};
use crate::tune::finalists::RepeatedScore;

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Retrained {
    pub(super) trial: usize,
    pub(super) point: Point,
    /// The trial's score on the validation part, over all of its trainings.
    pub(super) judgement: Option<RepeatedScore>,
    /// The same, fold by fold where there are folds.
    pub(super) searched: Option<Searched>,
    /// Each seed's integers.
    pub(super) seeds: Vec<OfSeed>,
    /// The seed that is kept.
    pub(super) seed: u64,
    /// The exported integers on each part that can be compared with the search.
    pub(super) exported: Vec<Exported>,
    pub(super) run: PathBuf,
    pub(super) epochs: usize,
    /// Whether the validation part was trained on too.
    pub(super) on_all: bool,
    pub(super) scheme: &'static str,
    pub(super) footprint: Footprint,
    /// If int8 activations save nothing on this core, a line that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) useless_int8: Option<String>,
    /// f32 and integers on the test part, which chose nothing.
    pub(super) test: Option<Comparison>,
    pub(super) model: Option<PathBuf>,
}

/// What must not be overlooked: integers that are worse than the search said.
pub(super) fn warnings(retrained: &Retrained) -> Vec<String> {
    let Some(searched) = &retrained.searched else {
        return Vec::new();
    };
    let expected = match &searched.accuracy {
        Some(Spread { mean, deviation }) => {
            format!("accuracy {:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation)
        }
        None => format!(
            "error {:.5} ± {:.5}",
            searched.error.mean, searched.error.deviation
        ),
    };
    let worse = retrained
        .exported
        .iter()
        .filter(|exported| exported.is_worse);
    let warning = |exported: &Exported| {
        format!(
            "WARNING: the exported integers have {} on the {}, and the search judged this trial by {expected}. Do not \
             rely on this model: train with more --seeds or another --seed, or take another trial (`tune show` lists them)",
            exported.figure(),
            exported.part,
        )
    };
    worse.map(warning).collect()
}

pub(super) fn text(retrained: &Retrained) -> String {
    let mut text = format!(
        "trial {}: {}\nrun {} ({} on {}, quantised as {})\n{}",
        retrained.trial,
        in_one_line(&retrained.point),
        retrained.run.display(),
        counted(retrained.epochs, "epoch"),
        if retrained.on_all {
            "training and validation part"
        } else {
            "the training part, since the schedule needs the validation part"
        },
        retrained.scheme,
        footprint_line(&retrained.footprint),
    );
    if let Some(line) = &retrained.useless_int8 {
        text += &format!("{line}\n");
    }
    if let Some(judgement) = &retrained.judgement {
        text += &format!(
            "validation  error {} {}, over {} of its trainings\n",
            judgement.error_text(),
            judgement.accuracy_text(),
            judgement.trainings
        );
    }
    text += &seeds_text(retrained);
    if let Some(test) = &retrained.test {
        text += &test.to_text("test part");
    }
    if let Some(model) = &retrained.model {
        text += &format!("model       {}\n", model.display());
    }
    text
}

/// The integers of each seed and, beside the search's judgement, those that are exported.
fn seeds_text(retrained: &Retrained) -> String {
    let mut text = String::new();
    for of_seed in &retrained.seeds {
        let accuracy = of_seed.accuracy.map_or(String::new(), |accuracy| {
            format!(" {:.2} %", 100.0 * accuracy)
        });
        let kept = if of_seed.seed == retrained.seed {
            ", kept"
        } else {
            ""
        };
        text += &format!(
            "seed {:<6} error {:.5}{accuracy}{kept}\n",
            of_seed.seed, of_seed.error
        );
    }
    for exported in &retrained.exported {
        let verdict = match exported.is_worse {
            true => "WORSE than the search judged it",
            false => "within what the search scatters",
        };
        text += &format!(
            "exported    {} on the {}: {verdict}\n",
            exported.figure(),
            exported.part
        );
    }
    text
}
