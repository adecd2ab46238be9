//! Steps a model for `cargo xtask bench`, which puts the model into the emulated flash and counts the instructions
//! between marks.
//!
//! Intervals between marks: first an empty one, then [`STEPS`] steps of the first recurrent layer, then
//! [`STEPS`] steps of the whole model, then [`EXTREMES`] more of it with extreme inputs and cells. Inputs and states
//! cover their whole ranges. What the counting does not show is printed: how deep the stack was below the call of a
//! whole step.
//!
//! A model with a front end is not stepped: after the empty interval come [`FRAMES`] frames of samples that end, with
//! samples over their whole range, and the stack is that below the call of a frame.
#![no_std]
#![no_main]

use core::arch::asm;
use core::fmt::Write as _;
use core::mem::offset_of;
use core::panic::PanicInfo;

use cortex_m_semihosting::hio;
use lstm_firmware::board;
use lstm_firmware::stack::Painted;
use lstm_nostd::artifact::Header;
#[cfg(feature = "front-end")]
use lstm_nostd::front_end::{FrontEnd, Signal, Word2};
use lstm_nostd::kernels::{Active, I32x4, Width, blocks, lanes_mut};
use lstm_nostd::{Block, I16F16, Model, RecurrentLayer, State};

/// Steps of each kind; `cargo xtask bench` divides by their number.
const STEPS: usize = 8;
/// Steps with inputs and cells at the ends of their ranges, or at zero; they show how far the count depends on data.
const EXTREMES: usize = 16;
/// Frames of a front end.
#[cfg(feature = "front-end")]
const FRAMES: usize = 8;
/// Samples of its longest frame.
#[cfg(feature = "front-end")]
const FRAME: usize = 512;
/// Largest sizes.
const UNITS: usize = 128;
const INPUTS: usize = 64;
/// Features of a front end.
#[cfg(feature = "front-end")]
const FEATURES: usize = 96;
const OUTPUTS: usize = 16;

/// What a model reads and writes.
struct Work {
    state: State<{ blocks(UNITS) }, { blocks(UNITS) }>,
    scratch: [Block; blocks(UNITS) + blocks(INPUTS)],
    x: [Block; blocks(INPUTS)],
    raw: [i32; INPUTS],
    outputs: [I16F16; OUTPUTS],
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut WORK: Work = Work {
        state: State::new(),
        scratch: [Block::ZERO; blocks(UNITS) + blocks(INPUTS)],
        x: [Block::ZERO; blocks(INPUTS)],
        raw: [0; INPUTS],
        outputs: [I16F16::ZERO; OUTPUTS],
    };

    let Ok(model) = Model::parse(file()) else {
        board::fail()
    };
    mark();
    mark();
    let mut random = Random(1);
    #[cfg(feature = "front-end")]
    if let Some(front_end) = model.front_end() {
        finish(count_frames(front_end, &mut random));
    }
    let Work {
        state,
        scratch,
        x,
        raw,
        outputs,
    } = WORK;
    if let Some(layer) = model.recurrent_layers().first() {
        let rows = layer.rows();
        for _ in 0..STEPS {
            // Lanes past the last input stay zero.
            match rows.width {
                Width::Int16 => lanes_mut::<i16>(x)
                    .iter_mut()
                    .take(rows.inputs)
                    .for_each(|x| *x = random.next() as i16),
                Width::Int8 => lanes_mut::<i8>(x)
                    .iter_mut()
                    .take(rows.inputs)
                    .for_each(|x| *x = (random.next() as i8).max(-127)),
            }
            mark();
            layer_step(layer, x, &mut state.hidden, &mut state.cell, scratch);
            mark();
        }
    }
    state.reset();
    let mut stack_bytes = 0;
    for number in 0..STEPS + EXTREMES {
        match number.checked_sub(STEPS) {
            None => raw.fill_with(|| random.next() >> 10),
            Some(extreme) => go_to_extreme(extreme, &model, raw, &mut state.cell),
        }
        let painted = Painted::below_caller();
        mark();
        step(&model, state, scratch, raw, outputs);
        mark();
        stack_bytes = stack_bytes.max(painted.used_bytes());
    }
    finish(stack_bytes)
}

/// Prints how deep the stack was.
fn finish(stack_bytes: usize) -> ! {
    match hio::hstdout().is_ok_and(|mut out| writeln!(out, "stack {stack_bytes}").is_ok()) {
        true => board::succeed(),
        false => board::fail(),
    }
}

/// Frames of noise that reaches full scale; how deep the stack was below the call of one.
#[cfg(feature = "front-end")]
fn count_frames(front_end: &FrontEnd<'_>, random: &mut Random) -> usize {
    let mut signal = Signal::<[i16; FRAME]>::EMPTY;
    let mut work = [[0; 2]; FRAME / 2];
    let mut features = [0; FEATURES];
    let mut samples = [0i16; FRAME];
    let (hop, mut stack_bytes) = (front_end.hop_samples(), 0);
    let kept = front_end.history().saturating_sub(hop);
    for number in 0..=FRAMES {
        samples.fill_with(|| random.next() as i16);
        let count = if number == 0 { kept } else { hop };
        let Some(samples) = samples.get(..count) else {
            board::fail()
        };
        if number == 0 {
            frame(front_end, &mut signal, &mut work, samples, &mut features);
            continue;
        }
        let painted = Painted::below_caller();
        mark();
        let is_whole = frame(front_end, &mut signal, &mut work, samples, &mut features);
        mark();
        stack_bytes = stack_bytes.max(painted.used_bytes());
        if !is_whole {
            board::fail()
        }
    }
    stack_bytes
}

/// Whether a frame ended.
#[cfg(feature = "front-end")]
#[inline(never)]
fn frame(
    front_end: &FrontEnd<'_>,
    signal: &mut Signal<[i16; FRAME]>,
    work: &mut [Word2],
    mut samples: &[i16],
    features: &mut [i32],
) -> bool {
    front_end.push(signal, work, &mut samples, features) == Ok(true)
}

/// Puts inputs and cells to ends of their ranges, or to zero. Cells past the last unit stay zero.
fn go_to_extreme(number: usize, model: &Model<'_>, raw: &mut [i32], cell: &mut [I32x4]) {
    fill_with_extreme(number, raw);
    let units = model.recurrent_layers().first().map_or(0, |l| l.units());
    let whole = cell.iter_mut().take(units / 4);
    whole.for_each(|cells| fill_with_extreme(number / 4, cells));
}

/// All at the least value, all at the greatest, zeros, or one end beside the other.
fn fill_with_extreme(number: usize, values: &mut [i32]) {
    for (index, value) in values.iter_mut().enumerate() {
        *value = match number % 4 {
            0 => i32::MIN,
            1 => i32::MAX,
            2 => 0,
            _ if index % 2 == 0 => i32::MAX,
            _ => i32::MIN,
        };
    }
}

#[inline(never)]
fn layer_step(
    layer: &RecurrentLayer<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let rows = layer.rows();
    let (inputs, n) = (
        rows.width.blocks(rows.inputs),
        rows.width.blocks(rows.outputs),
    );
    let (Some(x), Some(hidden)) = (x.get(..inputs), hidden.get_mut(..n)) else {
        board::fail()
    };
    let cell = cell.get_mut(..layer.cell_blocks());
    let (Some(cell), Some(next)) = (cell, next.get_mut(..n)) else {
        board::fail()
    };
    layer.step::<Active>(x, hidden, cell, next);
}

#[inline(never)]
fn step(
    model: &Model<'_>,
    state: &mut State<{ blocks(UNITS) }, { blocks(UNITS) }>,
    scratch: &mut [Block],
    raw: &[i32],
    outputs: &mut [I16F16],
) {
    let state = (&mut state.hidden[..], &mut state.cell[..]);
    if model.step(state, scratch, raw, outputs).is_err() {
        board::fail()
    }
}

/// The mark at which counting begins and ends.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lstm_bench_mark() {
    // SAFETY: does nothing, but is not optimised away.
    unsafe { asm!("nop", options(nostack)) };
}

#[inline(always)]
fn mark() {
    lstm_bench_mark();
}

/// The model file that the emulator put into flash.
fn file() -> &'static [u8] {
    unsafe extern "C" {
        /// Half of the flash lies behind it; `build.rs` defines it.
        static _model_in_flash: u8;
    }
    let start = &raw const _model_in_flash;
    // SAFETY: flash, on a 4-byte boundary. `cargo xtask bench` sees to it that a model file lies there,
    // whose header holds its own length; its bytes never change.
    unsafe {
        let length = start
            .add(offset_of!(Header, file_bytes))
            .cast::<u32>()
            .read_volatile();
        core::slice::from_raw_parts(start, length as usize)
    }
}

/// SplitMix32, as in the tests' random models.
struct Random(u32);

impl Random {
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        let mut z = self.0;
        z = (z ^ (z >> 16)).wrapping_mul(0x21f0_aaad);
        z = (z ^ (z >> 15)).wrapping_mul(0x735a_2d97);
        (z ^ (z >> 15)) as i32
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::fail()
}
