//! What networks would cost on each core, from their sizes alone, before anything is trained.
//!
//! ```text
//! cargo run --release -p trainer-host --example cost_before_training
//! ```

use std::cmp::Ordering;

use lstm_nostd::kernels::Scheme;
use trainer_host::cost::{Core, DenseSize, RecurrentKind, RecurrentSize, step};

/// Input channels and classes of the task.
const CHANNELS: usize = 6;
const CLASSES: usize = 5;

pub(crate) fn main() {
    println!(
        "instructions of a time step, w8a16 with peepholes, {CHANNELS} channels, {CLASSES} classes"
    );
    print!("{:>6}", "units");
    for core in Core::ALL {
        print!("{:>9}", core.name());
    }
    println!();
    for units in [8, 16, 32, 64, 128] {
        let layer = RecurrentSize {
            kind: RecurrentKind::Lstm,
            scheme: Scheme::W8a16,
            inputs: CHANNELS,
            hidden: units,
            projection: None,
            peepholes: true,
            shifts: Ordering::Equal,
        };
        let output = DenseSize {
            inputs: units,
            outputs: CLASSES,
        };
        print!("{units:>6}");
        for core in Core::ALL {
            print!(
                "{:>9.0}",
                step(core, CHANNELS, &[layer], &[output]).instructions
            );
        }
        println!();
    }
}
