//! Answers the host's requests, one after the other, for ever.
//!
//! A model borrows its file. So each model is in use in its own [`Server::work_with`], which ends when another
//! one is wanted and the file's buffer must be free.

use core::fmt::{Debug, Display, Write as _};

use cortex_m::peripheral::SYST;
use embedded_io::{Read, Write};
use heapless::String;
use lstm_link::{
    Hello, Manifest, ModelInfo, Refusal, Request, Resource, Responder, Response, Slots, StackUse,
    TickRate,
};
use lstm_nostd::Model;
#[cfg(feature = "window")]
use lstm_nostd::WindowModel;
use lstm_nostd::kernels::{Active, Kernels, Order};
use lstm_update::{Checked, Flash, Store, Update, UpdateError};

use crate::board::{self, CAPACITY, NAME};
use crate::counter::Counter;
use crate::line::{Line, Wanted};
use crate::memory::{Memory, Work};
use crate::stack::{Guard, Painted};
use crate::started::Started;
use crate::work::{fitting, too_small};

/// The order of weights that suits the kernels of this build.
const ORDER: Order = match <Active as Kernels>::ORDERS {
    [best, ..] => *best,
    [] => Order::Generic,
};

/// The engine's error in words; what is longer is cut off.
type Reason = String<192>;

/// A model of either type.
#[derive(Clone, Copy)]
enum Loaded<'a, 'm> {
    /// It runs step by step.
    Steps(&'a Model<'m>),
    /// It takes whole windows.
    #[cfg(feature = "window")]
    Windows(&'a WindowModel<'m>),
}

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
pub fn serve<S: Read + Write, F: Flash<Error: Display>>(
    serial: S,
    store: Store<F>,
    systick: SYST,
    program: Painted,
    memory: &'static mut Memory,
) -> ! {
    let mut counter = Counter::start(systick);
    let tick_rate = counter.rate();
    let mut started = Started::new(store);
    let embedded = started_with(started.file());
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
        embedded,
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

/// What the board says of the model that it started with, if it has room for it. The model is not to lie on the stack of
/// the whole program.
#[inline(never)]
fn started_with(file: &[u8]) -> Option<ModelInfo> {
    match &Model::parse(file) {
        Ok(model) => fitting(model, file).ok(),
        Err(_) => None,
    }
}

impl<S: Read + Write> Server<'_, S> {
    /// Parses `file`, says so, and works with the model.
    fn open(&mut self, file: &[u8]) -> Next {
        self.work.reset();
        #[cfg(feature = "window")]
        if let Some(next) = self.open_window(file) {
            return next;
        }
        self.open_steps(file)
    }

    /// The same of a model of whole windows, if it is one. Two models at once would not fit on a small stack.
    #[cfg(feature = "window")]
    #[inline(never)]
    fn open_window(&mut self, file: &[u8]) -> Option<Next> {
        match &WindowModel::parse(file) {
            Ok(model) if model.is_of_windows() => {
                let info = fitting(model, file);
                Some(self.work_with_opened(info, Loaded::Windows(model)))
            }
            _ => None,
        }
    }

    #[inline(never)]
    fn open_steps(&mut self, file: &[u8]) -> Next {
        match &Model::parse(file) {
            Ok(model) => {
                let info = fitting(model, file);
                self.work_with_opened(info, Loaded::Steps(model))
            }
            Err(error) => {
                let mut reason = Reason::new();
                // What does not fit in the text is left out.
                let _ = write!(reason, "{error}");
                if !self.has_overflowed() {
                    self.line.refuse(Refusal::Model(&reason));
                }
                Next::NoModel
            }
        }
    }

    /// Says what a model is, and works with it, if this board has room for it.
    fn work_with_opened(
        &mut self,
        info: Result<ModelInfo, Refusal<'static>>,
        model: Loaded<'_, '_>,
    ) -> Next {
        if self.has_overflowed() {
            return Next::NoModel;
        }
        match info {
            Ok(info) => {
                self.line.answer(&Response::Model(info));
                self.work_with(Some(model))
            }
            Err(refusal) => {
                self.line.refuse(refusal);
                Next::NoModel
            }
        }
    }

    /// Answers requests until another model is wanted.
    fn work_with(&mut self, model: Option<Loaded<'_, '_>>) -> Next {
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
                (Some(request), model) => match (self.known(&request), model) {
                    (Some(answer), _) => Ok(answer),
                    (None, None) => Err(Refusal::NoModel),
                    #[cfg(feature = "window")]
                    (None, Some(Loaded::Windows(model))) => {
                        let stack = Painted::below_caller();
                        let answer = self.work.of_windows(&mut self.counter, model, &request);
                        let used = stack.used_bytes() as u32;
                        self.step_stack_bytes = self.step_stack_bytes.max(used);
                        answer
                    }
                    (None, Some(Loaded::Steps(model))) => {
                        let stack = &mut self.step_stack_bytes;
                        (self.work).of_steps(&mut self.counter, model, &request, stack)
                    }
                },
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
    fn update<F: Flash<Error: Display>>(
        &mut self,
        manifest: Manifest,
        started: &mut Started<F>,
    ) -> Next {
        match started.begin(manifest) {
            Ok(update) => {
                self.line.answer(&Response::Done);
                self.receive(update)
            }
            Err(error) => self.refuse_update(&error),
        }
    }

    /// Receives a new model into its slot.
    fn receive<F: Flash<Error: Display>>(&mut self, mut update: Update<'_, F>) -> Next {
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

    /// Checks the new model, and switches to it if the stack was deep enough for that.
    fn finish<F: Flash<Error: Display>>(&mut self, update: Update<'_, F>) -> Next {
        let checked = checked(update);
        if self.has_overflowed() {
            return Next::NoModel;
        }
        match checked.and_then(Checked::switch) {
            Ok(()) => {
                self.line.answer(&Response::Done);
                Next::NoModel
            }
            Err(error) => self.refuse_update(&error),
        }
    }

    /// Says why a new model is not taken.
    fn refuse_update<E: Debug + Display>(&mut self, error: &UpdateError<E>) -> Next {
        let mut reason = Reason::new();
        // What does not fit in the text is left out.
        let _ = match error {
            UpdateError::Flash(error) => write!(reason, "the flash failed: {error}"),
            error => write!(reason, "{error}"),
        };
        self.line.refuse(Refusal::Update(&reason));
        Next::NoModel
    }

    /// Keeps the model that the board started with.
    fn confirm<F: Flash<Error: Display>>(&mut self, started: &mut Started<F>) -> Next {
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
            Request::WeightOrder => Response::WeightOrder { code: ORDER.code() },
            Request::Stack => Response::Stack(StackUse {
                program_bytes: self.program.used_bytes_of_all() as u32,
                step_bytes: self.step_stack_bytes,
            }),
            _ => return None,
        })
    }
}

/// The new model if it works here. The stack of its golden steps is not to be that of every request.
#[inline(never)]
fn checked<F: Flash>(update: Update<'_, F>) -> Result<Checked<'_, F>, UpdateError<F::Error>> {
    update.check::<
        { CAPACITY.channels },
        { CAPACITY.state_blocks },
        { CAPACITY.state_blocks },
        { CAPACITY.scratch_blocks },
        { CAPACITY.channels },
    >()
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
