//! Training throughput: sequences per second of forward, backward and update, on one thread and on
//! two, beside the machine's matrix product in the same run.
//!
//! ```text
//! cargo bench -p trainer-host --bench training
//! ```
//!
//! Batches of 32, f32, peepholes on. The share of the peak counts 24 · H · (I + H) · T
//! floating-point operations a sequence; the peak is a 2048³ product cut between the threads, by
//! `matrixmultiply` or by this crate's own panels, whichever is faster here. Before it is timed,
//! each shape is trained for a few updates on one thread and on two, and the weights must be the
//! same to the bit.
//!
//! A second table has the kinds of recurrent layers on one thread: multiply-accumulates a second, three times those of
//! a forward pass for an update, and the share of the LSTM's.

use std::time::Instant;

use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPool;
use rayon::prelude::*;
use trainer_host::compute::large_product::LargeProduct;
use trainer_host::loss::{Loss, Target};
use trainer_host::network::{Cell, Head, Mode, Network, NetworkConfig};
use trainer_host::optimiser::{Optimiser, OptimiserConfig, clip_global_norm};
use trainer_host::passes::backward::Backpropagation;
use trainer_host::passes::example::Example;
use trainer_host::passes::perturbation::Perturbation;

const SHAPES: [(usize, usize, usize); 7] = [
    (128, 9, 32),
    (128, 9, 64),
    (140, 1, 32),
    (40, 13, 64),
    (40, 20, 128),
    (100, 16, 128),
    (50, 32, 256),
];
/// Of the table of kinds.
const KIND_SHAPES: [(usize, usize, usize); 3] = [(128, 9, 32), (128, 9, 64), (40, 20, 128)];
const BATCH: usize = 32;
/// A measurement is the best of several of at least this long: the machine has other work.
const MEASURE_SECONDS: f64 = 0.25;
const MEASUREMENTS: usize = 6;
/// Updates after which weights are compared.
const UPDATES: usize = 20;

fn main() {
    let pools = [1, 2].map(|threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads start")
    });
    shapes(&pools);
    kinds(&pools[0]);
}

/// LSTM layers of several shapes, on one thread and on two.
fn shapes(pools: &[ThreadPool; 2]) {
    let [one, two] = pools;
    let cell = Cell::Lstm { peepholes: true };
    let peaks = [(one, 1), (two, 2)].map(|(pool, threads)| {
        let library = pool.install(|| library_peak(threads));
        let own = pool.install(|| own_peak(threads));
        println!(
            "2048³ product on {threads} thread(s): {:.1} GFLOP/s by matrixmultiply, {:.1} by panels",
            library / 1e9,
            own / 1e9
        );
        library.max(own)
    });
    println!("  T,  I,   H | 1 thread: seq/s (share) | 2 threads: seq/s (share)");
    for (steps, inputs, hidden) in SHAPES {
        let work = (24 * hidden * (inputs + hidden) * steps) as f64;
        let [a, b] = [one, two].map(|pool| {
            pool.install(|| {
                let mut training = Training::new(cell, (steps, inputs, hidden));
                (0..UPDATES).for_each(|_| training.update());
                training.network
            })
        });
        assert_eq!(a, b, "weights on one thread and on two");
        let rates = [one, two].map(|pool| {
            pool.install(|| {
                let mut training = Training::new(cell, (steps, inputs, hidden));
                rate(|| training.update()) * BATCH as f64
            })
        });
        println!(
            "{steps:3}, {inputs:2}, {hidden:3} | {:12.0} ({:5.1} %) | {:12.0} ({:5.1} %)",
            rates[0],
            100.0 * rates[0] * work / peaks[0],
            rates[1],
            100.0 * rates[1] * work / peaks[1]
        );
    }
}

/// Every kind of recurrent layer that can be trained, on one thread.
fn kinds(pool: &ThreadPool) {
    println!("\n  T,  I,   H, kind      | 10⁹ multiply-accumulates a second (of the LSTM's)");
    for (steps, inputs, hidden) in KIND_SHAPES {
        // Weights of the recurrent layer.
        let gates = |count: usize| count * hidden * (inputs + hidden);
        let outputs = hidden / 2;
        let projected = 4 * hidden * (inputs + outputs) + hidden * outputs;
        let peepholes = true;
        let kinds = [
            (Cell::Lstm { peepholes }, "lstm", gates(4)),
            (Cell::Gru, "gru", gates(3)),
            (Cell::Coupled { peepholes }, "coupled", gates(3)),
            (
                Cell::Projected { peepholes, outputs },
                "projected",
                projected,
            ),
        ];
        let mut of_lstm = None;
        for (cell, name, weights) in kinds {
            let updates = pool.install(|| {
                let mut training = Training::new(cell, (steps, inputs, hidden));
                rate(|| training.update())
            });
            let speed = updates * (3 * weights * steps * BATCH) as f64 / 1e9;
            let share = 100.0 * speed / *of_lstm.get_or_insert(speed);
            println!("{steps:3}, {inputs:2}, {hidden:3}, {name:9} | {speed:6.2} ({share:5.1} %)");
        }
    }
}

/// Repetitions of `work` per second, the best of several measurements.
fn rate(mut work: impl FnMut()) -> f64 {
    work();
    (0..MEASUREMENTS)
        .map(|_| {
            let start = Instant::now();
            let mut count = 0.0;
            while start.elapsed().as_secs_f64() < MEASURE_SECONDS {
                work();
                count += 1.0;
            }
            count / start.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

/// Rows and columns of the product that the peak is measured with.
const N: usize = 2048;

fn factors() -> [Array2<f32>; 2] {
    [0.5, 0.25].map(|value| Array2::from_elem((N, N), value))
}

/// Floating-point operations per second of this crate's own product.
fn own_peak(threads: usize) -> f64 {
    let [a, b] = factors();
    let mut product = LargeProduct::new(&a, &b, threads);
    rate(|| product.run()) * 2.0 * (N * N * N) as f64
}

/// Floating-point operations per second of `matrixmultiply`'s product.
fn library_peak(threads: usize) -> f64 {
    let [a, b] = factors();
    let mut c = Array2::zeros((N, N));
    let rows = N / threads;
    let products = rate(|| {
        let parts: Vec<_> = c
            .exact_chunks_mut((rows, N))
            .into_iter()
            .enumerate()
            .collect();
        parts.into_par_iter().for_each(|(part, mut c)| {
            let a = a.slice(s![part * rows..(part + 1) * rows, ..]);
            ndarray::linalg::general_mat_mul(1.0, &a, &b, 0.0, &mut c);
        });
    });
    products * 2.0 * (N * N * N) as f64
}

/// A network in training on one batch.
struct Training {
    network: Network,
    sequences: Vec<Array2<f32>>,
    optimiser: Optimiser,
    backpropagation: Backpropagation,
}

impl Training {
    fn new(cell: Cell, (steps, inputs, hidden): (usize, usize, usize)) -> Self {
        let config = NetworkConfig {
            inputs,
            conv: None,
            directions: Vec::new(),
            hidden: vec![hidden],
            cell,
            dense: vec![],
            outputs: 10,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        let network = Network::new(&config, 1).expect("the shapes are valid");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let sequences = (0..BATCH)
            .map(|_| Array2::from_shape_fn((steps, inputs), |_| rng.random_range(-1.0..1.0)))
            .collect();
        let parameters = network.parameter_count();
        Self {
            optimiser: Optimiser::new(OptimiserConfig::default(), parameters),
            backpropagation: Backpropagation::new(
                &network,
                Loss::CrossEntropy,
                Perturbation::default(),
            ),
            network,
            sequences,
        }
    }

    /// Forward, backward and update.
    fn update(&mut self) {
        let batch: Vec<Example<'_>> = (self.sequences.iter().enumerate())
            .map(|(b, sequence)| Example {
                sequence: sequence.view(),
                target: Target::Class(b % 10),
                seed: 0,
                teacher: None,
            })
            .collect();
        let (_, gradient) = self.backpropagation.gradient(&self.network, &batch);
        clip_global_norm(gradient, Some(1.0));
        self.optimiser.update(&mut self.network, gradient, 1e-3);
    }
}
