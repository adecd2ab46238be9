//! A project of its own for a board: firmware with a model, which builds and runs with `cargo run`.
//!
//! ```text
//! boards, engine → runner, startup, example, settings → project
//! ```
//!
//! [`BOARDS`] has a row for each board. The files of a project are filled in from `assets/firmware`; `Board`, model
//! and [`Engine`] decide what stands in them. The written project needs nothing of this repository.

mod boards;
mod engine;
mod example;
mod project;
mod runner;
mod settings;
mod startup;

pub use boards::{BOARDS, Board, Hal, Processor, Runtime, Time};
pub use engine::Engine;
pub use example::Example;
pub use project::{NameError, Project, ProjectName};
pub use runner::Runner;
pub use startup::Style;
