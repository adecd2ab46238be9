//! A model that arrives at run time, from a file here and over a serial line or from a flash slot on a chip.
//! Its sizes are not known when the program is built, so the caller brings buffers.
//!
//! ```text
//! cargo run -p lstm-nostd --example model_at_run_time -- model.lstm
//! ```

use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::kernels::Block;
use lstm_nostd::{I16F16, Model};

/// Blocks of cells, of hidden state and of scratch memory, and outputs: the largest model that fits here.
const CELLS: usize = 64;
const HIDDEN: usize = 64;
const SCRATCH: usize = 96;
const OUTPUTS: usize = 16;

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1);
    let path =
        path.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm").into());
    // The file is read in place: it must lie at a multiple of eight bytes, as `AlignedBytes` does.
    let file = AlignedBytes::from(&*std::fs::read(path)?);
    let model = Model::parse(&file)?;
    println!(
        "channels {}",
        model.input_names().collect::<Vec<_>>().join(", ")
    );

    // Runs the steps stored in the file on this build's kernels and compares every bit.
    let steps = model.self_test::<CELLS, HIDDEN, SCRATCH, OUTPUTS>()?;
    println!("self-test: {steps} steps equal");

    let mut hidden = [Block::default(); HIDDEN];
    let mut cell = [[0; 4]; CELLS];
    let mut scratch = [Block::default(); SCRATCH];
    let mut outputs = [I16F16::ZERO; OUTPUTS];
    let raw = vec![0; model.inputs()];
    model.step((&mut hidden, &mut cell), &mut scratch, &raw, &mut outputs)?;
    println!("outputs {:?}", &outputs[..model.outputs()]);
    Ok(())
}
