//! Requests in, responses out, over a serial port.

use embedded_io::{Read, Write};
use lstm_link::{Envelope, Receiver, Refusal, Request, Resource, Response, decode, encode};

/// The sending half, and the port itself.
pub struct Line<'b, S> {
    serial: S,
    sent: &'b mut [u8],
}

impl<'b, S: Read + Write> Line<'b, S> {
    /// A line over `serial` whose frames fit in `sent`.
    pub fn new(serial: S, sent: &'b mut [u8]) -> Self {
        Self { serial, sent }
    }

    /// Sends an answer. Errors of the port are left to the host, which will miss the answer.
    pub fn send(&mut self, id: u16, body: Response<'_>) {
        let refused = Envelope {
            id,
            body: Response::Refused(Refusal::TooSmall {
                resource: Resource::FrameBytes,
                need: self.sent.len() as u32 + 1,
                have: self.sent.len() as u32,
            }),
        };
        let frame = match encode(&Envelope { id, body }, self.sent) {
            Ok(frame) => frame.len(),
            Err(_) => encode(&refused, self.sent).map_or(0, <[u8]>::len),
        };
        let _ = self.serial.write_all(&self.sent[..frame]);
        let _ = self.serial.flush();
    }

    /// Waits for the next request. Whatever else arrives is answered as damaged.
    pub fn receive<'r>(&mut self, receiver: &'r mut Receiver<'_>) -> Option<Envelope<Request<'r>>> {
        self.wait(receiver);
        let request = decode(receiver.frame());
        if request.is_err() {
            self.send(0, Response::Refused(Refusal::Damaged));
        }
        request.ok()
    }

    /// Waits for the end of a frame.
    fn wait(&mut self, receiver: &mut Receiver<'_>) {
        let mut byte = [0];
        loop {
            // A byte that the port lost or garbled is found by the CRC. A frame that was too long is
            // left empty, which is damaged as well.
            if matches!(self.serial.read(&mut byte), Ok(1..)) && receiver.push(byte[0]).is_some() {
                return;
            }
        }
    }
}
