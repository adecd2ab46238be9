//! Strides of a convolution below an LSTM and below a GRU.

use super::measure::{Measured, Row};
use super::{Comparison, Variant};
use crate::data_sets::{ECG5000, FSDD, UCI_HAR};

pub(super) const COMPARISON: Comparison = Comparison {
    name: "strides",
    data_sets: &[FSDD, ECG5000, UCI_HAR],
    variants,
    verdict,
};

/// Steps from one output of the convolution to the next.
const STRIDES: [u32; 3] = [1, 2, 4];
/// Filters and kernels to choose from.
const FILTERS: [u32; 2] = [16, 32];
const KERNELS: [u32; 2] = [5, 9];

fn variants() -> Vec<Variant> {
    let layers = [("LSTM", "lstm"), ("GRU", "gru")];
    let of_layer = |(name, layer): (&str, &str)| {
        let flags = vec!["--layer".to_owned(), layer.to_owned()];
        let plain = Variant {
            name: name.to_owned(),
            flags: flags.clone(),
            settings: vec![String::new()],
        };
        let strided = STRIDES.map(|stride| Variant {
            name: format!("{name}, stride {stride}"),
            flags: [
                &flags[..],
                &["--conv-stride".to_owned(), stride.to_string()],
            ]
            .concat(),
            settings: (FILTERS.iter())
                .flat_map(|filters| KERNELS.map(|kernel| setting(*filters, kernel)))
                .collect(),
        });
        std::iter::once(plain).chain(strided)
    };
    layers.into_iter().flat_map(of_layer).collect()
}

fn setting(filters: u32, kernel: u32) -> String {
    format!("--conv-filters {filters} --conv-kernel {kernel}")
}

/// Whether half of the plain LSTM's instructions are enough: the best on the folds among those variants.
fn verdict(measured: &Measured) -> String {
    let Some(plain) = measured.variants.first() else {
        return String::new();
    };
    let is_half = |row: &&Row| 2.0 * row.instructions <= plain.instructions;
    let halves = measured.variants.iter().filter(is_half);
    let best = halves.max_by(|a, b| a.folds.mean.total_cmp(&b.folds.mean));
    let Some(best) = best else {
        return format!(
            "No variant has half of the {}'s instructions.\n",
            plain.name
        );
    };
    let beside = |what: &str, own: crate::spread::Spread, other: crate::spread::Spread| {
        let (difference, error) = (own.mean - other.mean, own.error_of_difference(other));
        let verdict = match difference >= -error {
            true => "no loss beyond one standard error",
            false => "a loss beyond one standard error",
        };
        format!("{what} {difference:+.2} ± {error:.2} ({verdict})")
    };
    format!(
        "With at most half of the instructions, the folds put `{}` first: {:.0} % of the {}'s, {}, {}.\n",
        best.name,
        100.0 * best.instructions / plain.instructions,
        plain.name,
        beside("folds", best.folds, plain.folds),
        beside("test in w8a16", best.integer, plain.integer),
    )
}
