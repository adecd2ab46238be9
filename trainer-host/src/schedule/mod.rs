//! Learning rates over a training run.
//!
//! With η the peak rate, p the share of the run's updates that are done, w the warm-up share, e the
//! epochs that are done and γ a factor below 1:
//!
//! ```text
//! constant      η                                                                     (R0)
//! warm-up       η p / w                                    for p < w                  (R1)
//! cosine        η (½ + ½ cos(π (p − w) / (1 − w)))         from there on              (R2)
//! step          η γ^⌊e / every⌋                                                       (R3)
//! exponential   η γ^e                                                                 (R4)
//! one-cycle     η cosine from `start` to 1                 for p < w                  (R5)
//!               η cosine from 1 to `end`                   from there on
//!               momentum cosine from `high` to `low`       for p < w                  (R8)
//!               momentum cosine from `low` to `high`       from there on
//! plateau       η γ^n, n the times that the validation loss did not improve for
//!               `patience` epochs in a row                                            (R6)
//! backtracking  the same, and each time the weights and the optimiser go back to
//!               those of the lowest validation loss                                   (R7)
//! ```
//!
//! (R2) is Loshchilov and Hutter 2017 without restarts, (R5) Smith and Topin 2018 as PyTorch
//! writes it: (R8) is the momentum of SGD and RMSprop or Adam's β₁, if it is not zero; (R7) is the `newbob` of speech recognition and
//! the bold driver's way back (Battiti 1989), epoch by epoch.

mod adaptation;
mod rate;

pub use adaptation::{Adaptation, Monitor, Verdict};
pub use rate::{Position, Schedule, ScheduleKind};
