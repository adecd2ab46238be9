//! Time of a layer's step on the host: the specification, and the kernels of each instruction set.
//!
//! ```text
//! cargo run --release -p lstm-nostd --features write --example host_speed [KIND]
//! ```
//!
//! With a KIND, `lstm`, `gru` or `coupled`, only layers of that kind are timed.
//!
//! Kernels for what the CPU lacks are those of the set before. They run in turn, and each figure is the least of many
//! means.

use std::time::Instant;

use lstm_nostd::artifact::{LayerKind, RandomModel};
#[cfg(not(all(target_arch = "x86_64", not(feature = "kernels-scalar"))))]
use lstm_nostd::kernels::Active as Avx2;
#[cfg(all(target_arch = "x86_64", not(feature = "kernels-scalar")))]
use lstm_nostd::kernels::x86::Avx2;
use lstm_nostd::kernels::{Active, Block, Kernels, Scheme, scalar::Scalar};
use lstm_nostd::{Model, RecurrentLayer};

fn main() {
    println!(
        "{:>7} {:>6} {:>8} {:>14} {:>10} {:>10}",
        "layer", "scheme", "shape", "specification", "AVX2", "this CPU"
    );
    let only = std::env::args().nth(1);
    for kind in [LayerKind::Lstm, LayerKind::Gru, LayerKind::Coupled] {
        let name = format!("{kind:?}").to_lowercase();
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        for scheme in Scheme::ALL {
            for (inputs, hidden) in [(3, 16), (9, 32), (16, 64), (10, 118), (40, 128)] {
                show(kind, scheme, (inputs, hidden));
            }
        }
    }
}

fn show(kind: LayerKind, scheme: Scheme, (inputs, hidden): (usize, usize)) {
    let random = RandomModel {
        inputs,
        hidden: vec![hidden],
        kinds: vec![kind],
        outputs: 1,
        schemes: vec![scheme],
        ..RandomModel::default()
    };
    let bytes = random
        .build()
        .to_bytes()
        .expect("the shape fits the format");
    let model = Model::parse(&bytes).expect("the model is valid");
    let layer = &model.recurrent_layers()[0];
    let mut best = [f64::INFINITY; 3];
    for _ in 0..20 {
        let means = [
            seconds::<Scalar>(layer, 20),
            seconds::<Avx2>(layer, 500),
            seconds::<Active>(layer, 500),
        ];
        for (best, mean) in best.iter_mut().zip(means) {
            *best = best.min(mean);
        }
    }
    let [slow, avx2, fast] = best.map(|seconds| seconds * 1e6);
    println!(
        "{:>7} {scheme:>6} {:>8} {slow:>11.2} µs {avx2:>7.2} µs {fast:>7.2} µs",
        layer.kind(),
        format!("{inputs}, {hidden}"),
    );
}

/// The mean of some steps.
fn seconds<K: Kernels>(layer: &RecurrentLayer<'_>, steps: u32) -> f64 {
    let x = vec![Block([321, -4_000, 17, 9_999]); layer.rows().width.blocks(layer.rows().inputs)];
    let mut h = vec![Block::default(); layer.rows().width.blocks(layer.rows().outputs)];
    let mut next = h.clone();
    let mut cell = vec![[0; 4]; layer.cell_blocks()];
    let start = Instant::now();
    for _ in 0..steps {
        layer.step::<K>(&x, &mut h, &mut cell, &mut next);
    }
    start.elapsed().as_secs_f64() / f64::from(steps)
}
