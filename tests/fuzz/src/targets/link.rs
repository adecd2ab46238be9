//! The serial link: its frames, and both sides of its exchange.

use lstm_link::{
    Ask, Dialogue, Event, Opening, Packet, PieceSize, Receiver, Reply, Request, Responder,
    Response, Step, Transfer, decode, encode, read_message, read_reply, write_message,
};

use crate::Target;

pub(crate) const FRAMES: Target = Target {
    name: "frames",
    run: |data| {
        accepts(data);
    },
    seeds: frames,
};

pub(crate) const EXCHANGE: Target = Target {
    name: "exchange",
    run: |data| {
        requests_in(data);
    },
    seeds: exchanges,
};

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
/// Bytes of a board's buffers; the requests of some inputs are longer.
const ROOM: usize = 96;

/// The frame of a packet's bytes, with its zeros and the right checksum.
fn framed(content: &[u8]) -> Vec<u8> {
    let mut packet = content.to_vec();
    packet.extend(CRC.checksum(content).to_le_bytes());
    let mut frame = vec![0; cobs::max_encoding_length(packet.len()) + 2];
    let length = cobs::encode(&packet, &mut frame[1..]);
    frame.truncate(length + 2);
    frame
}

/// Reads a packet, and then messages, from these bytes as a packet, and frames from them as a line. Whether the packet
/// was one.
pub(crate) fn accepts(data: &[u8]) -> bool {
    let mut receiver = Receiver::new([0; ROOM]);
    for byte in data {
        if receiver.push(*byte) == Some(Ok(())) {
            reads(receiver.frame());
        }
    }
    let _ = read_message::<Request<'_>>(data);
    let _ = read_message::<Response<'_>>(data);
    let frame = framed(data);
    reads(&frame[1..frame.len() - 1])
}

/// Reads a frame without its zeros as a packet of either side, and writes it again. Whether it was one.
fn reads(frame: &[u8]) -> bool {
    let (mut one, mut two) = (frame.to_vec(), frame.to_vec());
    let mut buffer = vec![0; frame.len() + 16];
    let ask = decode::<Packet<Ask<'_>>>(&mut one).ok();
    if let Some(packet) = &ask {
        let mut again = inner(encode(packet, &mut buffer));
        assert_eq!(decode(&mut again).as_ref(), Ok(packet));
    }
    let reply = read_reply(&mut two).ok();
    if let Some(packet) = &reply {
        let mut again = inner(encode(packet, &mut buffer));
        assert_eq!(read_reply(&mut again).as_ref(), Ok(packet));
    }
    ask.is_some() || reply.is_some()
}

/// A frame without its zeros.
fn inner(frame: Result<&[u8], lstm_link::FrameError>) -> Vec<u8> {
    let frame = frame.expect("a packet that was read fits in the room of its frame");
    frame[1..frame.len() - 1].to_vec()
}

/// Both sides against these bytes. Returns how many requests the board carried out.
pub(crate) fn requests_in(data: &[u8]) -> usize {
    host(data);
    board(data)
}

/// A board that takes the bytes as steps: a tag, and then a packet with a right checksum, or noise.
fn board(data: &[u8]) -> usize {
    let mut buffers = [[0; ROOM]; 4];
    let [received, sent, request, answer] = &mut buffers;
    let mut board = Responder::new(received, sent, request, answer);
    let (mut requests, mut last_id) = (0, 0);
    for step in steps(data) {
        let line = if step.is_noise {
            step.bytes.to_vec()
        } else {
            framed(step.bytes)
        };
        for byte in line {
            let is_request = match board.push(byte) {
                Event::Opened(frame) => {
                    assert!(frame.len() <= ROOM);
                    last_id = 0;
                    false
                }
                Event::Reply(frame) => {
                    assert!(frame.len() <= ROOM);
                    false
                }
                Event::Nothing => false,
                Event::Request => true,
            };
            if is_request {
                assert!(board.request().len() <= ROOM);
                let _ = read_message::<Request<'_>>(board.request());
                let frame = board.answer(&Response::Done).to_vec();
                last_id += 1;
                requests += 1;
                // The answer says which request it answers: each one once, in its turn.
                let mut frame = frame[1..frame.len() - 1].to_vec();
                let reply = read_reply(&mut frame).expect("a board's own frame");
                assert!(
                    matches!(reply.body, Reply::Answer { id, .. } if id == last_id),
                    "{reply:?} after request {last_id}"
                );
            }
        }
    }
    requests
}

/// A host with a request under way, which hears the same steps as replies.
fn host(data: &[u8]) {
    let mut bytes = [0; ROOM];
    let request = write_message(&Request::Hello, &mut bytes)
        .expect("a short request")
        .to_vec();
    let mut answer = [0; ROOM];
    let mut piece = PieceSize::new(32);
    let mut opening = Opening::default();
    let mut transfer = Transfer::new(1, &request, &mut answer, &mut piece);
    for step in steps(data) {
        let mut frame = framed(step.bytes);
        let length = frame.len();
        let _ = transfer.ask();
        match read_reply(&mut frame[1..length - 1]) {
            Ok(packet) => {
                let _ = opening.hear(&packet.body, step.is_noise);
                match transfer.hear(&packet.body, !step.is_noise) {
                    Ok(Step::Complete) => {
                        assert!(transfer.answer_bytes() <= ROOM);
                        return;
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
            Err(_) if step.is_noise => transfer.silent(),
            Err(_) => transfer.damaged(),
        }
    }
}

struct LineStep<'d> {
    is_noise: bool,
    bytes: &'d [u8],
}

/// The steps of an input: in each first byte the length of the step and whether it is noise.
fn steps(mut data: &[u8]) -> impl Iterator<Item = LineStep<'_>> {
    std::iter::from_fn(move || {
        let (tag, rest) = data.split_first()?;
        let length = usize::from(tag >> 1).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        data = rest;
        Some(LineStep {
            is_noise: tag & 1 == 1,
            bytes,
        })
    })
}

/// The bytes of a packet.
fn packet<P: Written>(packet: &P) -> Vec<u8> {
    let mut buffer = [0; 2 * ROOM];
    let mut frame = inner(packet.frame(&mut buffer));
    let length = cobs::decode_in_place(&mut frame).expect("an own frame");
    frame[..length - 4].to_vec()
}

/// A packet of either side.
trait Written {
    fn frame<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], lstm_link::FrameError>;
}

impl Written for Packet<Ask<'_>> {
    fn frame<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], lstm_link::FrameError> {
        encode(self, buffer)
    }
}

impl Written for Packet<Reply<'_>> {
    fn frame<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], lstm_link::FrameError> {
        encode(self, buffer)
    }
}

const SESSION: u32 = 7;

/// The asks of a session with one short request and one in two pieces.
fn asks() -> Vec<Vec<u8>> {
    let send = |id, length, offset, bytes| Ask::Send {
        id,
        length,
        offset,
        most: 40,
        bytes,
    };
    let asks = [
        Ask::Open,
        send(1, 1, 0, &[0][..]),
        send(2, 6, 0, &[3, 4, 0][..]),
        send(2, 6, 3, &[0, 0, 0][..]),
        Ask::Fetch {
            id: 2,
            offset: 0,
            most: 8,
        },
    ];
    let mut turn = 0;
    asks.map(|ask| {
        turn += 1;
        packet(&Packet::new(SESSION, turn, ask))
    })
    .into()
}

fn replies() -> Vec<Vec<u8>> {
    let replies = [
        Reply::Opened {
            frame_bytes: 90,
            message_bytes: 96,
        },
        Reply::Taken { id: 1, have: 0 },
        Reply::Answer {
            id: 1,
            length: 4,
            offset: 0,
            bytes: &[2, 0],
        },
        Reply::Damaged,
        Reply::Answer {
            id: 1,
            length: 4,
            offset: 2,
            bytes: &[2, 0],
        },
    ];
    replies
        .map(|reply| packet(&Packet::new(SESSION, 1, reply)))
        .into()
}

fn frames() -> Vec<Vec<u8>> {
    [asks(), replies()].concat()
}

/// A session that an honest host leads, and the replies of an honest board.
fn exchanges() -> Vec<Vec<u8>> {
    let steps = |packets: Vec<Vec<u8>>| -> Vec<u8> {
        let step = |packet: Vec<u8>| [&[(packet.len() as u8) << 1][..], &packet].concat();
        packets.into_iter().flat_map(step).collect()
    };
    vec![
        steps(asks()),
        steps([asks(), replies()].concat()),
        [&[3, 0][..], &steps(asks())].concat(),
    ]
}
