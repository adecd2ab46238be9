//! What `lstm-nostd` computes on the host: the answer that every core must give.

use lstm_nostd::{I16F16, I16x4, Model, State};

/// Blocks of state and scratch that suffice for every model in these tests.
const BLOCKS: usize = 1024;

/// A stream on the host.
pub struct Reference<'m> {
    model: Model<'m>,
    state: Box<State<BLOCKS>>,
    scratch: Vec<I16x4>,
}

impl<'m> Reference<'m> {
    /// A fresh stream of the model in `file`, which must be valid.
    pub fn new(file: &'m [u8]) -> Self {
        Self {
            model: Model::parse(file).expect("the test's model is valid"),
            state: Box::new(State::new()),
            scratch: vec![I16x4::default(); BLOCKS],
        }
    }

    /// Outputs `[T, O]` of the time steps `raw`, `[T, I]`, as bits of Q15.16.
    pub fn run(&mut self, raw: &[i32]) -> Vec<i32> {
        let mut outputs = vec![I16F16::ZERO; self.model.outputs()];
        let mut all = Vec::new();
        for step in raw.chunks_exact(self.model.inputs()) {
            let state = (&mut self.state.hidden[..], &mut self.state.cell[..]);
            self.model
                .step(state, &mut self.scratch, step, &mut outputs)
                .expect("the buffers suffice");
            all.extend(outputs.iter().map(|output| output.to_bits()));
        }
        all
    }

    /// The state as the engine saves it.
    pub fn state(&self) -> Vec<u8> {
        let saved = self.state.to_bytes();
        saved[..self.model.state_blocks()].as_flattened().to_vec()
    }
}
