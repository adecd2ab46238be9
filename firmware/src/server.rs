//! Answers the host's requests, one after the other, for ever.
//!
//! A model borrows its file. So each model is in use in its own [`Server::work_with`], which ends when another
//! one is wanted and the file's buffer must be free.

use core::fmt::{Debug, Write as _};

use cortex_m::peripheral::SYST;
use embedded_io::{Read, Write};
use heapless::String;
use lstm_link::{
    Hello, Manifest, ModelInfo, Refusal, Request, Resource, Responder, Response, Slots, StackUse,
    TickRate, Width, checksum,
};
#[cfg(feature = "front-end")]
use lstm_nostd::front_end::{FrontEnd, Signal};
use lstm_nostd::{Block, Model};
use lstm_update::{Flash, Store, Update, UpdateError};

use crate::board::{self, CAPACITY, NAME};
use crate::counter::Counter;
use crate::line::{Line, Wanted};
use crate::memory::{Memory, Work};
use crate::stack::{Guard, Painted};
use crate::started::Started;

/// Samples that the front end takes at once.
#[cfg(feature = "front-end")]
const PART: usize = 32;
/// The engine's error in words; what is longer is cut off.
type Reason = String<192>;

/// Why the work with a model ended. All but the first are requests that are still to be answered.
enum Next {
    /// A new session has begun, in which no model is in use.
    NoModel,
    /// The model in flash is wanted.
    Embedded,
    /// A model file of this length is about to arrive.
    Load { bytes: u32 },
    /// A model file of this length has arrived.
    Parse { bytes: usize },
    /// A model for the flash is about to arrive.
    Update(Manifest),
    /// The model that the board started with is to be kept.
    Confirm,
    /// The board is to start anew.
    Restart,
}

impl Next {
    /// What a request leads to that puts away the model in use.
    fn after(request: &Request<'_>) -> Option<Self> {
        Some(match *request {
            Request::UseEmbedded => Self::Embedded,
            Request::BeginLoad { bytes } => Self::Load { bytes },
            Request::BeginUpdate(manifest) => Self::Update(manifest),
            Request::Confirm => Self::Confirm,
            Request::Restart => Self::Restart,
            _ => return None,
        })
    }
}

/// Everything but the model and its file.
struct Server<'m, S> {
    line: Line<'m, S>,
    work: &'m mut Work,
    counter: Counter,
    tick_rate: TickRate,
    /// The model that the board started with.
    embedded: Option<ModelInfo>,
    slots: Slots,
    program: Painted,
    guard: Guard,
    step_stack_bytes: u32,
}

/// Serves `serial`, with models in the slots of `store`. `program` is the stack as it was painted when the program began.
pub fn serve<S: Read + Write, F: Flash>(
    serial: S,
    store: Store<F>,
    systick: SYST,
    program: Painted,
    memory: &'static mut Memory,
) -> ! {
    let mut counter = Counter::start(systick);
    let tick_rate = counter.rate();
    let mut started = Started::new(store);
    let embedded = Model::parse(started.file()).ok();
    let responder = Responder::new(
        &mut memory.received,
        &mut memory.sent,
        &mut memory.request,
        &mut memory.answer,
    );
    let mut server = Server {
        line: Line::new(serial, responder),
        work: &mut memory.work,
        counter,
        tick_rate,
        embedded: embedded.and_then(|model| fitting(&model, started.file()).ok()),
        slots: started.slots(),
        program,
        guard: Guard::lay(),
        step_stack_bytes: 0,
    };
    let file = &mut memory.file.0;
    let mut next = Next::NoModel;
    loop {
        next = match next {
            Next::NoModel => server.work_with(None),
            Next::Embedded if server.embedded.is_some() => server.open(started.file()),
            Next::Embedded => {
                server.line.refuse(Refusal::NoEmbeddedModel);
                Next::NoModel
            }
            Next::Load { bytes } => server.load(bytes, file),
            Next::Parse { bytes } => server.open(file.get(..bytes).unwrap_or_default()),
            Next::Update(manifest) => server.update(manifest, &mut started),
            Next::Confirm => server.confirm(&mut started),
            Next::Restart => {
                server.line.answer(&Response::Done);
                board::restart()
            }
        };
    }
}

impl<S: Read + Write> Server<'_, S> {
    /// Parses `file`, says so, and works with the model.
    fn open(&mut self, file: &[u8]) -> Next {
        self.work.reset();
        let mut reason = Reason::new();
        let opened = Model::parse(file)
            .map_err(|error| {
                // What does not fit in the text is left out.
                let _ = write!(reason, "{error}");
                Refusal::Model(&reason)
            })
            .and_then(|model| Ok((fitting(&model, file)?, model)));
        if self.has_overflowed() {
            return Next::NoModel;
        }
        match opened {
            Ok((info, model)) => {
                self.line.answer(&Response::Model(info));
                self.work_with(Some(&model))
            }
            Err(refusal) => {
                self.line.refuse(refusal);
                Next::NoModel
            }
        }
    }

    /// Answers requests until another model is wanted.
    fn work_with(&mut self, model: Option<&Model<'_>>) -> Next {
        loop {
            if let Some(next) = self.wait() {
                return next;
            }
            let answer = match (self.line.request(), model) {
                (None, _) => Err(Refusal::Unreadable),
                (
                    Some(
                        Request::Load { .. }
                        | Request::FinishLoad
                        | Request::WriteUpdate { .. }
                        | Request::FinishUpdate,
                    ),
                    _,
                ) => Err(Refusal::LoadOrder { expected: 0 }),
                (Some(request), None) => self.known(&request).ok_or(Refusal::NoModel),
                (Some(Request::Reset), Some(_)) => {
                    self.work.reset();
                    Ok(Response::Done)
                }
                (Some(Request::SelfTest), Some(model)) => Ok(self.work.self_test(model)),
                (Some(Request::ReadState), Some(model)) => Ok(self.work.read_state(model)),
                (Some(Request::WriteState { bytes }), Some(model)) => {
                    self.work.write_state(model, bytes)
                }
                (
                    Some(Request::Run {
                        reset,
                        every_step,
                        width,
                        inputs,
                    }),
                    Some(model),
                ) => {
                    self.work.reset_if(reset);
                    let stack = Painted::below_caller();
                    let inputs = (width, inputs);
                    let answer = self.work.run(&mut self.counter, model, inputs, every_step);
                    self.step_stack_bytes = self.step_stack_bytes.max(stack.used_bytes() as u32);
                    answer
                }
                (Some(Request::Hear { reset, samples }), Some(model)) => {
                    self.work.reset_if(reset);
                    let stack = Painted::below_caller();
                    let answer = self.work.hear(&mut self.counter, model, samples);
                    self.step_stack_bytes = self.step_stack_bytes.max(stack.used_bytes() as u32);
                    answer
                }
                (Some(request), Some(_)) => self.known(&request).ok_or(Refusal::Unreadable),
            };
            if !self.guard.is_whole() {
                break;
            }
            self.line.answer(&answer.unwrap_or_else(Response::Refused));
        }
        self.has_overflowed();
        Next::NoModel
    }

    /// Whether the stack has run into the variables; says so instead of an answer, and forgets the state.
    fn has_overflowed(&mut self) -> bool {
        if self.guard.is_whole() {
            return false;
        }
        self.guard = Guard::lay();
        self.work.reset();
        self.line.refuse(Refusal::StackOverflow);
        true
    }

    /// Receives a model file of `bytes` bytes into `file`.
    fn load(&mut self, bytes: u32, file: &mut [u8]) -> Next {
        let have = file.len() as u32;
        let Some(file) = file.get_mut(..bytes as usize) else {
            self.line
                .refuse(too_small(Resource::ModelBytes, bytes, have));
            return Next::NoModel;
        };
        self.line.answer(&Response::Done);
        let mut complete = 0;
        loop {
            if let Some(next) = self.wait() {
                return next;
            }
            let expected = complete as u32;
            let answer = match self.line.request() {
                None => Err(Refusal::Unreadable),
                Some(Request::FinishLoad) if complete == file.len() => {
                    return Next::Parse { bytes: complete };
                }
                Some(Request::Load { offset, bytes }) if offset == expected => {
                    match file.get_mut(complete..complete + bytes.len()) {
                        Some(part) => {
                            part.copy_from_slice(bytes);
                            complete += bytes.len();
                            Ok(Response::Done)
                        }
                        None => Err(Refusal::LoadOrder { expected }),
                    }
                }
                Some(Request::Load { .. } | Request::FinishLoad) => {
                    Err(Refusal::LoadOrder { expected })
                }
                Some(request) => self.known(&request).ok_or(Refusal::NoModel),
            };
            self.line.answer(&answer.unwrap_or_else(Response::Refused));
        }
    }

    /// Prepares the flash for a new model, and receives it.
    #[inline(never)]
    fn update<F: Flash>(&mut self, manifest: Manifest, started: &mut Started<F>) -> Next {
        match started.begin(manifest) {
            Ok(update) => {
                self.line.answer(&Response::Done);
                self.receive(update)
            }
            Err(error) => self.refuse_update(&error),
        }
    }

    /// Receives a new model into its slot.
    fn receive<F: Flash>(&mut self, mut update: Update<'_, F>) -> Next {
        loop {
            if let Some(next) = self.wait() {
                return next;
            }
            let answer = match self.line.request() {
                None => Err(Refusal::Unreadable),
                Some(Request::WriteUpdate { offset, bytes }) => match update.write(offset, bytes) {
                    Ok(()) => Ok(Response::Done),
                    Err(UpdateError::Order { expected }) => Err(Refusal::LoadOrder { expected }),
                    Err(error) => return self.refuse_update(&error),
                },
                Some(Request::FinishUpdate) => return self.finish(update),
                Some(Request::Load { .. } | Request::FinishLoad) => {
                    Err(Refusal::LoadOrder { expected: 0 })
                }
                Some(request) => self.known(&request).ok_or(Refusal::NoModel),
            };
            self.line.answer(&answer.unwrap_or_else(Response::Refused));
        }
    }

    /// Checks the new model and switches to it. Its stack is not to be that of every request.
    #[inline(never)]
    fn finish<F: Flash>(&mut self, update: Update<'_, F>) -> Next {
        let finished = update.finish::<
            { CAPACITY.state_blocks },
            { CAPACITY.state_blocks },
            { CAPACITY.scratch_blocks },
            { CAPACITY.channels },
        >();
        if self.has_overflowed() {
            return Next::NoModel;
        }
        match finished {
            Ok(()) => {
                self.line.answer(&Response::Done);
                Next::NoModel
            }
            Err(error) => self.refuse_update(&error),
        }
    }

    /// Says why a new model is not taken.
    fn refuse_update<E: Debug>(&mut self, error: &UpdateError<E>) -> Next {
        let mut reason = Reason::new();
        // What does not fit in the text is left out.
        let _ = write!(reason, "{error}");
        self.line.refuse(Refusal::Update(&reason));
        Next::NoModel
    }

    /// Keeps the model that the board started with.
    fn confirm<F: Flash>(&mut self, started: &mut Started<F>) -> Next {
        match started.confirm() {
            Ok(()) => {
                self.slots = started.slots();
                self.line.answer(&Response::Done);
                Next::NoModel
            }
            Err(error) => self.refuse_update(&UpdateError::Flash(error)),
        }
    }

    /// Waits for a request; where it leads if it puts away the model in use.
    fn wait(&mut self) -> Option<Next> {
        match self.line.wait() {
            Wanted::NewSession => Some(Next::NoModel),
            Wanted::Answer => Next::after(&self.line.request()?),
        }
    }

    /// Answers what needs no model in use.
    fn known(&self, request: &Request<'_>) -> Option<Response<'static>> {
        Some(match request {
            Request::Hello => hello(self.tick_rate, self.embedded),
            Request::Slots => Response::Slots(self.slots),
            Request::Stack => Response::Stack(StackUse {
                program_bytes: self.program.used_bytes_of_all() as u32,
                step_bytes: self.step_stack_bytes,
            }),
            _ => return None,
        })
    }
}

impl Work {
    /// Back to the begin of a stream. The zeros may lie on its stack, which is not to be that of every request.
    #[inline(never)]
    fn reset(&mut self) {
        self.state.reset();
        #[cfg(feature = "front-end")]
        self.signal.reset();
    }

    fn reset_if(&mut self, is_asked: bool) {
        if is_asked {
            self.reset();
        }
    }

    /// Firmware without a front end.
    #[cfg(not(feature = "front-end"))]
    fn hear(
        &mut self,
        _: &mut Counter,
        _: &Model<'_>,
        _: &[u8],
    ) -> Result<Response<'_>, Refusal<'static>> {
        Err(Refusal::NoFrontEnd)
    }

    /// Advances `model` by `samples`.
    #[cfg(feature = "front-end")]
    fn hear(
        &mut self,
        counter: &mut Counter,
        model: &Model<'_>,
        samples: &[u8],
    ) -> Result<Response<'_>, Refusal<'static>> {
        let front_end = fitting_front_end(model)?;
        let (samples, odd) = samples.as_chunks::<2>();
        if !odd.is_empty() {
            return Err(shape(2 * samples.len() + 1, 2));
        }
        let frame_bytes = 4 * (model.inputs() + model.outputs());
        let have = self.payload.len();
        let mut used = 0;
        let (done, ticks) = counter.measure(|| {
            // A few at a time, as a microphone's driver hands them over.
            for part in samples.chunks(PART) {
                let mut part_samples = [0; PART];
                for (place, bytes) in part_samples.iter_mut().zip(part) {
                    *place = i16::from_le_bytes(*bytes);
                }
                let mut left = part_samples.get(..part.len()).unwrap_or_default();
                while self.frame_ends(front_end, model, &mut left)? {
                    let need = used + frame_bytes;
                    let Some(place) = self.payload.get_mut(used..need) else {
                        return Err(too_small(Resource::MessageBytes, need as u32, have as u32));
                    };
                    let features = self.raw.iter().take(model.inputs());
                    let outputs = self.outputs.iter().take(model.outputs());
                    let words = features
                        .copied()
                        .chain(outputs.map(|output| output.to_bits()));
                    for (bytes, word) in place.chunks_exact_mut(4).zip(words) {
                        bytes.copy_from_slice(&word.to_le_bytes());
                    }
                    used = need;
                }
            }
            Ok(())
        });
        done?;
        Ok(Response::Heard {
            frames: &self.payload[..used],
            ticks: ticks.map(u64::from),
        })
    }

    /// Takes samples until a frame ends, and steps then; whether one did.
    #[cfg(feature = "front-end")]
    fn frame_ends(
        &mut self,
        front_end: &FrontEnd<'_>,
        model: &Model<'_>,
        samples: &mut &[i16],
    ) -> Result<bool, Refusal<'static>> {
        let refused = |error: lstm_nostd::SizeError| shape(error.found, error.needed);
        let is_whole = front_end
            .push(&mut self.signal, &mut self.points, samples, &mut self.raw)
            .map_err(refused)?;
        if is_whole {
            let state = (&mut self.state.hidden[..], &mut self.state.cell[..]);
            model
                .step(state, &mut self.scratch, &self.raw, &mut self.outputs)
                .map_err(refused)?;
        }
        Ok(is_whole)
    }

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
        let have = self.payload.len();
        if need > have {
            return Err(too_small(Resource::MessageBytes, need as u32, have as u32));
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

    /// Repeats the golden steps, beside the state in use.
    fn self_test(&mut self, model: &Model<'_>) -> Response<'static> {
        let result = model.self_test::<
            { CAPACITY.state_blocks },
            { CAPACITY.state_blocks },
            { CAPACITY.scratch_blocks },
            { CAPACITY.channels },
        >();
        let passed = result.is_ok() && self.hears_as_stored(model);
        Response::SelfTest {
            steps: model.golden_steps().count() as u32,
            passed,
        }
    }

    /// Whether the front end computes the stored features, beside the signal in use. A board that has no room for a frame
    /// refuses samples, and has nothing to test. Its stack is not to be that of every request.
    #[cfg(feature = "front-end")]
    #[inline(never)]
    fn hears_as_stored(&mut self, model: &Model<'_>) -> bool {
        let Ok(front_end) = fitting_front_end(model) else {
            return true;
        };
        let mut signal = Signal::<[i16; CAPACITY.frame_samples]>::EMPTY;
        let passed = front_end.self_test(&mut signal, &mut self.points, &mut self.raw);
        passed == Ok(true)
    }

    /// Firmware without a front end.
    #[cfg(not(feature = "front-end"))]
    fn hears_as_stored(&mut self, _: &Model<'_>) -> bool {
        true
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
        // Steps that do not move the outputs leave them as they are.
        (model.read_outputs(
            (&self.state.hidden, &self.state.cell),
            &mut self.scratch,
            &mut self.outputs,
        ))
        .map_err(|error| shape(error.found, error.needed))?;
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

/// Blocks of the longer part of a state. Hidden state has no more blocks than cells, but for the window of a convolution.
fn state_blocks(model: &Model<'_>) -> usize {
    model.cell_blocks().max(model.hidden_blocks())
}

/// The model's front end, if this board has room for a frame of it.
#[cfg(feature = "front-end")]
fn fitting_front_end<'a, 'm>(model: &'a Model<'m>) -> Result<&'a FrontEnd<'m>, Refusal<'static>> {
    let front_end = model.front_end().ok_or(Refusal::NoFrontEnd)?;
    let (need, have) = (front_end.frame(), CAPACITY.frame_samples);
    match need > have {
        true => Err(too_small(Resource::FrameSamples, need as u32, have as u32)),
        false => Ok(front_end),
    }
}

/// The model's shape, if this board has room for it.
fn fitting(model: &Model<'_>, file: &[u8]) -> Result<ModelInfo, Refusal<'static>> {
    let limits = [
        (
            Resource::StateBlocks,
            state_blocks(model),
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
        state_blocks: state_blocks(model) as u32,
        scratch_blocks: model.scratch_blocks() as u32,
    })
}

fn hello(tick_rate: TickRate, embedded: Option<ModelInfo>) -> Response<'static> {
    Response::Hello(Hello {
        version: env!("CARGO_PKG_VERSION"),
        board: NAME,
        model_bytes: CAPACITY.model_bytes as u32,
        state_blocks: CAPACITY.state_blocks as u32,
        scratch_blocks: CAPACITY.scratch_blocks as u32,
        channels: CAPACITY.channels as u32,
        tick_rate,
        embedded,
    })
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
