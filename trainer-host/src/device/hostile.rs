//! Devices that flood the line, lie, or speak another protocol: each ends with an error.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use lstm_link::{
    Ask, ModelInfo, OLD_PROTOCOL, Packet, Reply, Request, Response, checksum, encode, read_message,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::client::{CostUnit, Device};
use super::error::DeviceError;
use super::port::Port;
use super::simulated::{BYTE, hello};

/// A device that answers each ask with what `answer` makes of it, and fills the rest of the time with `filler`.
struct Hostile<A> {
    begin: Instant,
    now: Duration,
    waiting: VecDeque<u8>,
    answer: A,
    filler: Option<u8>,
}

impl<A: FnMut(Packet<Ask<'_>>) -> Vec<u8> + Send> Port for Hostile<A> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut frame = bytes[1..bytes.len() - 1].to_vec();
        let packet = lstm_link::decode(&mut frame).unwrap();
        self.waiting.extend((self.answer)(packet));
        Ok(())
    }

    fn receive(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize> {
        let waiting = self.waiting.len().min(bytes.len());
        let count = match self.filler {
            Some(_) => bytes.len(),
            None => waiting,
        };
        let filler = self.filler.unwrap_or_default();
        for place in &mut bytes[..count] {
            *place = self.waiting.pop_front().unwrap_or(filler);
        }
        self.now += if count == 0 {
            wait
        } else {
            BYTE * count as u32
        };
        Ok(count)
    }

    fn now(&self) -> Instant {
        self.begin + self.now
    }
}

fn hostile<A>(answer: A, filler: Option<u8>) -> Result<Device, DeviceError>
where
    A: FnMut(Packet<Ask<'_>>) -> Vec<u8> + Send + 'static,
{
    let port = Hostile {
        begin: Instant::now(),
        now: Duration::ZERO,
        waiting: VecDeque::new(),
        answer,
        filler,
    };
    Device::connect("hostile", Box::new(port), CostUnit::Cycles, 9)
}

fn frame(packet: &Packet<Reply<'_>>) -> Vec<u8> {
    encode(packet, &mut [0; 1024]).unwrap().to_vec()
}

#[test]
fn a_flood_ends_with_an_error() {
    for filler in [None, Some(0), Some(1), Some(0xff)] {
        let error = hostile(|_| Vec::new(), filler).err().unwrap();
        assert!(matches!(error, DeviceError::Timeout { .. }), "{error}");
    }
    // Complaints without end, and replies to other asks without end.
    for reply in [Reply::Damaged, Reply::Taken { id: 1, have: 0 }] {
        let answer = move |ask: Packet<Ask<'_>>| {
            let other = frame(&Packet::new(ask.session, ask.turn.wrapping_sub(1), reply));
            other.repeat(100)
        };
        let error = hostile(answer, None).err().unwrap();
        assert!(matches!(error, DeviceError::Timeout { .. }), "{error}");
    }
}

/// Replies of the right session and turn with any content.
#[test]
fn a_device_that_lies_makes_no_panic() {
    let mut opened = 0;
    for seed in 0..2000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let bytes = {
            let mut bytes = vec![0; random.random_range(0..300)];
            random.fill_bytes(&mut bytes);
            bytes
        };
        let mut wild = ChaCha8Rng::seed_from_u64(!seed);
        let answer = move |ask: Packet<Ask<'_>>| {
            let sizes = [0, 1, 15, 16, 100, 512, u16::MAX];
            let mut size = || sizes[wild.random_range(0..sizes.len())];
            let (length, offset, have) = (size(), size(), size());
            let piece = &bytes[..bytes.len().min(have.into())];
            let reply = match (ask.body, wild.random_range(0..12)) {
                (Ask::Open, 1..) => Reply::Opened {
                    frame_bytes: length,
                    message_bytes: offset,
                },
                (Ask::Send { id, .. } | Ask::Fetch { id, .. }, 0..3) => Reply::Taken { id, have },
                (Ask::Send { id, .. }, 3..8) => Reply::Answer {
                    id,
                    length: piece.len() as u16,
                    offset: 0,
                    bytes: piece,
                },
                (Ask::Send { id, .. } | Ask::Fetch { id, .. }, 3..10) => Reply::Answer {
                    id,
                    length,
                    offset,
                    bytes: piece,
                },
                _ => Reply::Damaged,
            };
            frame(&Packet::new(ask.session, ask.turn, reply))
        };
        // Whatever comes out, it comes out.
        match hostile(answer, None) {
            Ok(_) => opened += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(opened < 100, "random bytes are hardly ever an introduction");
}

/// A device whose introduction is right and whose models and outputs are not.
#[test]
fn a_model_that_is_not_the_one_sent_is_refused() {
    let lies = [
        ModelInfo {
            bytes: 3,
            checksum: checksum(&[1, 2, 3]) ^ 1,
            inputs: 1,
            outputs: 1,
            state_blocks: 1,
            scratch_blocks: 1,
        },
        ModelInfo {
            bytes: 3,
            checksum: checksum(&[1, 2, 3]),
            inputs: 0,
            outputs: u32::MAX,
            state_blocks: 1,
            scratch_blocks: 1,
        },
    ];
    for lie in lies {
        let answer = move |ask: Packet<Ask<'_>>| {
            let mut message = [0; 256];
            let response = match ask.body {
                Ask::Open => None,
                Ask::Send { bytes, .. } => Some(match read_message(bytes) {
                    Some(Request::Hello) => hello(None),
                    Some(Request::FinishLoad) => Response::Model(lie),
                    _ => Response::Done,
                }),
                Ask::Fetch { .. } => None,
            };
            let reply = match (ask.body, &response) {
                (Ask::Send { id, .. }, Some(response)) => {
                    let bytes = lstm_link::write_message(response, &mut message).unwrap();
                    Reply::Answer {
                        id,
                        length: bytes.len() as u16,
                        offset: 0,
                        bytes,
                    }
                }
                _ => Reply::Opened {
                    frame_bytes: 512,
                    message_bytes: 512,
                },
            };
            frame(&Packet::new(ask.session, ask.turn, reply))
        };
        let mut device = hostile(answer, None).unwrap();
        let error = device.load(&[1, 2, 3]).unwrap_err();
        assert!(matches!(error, DeviceError::Unexpected { .. }), "{error}");
        assert!(device.model().is_none());
    }
}

#[test]
fn a_board_of_another_version_is_refused_by_name() {
    // What a board of version 2 answers to everything later.
    let old = |_: Packet<Ask<'_>>| encode(&(0u16, 7u8, 0u8), &mut [0; 64]).unwrap().to_vec();
    let error = hostile(old, None).err().unwrap().to_string();
    let named = format!("version {OLD_PROTOCOL} or older");
    assert!(error.contains(&named), "{error}");
    let later = |_: Packet<Ask<'_>>| encode(&(9u8, 1u8, 2u8), &mut [0; 64]).unwrap().to_vec();
    let error = hostile(later, None).err().unwrap().to_string();
    assert!(error.contains("version 9 of the protocol"), "{error}");
}
