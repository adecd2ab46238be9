//! Quantised peephole LSTM inference for microcontrollers: `no_std`, no heap, integers only.
//!
//! A model file made by `trainer-host export` is parsed in place, in flash; a time step takes raw
//! sensor integers and a [`State`] that the caller owns, and returns the outputs:
//!
//! ```ignore
//! lstm_nostd::include_model!(mod gestures = "../gestures.lstm");
//!
//! let model = gestures::load()?;              // checked once; after it nothing can fail
//! let mut state = gestures::State::new();     // one for each stream
//! for raw in samples {
//!     let logits = model.step(&mut state, &raw);
//!     show(lstm_nostd::decide(&logits));
//! }
//! ```
//!
//! The integers are the same on every core: [`kernels::scalar`] defines them, and every other
//! backend reproduces them bit for bit. Modules use only those to their left:
//!
//! ```text
//! requant → activation → kernels → layers → state, model, probability → artifact
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "write")]
extern crate alloc;

#[cfg(target_endian = "big")]
compile_error!("model files are little-endian and read in place");

pub mod activation;
pub mod artifact;
pub mod kernels;
pub mod layers;
pub mod model;
pub mod probability;
pub mod requant;
pub mod state;

pub use artifact::ArtifactError;
pub use fixed::types::I16F16;
pub use kernels::I16x4;
pub use layers::input::InputChannel;
pub use model::{FixedModel, Mode, Model, SelfTestError, SizeError, Task, decide};
pub use state::State;
