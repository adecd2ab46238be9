//! A model at work: steps, samples, its state and its golden steps, answered as the link's messages.

use lstm_link::{ModelInfo, Refusal, Request, Resource, Response, Width, checksum};
#[cfg(feature = "front-end")]
use lstm_nostd::front_end::{FrontEnd, Signal};
use lstm_nostd::{Block, Model, Parsed};

use crate::board::CAPACITY;
use crate::counter::Counter;
use crate::memory::Work;
use crate::stack::Painted;

/// Samples that the front end takes at once.
#[cfg(feature = "front-end")]
const PART: usize = 32;

impl Work {
    /// The answer to a request on a model that runs step by step; `stack_bytes` becomes at least the stack of its steps.
    pub(crate) fn of_steps(
        &mut self,
        counter: &mut Counter,
        model: &Model<'_>,
        request: &Request<'_>,
        stack_bytes: &mut u32,
    ) -> Result<Response<'_>, Refusal<'static>> {
        match *request {
            Request::Reset => {
                self.reset();
                Ok(Response::Done)
            }
            Request::SelfTest => Ok(self.self_test(model)),
            Request::ReadState => Ok(self.read_state(model)),
            Request::WriteState { bytes } => self.write_state(model, bytes),
            Request::Run {
                reset,
                every_step,
                width,
                inputs,
            } => {
                self.reset_if(reset);
                let stack = Painted::below_caller();
                let answer = self.run(counter, model, (width, inputs), every_step);
                *stack_bytes = (*stack_bytes).max(stack.used_bytes() as u32);
                answer
            }
            Request::Hear { reset, samples } => {
                self.reset_if(reset);
                let stack = Painted::below_caller();
                let answer = self.hear(counter, model, samples);
                *stack_bytes = (*stack_bytes).max(stack.used_bytes() as u32);
                answer
            }
            _ => Err(Refusal::Unreadable),
        }
    }

    /// Back to the begin of a stream. The zeros may lie on its stack, which is not to be that of every request.
    #[inline(never)]
    pub(crate) fn reset(&mut self) {
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
        let steps = steps_in(inputs, step_bytes)?;
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
/// A model of whole windows has none.
fn state_blocks(model: &Parsed<'_>) -> usize {
    match model.is_of_windows() {
        true => 0,
        false => model.cell_blocks().max(model.hidden_blocks()),
    }
}

/// Blocks of scratch; of a model of whole windows, its buffer for one step.
fn scratch_blocks(model: &Parsed<'_>) -> usize {
    match model.is_of_windows() {
        true => model.hidden_blocks() + model.scratch_blocks(),
        false => model.scratch_blocks(),
    }
}

/// The model's front end, if this board has room for a frame of it.
#[cfg(feature = "front-end")]
fn fitting_front_end<'a, 'm>(model: &'a Model<'m>) -> Result<&'a FrontEnd<'m>, Refusal<'static>> {
    let front_end = model.front_end().ok_or(Refusal::NoFrontEnd)?;
    let (need, have) = (front_end.history(), CAPACITY.frame_samples);
    match need > have {
        true => Err(too_small(Resource::FrameSamples, need as u32, have as u32)),
        false => Ok(front_end),
    }
}

/// The model's shape, if this board has room for it.
pub(crate) fn fitting(model: &Parsed<'_>, file: &[u8]) -> Result<ModelInfo, Refusal<'static>> {
    let limits = [
        (
            Resource::StateBlocks,
            state_blocks(model),
            CAPACITY.state_blocks,
        ),
        (
            Resource::ScratchBlocks,
            scratch_blocks(model),
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
        scratch_blocks: scratch_blocks(model) as u32,
    })
}

pub(crate) fn too_small(resource: Resource, need: u32, have: u32) -> Refusal<'static> {
    Refusal::TooSmall {
        resource,
        need,
        have,
    }
}

/// The time steps in `inputs`, each of `step_bytes` bytes.
pub(crate) fn steps_in(inputs: &[u8], step_bytes: usize) -> Result<usize, Refusal<'static>> {
    match inputs.is_empty() || !inputs.len().is_multiple_of(step_bytes) {
        true => Err(shape(inputs.len(), step_bytes)),
        false => Ok(inputs.len() / step_bytes),
    }
}

fn shape(bytes: usize, unit_bytes: usize) -> Refusal<'static> {
    Refusal::Shape {
        bytes: bytes as u32,
        unit_bytes: unit_bytes as u32,
    }
}
