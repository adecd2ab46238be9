//! Requests on a model of whole windows. Its buffer, the window and the answers lie in the scratch memory of a step.

use lstm_link::{Refusal, Request, Resource, Response, Width};
use lstm_nostd::{Block, I16F16, SelfTestError, WindowModel};

use crate::board::CAPACITY;
use crate::counter::Counter;
use crate::memory::Work;
use crate::work::{steps_in, too_small};

/// Words of a block.
const WORDS: usize = size_of::<Block>() / size_of::<i32>();

impl Work {
    /// The answer to a request.
    // Its stack is that of requests on windows alone.
    #[inline(never)]
    pub(crate) fn of_windows(
        &mut self,
        counter: &mut Counter,
        model: &WindowModel<'_>,
        request: &Request<'_>,
    ) -> Result<Response<'_>, Refusal<'static>> {
        match request {
            Request::Run {
                reset: true,
                every_step,
                width,
                inputs,
            } if !every_step || model.mode().is_per_step() => {
                self.run_window(counter, model, (*width, inputs), *every_step)
            }
            Request::SelfTest => self.window_self_test(model),
            Request::Reset => Ok(Response::Done),
            _ => Err(Refusal::WholeWindows),
        }
    }

    /// Runs the golden steps as one window.
    fn window_self_test(
        &mut self,
        model: &WindowModel<'_>,
    ) -> Result<Response<'_>, Refusal<'static>> {
        let result = model.self_test(&mut self.scratch);
        if let Err(SelfTestError::Size(size)) = result {
            let (need, have) = (size.needed as u32, size.found as u32);
            return Err(too_small(Resource::ScratchBlocks, need, have));
        }
        Ok(Response::SelfTest {
            steps: model.golden_steps().count() as u32,
            passed: result.is_ok(),
        })
    }

    /// Runs `model` over the window in `inputs`, `[T, I]`.
    fn run_window(
        &mut self,
        counter: &mut Counter,
        model: &WindowModel<'_>,
        (width, inputs): (Width, &[u8]),
        every_step: bool,
    ) -> Result<Response<'_>, Refusal<'static>> {
        let step_bytes = model.inputs() * width.bytes();
        let steps = steps_in(inputs, step_bytes)?;
        let (words, answers) = (steps * model.inputs(), model.output_count(steps));
        let (raw_blocks, answer_blocks) = (words.div_ceil(WORDS), answers.div_ceil(WORDS));
        let need = raw_blocks + answer_blocks + model.buffer_blocks(steps);
        let parts = self
            .scratch
            .split_at_mut_checked(raw_blocks)
            .and_then(|(raw, rest)| {
                let (outputs, buffer) = rest.split_at_mut_checked(answer_blocks)?;
                Some((raw, outputs, buffer))
            });
        let small = too_small(
            Resource::ScratchBlocks,
            need as u32,
            CAPACITY.scratch_blocks as u32,
        );
        let Some((raw, outputs, buffer)) = parts else {
            return Err(small);
        };
        // Blocks are eight bytes on an 8-byte boundary, so that the casts never fail.
        let raw: &mut [i32] = bytemuck::try_cast_slice_mut(raw).unwrap_or_default();
        let outputs: &mut [I16F16] = bytemuck::try_cast_slice_mut(outputs).unwrap_or_default();
        for (place, value) in raw.iter_mut().zip(width.get(inputs)) {
            *place = value;
        }
        let raw = raw.get(..words).unwrap_or_default();
        let (done, ticks) = counter.measure(|| model.run(raw, buffer, outputs));
        done.map_err(|_| small)?;
        let kept = match every_step {
            true => 0..answers,
            false => answers - model.outputs()..answers,
        };
        let outputs = outputs.get(kept).unwrap_or_default();
        let (used, have) = (4 * outputs.len(), self.payload.len());
        let Some(payload) = self.payload.get_mut(..used) else {
            return Err(too_small(Resource::MessageBytes, used as u32, have as u32));
        };
        for (bytes, output) in payload.chunks_exact_mut(4).zip(outputs) {
            bytes.copy_from_slice(&output.to_bits().to_le_bytes());
        }
        Ok(Response::Outputs {
            outputs: payload,
            ticks: ticks.map(u64::from),
        })
    }
}
