//! The arithmetic of the baselines that stand beside a network; `trainer-host` fits them to data.

pub mod softmax_regression;
pub mod warping;
