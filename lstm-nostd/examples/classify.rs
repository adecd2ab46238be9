//! The whole use of the engine: a model in flash, recordings of a sensor, a class and its probability.
//!
//! ```text
//! cargo run -p lstm-nostd --example classify
//! ```
//!
//! Firmware looks the same, with `#![no_std]` and a sensor in place of the array.

use lstm_nostd::{ArtifactError, decide, probability};

lstm_nostd::include_model!(mod gestures = "tiny.lstm");

/// Two recordings: raw values of the three channels, one row a time step.
const RECORDINGS: [[[i32; 3]; 4]; 2] = [
    [
        [120, -980, 44],
        [131, -962, 40],
        [90, -1010, 61],
        [102, -975, 52],
    ],
    [
        [-700, 310, 5],
        [-742, 290, 0],
        [-690, 333, -9],
        [-711, 305, 2],
    ],
];

pub(crate) fn main() -> Result<(), ArtifactError> {
    // Checks the whole file. After this nothing can fail.
    let model = gestures::load()?;
    let mut state = gestures::State::new();

    for (number, recording) in RECORDINGS.iter().enumerate() {
        // A network that learned from whole recordings begins each of them with a fresh state.
        state.reset();
        for raw in recording {
            model.advance(&mut state, raw);
        }
        let logits = model.outputs(&state);
        let mut probabilities = [0; gestures::SIZES.outputs];
        probability::softmax(&logits, &mut probabilities);
        let class = decide(&logits);
        let name = model.model().output_names().nth(class).unwrap_or("?");
        let percent = 100.0 * f64::from(probabilities[class]) / 32_768.0;
        println!("recording {number}: {name}, {percent:.1} %");
    }
    Ok(())
}
