//! A device that models are run on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lstm_link::{Hello, ModelInfo, Request, Response, StackUse, TickRate, Width};
use lstm_nostd::kernels::Order;

use super::error::DeviceError;
use super::exchange::{Exchange, printable};
use super::port::Port;
use super::qemu::Qemu;
#[cfg(feature = "serial")]
use super::serial::Serial;

/// How long an answer is waited for when nothing moves.
pub(super) const WAIT: Duration = Duration::from_secs(60);
/// How long the first answer is waited for; a board may have to start first.
const WAIT_FOR_HELLO: Duration = Duration::from_secs(20);

/// A connected device.
pub struct Device {
    pub(super) exchange: Exchange,
    unit: CostUnit,
    pub(super) info: DeviceInfo,
    pub(super) model: Option<ModelInfo>,
}

/// What a device said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Version of the firmware.
    pub version: String,
    /// Name of the board.
    pub board: String,
    /// Longest request and longest answer, in bytes.
    pub message_bytes: usize,
    /// Longest model file that it can receive.
    pub model_bytes: usize,
    /// Most state blocks of four units.
    pub state_blocks: usize,
    /// Most blocks of scratch memory.
    pub scratch_blocks: usize,
    /// Most inputs, and most outputs.
    pub channels: usize,
    /// The model in its flash.
    pub embedded: Option<ModelInfo>,
    /// How its ticks are to be read.
    pub tick_rate: TickRate,
}

/// What a cost counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostUnit {
    /// Instructions, on an emulated device.
    Instructions,
    /// Clock cycles of the core, on a real one.
    Cycles,
}

/// Which outputs a run returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those of every time step, `[T, O]`.
    EveryStep,
    /// Those of the last time step, `[O]`.
    LastStep,
}

/// Outputs of a run and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `[T, O]` or `[O]`, as bits of Q15.16.
    pub outputs: Vec<i32>,
    /// Time steps.
    pub steps: usize,
    /// What all steps took together, in [`Device::unit`]; `None` when the counter was too short for one.
    pub cost: Option<u64>,
}

/// What a device made of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Features `[I]` and outputs `[O]` after it, as bits of Q15.16, of each frame that ended.
    pub frames: Vec<(Vec<i32>, Vec<i32>)>,
    /// What front end and network took together, in [`Device::unit`]; `None` when the counter was too short.
    pub cost: Option<u64>,
}

/// Outcome of the golden steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// Number of golden steps in the file.
    pub steps: usize,
    /// Whether every output was the one in the file.
    pub passed: bool,
}

impl DeviceInfo {
    fn new(hello: &Hello<'_>, message_bytes: usize) -> Self {
        Self {
            version: printable(hello.version),
            board: printable(hello.board),
            message_bytes,
            model_bytes: hello.model_bytes as usize,
            state_blocks: hello.state_blocks as usize,
            scratch_blocks: hello.scratch_blocks as usize,
            channels: hello.channels as usize,
            embedded: hello.embedded,
            tick_rate: hello.tick_rate,
        }
    }
}

impl std::fmt::Display for CostUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Instructions => "instructions",
            Self::Cycles => "cycles",
        })
    }
}

#[cfg(feature = "serial")]
fn serial_port(address: &str) -> Result<Box<dyn Port>, DeviceError> {
    Ok(Box::new(Serial::open(address)?))
}

#[cfg(not(feature = "serial"))]
fn serial_port(address: &str) -> Result<Box<dyn Port>, DeviceError> {
    Err(DeviceError::Open {
        device: address.to_owned(),
        reason: "this build has no serial ports; build trainer-host with the feature `serial`"
            .into(),
    })
}

/// Whether this is what a device says of the model in `file`.
pub(super) fn is_of(model: &ModelInfo, file: &[u8]) -> bool {
    model.bytes as usize == file.len() && model.checksum == lstm_link::checksum(file)
}

/// Asks a device who it is.
fn introduction(exchange: &mut Exchange) -> Result<DeviceInfo, DeviceError> {
    let message_bytes = exchange.message_bytes();
    exchange.ask(&Request::Hello, WAIT_FOR_HELLO, |answer| match answer {
        Response::Hello(hello) => Some(DeviceInfo::new(hello, message_bytes)),
        _ => None,
    })
}

impl Device {
    /// Connects to `address`: `qemu:MACHINE`, which starts `image` in the emulator, or a serial port.
    ///
    /// # Errors
    /// [`DeviceError`] when there is no such device, or it does not answer.
    pub fn open(address: &str, image: Option<&Path>) -> Result<Self, DeviceError> {
        let (port, unit): (Box<dyn Port>, _) = match address.strip_prefix("qemu:") {
            Some(machine) => {
                let image = image.ok_or_else(|| DeviceError::NoImage {
                    device: address.to_owned(),
                    machine: machine.to_owned(),
                })?;
                let qemu = Qemu::start(address, machine, image)?;
                (Box::new(qemu), CostUnit::Instructions)
            }
            None if address.contains('/') || address.starts_with("COM") => {
                (serial_port(address)?, CostUnit::Cycles)
            }
            None => return Err(DeviceError::Address(address.to_owned())),
        };
        Self::connect(address, port, unit, rand::random())
    }

    /// Begins session number `session` over `port` and asks the device who it is.
    pub(super) fn connect(
        address: &str,
        port: Box<dyn Port>,
        unit: CostUnit,
        session: u32,
    ) -> Result<Self, DeviceError> {
        let mut exchange = Exchange::open(address.to_owned(), port, session, WAIT_FOR_HELLO)?;
        let info = introduction(&mut exchange)?;
        Ok(Self {
            exchange,
            unit,
            info,
            model: None,
        })
    }

    /// Connects to the emulator that `command` starts, with its serial line on standard input and output. `name` is its
    /// address in messages.
    ///
    /// # Errors
    /// [`DeviceError`] when it does not start, or the device in it does not answer.
    pub fn start(name: &str, command: Command) -> Result<Self, DeviceError> {
        let qemu = Qemu::run(command).map_err(|error| DeviceError::Open {
            device: name.to_owned(),
            reason: error.to_string(),
        })?;
        Self::connect(name, Box::new(qemu), CostUnit::Instructions, rand::random())
    }

    /// Begins another session, as is needed after the device has started anew. No model is in use then.
    ///
    /// # Errors
    /// [`DeviceError`] when the device does not answer.
    pub fn reconnect(&mut self) -> Result<(), DeviceError> {
        self.reconnect_as(rand::random())
    }

    pub(super) fn reconnect_as(&mut self, session: u32) -> Result<(), DeviceError> {
        self.model = None;
        self.exchange.reopen(session, WAIT_FOR_HELLO)?;
        self.info = introduction(&mut self.exchange)?;
        Ok(())
    }

    /// What the device said of itself.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// What [`Run::cost`] counts.
    pub fn unit(&self) -> CostUnit {
        self.unit
    }

    /// The model in use.
    pub fn model(&self) -> Option<&ModelInfo> {
        self.model.as_ref()
    }

    /// The order of weights that suits the device's kernels; `None` if its firmware does not say, being older than the question.
    ///
    /// # Errors
    /// [`DeviceError`] when the device does not answer.
    pub fn order(&mut self) -> Result<Option<Order>, DeviceError> {
        let asked = Request::WeightOrder;
        let order = self.exchange.ask(&asked, WAIT, |answer| match answer {
            Response::WeightOrder { code } => Some(Order::from_code(*code)),
            _ => None,
        });
        match order {
            Err(DeviceError::Refused { .. }) => Ok(None),
            order => order,
        }
    }

    /// Sends a model file and works with it, or with the one in flash when it is the same. The state is
    /// zero then.
    ///
    /// # Errors
    /// [`DeviceError::Model`] when the engine on the device refuses the file, with its reason, and others.
    pub fn load(&mut self, file: &[u8]) -> Result<ModelInfo, DeviceError> {
        let is_file = |model: &ModelInfo| is_of(model, file);
        if self.info.embedded.as_ref().is_some_and(is_file) {
            return self.open_model(Request::UseEmbedded, is_file);
        }
        self.model = None;
        let bytes = u32::try_from(file.len()).unwrap_or(u32::MAX);
        self.command(Request::BeginLoad { bytes })?;
        let part_bytes = self.payload_bytes();
        for (index, bytes) in file.chunks(part_bytes).enumerate() {
            let offset = (index * part_bytes) as u32;
            self.command(Request::Load { offset, bytes })?;
        }
        self.open_model(Request::FinishLoad, is_file)
    }

    /// Works with the model in flash. The state is zero then.
    ///
    /// # Errors
    /// [`DeviceError::Refused`] when there is none, and others.
    pub fn use_embedded(&mut self) -> Result<ModelInfo, DeviceError> {
        self.open_model(Request::UseEmbedded, |_| true)
    }

    /// Sets the state to zero.
    ///
    /// # Errors
    /// [`DeviceError`]; without a model among others.
    pub fn reset(&mut self) -> Result<(), DeviceError> {
        self.command(Request::Reset)
    }

    /// Advances the model by the time steps `inputs`, `[T, I]`, from the state in which the last run left
    /// it. Any number of steps is allowed; they are sent in parts.
    ///
    /// # Errors
    /// [`DeviceError`]; without a model or for an incomplete step among others.
    pub fn run(&mut self, inputs: &[i32], keep: Keep) -> Result<Run, DeviceError> {
        self.advance(inputs, keep, false)
    }

    /// [`reset`](Self::reset) and [`run`](Self::run) at once: a whole sequence, `[T, I]`.
    ///
    /// # Errors
    /// As for `run`.
    pub fn run_sequence(&mut self, inputs: &[i32], keep: Keep) -> Result<Run, DeviceError> {
        self.advance(inputs, keep, true)
    }

    fn advance(&mut self, inputs: &[i32], keep: Keep, reset: bool) -> Result<Run, DeviceError> {
        let (width, outputs) = match &self.model {
            Some(model) => (model.inputs as usize, model.outputs as usize),
            None => (1, 1),
        };
        if !inputs.len().is_multiple_of(width) {
            return Err(DeviceError::Inputs {
                device: self.exchange.device().to_owned(),
                found: inputs.len(),
                inputs: width,
            });
        }
        let every_step = keep == Keep::EveryStep;
        let room = self.payload_bytes();
        // Inputs travel in as few bytes as hold them, outputs in four.
        let format = Width::of(inputs);
        let most_in = room / (width * format.bytes());
        let most_out = if every_step {
            room / (outputs * 4)
        } else {
            usize::MAX
        };
        let mut run = Run {
            outputs: Vec::new(),
            steps: inputs.len() / width,
            cost: None,
        };
        let mut ticks = Some(0u64);
        // A step that is longer than a message is left for the device to refuse.
        let most_values = most_in.min(most_out).max(1) * width;
        let mut bytes = vec![0; most_values.min(inputs.len()) * format.bytes()];
        for (index, part) in inputs.chunks(most_values).enumerate() {
            let request = Request::Run {
                reset: reset && index == 0,
                every_step,
                width: format,
                inputs: format.put(part, &mut bytes).unwrap_or_default(),
            };
            let kept_steps = if every_step { part.len() / width } else { 1 };
            let expected = kept_steps * outputs * 4;
            let (outputs, part_ticks) =
                self.exchange.ask(&request, WAIT, |answer| match answer {
                    Response::Outputs { outputs, ticks } if outputs.len() == expected => {
                        Some((Width::I32.get(outputs).collect::<Vec<_>>(), *ticks))
                    }
                    _ => None,
                })?;
            if !every_step {
                run.outputs.clear();
            }
            run.outputs.extend(outputs);
            ticks = Option::zip(ticks, part_ticks).and_then(|(sum, part)| sum.checked_add(part));
        }
        run.cost = ticks.and_then(|ticks| self.cost(ticks, run.steps));
        Ok(run)
    }

    /// Advances the model by `samples`, any number of them, which it takes by frames that begin every `hop` samples. With
    /// `reset`, they are the begin of a stream.
    ///
    /// # Errors
    /// [`DeviceError`]; without a model, or for one that takes no samples, among others.
    pub fn hear(&mut self, samples: &[i16], hop: usize, reset: bool) -> Result<Heard, DeviceError> {
        let (inputs, outputs) = match &self.model {
            Some(model) => (model.inputs as usize, model.outputs as usize),
            None => (1, 1),
        };
        let (width, room) = (inputs + outputs, self.payload_bytes());
        // A message of so many samples ends no more frames than an answer has room for.
        let most_frames = (room / (4 * width)).max(1);
        let most = ((most_frames - 1) * hop + 1).min(room / 2).max(1);
        let mut heard = Heard {
            frames: Vec::new(),
            cost: Some(0),
        };
        for (index, part) in samples.chunks(most).enumerate() {
            let bytes: Vec<u8> = part.iter().flat_map(|x| x.to_le_bytes()).collect();
            let request = Request::Hear {
                reset: reset && index == 0,
                samples: &bytes,
            };
            let (words, ticks) = self.exchange.ask(&request, WAIT, |answer| match answer {
                Response::Heard { frames, ticks } if frames.len().is_multiple_of(4 * width) => {
                    Some((Width::I32.get(frames).collect::<Vec<_>>(), *ticks))
                }
                _ => None,
            })?;
            heard.frames.extend(words.chunks_exact(width).map(|frame| {
                let (features, outputs) = frame.split_at(inputs);
                (features.to_vec(), outputs.to_vec())
            }));
            let cost = ticks.and_then(|ticks| self.cost(ticks, 1));
            heard.cost =
                Option::zip(heard.cost, cost).and_then(|(sum, part)| sum.checked_add(part));
        }
        Ok(heard)
    }

    /// The state: cells, then hidden state, as the engine saves them.
    ///
    /// # Errors
    /// [`DeviceError`]; without a model among others.
    pub fn read_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        self.exchange
            .ask(&Request::ReadState, WAIT, |answer| match answer {
                Response::State { bytes } => Some(bytes.to_vec()),
                _ => None,
            })
    }

    /// Replaces the state by one that [`read_state`](Self::read_state) returned.
    ///
    /// # Errors
    /// [`DeviceError`]; when it has another length than the model's among others.
    pub fn write_state(&mut self, bytes: &[u8]) -> Result<(), DeviceError> {
        self.command(Request::WriteState { bytes })
    }

    /// Has the device repeat the golden steps in the model file. The state in use is left alone.
    ///
    /// # Errors
    /// [`DeviceError`]; without a model among others.
    pub fn self_test(&mut self) -> Result<SelfTest, DeviceError> {
        self.exchange
            .ask(&Request::SelfTest, WAIT, |answer| match answer {
                Response::SelfTest { steps, passed } => Some(SelfTest {
                    steps: *steps as usize,
                    passed: *passed,
                }),
                _ => None,
            })
    }

    /// How deep the stack has been.
    ///
    /// # Errors
    /// [`DeviceError`] when the device does not answer.
    pub fn stack(&mut self) -> Result<StackUse, DeviceError> {
        self.exchange
            .ask(&Request::Stack, WAIT, |answer| match answer {
                Response::Stack(stack) => Some(*stack),
                _ => None,
            })
    }

    /// A request that is just carried out.
    pub(super) fn command(&mut self, request: Request<'_>) -> Result<(), DeviceError> {
        let done = |answer: &Response<'_>| matches!(answer, Response::Done).then_some(());
        self.exchange.ask(&request, WAIT, done)
    }

    /// A request that brings another model into use, which must be the one that is `wanted`.
    fn open_model(
        &mut self,
        request: Request<'_>,
        wanted: impl Fn(&ModelInfo) -> bool,
    ) -> Result<ModelInfo, DeviceError> {
        self.model = None;
        let channels = 1..=self.info.channels;
        let model = self.exchange.ask(&request, WAIT, |answer| match answer {
            Response::Model(model) => Some(*model),
            _ => None,
        })?;
        let fits = [model.inputs, model.outputs]
            .iter()
            .all(|count| channels.contains(&(*count as usize)));
        if !fits || !wanted(&model) {
            return Err((self.exchange).unexpected("load a model", &format!("{model:?}")));
        }
        self.model = Some(model);
        Ok(model)
    }

    /// Bytes of arrays that fit in a message.
    pub(crate) fn payload_bytes(&self) -> usize {
        lstm_link::payload_bytes(self.info.message_bytes)
    }

    /// What `steps` steps took, from ticks: on an emulated device by the loop of known length.
    fn cost(&self, ticks: u64, steps: usize) -> Option<u64> {
        let rate = &self.info.tick_rate;
        let overhead = u64::from(rate.overhead);
        let net = ticks.checked_sub(overhead * steps as u64)?;
        match self.unit {
            CostUnit::Cycles => Some(net),
            CostUnit::Instructions => {
                let loop_ticks = u64::from(rate.loop_ticks).checked_sub(overhead)?;
                let instructions = u128::from(net) * u128::from(rate.loop_instructions);
                let half = u128::from(loop_ticks / 2);
                let rounded = (instructions + half).checked_div(loop_ticks.into())?;
                u64::try_from(rounded).ok()
            }
        }
    }
}
