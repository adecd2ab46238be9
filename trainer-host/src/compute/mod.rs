//! The f32 arithmetic under training and evaluation, written so that every core's vector unit is
//! used without a compiler flag.
//!
//! ```text
//! lanes → panels → product, activation, large_product
//! ```
//!
//! Matrices are stored as panels of 16 columns (`panels.rs`), so that each product below
//! reads and writes whole cache lines and none needs packing. Each element of a result is one
//! chain of fused multiply-adds in a fixed order; the width of the vector unit and the shape of
//! the register tile change the speed, never the bits.
pub mod activation;
pub(crate) mod lanes;
pub mod large_product;
pub(crate) mod panels;
pub(crate) mod product;
