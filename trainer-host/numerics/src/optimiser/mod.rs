//! Optimisers: from a gradient to the next parameters.
//!
//! With g the gradient, θ the parameters, η the learning rate and λ the weight decay, at step
//! t = 1, 2, …
//!
//! ```text
//! gradient descent   θ ← θ − η g                                                     (U1)
//! SGD                v ← μ v + g,   θ ← θ − η v,   or with Nesterov θ − η (g + μ v)   (U2)
//! RMSprop            v ← α v + (1 − α) g²,   b ← μ b + g / (√v + ε),   θ ← θ − η b    (U3)
//! Adam               m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
//!                    θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)               (U4)
//! AdamW              θ ← (1 − η λ) θ, then (U4)                                      (U5)
//! all others         g ← g + λ θ first                                               (U6)
//! ```
//!
//! (U2) is Polyak's heavy ball and (U3) Hinton's RMSprop as PyTorch writes them, Nesterov's form
//! that of Sutskever et al. 2013; (U4) is Kingma and Ba 2015, Algorithm 1; (U5) Loshchilov and
//! Hutter 2019. Weight decay acts on weight matrices only. Biases and peepholes are few, and weight decay
//! should not draw a forget gate's bias to zero.
//!
//! Every optimiser sees a network as one flat sequence of parameters, in the order of
//! [`crate::network::Network::parameters`].

mod clipping;
mod config;
mod update;

pub use clipping::clip_global_norm;
pub use config::{OptimiserConfig, OptimiserKind};
pub use update::Optimiser;
