//! The static buffers of the link's server, sized for the board.

use lstm_link::{LEAST_PIECE, payload_bytes, piece_bytes};
#[cfg(feature = "front-end")]
use lstm_nostd::front_end::{Signal, Word2};
use lstm_nostd::{Block, I16F16, State};

use crate::board::CAPACITY;

// A whole state must fit in a message, and the shortest piece in a frame.
const _: () = assert!(
    CAPACITY.state_blocks * size_of::<State<1, 1>>() <= payload_bytes(CAPACITY.message_bytes)
        && piece_bytes(CAPACITY.frame_bytes) >= LEAST_PIECE
);

/// A buffer on the boundary that a model file needs.
#[repr(C, align(8))]
pub struct ModelBytes(pub [u8; CAPACITY.model_bytes]);

/// The server's memory beside its stack.
pub struct Memory {
    /// A model file received at run time.
    pub file: ModelBytes,
    /// A received frame.
    pub received: [u8; CAPACITY.frame_bytes],
    /// A frame to send.
    pub sent: [u8; CAPACITY.frame_bytes],
    /// The request that arrives, in one frame or several.
    pub request: [u8; CAPACITY.message_bytes],
    /// The last answer, which stays until the next request is complete.
    pub answer: [u8; CAPACITY.message_bytes],
    /// Memory that the model reads and writes.
    pub work: Work,
}

/// Memory that a model reads and writes.
pub struct Work {
    /// State of the stream.
    pub state: State<{ CAPACITY.state_blocks }, { CAPACITY.state_blocks }>,
    /// Samples of the stream that the front end still needs.
    #[cfg(feature = "front-end")]
    pub signal: Signal<[i16; CAPACITY.frame_samples]>,
    /// Of the front end, while a frame is computed.
    #[cfg(feature = "front-end")]
    pub points: [Word2; CAPACITY.frame_samples / 2],
    /// Scratch memory of a step.
    pub scratch: [Block; CAPACITY.scratch_blocks],
    /// Raw inputs of one step.
    pub raw: [i32; CAPACITY.channels],
    /// Outputs of one step.
    pub outputs: [I16F16; CAPACITY.channels],
    /// Outputs of several steps, or a state, on their way into an answer.
    pub payload: [u8; payload_bytes(CAPACITY.message_bytes)],
}

impl Memory {
    /// All zeros, so that the initial values take no flash.
    pub const fn new() -> Self {
        Self {
            file: ModelBytes([0; CAPACITY.model_bytes]),
            received: [0; CAPACITY.frame_bytes],
            sent: [0; CAPACITY.frame_bytes],
            request: [0; CAPACITY.message_bytes],
            answer: [0; CAPACITY.message_bytes],
            work: Work {
                state: State::new(),
                #[cfg(feature = "front-end")]
                signal: Signal::EMPTY,
                #[cfg(feature = "front-end")]
                points: [[0; 2]; CAPACITY.frame_samples / 2],
                scratch: [Block::ZERO; CAPACITY.scratch_blocks],
                raw: [0; CAPACITY.channels],
                outputs: [I16F16::ZERO; CAPACITY.channels],
                payload: [0; payload_bytes(CAPACITY.message_bytes)],
            },
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}
