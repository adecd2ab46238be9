//! Losses on the network's outputs before the head, with their gradients.
//!
//! ```text
//! cross-entropy          L = ln Σ_j exp(y_j) − Σ_j q_j y_j    dL/dy_j = softmax(y)_j − q_j       (L1)
//! binary cross-entropy   L = Σ_j max(y_j, 0) − y_j q_j        dL/dy_j = σ(y_j) − q_j             (L2)
//!                            + ln(1 + exp(−|y_j|))
//! mean squared error     L = Σ_j e_j² / O                     dL/dy_j = 2 e_j / O                (L3)
//! mean absolute error    L = Σ_j |e_j| / O                    dL/dy_j = sign(e_j) / O            (L4)
//! Huber                  L = Σ_j ½ e_j² / O                   dL/dy_j = e_j / O                  (L5)
//!                        or, for |e_j| > δ, δ (|e_j| − ½ δ)   or δ sign(e_j) / O
//! label smoothing        q_j = (1 − s) [j = k] + s / O        s / 2 for a binary output          (L6)
//! class weights          w_k L, the gradient likewise; balanced: w_k = N / (K n_k)               (L7)
//! ```
//!
//! Here e = y − q, k is the class, n_k the number of judged rows of class k, N their sum, and K the number of classes
//! that occur. [`SoftTargets`] has the equations (L8) and (L9) for soft targets. (L5) is Huber 1964, (L6) Szegedy et
//! al. 2016, (L7) King and Zeng 2001.
//!
//! A batch's loss is the sum over its judged rows divided by their number. It is not divided by the sum of their
//! weights; if it were, the class weights would have no effect in a batch of one class. A sequence has one judged row,
//! or, in sequence to sequence, one for each valid step. No step is padding, see [`crate::passes::forward`].

mod class_weights;
mod config;
mod distillation;
mod objective;
mod target;

pub use class_weights::ClassWeights;
pub use config::LossConfig;
pub use distillation::SoftTargets;
pub use objective::{Loss, Objective};
pub use target::{Expected, Target};
