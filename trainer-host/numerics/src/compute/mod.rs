//! The f32 arithmetic of training and evaluation. It uses the vector unit of every core without a compiler flag.
//!
//! ```text
//! lanes → panels → product, activation → large_product
//! cholesky
//! ```
//!
//! Matrices are stored as panels of 16 columns (`panels.rs`). So every product reads and writes whole cache lines and
//! needs no packing. Each element of a result is one chain of fused multiply-adds in a fixed order. The width of the
//! vector unit and the shape of the register tile change the speed, never the bits.
//!
//! `cholesky.rs` stands apart: it is in f64, for ridge regression and for the rounding of weights.
pub mod activation;
pub mod cholesky;
pub(crate) mod lanes;
pub mod large_product;
pub(crate) mod panels;
pub(crate) mod product;
