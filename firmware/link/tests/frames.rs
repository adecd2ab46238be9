//! Every message survives its journey, and no noise on the line does harm.

use lstm_link::{
    Envelope, FrameError, Hello, ModelInfo, Receiver, Refusal, Request, Resource, Response,
    StackUse, TickRate, Width, decode, encode, payload_bytes,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Longer than any frame below.
const BUFFER: usize = 4096;

/// Feeds `bytes`; every frame that comes out is decoded as a request's id.
fn ids(receiver: &mut Receiver<'_>, bytes: &[u8]) -> Vec<Result<u16, FrameError>> {
    let mut found = Vec::new();
    for &byte in bytes {
        if let Some(frame) = receiver.push(byte) {
            let id = |frame: &mut _| decode::<Envelope<Request<'_>>>(frame).map(|sent| sent.id);
            found.push(frame.and_then(|()| id(receiver.frame())));
        }
    }
    found
}

fn request(kind: u8, flag: bool, number: u32, bytes: &[u8]) -> Request<'_> {
    match kind {
        0 => Request::Hello,
        1 => Request::UseEmbedded,
        2 => Request::BeginLoad { bytes: number },
        3 => Request::Load {
            offset: number,
            bytes,
        },
        4 => Request::FinishLoad,
        5 => Request::Reset,
        6 => Request::Run {
            reset: flag,
            every_step: !flag,
            width: [Width::I8, Width::I16, Width::I32][number as usize % 3],
            inputs: bytes,
        },
        7 => Request::ReadState,
        8 => Request::WriteState { bytes },
        9 => Request::SelfTest,
        _ => Request::Stack,
    }
}

fn response<'a>(kind: u8, flag: bool, number: u32, bytes: &'a [u8], text: &'a str) -> Response<'a> {
    let model = ModelInfo {
        bytes: number,
        checksum: !number,
        inputs: number % 7,
        outputs: number % 5,
        state_blocks: number % 3,
        scratch_blocks: number % 4,
    };
    match kind {
        0 => Response::Hello(Hello {
            protocol: number as u16,
            version: text,
            board: text,
            frame_bytes: number,
            model_bytes: number / 2,
            state_blocks: number / 3,
            scratch_blocks: number / 4,
            channels: number / 5,
            tick_rate: TickRate {
                overhead: number / 6,
                loop_ticks: number / 7,
                loop_instructions: number / 8,
            },
            embedded: flag.then_some(model),
        }),
        1 => Response::Model(model),
        2 => Response::Done,
        3 => Response::Outputs {
            outputs: bytes,
            ticks: flag.then_some(u64::from(number) << 20),
        },
        4 => Response::State { bytes },
        5 => Response::SelfTest {
            steps: number,
            passed: flag,
        },
        6 => Response::Stack(StackUse {
            program_bytes: number,
            step_bytes: !number,
        }),
        7 => Response::Refused(Refusal::Model(text)),
        8 => Response::Refused(Refusal::LoadOrder { expected: number }),
        _ => Response::Refused(Refusal::TooSmall {
            resource: Resource::StateBlocks,
            need: number,
            have: number / 2,
        }),
    }
}

proptest! {
    #[test]
    fn requests_round_trip(
        id: u16, kind in 0u8..11, flag: bool, number: u32, bytes in vec(any::<u8>(), 0..900),
    ) {
        let sent = Envelope { id, body: request(kind, flag, number, &bytes) };
        let mut buffer = [0; BUFFER];
        let frame = encode(&sent, &mut buffer).unwrap();
        let mut storage = [0; BUFFER];
        let mut receiver = Receiver::new(&mut storage);
        let (last, body) = frame.split_last().unwrap();
        for &byte in body {
            prop_assert!(receiver.push(byte).is_none());
        }
        prop_assert_eq!(receiver.push(*last), Some(Ok(())));
        prop_assert_eq!(decode::<Envelope<Request<'_>>>(receiver.frame()).unwrap(), sent);
    }

    #[test]
    fn responses_round_trip(
        id: u16, kind in 0u8..10, flag: bool, number: u32,
        bytes in vec(any::<u8>(), 0..900), text in ".{0,80}",
    ) {
        let sent = Envelope { id, body: response(kind, flag, number, &bytes, &text) };
        let mut buffer = [0; BUFFER];
        let length = encode(&sent, &mut buffer).unwrap().len();
        let received = decode(&mut buffer[..length - 1]).unwrap();
        prop_assert_eq!(sent, received);
    }

    #[test]
    fn integers_round_trip_in_the_smallest_width(values in vec(any::<i32>(), 0..50), shift in 0u32..32) {
        let values: Vec<i32> = values.iter().map(|value| value >> shift).collect();
        let width = Width::of(&values);
        let mut buffer = [0; 200];
        let bytes = width.put(&values, &mut buffer).unwrap();
        prop_assert_eq!(bytes.len(), values.len() * width.bytes());
        prop_assert_eq!(width.get(bytes).collect::<Vec<_>>(), &values[..]);
        let fits = |bits: u32| values.iter().all(|v| v << (32 - bits) >> (32 - bits) == *v);
        let needed = if fits(8) { 1 } else if fits(16) { 2 } else { 4 };
        prop_assert_eq!(width.bytes(), needed);
    }

    #[test]
    fn noise_is_harmless_and_the_next_frame_arrives(
        noise in vec(any::<u8>(), 0..600), id: u16, room in 64usize..512,
    ) {
        let mut storage = vec![0; room];
        let mut receiver = Receiver::new(&mut storage);
        // Whatever the noise began is ended by this zero.
        let mut bytes = noise;
        bytes.push(0);
        ids(&mut receiver, &bytes);
        let mut buffer = [0; BUFFER];
        let frame = encode(&Envelope { id, body: Request::Reset }, &mut buffer).unwrap();
        prop_assert_eq!(ids(&mut receiver, frame), [Ok(id)]);
    }

    #[test]
    fn a_damaged_frame_is_refused_and_the_next_one_arrives(
        id: u16, payload in vec(any::<u8>(), 0..200), place: prop::sample::Index, change in 1u8..,
    ) {
        let mut buffer = [0; BUFFER];
        let sent = Envelope { id, body: Request::Load { offset: 3, bytes: &payload } };
        let good = encode(&sent, &mut buffer).unwrap().to_vec();
        let mut damaged = good.clone();
        // The final zero stays: without it two frames would become one damaged one.
        let place = place.index(damaged.len() - 1);
        damaged[place] ^= change;
        let mut storage = [0; BUFFER];
        let mut receiver = Receiver::new(&mut storage);
        // A change to zero cuts the frame in two; neither half may pass.
        let refused = ids(&mut receiver, &damaged);
        prop_assert!(refused.iter().all(|result| *result == Err(FrameError::Damaged)));
        prop_assert_eq!(ids(&mut receiver, &good), [Ok(id)]);
    }

    #[test]
    fn a_frame_too_long_is_refused_and_the_next_one_arrives(extra in 1usize..200, id: u16) {
        let mut storage = [0; 64];
        let mut receiver = Receiver::new(&mut storage);
        let mut long = vec![7; 64 + extra];
        long.push(0);
        prop_assert_eq!(ids(&mut receiver, &long), [Err(FrameError::TooLong { have_bytes: 64 })]);
        let mut buffer = [0; BUFFER];
        let frame = encode(&Envelope { id, body: Request::Reset }, &mut buffer).unwrap();
        prop_assert_eq!(ids(&mut receiver, frame), [Ok(id)]);
    }
}

/// The longest messages: all their numbers are large, and no byte of the payload is zero, which costs
/// COBS the most.
#[test]
fn a_payload_of_the_promised_length_fits() {
    for frame_bytes in [64, 285, 286, 287, 288, 1024, 8192, 16384, 65536] {
        let bytes = vec![7; payload_bytes(frame_bytes)];
        let mut buffer = vec![0; frame_bytes];
        let request = Request::Load {
            offset: u32::MAX,
            bytes: &bytes,
        };
        let response = Response::Outputs {
            outputs: &bytes,
            ticks: Some(u64::MAX),
        };
        let id = u16::MAX;
        assert!(encode(&Envelope { id, body: request }, &mut buffer).is_ok());
        assert!(encode(&Envelope { id, body: response }, &mut buffer).is_ok());
    }
}

#[test]
fn a_message_that_does_not_fit_is_an_error() {
    let message = Envelope {
        id: 1,
        body: Request::Load {
            offset: 0,
            bytes: &[9; 100],
        },
    };
    let mut buffer = [0; 60];
    let refused = encode(&message, &mut buffer);
    assert_eq!(refused, Err(FrameError::TooLong { have_bytes: 60 }));
}
