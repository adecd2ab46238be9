//! A simulated line that flips, loses, doubles, inserts and delays bytes, with a board at its end.
//!
//! The host's code is [`Device`], the board's is [`Responder`], both as they are. Time is simulated too. The
//! board's model is a stand-in that mixes every input into its state, so that a request that was carried out twice
//! or not at all shows in every later output.

mod flash;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use lstm_link::{
    Event, Hello, ModelInfo, Refusal, Request, Responder, Response, TickRate, Width, checksum,
    read_message,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::client::{CostUnit, Device, Keep};
use super::error::DeviceError;
use super::port::Port;
pub(crate) use flash::{Flash, Stored};

/// A byte at 115,200 baud.
pub(super) const BYTE: Duration = Duration::from_nanos(86_806);
const FRAME_BYTES: usize = 512;
pub(super) const MESSAGE_BYTES: usize = 2048;
pub(super) const INPUTS: usize = 3;
pub(super) const OUTPUTS: usize = 2;

/// The stand-in for a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Toy {
    pub(super) state: [u32; 4],
}

impl Toy {
    fn step(&mut self, inputs: &[i32]) -> [i32; OUTPUTS] {
        for (index, input) in inputs.iter().enumerate() {
            let mixed = self.state[index] ^ *input as u32;
            self.state[index + 1] ^= mixed.wrapping_mul(0x9e37_79b1).rotate_left(11);
            self.state[0] = self.state[0].wrapping_add(self.state[3]).rotate_left(7) ^ 1;
        }
        [self.state[0] as i32, self.state[3] as i32]
    }

    pub(super) fn run(&mut self, inputs: &[i32], keep: Keep) -> Vec<i32> {
        let outputs: Vec<_> = (inputs.chunks(INPUTS))
            .map(|step| self.step(step))
            .collect();
        match keep {
            Keep::EveryStep => outputs.concat(),
            Keep::LastStep => outputs.last().map(|last| last.to_vec()).unwrap_or_default(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.state
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = Width::I32.get(bytes).map(|word| word as u32);
        Self {
            state: [(); 4].map(|()| words.next().unwrap_or_default()),
        }
    }
}

/// The board: the exchange's own code, and a server for the stand-in.
pub(crate) struct Board {
    responder: Responder<'static>,
    pub(crate) flash: Flash,
    toy: Option<Toy>,
    file: Vec<u8>,
    file_bytes: usize,
    /// Requests that were carried out.
    pub(super) carried_out: u64,
}

/// The exchange's own code, in no session.
fn responder() -> Responder<'static> {
    let buffer = |bytes: usize| &mut *vec![0; bytes].leak();
    Responder::new(
        buffer(FRAME_BYTES),
        buffer(FRAME_BYTES),
        buffer(MESSAGE_BYTES),
        buffer(MESSAGE_BYTES),
    )
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            responder: responder(),
            flash: Flash::default(),
            toy: None,
            file: Vec::new(),
            file_bytes: 0,
            carried_out: 0,
        }
    }

    /// Takes a byte; the frame that it sends and whether a request was carried out for it.
    fn push(&mut self, byte: u8) -> Option<(Vec<u8>, bool)> {
        match self.responder.push(byte) {
            Event::Nothing => return None,
            Event::Reply(frame) => return Some((frame.to_vec(), false)),
            Event::Opened(frame) => {
                self.toy = None;
                return Some((frame.to_vec(), false));
            }
            Event::Request => {}
        }
        self.carried_out += 1;
        let message = self.responder.request().to_vec();
        let mut payload = Vec::new();
        let request = read_message(&message).expect("the host's requests are whole");
        let answer = self.carry_out(request, &mut payload);
        let frame = self.responder.answer(&answer).to_vec();
        if request == Request::Restart {
            self.start_anew();
        }
        Some((frame, true))
    }

    /// Forgets all but its flash, by request or without power for a while.
    pub(super) fn start_anew(&mut self) {
        (self.responder, self.toy) = (responder(), None);
        self.flash.trial = self.flash.next.take();
        self.flash.arriving = None;
    }

    fn carry_out<'p>(&mut self, request: Request<'_>, payload: &'p mut Vec<u8>) -> Response<'p> {
        match (request, &mut self.toy) {
            (Request::Hello, _) => hello(self.flash.embedded()),
            (Request::UseEmbedded, toy) => match self.flash.embedded() {
                Some(info) => {
                    *toy = Some(Toy::default());
                    Response::Model(info)
                }
                None => Response::Refused(Refusal::NoEmbeddedModel),
            },
            (Request::SelfTest, Some(_)) => Response::SelfTest {
                steps: 1,
                passed: self.flash.started().file != self.flash.fails,
            },
            (
                Request::Slots
                | Request::BeginUpdate(_)
                | Request::WriteUpdate { .. }
                | Request::FinishUpdate
                | Request::Confirm
                | Request::Restart,
                toy,
            ) => {
                if request != Request::Slots {
                    *toy = None;
                }
                self.flash.carry_out(request)
            }
            (Request::BeginLoad { .. } | Request::Load { .. } | Request::FinishLoad, _) => {
                self.load(request)
            }
            (Request::Reset, Some(toy)) => {
                *toy = Toy::default();
                Response::Done
            }
            (Request::ReadState, Some(toy)) => {
                *payload = toy.bytes();
                Response::State { bytes: payload }
            }
            (Request::WriteState { bytes }, Some(toy)) => {
                *toy = Toy::from_bytes(bytes);
                Response::Done
            }
            (Request::Run { .. }, Some(toy)) => run(toy, request, payload),
            _ => Response::Refused(Refusal::NoModel),
        }
    }

    /// A piece of a model that comes into memory.
    fn load(&mut self, request: Request<'_>) -> Response<'static> {
        match request {
            Request::BeginLoad { bytes } => {
                self.file.clear();
                self.file_bytes = bytes as usize;
                Response::Done
            }
            Request::Load { offset, bytes } if offset as usize == self.file.len() => {
                self.file.extend(bytes);
                Response::Done
            }
            Request::FinishLoad if self.file.len() == self.file_bytes => {
                self.toy = Some(Toy::default());
                Response::Model(toy_info(&self.file))
            }
            _ => Response::Refused(Refusal::NoModel),
        }
    }
}

/// Steps of the stand-in.
fn run<'p>(toy: &mut Toy, request: Request<'_>, payload: &'p mut Vec<u8>) -> Response<'p> {
    let Request::Run {
        reset,
        every_step,
        width,
        inputs,
    } = request
    else {
        return Response::Refused(Refusal::NoModel);
    };
    if reset {
        *toy = Toy::default();
    }
    let inputs: Vec<_> = width.get(inputs).collect();
    let keep = match every_step {
        true => Keep::EveryStep,
        false => Keep::LastStep,
    };
    let outputs = toy.run(&inputs, keep);
    *payload = outputs.iter().flat_map(|y| y.to_le_bytes()).collect();
    Response::Outputs {
        outputs: payload,
        ticks: Some(inputs.len() as u64),
    }
}

/// What the board says of a model file.
fn toy_info(file: &[u8]) -> ModelInfo {
    ModelInfo {
        bytes: file.len() as u32,
        checksum: checksum(file),
        inputs: INPUTS as u32,
        outputs: OUTPUTS as u32,
        state_blocks: 1,
        scratch_blocks: 1,
    }
}

pub(super) fn hello(embedded: Option<ModelInfo>) -> Response<'static> {
    Response::Hello(Hello {
        version: "0",
        board: "simulated",
        model_bytes: 1 << 20,
        state_blocks: 1,
        scratch_blocks: 1,
        channels: INPUTS as u32,
        tick_rate: TickRate {
            overhead: 0,
            loop_ticks: 1,
            loop_instructions: 1,
        },
        embedded,
    })
}

/// How bad the line is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// Mean number of bytes between two that are hurt.
    pub(crate) bytes_per_hurt: f64,
    /// The board has no buffer for bytes that arrive while it computes or sends: they are lost.
    pub(crate) unbuffered: bool,
}

pub(crate) const CLEAN: Noise = Noise {
    bytes_per_hurt: f64::INFINITY,
    unbuffered: false,
};

/// One direction of the line.
#[derive(Default)]
pub(crate) struct Channel {
    /// Bytes and when they arrive.
    bytes: VecDeque<(Duration, u8)>,
    /// When the last byte has left.
    free: Duration,
    /// Bytes until the next one that is hurt.
    until_hurt: f64,
    /// Zeros that are lost next, besides the noise.
    pub(super) lost_zeros: usize,
    /// Every byte is lost.
    pub(crate) is_cut: bool,
}

impl Channel {
    /// Puts `byte` on the line at `now`.
    fn put(&mut self, byte: u8, now: Duration, noise: Noise, random: &mut ChaCha8Rng) {
        self.free = self.free.max(now) + BYTE;
        if byte == 0 && self.lost_zeros > 0 {
            self.lost_zeros -= 1;
            return;
        }
        if self.is_cut {
            return;
        }
        self.until_hurt -= 1.0;
        if self.until_hurt > 0.0 {
            self.bytes.push_back((self.free, byte));
            return;
        }
        self.until_hurt = -noise.bytes_per_hurt * (1.0 - random.random::<f64>()).ln();
        // Zeros end frames, so they are tried more often than other bytes.
        let other = if random.random_bool(0.3) {
            0
        } else {
            random.random()
        };
        match random.random_range(0..5) {
            0 => self.bytes.push_back((self.free, other)),
            1 => {}
            2 => self.bytes.extend([(self.free, byte); 2]),
            3 => self.bytes.extend([(self.free, other), (self.free, byte)]),
            _ => {
                self.free += Duration::from_millis(random.random_range(0..300));
                self.bytes.push_back((self.free, byte));
            }
        }
    }

    fn next(&self) -> Duration {
        self.bytes
            .front()
            .map_or(Duration::MAX, |(arrival, _)| *arrival)
    }
}

/// The line, the board at its end, and time.
pub(crate) struct World {
    begin: Instant,
    pub(super) now: Duration,
    noise: Noise,
    random: ChaCha8Rng,
    pub(super) to_board: Channel,
    pub(crate) to_host: Channel,
    pub(crate) board: Board,
    /// Until when the board computes or sends.
    busy: Duration,
    /// Frames on the line, both ways.
    pub(super) frames: u64,
    pub(super) asks: u64,
}

impl World {
    pub(crate) fn new(noise: Noise, seed: u64) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            begin: Instant::now(),
            now: Duration::ZERO,
            noise,
            random: ChaCha8Rng::seed_from_u64(seed),
            to_board: Channel {
                until_hurt: noise.bytes_per_hurt,
                ..Channel::default()
            },
            to_host: Channel {
                until_hurt: noise.bytes_per_hurt,
                ..Channel::default()
            },
            board: Board::new(),
            busy: Duration::ZERO,
            frames: 0,
            asks: 0,
        }))
    }

    /// The next byte arrives at the board.
    fn arrive(&mut self) {
        let Some((arrival, byte)) = self.to_board.bytes.pop_front() else {
            return;
        };
        if self.noise.unbuffered && arrival < self.busy {
            return;
        }
        let now = arrival.max(self.busy);
        let Some((frame, carried_out)) = self.board.push(byte) else {
            return;
        };
        // Most requests take a moment, some take long.
        let work = match (carried_out, self.random.random_range(0..50)) {
            (false, _) => Duration::ZERO,
            (true, 0) => Duration::from_millis(700),
            (true, part) => Duration::from_micros(40 * part),
        };
        self.frames += 1;
        for byte in frame {
            (self.to_host).put(byte, now + work, self.noise, &mut self.random);
        }
        self.busy = self.to_host.free;
    }
}

/// The host's end of the line.
#[derive(Clone)]
pub(crate) struct Simulated(pub(crate) Arc<Mutex<World>>);

impl Simulated {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(crate) fn connect(&self, session: u32) -> Result<Device, DeviceError> {
        Device::connect(
            "simulated",
            Box::new(self.clone()),
            CostUnit::Cycles,
            session,
        )
    }
}

impl Port for Simulated {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let world = &mut *self.world();
        (world.frames, world.asks) = (world.frames + 1, world.asks + 1);
        for byte in bytes {
            (world.to_board).put(*byte, world.now, world.noise, &mut world.random);
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize> {
        let world = &mut *self.world();
        let end = world.now + wait;
        loop {
            let (board, host) = (world.to_board.next(), world.to_host.next());
            if board <= host.min(end) {
                world.arrive();
            } else if host <= end {
                world.now = world.now.max(host);
                let mut count = 0;
                while count < bytes.len() && world.to_host.next() <= world.now {
                    let (_, byte) = world.to_host.bytes.pop_front().unwrap();
                    bytes[count] = byte;
                    count += 1;
                }
                return Ok(count);
            } else {
                world.now = end;
                return Ok(0);
            }
        }
    }

    fn travel_time(&self, bytes: usize) -> Duration {
        BYTE * bytes as u32
    }

    fn now(&self) -> Instant {
        let world = self.world();
        world.begin + world.now
    }
}
