//! Training from the inside. Each file answers one question.

mod checkpoints;
mod gradients;
mod learning;
mod levers;
