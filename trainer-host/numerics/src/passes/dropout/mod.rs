//! Dropout in its forms: a value is kept with probability `1 − rate` and scaled by
//! `1 / (1 − rate)`, or becomes zero.
//!
//! ```text
//! inputs          x_t ⊙ m_t                           m_t new for each step           (D1)
//! between layers  h_t ⊙ m_t, on its way up            m_t new for each step           (D2)
//! recurrent       W_h (h_{t−1} ⊙ m)                   m one for a sequence and layer  (D3)
//! candidate       c_t = f_t ⊙ c_{t−1}                 m_t new for each step           (D4)
//!                     + i_t ⊙ (m_t ⊙ g_t)
//! ```
//!
//! (D1) and (D2) are Srivastava et al. 2014 as Zaremba, Sutskever and Vinyals 2014 use it, (D3)
//! is the variational dropout of Gal and Ghahramani 2016 with one mask for all gates, (D4) the
//! recurrent dropout without memory loss of Semeniuta, Severyn and Barth 2016.
//!
//! Each keeps the mean of what it touches, so that the network that is evaluated and exported is a
//! plain LSTM. Zoneout (Krueger et al. 2017) does not: its evaluation mixes h_{t−1} and c_{t−1} into
//! each new state, which the engine has no step for. (D4) is its like that leaves no trace: where
//! the mask is zero, the cell keeps what it remembers but for the forget gate.
//!
//! Every sequence has random generators of its own, so that what it loses does not depend on the
//! batch around it or on the thread that computes it.

mod between_layers;
mod masks;

pub(crate) use between_layers::BetweenLayers;
pub(crate) use masks::Masks;

/// Streams of a sequence's random numbers, so that no lever changes another's.
pub mod stream {
    pub(crate) const BETWEEN_LAYERS: u64 = 0;
    pub(crate) const INPUT_NOISE: u64 = 1;
    pub(crate) const INPUTS: u64 = 2;
    pub(crate) const RECURRENT: u64 = 3;
    pub(crate) const CANDIDATE: u64 = 4;
    /// Of what changes sequences before the forward pass.
    pub const AUGMENTATION: u64 = 5;
}

/// Every form over one forward pass; all rates are zero to begin with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dropout {
    /// (D1)
    pub(crate) inputs: Masks,
    /// (D2)
    pub(crate) between_layers: BetweenLayers,
    /// (D3)
    pub(crate) recurrent: Masks,
    /// (D4)
    pub(crate) candidate: Masks,
}
