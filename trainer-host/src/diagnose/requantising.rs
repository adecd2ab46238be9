//! Other ways to quantise a run: those that may lose less, tried, and the levers that come of those which do.

use lstm_nostd::kernels::Scheme;

use super::finding::Lever;
use super::integers::{Integers, Tried};
use crate::evaluate::Comparison;
use crate::quantise::magnitudes::Clipping;
use crate::run::choose::Request;

/// Share of the cells, over all units and steps; a few clamped cells change nothing.
const CLAMPED: f64 = 1e-3;
/// A way to quantise again is worth it if it leaves at most this share of the loss.
const WORTH: f64 = 0.8;

/// Another way to quantise.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Flags of `quantise`.
    pub(super) flags: String,
    /// What it does.
    pub(super) why: String,
    /// What it asks for.
    pub(super) request: Request,
}

impl Way {
    /// The way with what it leads to.
    pub(super) fn tried(self, comparison: &Comparison) -> Tried {
        Tried {
            flags: self.flags,
            why: self.why,
            loss: loss(comparison),
        }
    }
}

/// What integers lose: the share of decisions that differ, or the mean square difference of values in deviations
/// of their targets.
pub(super) fn loss(comparison: &Comparison) -> f64 {
    if let Some(agreement) = comparison.agreement {
        return 1.0 - agreement;
    }
    comparison.rms_difference.unwrap_or_default().powi(2)
}

impl Integers {
    /// Other ways to quantise this network that may lose less.
    pub(super) fn ways(&self) -> Vec<Way> {
        let is_fine = |schemes: &[Scheme]| schemes.iter().all(|scheme| *scheme == Scheme::W8a16);
        // `quantise` takes w8a16 without being asked.
        let scheme = |schemes: &[Scheme]| match is_fine(schemes) {
            true => String::new(),
            false => format!("--scheme {} ", names(schemes)),
        };
        let way = |flags: String, why: &str, schemes: &[Scheme], clipping| Way {
            flags,
            why: why.into(),
            request: Request {
                schemes: schemes.to_vec(),
                clipping,
                rounding: None,
                equal_shifts: false,
            },
        };
        let present = &self.schemes;
        let mut ways = Vec::new();
        if self.has_clamped_cells() {
            ways.push(way(
                scheme(present) + "--calibration min-max",
                "ranges in which no cell is clamped",
                present,
                Some(Clipping::MinMax),
            ));
        }
        if let Some(l) = self.worst().and_then(|stage| stage.checked_sub(1)) {
            let mut finer = present.clone();
            finer[l] = Scheme::W8a16;
            if finer != *present && !is_fine(&finer) {
                let why = format!("finer numbers in {} alone", self.stages[l + 1].stage);
                let flags = format!("--scheme {}", names(&finer));
                ways.push(way(flags, &why, &finer, None));
            }
        }
        if !is_fine(present) {
            let all = vec![Scheme::W8a16; present.len()];
            let flags = "--scheme w8a16".to_owned();
            ways.push(way(flags, "finer numbers in all layers", &all, None));
        }
        ways.push(way(
            scheme(present) + "--calibration auto --rounding auto",
            "tries every combination of calibration and rounding on held-out data",
            present,
            None,
        ));
        ways
    }

    fn has_clamped_cells(&self) -> bool {
        let mut layers = self.layers.iter().zip(&self.cells);
        layers
            .any(|(layer, cells)| layer.saturated_cells as f64 / (*cells).max(1) as f64 >= CLAMPED)
    }

    /// The ways that were tried and lose clearly less, the best one first.
    pub(super) fn better_ways(&self) -> Vec<Lever> {
        let limit = WORTH * loss(&self.comparison);
        let mut better: Vec<&Tried> = (self.tried.iter())
            .filter(|tried| tried.loss <= limit)
            .collect();
        better.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        let lever = |tried: &&Tried| Lever::quantise(&tried.flags, tried.why.clone());
        let levers: Vec<Lever> = better.iter().map(lever).collect();
        match levers.is_empty() {
            true => vec![Lever::look(
                "Other calibrations, roundings and schemes were tried on this part, and none loses clearly less; \
                 a network with more units may",
            )],
            false => levers,
        }
    }
}

/// As `--scheme` and `--qat` take them.
pub(super) fn names(schemes: &[Scheme]) -> String {
    match schemes.split_first() {
        Some((first, rest)) if rest.iter().all(|scheme| scheme == first) => first.name().into(),
        _ => {
            let names: Vec<&str> = schemes.iter().map(|scheme| scheme.name()).collect();
            names.join(",")
        }
    }
}
