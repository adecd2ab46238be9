//! Files that are whole or absent ([`atomic`]), the calls that change them (`disk`), named tensors (`tensors`) and model files ([`model`]).

pub mod atomic;
pub(crate) mod disk;
pub mod model;
pub(crate) mod tensors;
pub mod versioned;
