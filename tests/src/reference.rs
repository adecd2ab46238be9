//! The outputs of `lstm-nostd` on the host, which every core must equal.

use lstm_nostd::Model;
use lstm_nostd::kernels::lanes;
use trainer_host::integers::stream::Stream;

/// A stream on the host.
pub struct Reference<'m> {
    model: Model<'m>,
    stream: Stream,
}

impl<'m> Reference<'m> {
    /// A fresh stream of the model in `file`, which must be valid.
    pub fn new(file: &'m [u8]) -> Self {
        let model = Model::parse(file).expect("the test's model is valid");
        let stream = Stream::new(&model);
        Self { model, stream }
    }

    /// Outputs `[T, O]` of the time steps `raw`, `[T, I]`, as bits of Q15.16.
    pub fn run(&mut self, raw: &[i32]) -> Vec<i32> {
        let mut outputs = Vec::new();
        for step in raw.chunks_exact(self.model.inputs()) {
            let step = self.stream.step(&self.model, step);
            outputs.extend(step.iter().map(|output| output.to_bits()));
        }
        outputs
    }

    /// The state: cells, then hidden state, as the engine saves them.
    pub fn state(&self) -> Vec<u8> {
        let cells = self.stream.cell.as_flattened().iter();
        let mut bytes: Vec<u8> = cells.flat_map(|cell| cell.to_le_bytes()).collect();
        bytes.extend(lanes::<i8>(&self.stream.hidden).iter().map(|h| *h as u8));
        bytes
    }
}
