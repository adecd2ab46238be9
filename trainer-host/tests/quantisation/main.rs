//! How near integers are to the f32 network that they came from. Each file answers one question.

mod nearness;
mod numbers;
mod scheme_error;
