//! What the host asks and what a board answers.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::frame::read_all;
use crate::words::Width;

/// Bytes of arrays that always fit in a message of `message_bytes` bytes.
///
/// The rest is for lengths, offsets and ticks.
pub const fn payload_bytes(message_bytes: usize) -> usize {
    message_bytes.saturating_sub(16)
}

/// Writes `message`, a [`Request`] or a [`Response`], to the front of `buffer`; `None` when it does not fit.
pub fn write_message<'a, M: Serialize>(message: &M, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    postcard::to_slice(message, buffer)
        .ok()
        .map(|bytes| &*bytes)
}

/// The message that `bytes` are from the first to the last; `None` when they are none.
pub fn read_message<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Option<M> {
    read_all(bytes)
}

/// What the host asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Who is there? Answered by [`Response::Hello`].
    Hello,
    /// Work with the model in flash. Answered by [`Response::Model`].
    UseEmbedded,
    /// A model file of this length follows; the present model is forgotten. Answered by [`Response::Done`].
    BeginLoad {
        /// Length of the file.
        bytes: u32,
    },
    /// The next part of the model file. Answered by [`Response::Done`].
    Load {
        /// Position of the part in the file.
        offset: u32,
        /// The part.
        bytes: &'a [u8],
    },
    /// The model file is complete: parse it and work with it. Answered by [`Response::Model`], or by
    /// [`Refusal::Model`] with the parser's error.
    FinishLoad,
    /// Set the state to zero. Answered by [`Response::Done`].
    Reset,
    /// Advance the model by some time steps. Answered by [`Response::Outputs`].
    Run {
        /// Set the state to zero first.
        reset: bool,
        /// Return the outputs of every step instead of only those of the last.
        every_step: bool,
        /// How the inputs are written.
        width: Width,
        /// Raw inputs `[T, I]`.
        inputs: &'a [u8],
    },
    /// Answered by [`Response::State`].
    ReadState,
    /// Replace the state. Answered by [`Response::Done`].
    WriteState {
        /// As in [`Response::State`].
        bytes: &'a [u8],
    },
    /// Repeat the golden steps in the model file. Answered by [`Response::SelfTest`].
    SelfTest,
    /// How deep has the stack been? Answered by [`Response::Stack`].
    Stack,
    /// Advance the model by samples: by a time step for each frame that they end. Answered by [`Response::Heard`].
    Hear {
        /// Set the state to zero and forget samples first.
        reset: bool,
        /// Samples, in [`Width::I16`].
        samples: &'a [u8],
    },
    /// Which model did the board start with, and how long may one in its flash be? Answered by [`Response::Slots`].
    Slots,
    /// A new model for the flash follows; the present one is put away, and stays in its slot. Answered by
    /// [`Response::Done`], or by [`Refusal::Update`].
    BeginUpdate(Manifest),
    /// The next part of the new model. Answered by [`Response::Done`].
    WriteUpdate {
        /// Position of the part in the file.
        offset: u32,
        /// The part.
        bytes: &'a [u8],
    },
    /// The new model is complete: check it, and start with it next time, on trial. Answered by [`Response::Done`], or by
    /// [`Refusal::Update`].
    FinishUpdate,
    /// Keep the model that the board started with, which is on trial. The model in use is put away. Answered by
    /// [`Response::Done`], or by [`Refusal::Update`].
    Confirm,
    /// Start anew. Answered by [`Response::Done`] before the board does so; it is in no session then.
    Restart,
    /// Which order of weights suits the board's kernels? Answered by [`Response::WeightOrder`]; a board of an earlier firmware
    /// refuses it.
    WeightOrder,
}

/// What [`Request::BeginUpdate`] announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// A later model has a higher version.
    pub version: u32,
    /// Length of the file.
    pub bytes: u32,
    /// CRC-32C of the whole file, as in [`ModelInfo`].
    pub checksum: u32,
    /// Takes an older model too, and one with other inputs, outputs or names, or another task or mode.
    pub force: bool,
}

/// What a board answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// To [`Request::Hello`].
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// This model is in use now, its state is zero.
    Model(ModelInfo),
    /// The request was carried out.
    Done,
    /// To [`Request::Run`].
    Outputs {
        /// `[T, O]`, or `[O]` of the last step, in [`Width::I32`].
        outputs: &'a [u8],
        /// Ticks that the steps took together, [`TickRate::overhead`] included once per step; `None` when
        /// one step was too long for the counter.
        ticks: Option<u64>,
    },
    /// To [`Request::ReadState`].
    State {
        /// Cells, then hidden state, as the engine saves them.
        bytes: &'a [u8],
    },
    /// To [`Request::SelfTest`].
    SelfTest {
        /// Number of golden steps in the file.
        steps: u32,
        /// Whether every output was the one in the file.
        passed: bool,
    },
    /// To [`Request::Stack`].
    Stack(StackUse),
    /// The request was not carried out.
    Refused(Refusal<'a>),
    /// To [`Request::Hear`].
    Heard {
        /// For each frame that ended, its features `[I]` and the outputs `[O]` after it, in [`Width::I32`].
        frames: &'a [u8],
        /// Ticks that front end and network took together, [`TickRate::overhead`] included once per message; `None` when
        /// that was too long for the counter.
        ticks: Option<u64>,
    },
    /// To [`Request::Slots`].
    Slots(Slots),
    /// To [`Request::WeightOrder`].
    WeightOrder {
        /// The number of the order in a model file.
        code: u8,
    },
}

/// A board introduces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// Version of the firmware.
    pub version: &'a str,
    /// Name of the board.
    pub board: &'a str,
    /// Longest model file that it can receive.
    pub model_bytes: u32,
    /// Most state blocks of four units, of all layers together.
    pub state_blocks: u32,
    /// Most blocks of scratch memory.
    pub scratch_blocks: u32,
    /// Most inputs and most outputs.
    pub channels: u32,
    /// How its ticks are to be read.
    pub tick_rate: TickRate,
    /// The model in flash; `None` when the firmware was built without a valid one.
    pub embedded: Option<ModelInfo>,
}

/// How the ticks of a board's counter become instructions or cycles.
///
/// The counter is SysTick, clocked like the core: on real hardware a tick is one clock cycle. Under QEMU's
/// `-icount` time is counted in instructions, and a loop of known length says how many ticks one takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRate {
    /// Ticks that measuring nothing takes.
    pub overhead: u32,
    /// Ticks of a loop of [`loop_instructions`](Self::loop_instructions), `overhead` included.
    pub loop_ticks: u32,
    /// Instructions of that loop.
    pub loop_instructions: u32,
}

/// Shape of a model and a fingerprint of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Length of the file.
    pub bytes: u32,
    /// CRC-32C of the whole file.
    pub checksum: u32,
    /// Raw inputs per time step.
    pub inputs: u32,
    /// Outputs per time step.
    pub outputs: u32,
    /// Blocks of four cells that its state takes.
    pub state_blocks: u32,
    /// Blocks of scratch memory that a step takes.
    pub scratch_blocks: u32,
}

/// What a board keeps in its flash. [`Hello::embedded`] describes the model that it started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// Bytes of the longest model that a slot takes.
    pub room_bytes: u32,
    /// Version of the model that the board started with; `None` when it is the one that was compiled in.
    pub version: Option<u32>,
    /// Whether that model must be confirmed, or the next start goes back to the one before.
    pub is_on_trial: bool,
}

/// Depth of the stack, measured by painting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackUse {
    /// Deepest use of the whole program since it started.
    pub program_bytes: u32,
    /// Deepest use below the caller of the engine's step; 0 before the first step.
    pub step_bytes: u32,
}

/// What a board or a model can run short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// Bytes of the model buffer.
    ModelBytes,
    /// State blocks of four units.
    StateBlocks,
    /// Blocks of scratch memory.
    ScratchBlocks,
    /// Inputs or outputs.
    Channels,
    /// Bytes of a message.
    MessageBytes,
    /// Samples of a frame of the front end.
    FrameSamples,
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal<'a> {
    /// The request is no message of this protocol.
    Unreadable,
    /// The board is too small.
    TooSmall {
        /// What it has too little of.
        resource: Resource,
        /// How much the request needs.
        need: u32,
        /// How much the board has.
        have: u32,
    },
    /// There is no model to work with yet.
    NoModel,
    /// The firmware was built without a valid model.
    NoEmbeddedModel,
    /// A part of a model file came out of order or runs past its end.
    LoadOrder {
        /// The offset that was expected.
        expected: u32,
    },
    /// The engine refused the model file, for this reason.
    Model(&'a str),
    /// The inputs are no whole number of time steps, or the state has another length than the model's.
    Shape {
        /// Bytes that were sent.
        bytes: u32,
        /// Bytes of one time step, or of the whole array.
        unit_bytes: u32,
    },
    /// The stack ran into the program's variables while the request was carried out. The board forgets its model and
    /// its state: any of them may be damaged. A new model for the flash was not taken then.
    StackOverflow,
    /// The model takes no samples, or the firmware has no front end.
    NoFrontEnd,
    /// The new model was not taken, for this reason. The one that the board started with stays.
    Update(&'a str),
    /// The model takes whole windows, and the request is not one.
    WholeWindows,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ModelBytes => "bytes for a model file",
            Self::StateBlocks => "state blocks of four units",
            Self::ScratchBlocks => "blocks of scratch memory",
            Self::Channels => "inputs or outputs",
            Self::MessageBytes => "bytes for a message",
            Self::FrameSamples => "samples in a frame",
        })
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => {
                f.write_str("it knows no such request; was its firmware built from this version?")
            }
            Self::TooSmall {
                resource,
                need,
                have,
            } => write!(f, "this needs {need} {resource}, the board has {have}"),
            Self::NoModel => f.write_str("no model was loaded"),
            Self::NoEmbeddedModel => f.write_str("the firmware was built without a valid model"),
            Self::LoadOrder { expected } => {
                write!(f, "the model file was expected to go on at byte {expected}")
            }
            Self::Model(reason) => write!(f, "the model file was refused: {reason}"),
            Self::Shape { bytes, unit_bytes } => {
                write!(
                    f,
                    "{bytes} bytes were sent, expected {unit_bytes} at a time"
                )
            }
            Self::StackOverflow => f.write_str(
                "its stack ran into its variables, so nothing that it computed can be trusted; a smaller model, or \
                 more room for the stack (CAPACITY in the board's file), helps",
            ),
            Self::NoFrontEnd => f.write_str(
                "the model takes no samples, or the firmware was built without the cargo feature sound or statistics",
            ),
            Self::Update(reason) => write!(f, "the new model was not taken: {reason}"),
            Self::WholeWindows => f.write_str(
                "the model takes whole windows and has no state: all steps of a window must fit in one message, and begin anew",
            ),
        }
    }
}
