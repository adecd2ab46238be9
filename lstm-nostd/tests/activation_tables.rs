//! The tables of σ and tanh: computed from the formulas, compared with those in the source, and
//! held to their error bound over every input.
//!
//! `LSTM_NOSTD_WRITE_TABLES=1 cargo test -p lstm-nostd --test activation_tables` writes
//! `src/activation/tables.rs` anew.

use std::fmt::Write;

use lstm_nostd::activation::{
    SIGMOID_BITS, SIGMOID_GUARD, Segment, TABLES, TANH_BITS, TANH_GUARD, sigmoid, tanh,
};

/// Units of Q0.15 in one.
const Q15: f64 = 32_768.0;
/// Half an LSB is lost to rounding by any table; the rest is left for the quadratic and its integers.
const MAX_ERROR_LSB: f64 = 0.61;

/// σ(z) − ½ in LSB of Q0.15, for z in Q3.12.
fn exact_sigmoid_half(z: u32) -> f64 {
    // σ(x) − ½ = ½ tanh(x / 2)
    0.5 * libm::tanh(f64::from(z) / 8_192.0) * Q15
}

/// tanh(z) in LSB of Q0.15, held to the largest value of Q0.15.
fn exact_tanh(z: u32) -> f64 {
    (libm::tanh(f64::from(z) / 4_096.0) * Q15).min(32_767.0)
}

/// Fits one segment that starts at `start`: tries the integer slopes and curvatures around the
/// quadratic through its ends and middle, each with the base that centres the error.
fn fit(exact: fn(u32) -> f64, start: u32, bits: u32, guard: u32) -> Segment {
    let n = 1u32 << bits;
    let unit = f64::from(1u32 << guard);
    let targets: Vec<f64> = (0..n).map(|t| exact(start + t) * unit).collect();
    let (y0, y1, y2) = (
        exact(start) * unit,
        exact(start + n / 2) * unit,
        exact(start + n) * unit,
    );
    let half = f64::from(n) / 2.0;
    let curvature = (y0 - 2.0 * y1 + y2) / (2.0 * half * half);
    let slope = (y1 - y0) / half - curvature * half;
    let q_ideal = curvature * 65_536.0;
    let mut best = (f64::INFINITY, [0, 0]);
    let q_step = (0.01 * q_ideal.abs()).max(1.0);
    for q_try in -12..=12 {
        let q = (q_ideal + f64::from(q_try) * q_step).round() as i32;
        for s_try in -2..=2 {
            let s = slope.round() as i32 + s_try;
            let word = (s << 16) + q;
            assert_eq!(word as i16, q as i16, "the curvature fits 16 bits");
            let value =
                |t: u32| ((i64::from(word) + i64::from(q) * i64::from(t)) * i64::from(t)) >> 16;
            let errors = (0..n).map(|t| targets[t as usize] - value(t) as f64);
            let (low, high) = errors.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), e| {
                (l.min(e), h.max(e))
            });
            if high - low < best.0 {
                let base = ((low + high) / 2.0).round() as i32 + (1 << (guard - 1));
                best = (high - low, [base, word]);
            }
        }
    }
    best.1
}

fn table(exact: fn(u32) -> f64, bits: u32, guard: u32) -> Vec<Segment> {
    (0..1u32 << (15 - bits))
        .map(|k| fit(exact, k << bits, bits, guard))
        .collect()
}

fn source(name: &str, doc: &str, table: &[Segment]) -> String {
    let mut text = format!("// {doc}\n{name}: Table::new([\n");
    for row in table.chunks(4) {
        text.push_str("   ");
        for [base, slope] in row {
            write!(text, " [{base}, {slope}],").unwrap();
        }
        text.push('\n');
    }
    text.push_str("]),\n");
    text
}

#[test]
fn tables_follow_from_the_formulas() {
    let sigmoid = table(exact_sigmoid_half, SIGMOID_BITS, SIGMOID_GUARD);
    let tanh = table(exact_tanh, TANH_BITS, TANH_GUARD);
    if std::env::var_os("LSTM_NOSTD_WRITE_TABLES").is_some() {
        let mut text = String::from(
            "//! Coefficients of σ and tanh, written by `tests/activation_tables.rs`; not to be edited by hand.\n\nuse super::{Table, Tables};\n\n/// The tables of this engine.\n#[rustfmt::skip]\npub static TABLES: Tables = Tables {\n",
        );
        text += &source("sigmoid", "σ(z) − ½ for z in 0..8, 512 B", &sigmoid);
        text += &source("tanh", "tanh(z) for z in 0..8, 1,024 B", &tanh);
        text += "};\n";
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/src/activation/tables.rs"),
            text,
        )
        .unwrap();
        return;
    }
    assert!(sigmoid.into_iter().eq(TABLES.sigmoid.segments()));
    assert!(tanh.into_iter().eq(TABLES.tanh.segments()));
}

/// Largest distance of `approximate` from `exact` over all 65,536 inputs, in LSB of Q0.15.
fn largest_error(approximate: fn(i16) -> i16, exact: impl Fn(i16) -> f64) -> f64 {
    (i16::MIN..=i16::MAX)
        .map(|z| (f64::from(approximate(z)) - exact(z)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn sigmoid_is_within_its_bound_everywhere() {
    let exact = |z: i16| {
        let half = exact_sigmoid_half(z.unsigned_abs().min(32_767).into());
        16_384.0 + half.copysign(z.into())
    };
    let error = largest_error(sigmoid, exact);
    println!("sigmoid: largest error {error:.3} LSB of Q0.15");
    assert!(error <= MAX_ERROR_LSB, "{error}");
}

#[test]
fn tanh_is_within_its_bound_everywhere() {
    let exact = |z: i16| exact_tanh(z.unsigned_abs().min(32_767).into()).copysign(z.into());
    let error = largest_error(tanh, exact);
    println!("tanh: largest error {error:.3} LSB of Q0.15");
    assert!(error <= MAX_ERROR_LSB, "{error}");
}

#[test]
fn tanh_is_odd_and_sigmoid_is_symmetric() {
    for z in 0..=i16::MAX {
        assert_eq!(tanh(-z), -tanh(z));
        assert_eq!(i32::from(sigmoid(-z)) + i32::from(sigmoid(z)), 32_768);
    }
}

#[test]
fn results_stay_inside_of_their_range() {
    for z in i16::MIN..=i16::MAX {
        assert!(sigmoid(z) >= 0, "sigmoid({z})");
        assert!(tanh(z).unsigned_abs() <= 32_767, "tanh({z})");
    }
}

#[test]
fn both_rise_everywhere_but_for_one_lsb() {
    for z in i16::MIN..i16::MAX {
        assert!(sigmoid(z + 1) >= sigmoid(z) - 1, "sigmoid({z})");
        assert!(tanh(z + 1) >= tanh(z) - 1, "tanh({z})");
    }
}
