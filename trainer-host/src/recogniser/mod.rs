//! Continuous recognition on the host: its settings in a file, the engine's own recogniser over recorded streams, and
//! what its events are worth.
//!
//! ```text
//! file → recorded → judge
//! ```
//!
//! The recogniser itself is [`lstm_nostd::recognise`]; a chip runs the same code.

mod file;
mod judge;
mod recorded;

pub use file::{JudgeSettings, Occurrences, RecogniserFile};
pub use judge::{ClassEvents, Detections, JudgedEvent, Verdict, judge};
pub use recorded::{HostRecogniser, HostStreams, host_recogniser, recorded_events};
