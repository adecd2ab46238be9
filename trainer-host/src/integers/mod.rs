//! A quantised network on the host: put together, run as the chip runs it, and held against f32.
//!
//! ```text
//! input_format → stream → endless, assemble, layer_error, convolution, output_error, unit_trace, disagreement, clamped
//! ```

pub mod assemble;
pub mod clamped;
mod convolution;
pub mod disagreement;
pub mod endless;
pub mod engine;
pub mod input_format;
pub mod layer_error;
pub mod output_error;
pub mod stream;
pub mod unit_trace;
