//! Noise and dropout of a training.

/// What is done to a network during training, so that it generalises.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Perturbation {
    /// Standard deviation of Gaussian noise on the normalised inputs.
    pub input_noise: f32,
    /// Probability that an input is dropped: (D1) of dropout.
    pub input_dropout: f32,
    /// Probability that an output of an LSTM layer is dropped on its way to the next layer: (D2).
    pub dropout: f32,
    /// Probability that an output is dropped on its way to the next step: (D3).
    pub recurrent_dropout: f32,
    /// Probability that a candidate is dropped: (D4).
    pub candidate_dropout: f32,
}
