//! Files that are whole or absent ([`atomic`]), named tensors (`tensors`) and model files ([`model`]).

pub mod atomic;
pub mod model;
pub(crate) mod tensors;
