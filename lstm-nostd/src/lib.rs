//! Quantised peephole LSTM inference for microcontrollers: `no_std`, no heap, integers only.
//!
//! A model file made by `trainer-host export` is parsed in place, in flash. A time step takes raw sensor
//! integers and a [`State`] that the caller owns, and returns the outputs:
//!
//! ```
//! use lstm_nostd::{decide, probability};
//!
//! lstm_nostd::include_model!(mod gestures = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
//!
//! # fn main() -> Result<(), lstm_nostd::ArtifactError> {
//! let model = gestures::load()?; // checks the whole file once; after it nothing can fail
//! let mut state = gestures::State::new(); // sized at compile time; one for each stream
//! # let recordings = [[[120, -980, 44], [131, -962, 40]], [[-700, 310, 5], [-742, 290, 0]]];
//! for recording in &recordings {
//!     state.reset();
//!     for raw in recording {
//!         model.advance(&mut state, raw);
//!     }
//!     let logits = model.outputs(&state);
//!     let class = decide(&logits);
//!     let mut probabilities = [0; gestures::SIZES.outputs]; // Q0.15
//!     probability::softmax(&logits, &mut probabilities);
//!     # assert_eq!(probabilities[class], *probabilities.iter().max().unwrap());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Raw inputs
//!
//! Normalisation is part of the model, so a step takes what the sensor gives. Each channel has a binary
//! fixed-point format: `raw = round(real · 2^f)` in an i32, saturating, with the fraction bits `f` of
//! [`Parsed::input_channel`]. A channel that was trained on whole counts has `f = 0`: its counts, an ADC's for example,
//! go in as they are. For a channel that was trained on real units, m/s² for example, [`Parsed::raw`] converts:
//!
//! ```
//! # lstm_nostd::include_model!(mod gestures = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
//! # fn main() -> Result<(), lstm_nostd::ArtifactError> {
//! # let (model, mut state, counts, acceleration) = (gestures::load()?, gestures::State::new(), [120, -980], 0.25);
//! let raw = [counts[0], counts[1], model.raw(2, acceleration)];
//! model.advance(&mut state, &raw);
//! # Ok(())
//! # }
//! ```
//!
//! `trainer-host inspect` prints each channel's format.
//!
//! # Samples of sound or vibration
//!
//! A model that was trained on recordings of sound has a [`front_end`]: it makes the raw inputs of samples, bit for bit as in
//! training. [`FixedModel::push_samples`] takes any number of samples, and steps at the end of each frame:
//!
//! ```
//! # fn listen<const I: usize, const O: usize, const C: usize, const H: usize, const S: usize, const N: usize, const W: usize>(
//! #     model: &lstm_nostd::FixedModel<'_, I, O, C, H, S>,
//! #     stream: &mut lstm_nostd::sample_stream::SampleStream<C, H, N, W>,
//! #     microphone: &[i16],
//! # ) {
//! if let Some(outputs) = model.push_samples(stream, microphone) {
//!     let word = lstm_nostd::decide(&outputs);
//!     # let _ = word;
//! }
//! # }
//! ```
//!
//! # Whole windows
//!
//! A model with layers that run backwards in time, or both ways, answers for a whole window and has no step.
//! [`Model::parse`] refuses it; [`WindowModel`] runs it, in a buffer of the caller: see [`window`].
//!
//! # When to reset
//!
//! Call [`State::reset`] at the beginning of each recording, or of each window of a stream. A network that was trained
//! on recordings or windows begins each of them with a fresh state. Fed with an endless stream, its cells go where
//! training never took them. `train --for-streams` trains a network for a state that is
//! never reset. `trainer-host eval --stream` shows what a network does without resets, and how its cells grow.
//!
//! [`recognise`] makes events of an endless stream: windows that overlap or one state with resets, thresholds, votes and a
//! refractory time, the same on a host and on a chip.
//!
//! # Outputs
//!
//! Outputs are logits in Q15.16 ([`I16F16`]): [`decide`] names the class, [`probability`] has sigmoid and
//! softmax in fixed point. Outputs of a linear model are distances from an offset, each in a unit of its own:
//! [`Parsed::value`] returns an output in the units of the training data as f32. On cores that had better not
//! compute in f32, [`OutputScale::whole`] returns it exactly, as an integer times a power of two.
//! [`Parsed::output_names`] has the names of classes or values.
//!
//! ```
//! # lstm_nostd::include_model!(mod tank = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
//! # fn main() -> Result<(), lstm_nostd::ArtifactError> {
//! # let (model, mut state, raw) = (tank::load()?, tank::State::new(), [0; 3]);
//! let outputs = model.step(&mut state, &raw);
//! let [pressure, ..] = model.values(&outputs); // f32, in Pa if the data was
//! let scale = model.model().output_scale(0);
//! let whole = scale.whole(outputs[0]); // i64: pressure = whole · 2^exponent
//! # assert_eq!(pressure, whole as f32 * 2f32.powi(scale.exponent.into()));
//! # Ok(())
//! # }
//! ```
//!
//! # Cargo features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `w8a8` | yes | layers with int8 activations |
//! | `w4a16` | yes | layers with int4 weights |
//! | `sound` | yes | features from samples of sound or vibration, [`front_end`] |
//! | `statistics` | yes | statistics of samples of motion, [`front_end`] |
//! | `front-end` | by the two | what they have in common; it does nothing alone |
//! | `gru` | yes | GRU layers; LSTM layers are in every build |
//! | `gru-before` | yes | GRU layers whose reset gate comes before the product |
//! | `projection` | yes | LSTM layers with a recurrent projection |
//! | `coupled` | yes | LSTM layers whose forget gate is one less the input gate |
//! | `conv` | yes | a convolution with a stride below the recurrent layers |
//! | `mean` | yes | models whose dense layers read the mean over time |
//! | `window` | yes | models of whole windows, with layers that run backwards or both ways, `WindowModel` |
//! | `write` | no | writing model files; needs an allocator, for hosts |
//! | `kernels-scalar` | no | the specification in place of the target's kernels |
//!
//! A build without a scheme or a kind of layer needs less flash. It refuses model files with that, and names the feature:
//! [`include_model!`] stops the build, [`Model::parse`] returns an error.
//!
//! # Compiler flags
//!
//! `build.rs` chooses the kernels from the target and its flags:
//!
//! | core | target | flags | kernels |
//! | --- | --- | --- | --- |
//! | Cortex-M0, M0+ | `thumbv6m-none-eabi` | | M0 |
//! | Cortex-M3 | `thumbv7m-none-eabi` | | M3 |
//! | Cortex-M4, M7 | `thumbv7em-none-eabi`, `-eabihf` | | DSP |
//! | Cortex-M33 with DSP | `thumbv8m.main-none-eabi`, `-eabihf` | `-C target-cpu=cortex-m33` | DSP |
//! | Cortex-M33 without DSP | `thumbv8m.main-none-eabi`, `-eabihf` | | M3 |
//! | Cortex-M55, M85 | `thumbv8m.main-none-eabihf` | `-C target-cpu=cortex-m55` | Helium |
//! | hosts | `x86_64` | | AVX2, or AVX-512 with VNNI, where the CPU has them |
//! | others | | | the specification |
//!
//! `trainer-host export --target CORE` orders the weights for the kernels. An engine refuses a file in the order of another
//! core: [`include_model!`] stops the build, [`Model::parse`] returns an error. `trainer-host new-firmware` writes a
//! project for a board with the right flags, features and order.
//!
//! The integers are the same on every core: [`kernels::scalar`] and the file of each kind of layer in
//! [`kernels`] define them, and every other backend reproduces them bit for bit. Modules use only those to
//! their left:
//!
//! ```text
//! bounded → requant → activation → kernels → layers, front_end → task, state → model, probability
//!         → sample_stream, recognise, window, artifact
//! ```
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "write")]
extern crate alloc;

#[cfg(target_endian = "big")]
compile_error!("model files are little-endian and read in place");

pub mod activation;
pub mod artifact;
#[cfg(all(
    feature = "front-end",
    not(any(feature = "sound", feature = "statistics"))
))]
compile_error!("the cargo feature `front-end` does nothing alone: turn on `sound` or `statistics`");

mod bounded;
#[cfg(feature = "front-end")]
pub mod front_end;
pub mod kernels;
pub mod layers;
pub mod model;
pub mod probability;
pub mod recognise;
pub mod requant;
#[cfg(feature = "front-end")]
pub mod sample_stream;
mod size_error;
pub mod state;
pub mod task;
#[cfg(feature = "window")]
pub mod window;

pub use artifact::ArtifactError;
pub use fixed::types::I16F16;
pub use kernels::Block;
pub use layers::input::InputChannel;
pub use layers::output::OutputScale;
pub use layers::{Direction, RecurrentLayer};
pub use model::{FixedModel, Model, Parsed, SelfTestError, decide};
pub use size_error::SizeError;
pub use state::State;
pub use task::{Mode, Task};
#[cfg(feature = "window")]
pub use window::WindowModel;
