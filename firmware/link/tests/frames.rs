//! Every message survives its journey, and no noise on the line does harm.

use lstm_link::{
    Ask, FrameError, Hello, Manifest, ModelInfo, Packet, Receiver, Refusal, Reply, Request,
    Resource, Response, Slots, StackUse, TickRate, Width, decode, encode, payload_bytes,
    piece_bytes, read_message, write_message,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Longer than any frame below.
const BUFFER: usize = 4096;

/// Feeds `bytes`; every frame that comes out is decoded as an ask's session.
fn sessions(receiver: &mut Receiver<&mut [u8]>, bytes: &[u8]) -> Vec<Result<u32, FrameError>> {
    let mut found = Vec::new();
    for &byte in bytes {
        if let Some(frame) = receiver.push(byte) {
            let session = |frame: &mut _| decode::<Packet<Ask<'_>>>(frame).map(|sent| sent.session);
            found.push(frame.and_then(|()| session(receiver.frame())));
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
        10 => Request::Hear {
            reset: flag,
            samples: bytes,
        },
        11 => Request::Slots,
        12 => Request::BeginUpdate(Manifest {
            version: number,
            bytes: number / 2,
            checksum: !number,
            force: flag,
        }),
        13 => Request::WriteUpdate {
            offset: number,
            bytes,
        },
        14 => Request::FinishUpdate,
        15 => Request::Confirm,
        16 => Request::Restart,
        17 => Request::WeightOrder,
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
            version: text,
            board: text,
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
        9 => Response::Refused(Refusal::StackOverflow),
        10 => Response::Heard {
            frames: bytes,
            ticks: flag.then_some(u64::from(number) << 20),
        },
        11 => Response::Refused(Refusal::NoFrontEnd),
        12 => Response::Slots(Slots {
            room_bytes: number,
            version: flag.then_some(!number),
            is_on_trial: flag,
        }),
        13 => Response::Refused(Refusal::Update(text)),
        14 => Response::WeightOrder { code: number as u8 },
        _ => Response::Refused(Refusal::TooSmall {
            resource: Resource::StateBlocks,
            need: number,
            have: number / 2,
        }),
    }
}

fn ask(kind: u8, number: u32, bytes: &[u8]) -> Ask<'_> {
    match kind {
        0 => Ask::Open,
        1 => Ask::Send {
            id: number,
            length: number as u16,
            offset: (number >> 8) as u16,
            most: (number >> 16) as u16,
            bytes,
        },
        _ => Ask::Fetch {
            id: number,
            offset: number as u16,
            most: (number >> 16) as u16,
        },
    }
}

fn reply(kind: u8, number: u32, bytes: &[u8]) -> Reply<'_> {
    match kind {
        0 => Reply::Opened {
            frame_bytes: number as u16,
            message_bytes: (number >> 16) as u16,
        },
        1 => Reply::Taken {
            id: number,
            have: number as u16,
        },
        2 => Reply::Answer {
            id: number,
            length: number as u16,
            offset: (number >> 16) as u16,
            bytes,
        },
        3 => Reply::Damaged,
        4 => Reply::NoSession,
        _ => Reply::TooLong,
    }
}

proptest! {
    #[test]
    fn requests_round_trip(kind in 0u8..=18, flag: bool, number: u32, bytes in vec(any::<u8>(), 0..900)) {
        let request = request(kind, flag, number, &bytes);
        let mut buffer = [0; BUFFER];
        let message = write_message(&request, &mut buffer).unwrap();
        prop_assert_eq!(read_message(message), Some(request));
        // Neither a part of a message nor more than one is a message.
        let shorter = read_message::<Request<'_>>(&message[..message.len() - 1]);
        prop_assert_eq!(shorter, None);
        let longer = [message, &[0]].concat();
        prop_assert_eq!(read_message::<Request<'_>>(&longer), None);
    }

    #[test]
    fn responses_round_trip(
        kind in 0u8..=15, flag: bool, number: u32,
        bytes in vec(any::<u8>(), 0..900), text in ".{0,80}",
    ) {
        let response = response(kind, flag, number, &bytes, &text);
        let mut buffer = [0; BUFFER];
        let message = write_message(&response, &mut buffer).unwrap();
        prop_assert_eq!(read_message(message), Some(response));
    }

    #[test]
    fn packets_round_trip(
        session: u32, turn: u8, kind in 0u8..6, number: u32, bytes in vec(any::<u8>(), 0..900),
    ) {
        let mut buffer = [0; BUFFER];
        let sent = Packet::new(session, turn, ask(kind, number, &bytes));
        let frame = encode(&sent, &mut buffer).unwrap();
        let mut storage = [0; BUFFER];
        let mut receiver = Receiver::new(&mut storage[..]);
        let (last, body) = frame.split_last().unwrap();
        for &byte in body {
            prop_assert!(receiver.push(byte).is_none());
        }
        prop_assert_eq!(receiver.push(*last), Some(Ok(())));
        prop_assert_eq!(decode::<Packet<Ask<'_>>>(receiver.frame()).unwrap(), sent);

        let sent = Packet::new(session, turn, reply(kind, number, &bytes));
        let length = encode(&sent, &mut buffer).unwrap().len();
        let received = decode(&mut buffer[1..length - 1]).unwrap();
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
        noise in vec(any::<u8>(), 0..600), session: u32, room in 64usize..512,
    ) {
        let mut storage = vec![0; room];
        let mut receiver = Receiver::new(&mut storage[..]);
        let mut buffer = [0; BUFFER];
        let frame = encode(&Packet::new(session, 0, Ask::Open), &mut buffer).unwrap();
        // The frame's first zero ends whatever the noise began.
        let found = sessions(&mut receiver, &[&noise, frame].concat());
        prop_assert_eq!(found.last(), Some(&Ok(session)));
        prop_assert!(found.iter().filter(|found| found.is_ok()).count() == 1);
    }

    #[test]
    fn a_damaged_frame_is_refused_and_the_next_one_arrives(
        session: u32, payload in vec(any::<u8>(), 0..200), place: prop::sample::Index, change in 1u8..,
    ) {
        let mut buffer = [0; BUFFER];
        let sent = Packet::new(session, 1, ask(1, 3, &payload));
        let good = encode(&sent, &mut buffer).unwrap().to_vec();
        let mut damaged = good.clone();
        let place = place.index(damaged.len());
        damaged[place] ^= change;
        let mut storage = [0; BUFFER];
        let mut receiver = Receiver::new(&mut storage[..]);
        // A change to zero cuts the frame in two; neither half may pass. A zero that is none any more joins the
        // frame to another, if that has none of its own.
        let found = sessions(&mut receiver, &[&damaged[..], &good].concat());
        let (last, others) = found.split_last().unwrap();
        prop_assert_eq!(*last, Ok(session));
        let refused = |found: &Result<u32, FrameError>| *found == Err(FrameError::Damaged);
        prop_assert!(others.iter().all(refused), "{:?}", found);
    }

    #[test]
    fn a_frame_that_lost_a_zero_arrives(session: u32, payload in vec(any::<u8>(), 0..200), first: bool) {
        let mut buffer = [0; BUFFER];
        let good = encode(&Packet::new(session, 1, ask(1, 3, &payload)), &mut buffer).unwrap();
        let (begin, end) = if first { (&good[1..], good) } else { (&good[..good.len() - 1], good) };
        let mut storage = [0; BUFFER];
        let mut receiver = Receiver::new(&mut storage[..]);
        prop_assert_eq!(sessions(&mut receiver, &[begin, end].concat()), [Ok(session); 2]);
    }

    #[test]
    fn a_frame_too_long_is_refused_and_the_next_one_arrives(extra in 1usize..200, session: u32) {
        let mut storage = [0; 64];
        let mut receiver = Receiver::new(&mut storage[..]);
        let mut long = vec![7; 64 + extra];
        long.push(0);
        let refused = sessions(&mut receiver, &long);
        prop_assert_eq!(refused, [Err(FrameError::TooLong { have_bytes: 64 })]);
        let mut buffer = [0; BUFFER];
        let frame = encode(&Packet::new(session, 0, Ask::Open), &mut buffer).unwrap();
        prop_assert_eq!(sessions(&mut receiver, frame), [Ok(session)]);
    }
}

/// The longest packets: all their numbers are large, and no byte of the piece is zero, which costs
/// COBS the most.
#[test]
fn a_piece_of_the_promised_length_fits() {
    for frame_bytes in [64, 254, 285, 286, 287, 288, 1024, 8192, 16384, 65536] {
        let bytes = vec![7; piece_bytes(frame_bytes)];
        let mut buffer = vec![0; frame_bytes];
        let ask = Ask::Send {
            id: u32::MAX,
            length: u16::MAX,
            offset: u16::MAX,
            most: u16::MAX,
            bytes: &bytes,
        };
        let reply = Reply::Answer {
            id: u32::MAX,
            length: u16::MAX,
            offset: u16::MAX,
            bytes: &bytes,
        };
        assert!(encode(&Packet::new(u32::MAX, 255, ask), &mut buffer).is_ok());
        assert!(encode(&Packet::new(u32::MAX, 255, reply), &mut buffer).is_ok());
    }
}

/// The longest messages: all their numbers are large.
#[test]
fn a_payload_of_the_promised_length_fits() {
    for message_bytes in [64, 512, 1024, 8192, 65535] {
        let bytes = vec![7; payload_bytes(message_bytes)];
        let mut buffer = vec![0; message_bytes];
        let request = Request::Load {
            offset: u32::MAX,
            bytes: &bytes,
        };
        let update = Request::WriteUpdate {
            offset: u32::MAX,
            bytes: &bytes,
        };
        let response = Response::Outputs {
            outputs: &bytes,
            ticks: Some(u64::MAX),
        };
        assert!(write_message(&request, &mut buffer).is_some());
        assert!(write_message(&update, &mut buffer).is_some());
        assert!(write_message(&response, &mut buffer).is_some());
    }
}

#[test]
fn a_packet_that_does_not_fit_is_an_error() {
    let packet = Packet::new(1, 1, ask(1, 1, &[9; 100]));
    let mut buffer = [0; 60];
    let refused = encode(&packet, &mut buffer);
    assert_eq!(refused, Err(FrameError::TooLong { have_bytes: 60 }));
}
