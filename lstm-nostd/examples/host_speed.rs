//! Time of a layer's step on the host: the specification, and the kernels of this build.
//!
//! ```text
//! cargo run --release -p lstm-nostd --features write --example host_speed
//! ```

use std::time::Instant;

use lstm_nostd::artifact::RandomModel;
use lstm_nostd::kernels::{Active, Block, Kernels, Scheme, scalar::Scalar};
use lstm_nostd::{Model, RecurrentLayer};

fn main() {
    println!(
        "{:>6} {:>8} {:>14} {:>10} {:>6}",
        "scheme", "shape", "specification", "kernels", "gain"
    );
    for scheme in Scheme::ALL {
        for (inputs, hidden) in [(3, 16), (9, 32), (16, 64), (10, 118), (40, 128)] {
            let random = RandomModel {
                inputs,
                hidden: vec![hidden],
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
            let [slow, fast] = [seconds::<Scalar>(layer), seconds::<Active>(layer)];
            println!(
                "{scheme:>6} {:>8} {:>11.2} µs {:>7.2} µs {:>6.1}",
                format!("{inputs}, {hidden}"),
                slow * 1e6,
                fast * 1e6,
                slow / fast
            );
        }
    }
}

/// The best of several means.
fn seconds<K: Kernels>(layer: &RecurrentLayer<'_>) -> f64 {
    const STEPS: u32 = 500;
    let x = vec![Block([321, -4_000, 17, 9_999]); layer.rows().width.blocks(layer.rows().inputs)];
    let mut h = vec![Block::default(); layer.rows().width.blocks(layer.rows().outputs)];
    let mut next = h.clone();
    let mut cell = vec![[0; 4]; layer.cell_blocks()];
    let mean = |_| {
        let start = Instant::now();
        for _ in 0..STEPS {
            layer.step::<K>(&x, &mut h, &mut cell, &mut next);
        }
        start.elapsed().as_secs_f64() / f64::from(STEPS)
    };
    (0..20).map(mean).fold(f64::INFINITY, f64::min)
}
