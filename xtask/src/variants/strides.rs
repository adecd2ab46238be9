//! Strides of a convolution below an LSTM and below a GRU.

use super::measure::{Measured, Row};
use super::{Comparison, Variant};
use crate::data_sets::{ECG5000, FSDD, UCI_HAR};
use crate::spread::Spread;

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

/// What becomes of the accuracy with at most half of the plain LSTM's instructions.
fn verdict(measured: &Measured) -> String {
    let Some(plain) = measured.variants.first() else {
        return String::new();
    };
    let is_half = |row: &&Row| 2.0 * row.instructions <= plain.instructions;
    let lines: String = (measured.variants.iter().filter(is_half))
        .map(|row| beside_plain(row, plain))
        .collect();
    match lines.is_empty() {
        true => format!(
            "No variant has half of the {}'s instructions.\n",
            plain.name
        ),
        false => format!(
            "With at most half of the {}'s instructions, beside it ± standard error:\n{lines}",
            plain.name
        ),
    }
}

fn beside_plain(row: &Row, plain: &Row) -> String {
    let difference = |own: Spread, other: Spread| {
        let (difference, error) = (own.mean - other.mean, own.error_of_difference(other));
        let verdict = match difference >= -error {
            true => "no loss beyond one standard error",
            false => "a loss beyond one standard error",
        };
        format!("{difference:+.2} ± {error:.2} ({verdict})")
    };
    format!(
        "- {}, {:.0} % of the instructions: folds {}, test in w8a16 {}\n",
        row.name,
        100.0 * row.instructions / plain.instructions,
        difference(row.folds, plain.folds),
        difference(row.integer, plain.integer),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, accuracy: f64, instructions: f64) -> Row {
        let spread = Spread::of(&[accuracy - 0.1, accuracy + 0.1]);
        Row {
            name: name.to_owned(),
            setting: String::new(),
            settings: 1,
            folds: spread,
            float: spread,
            integer: spread,
            instructions,
            file_bytes: 1.0,
            flash_bytes: 1.0,
            ram_bytes: 1.0,
        }
    }

    #[test]
    fn half_of_the_instructions_is_judged_by_the_standard_error() {
        let rows = [
            row("LSTM", 90.0, 100.0),
            row("even", 89.9, 50.0),
            row("worse", 89.8, 50.0),
            row("costly", 99.0, 51.0),
        ];
        let mut measured = Measured {
            data_set: "one",
            rate: None,
            variants: Vec::from(rows),
        };
        let text = verdict(&measured);
        assert!(
            text.contains("- even, 50 % of the instructions: folds -0.10 ± 0.14 (no loss"),
            "{text}"
        );
        assert!(
            text.contains("- worse, 50 % of the instructions: folds -0.20 ± 0.14 (a loss"),
            "{text}"
        );
        assert!(!text.contains("costly"), "{text}");
        measured.variants.truncate(1);
        assert!(verdict(&measured).starts_with("No variant"));
    }
}
