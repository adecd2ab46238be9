//! Answers the host's requests, one after the other, for ever.
//!
//! A model borrows its file. So each model has its own [`Server::session`], which ends when another one is
//! wanted and the file's buffer must be free.

use core::fmt::Write as _;

use cortex_m::peripheral::SYST;
use embedded_io::{Read, Write};
use heapless::String;
use lstm_link::{
    Envelope, Hello, ModelInfo, PROTOCOL, Receiver, Refusal, Request, Resource, Response, StackUse,
    TickRate, Width, checksum, payload_bytes,
};
use lstm_nostd::{Block, Model};

use crate::board::{CAPACITY, NAME};
use crate::counter::Counter;
use crate::embedded;
use crate::line::Line;
use crate::memory::{Memory, Work};
use crate::stack::Painted;

/// Longest text of the engine's errors.
const REASON_BYTES: usize = 192;

/// Why a session ended.
enum Next {
    /// The model in flash is wanted.
    Embedded { id: u16 },
    /// A model file of this length is about to arrive.
    Load { id: u16, bytes: u32 },
    /// A model file has arrived.
    Parse { id: u16, bytes: usize },
}

/// Everything but the model and its file.
struct Server<'m, S> {
    line: Line<'m, S>,
    receiver: Receiver<'m>,
    work: &'m mut Work,
    counter: Counter,
    tick_rate: TickRate,
    embedded: Option<ModelInfo>,
    program: Painted,
    step_stack_bytes: u32,
}

/// Serves `serial`. `program` is the stack as it was painted when the program began.
pub fn serve<S: Read + Write>(
    serial: S,
    systick: SYST,
    program: Painted,
    memory: &'static mut Memory,
) -> ! {
    let mut counter = Counter::start(systick);
    let tick_rate = counter.rate();
    let embedded = Model::parse(embedded::FILE).ok();
    let mut server = Server {
        line: Line::new(serial, &mut memory.sent),
        receiver: Receiver::new(&mut memory.received),
        work: &mut memory.work,
        counter,
        tick_rate,
        embedded: embedded.and_then(|model| fitting(&model, embedded::FILE).ok()),
        program,
        step_stack_bytes: 0,
    };
    let file = &mut memory.file.0;
    let mut next = server.session(None);
    loop {
        next = match next {
            Next::Embedded { id } => match server.embedded {
                Some(_) => server.open(id, embedded::FILE),
                None => {
                    server.refuse(id, Refusal::NoEmbeddedModel);
                    server.session(None)
                }
            },
            Next::Load { id, bytes } => server.load(id, bytes, file),
            Next::Parse { id, bytes } => server.open(id, file.get(..bytes).unwrap_or_default()),
        };
    }
}

impl<S: Read + Write> Server<'_, S> {
    /// Parses `file`, says so, and works with the model.
    fn open(&mut self, id: u16, file: &[u8]) -> Next {
        self.work.state.reset();
        let mut reason = String::<REASON_BYTES>::new();
        let opened = Model::parse(file)
            .map_err(|error| {
                // What does not fit in the text is left out.
                let _ = write!(reason, "{error}");
                Refusal::Model(&reason)
            })
            .and_then(|model| Ok((fitting(&model, file)?, model)));
        match opened {
            Ok((info, model)) => {
                self.line.send(id, Response::Model(info));
                self.session(Some(&model))
            }
            Err(refusal) => {
                self.refuse(id, refusal);
                self.session(None)
            }
        }
    }

    /// Answers requests until another model is wanted.
    fn session(&mut self, model: Option<&Model<'_>>) -> Next {
        loop {
            let Some(Envelope { id, body }) = self.line.receive(&mut self.receiver) else {
                continue;
            };
            let answer = match (body, model) {
                (Request::UseEmbedded, _) => return Next::Embedded { id },
                (Request::BeginLoad { bytes }, _) => return Next::Load { id, bytes },
                (Request::Load { .. } | Request::FinishLoad, _) => {
                    Err(Refusal::LoadOrder { expected: 0 })
                }
                (Request::Hello, _) => Ok(Response::Hello(hello(self.tick_rate, self.embedded))),
                (Request::Stack, _) => Ok(Response::Stack(StackUse {
                    program_bytes: self.program.used_bytes_of_all() as u32,
                    step_bytes: self.step_stack_bytes,
                })),
                (_, None) => Err(Refusal::NoModel),
                (Request::Reset, Some(_)) => {
                    self.work.state.reset();
                    Ok(Response::Done)
                }
                (Request::SelfTest, Some(model)) => Ok(self_test(model)),
                (Request::ReadState, Some(model)) => Ok(self.work.read_state(model)),
                (Request::WriteState { bytes }, Some(model)) => self.work.write_state(model, bytes),
                (
                    Request::Run {
                        reset,
                        every_step,
                        width,
                        inputs,
                    },
                    Some(model),
                ) => {
                    if reset {
                        self.work.state.reset();
                    }
                    let stack = Painted::below_caller();
                    let inputs = (width, inputs);
                    let answer = self.work.run(&mut self.counter, model, inputs, every_step);
                    self.step_stack_bytes = self.step_stack_bytes.max(stack.used_bytes() as u32);
                    answer
                }
            };
            self.line.send(id, answer.unwrap_or_else(Response::Refused));
        }
    }

    /// Receives a model file of `bytes` bytes into `file`.
    fn load(&mut self, id: u16, bytes: u32, file: &mut [u8]) -> Next {
        let have = file.len() as u32;
        let Some(file) = file.get_mut(..bytes as usize) else {
            let refusal = too_small(Resource::ModelBytes, bytes, have);
            self.refuse(id, refusal);
            return self.session(None);
        };
        self.line.send(id, Response::Done);
        let mut complete = 0;
        loop {
            let Some(Envelope { id, body }) = self.line.receive(&mut self.receiver) else {
                continue;
            };
            let expected = complete as u32;
            let answer = match body {
                Request::UseEmbedded => return Next::Embedded { id },
                Request::BeginLoad { bytes } => return Next::Load { id, bytes },
                Request::FinishLoad if complete == file.len() => {
                    return Next::Parse {
                        id,
                        bytes: complete,
                    };
                }
                Request::Load { offset, bytes } if offset == expected => {
                    match file.get_mut(complete..complete + bytes.len()) {
                        Some(part) => {
                            part.copy_from_slice(bytes);
                            complete += bytes.len();
                            Response::Done
                        }
                        None => Response::Refused(Refusal::LoadOrder { expected }),
                    }
                }
                Request::Load { .. } | Request::FinishLoad => {
                    Response::Refused(Refusal::LoadOrder { expected })
                }
                Request::Hello => Response::Hello(hello(self.tick_rate, self.embedded)),
                _ => Response::Refused(Refusal::NoModel),
            };
            self.line.send(id, answer);
        }
    }

    fn refuse(&mut self, id: u16, refusal: Refusal<'_>) {
        self.line.send(id, Response::Refused(refusal));
    }
}

impl Work {
    /// Advances `model` by the time steps in `inputs`, `[T, I]`.
    fn run(
        &mut self,
        counter: &mut Counter,
        model: &Model<'_>,
        (width, inputs): (Width, &[u8]),
        every_step: bool,
    ) -> Result<Response<'_>, Refusal<'static>> {
        let step_bytes = model.inputs() * width.bytes();
        if inputs.is_empty() || inputs.len() % step_bytes != 0 {
            return Err(shape(inputs.len(), step_bytes));
        }
        let steps = inputs.len() / step_bytes;
        let kept_steps = if every_step { steps } else { 1 };
        let output_bytes = model.outputs() * 4;
        let need = kept_steps * output_bytes;
        let have = payload_bytes(CAPACITY.frame_bytes);
        if need > have {
            return Err(too_small(Resource::FrameBytes, need as u32, have as u32));
        }
        let mut sum = Some(0u64);
        for (index, step) in inputs.chunks_exact(step_bytes).enumerate() {
            for (raw, value) in self.raw.iter_mut().zip(width.get(step)) {
                *raw = value;
            }
            let state = (&mut self.state.hidden[..], &mut self.state.cell[..]);
            let (done, ticks) = counter
                .measure(|| model.step(state, &mut self.scratch, &self.raw, &mut self.outputs));
            done.map_err(|error| shape(error.found, error.needed))?;
            sum = sum.zip(ticks).map(|(sum, ticks)| sum + u64::from(ticks));
            let kept = if every_step { index } else { 0 };
            let kept = self.payload.chunks_exact_mut(output_bytes).nth(kept);
            for (bytes, output) in kept
                .unwrap_or_default()
                .chunks_exact_mut(4)
                .zip(&self.outputs)
            {
                bytes.copy_from_slice(&output.to_bits().to_le_bytes());
            }
        }
        Ok(Response::Outputs {
            outputs: &self.payload[..kept_steps * output_bytes],
            ticks: sum,
        })
    }

    fn read_state(&mut self, model: &Model<'_>) -> Response<'_> {
        let saved = state_bytes(model).into_iter().zip(self.state.bytes());
        let mut bytes = 0;
        for (length, part) in saved {
            for (place, byte) in self
                .payload
                .iter_mut()
                .skip(bytes)
                .zip(part.iter().take(length))
            {
                *place = *byte;
            }
            bytes += length;
        }
        Response::State {
            bytes: self.payload.get(..bytes).unwrap_or_default(),
        }
    }

    fn write_state(
        &mut self,
        model: &Model<'_>,
        bytes: &[u8],
    ) -> Result<Response<'_>, Refusal<'static>> {
        let [cells, hidden] = state_bytes(model);
        if bytes.len() != cells + hidden {
            return Err(shape(bytes.len(), cells + hidden));
        }
        let parts = bytes.split_at_checked(cells).unwrap_or_default();
        for (place, part) in self.state.bytes_mut().into_iter().zip([parts.0, parts.1]) {
            for (place, byte) in place.iter_mut().zip(part) {
                *place = *byte;
            }
        }
        Ok(Response::Done)
    }
}

/// Bytes of the model's cells and of its hidden state.
fn state_bytes(model: &Model<'_>) -> [usize; 2] {
    [
        size_of::<[i32; 4]>() * model.cell_blocks(),
        size_of::<Block>() * model.hidden_blocks(),
    ]
}

/// Repeats the golden steps, beside the state in use.
fn self_test(model: &Model<'_>) -> Response<'static> {
    let result = model.self_test::<
        { CAPACITY.state_blocks },
        { CAPACITY.state_blocks },
        { CAPACITY.scratch_blocks },
        { CAPACITY.channels },
    >();
    Response::SelfTest {
        steps: model.golden_steps().count() as u32,
        passed: result.is_ok(),
    }
}

/// The model's shape, if this board has room for it.
fn fitting(model: &Model<'_>, file: &[u8]) -> Result<ModelInfo, Refusal<'static>> {
    let limits = [
        (
            Resource::StateBlocks,
            // Hidden state has no more blocks than cells.
            model.cell_blocks(),
            CAPACITY.state_blocks,
        ),
        (
            Resource::ScratchBlocks,
            model.scratch_blocks(),
            CAPACITY.scratch_blocks,
        ),
        (Resource::Channels, model.inputs(), CAPACITY.channels),
        (Resource::Channels, model.outputs(), CAPACITY.channels),
    ];
    for (resource, need, have) in limits {
        if need > have {
            return Err(too_small(resource, need as u32, have as u32));
        }
    }
    Ok(ModelInfo {
        bytes: file.len() as u32,
        checksum: checksum(file),
        inputs: model.inputs() as u32,
        outputs: model.outputs() as u32,
        state_blocks: model.cell_blocks() as u32,
        scratch_blocks: model.scratch_blocks() as u32,
    })
}

fn hello(tick_rate: TickRate, embedded: Option<ModelInfo>) -> Hello<'static> {
    Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION"),
        board: NAME,
        frame_bytes: CAPACITY.frame_bytes as u32,
        model_bytes: CAPACITY.model_bytes as u32,
        state_blocks: CAPACITY.state_blocks as u32,
        scratch_blocks: CAPACITY.scratch_blocks as u32,
        channels: CAPACITY.channels as u32,
        tick_rate,
        embedded,
    }
}

fn too_small(resource: Resource, need: u32, have: u32) -> Refusal<'static> {
    Refusal::TooSmall {
        resource,
        need,
        have,
    }
}

fn shape(bytes: usize, unit_bytes: usize) -> Refusal<'static> {
    Refusal::Shape {
        bytes: bytes as u32,
        unit_bytes: unit_bytes as u32,
    }
}
