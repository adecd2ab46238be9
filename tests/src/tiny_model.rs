//! The model that firmware embeds by default, `lstm-nostd/examples/tiny.lstm`, and others like it.

use lstm_nostd::Task;
use lstm_nostd::artifact::{AlignedBytes, RandomModel};

use crate::reference::Reference;

/// Golden steps in the file.
const GOLDEN_STEPS: usize = 12;

/// A classification: five units with peepholes and random weights, and golden steps.
pub fn tiny_model() -> AlignedBytes {
    tiny_model_of(2002, 4, |_| ())
}

/// One of other weights, and of so many classes; `golden` may change an output of the golden steps.
pub fn tiny_model_of(seed: u64, outputs: usize, golden: impl Fn(&mut i32)) -> AlignedBytes {
    tiny_model_with(3, seed, outputs, golden)
}

/// [`tiny_model_of`] with so many inputs.
pub fn tiny_model_with(
    inputs: usize,
    seed: u64,
    outputs: usize,
    golden: impl Fn(&mut i32),
) -> AlignedBytes {
    let random = RandomModel {
        inputs,
        hidden: vec![5],
        dense: vec![],
        outputs,
        peepholes: true,
        schemes: vec![],
        seed,
        ..RandomModel::default()
    };
    let mut file = random.build();
    file.task = Task::Softmax;
    file.scales.clear();
    let bytes = file.to_bytes().expect("the shape fits the format");
    let mut reference = Reference::new(&bytes);
    for raw in random.raw_inputs(GOLDEN_STEPS) {
        let mut outputs = reference.run(&raw);
        golden(&mut outputs[0]);
        file.golden.push((raw, outputs));
    }
    file.to_bytes().expect("golden steps fit the format")
}
