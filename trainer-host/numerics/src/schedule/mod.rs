//! Learning rates over a training run.
//!
//! With η the peak rate, p the share of the run's updates that are done, w the warm-up share, e the
//! epochs that are done and γ a factor below 1:
//!
//! ```text
//! constant      η                                                                     (LR0)
//! warm-up       η p / w                                    for p < w                  (LR1)
//! cosine        η (½ + ½ cos(π (p − w) / (1 − w)))         from there on              (LR2)
//! step          η γ^⌊e / every⌋                                                       (LR3)
//! exponential   η γ^e                                                                 (LR4)
//! one-cycle     η cosine from `start` to 1                 for p < w                  (LR5)
//!               η cosine from 1 to `end`                   from there on
//!               momentum cosine from `high` to `low`       for p < w                  (LR8)
//!               momentum cosine from `low` to `high`       from there on
//! plateau       η γ^n, n the times that the validation loss did not improve for
//!               `patience` epochs in a row                                            (LR6)
//! backtracking  the same, and each time the weights and the optimiser go back to
//!               those of the lowest validation loss                                   (LR7)
//! ```
//!
//! (LR2) is Loshchilov and Hutter 2017 without restarts. (LR5) and (LR8) are Smith and Topin 2018 as PyTorch
//! writes them; (LR8) sets the momentum of SGD and RMSprop, or Adam's β₁, unless that is zero. (LR7) is the
//! `newbob` rule of speech recognition, with the bold driver's return (Battiti 1989) at the end of an epoch.

mod adaptation;
mod config;
mod rate;

pub use adaptation::{Adaptation, Monitor, Verdict};
pub use config::{Schedule, ScheduleKind};
pub use rate::Position;
