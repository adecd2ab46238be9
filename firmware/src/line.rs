//! Requests in, responses out, over a serial port.

use embedded_io::{Read, Write};
use lstm_link::{Event, Refusal, Request, Responder, Response, read_message};

/// The port and the board's half of the exchange.
pub struct Line<'b, S> {
    serial: S,
    responder: Responder<'b>,
}

/// What the host wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A session begins: nothing of the last one may show.
    NewSession,
    /// A [request](Line::request) is complete.
    Answer,
}

impl<'b, S: Read + Write> Line<'b, S> {
    /// A line over `serial`.
    pub fn new(serial: S, responder: Responder<'b>) -> Self {
        Self { serial, responder }
    }

    /// Waits until the host wants something.
    pub fn wait(&mut self) -> Wanted {
        let mut byte = [0];
        loop {
            // A byte that the port lost or garbled is found by the CRC.
            if !matches!(self.serial.read(&mut byte), Ok(1..)) {
                continue;
            }
            match self.responder.push(byte[0]) {
                Event::Nothing => {}
                Event::Reply(frame) => send(&mut self.serial, frame),
                Event::Opened(frame) => {
                    send(&mut self.serial, frame);
                    return Wanted::NewSession;
                }
                Event::Request => return Wanted::Answer,
            }
        }
    }

    /// The request that is complete; `None` when it is none of this protocol.
    pub fn request(&self) -> Option<Request<'_>> {
        read_message(self.responder.request())
    }

    /// Answers the request.
    pub fn answer(&mut self, response: &Response<'_>) {
        send(&mut self.serial, self.responder.answer(response));
    }

    /// Answers that the request is not carried out.
    pub fn refuse(&mut self, refusal: Refusal<'_>) {
        self.answer(&Response::Refused(refusal));
    }
}

/// Errors of the port are left to the host, which will miss the frame.
fn send<S: Write>(serial: &mut S, frame: &[u8]) {
    let _ = serial.write_all(frame);
    let _ = serial.flush();
}
