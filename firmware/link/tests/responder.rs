//! The board's half: each request is handed over once, and its answer is kept.

use lstm_link::{
    Ask, Event, PROTOCOL, Packet, Reply, Request, Responder, Response, decode, encode,
    read_message, write_message,
};

const SESSION: u32 = 0xfeed;

/// A board that counts the requests that are handed to it, and answers each with their number.
struct Board {
    responder: Responder<'static>,
    carried_out: u32,
    sessions: u32,
}

/// A reply, read by the test.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Opened,
    Taken(u32, u16),
    /// The whole answer's number of requests carried out.
    Answer(u32, u32),
    Damaged,
    NoSession,
    TooLong,
}

impl Board {
    fn new() -> Self {
        let buffer = || &mut *vec![0; 256].leak();
        Self {
            responder: Responder::new(buffer(), buffer(), buffer(), buffer()),
            carried_out: 0,
            sessions: 0,
        }
    }

    /// Sends bytes to the board; its last frame.
    fn frame(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut sent = None;
        for byte in bytes {
            match self.responder.push(*byte) {
                Event::Nothing => {}
                Event::Reply(frame) => sent = Some(frame.to_vec()),
                Event::Opened(frame) => {
                    sent = Some(frame.to_vec());
                    self.sessions += 1;
                }
                Event::Request => {
                    assert_eq!(read_message(self.responder.request()), Some(Request::Reset));
                    self.carried_out += 1;
                    let answer = Response::SelfTest {
                        steps: self.carried_out,
                        passed: true,
                    };
                    sent = Some(self.responder.answer(&answer).to_vec());
                }
            }
        }
        sent
    }

    fn ask(&mut self, session: u32, ask: Ask<'_>) -> Option<Heard> {
        let mut buffer = [0; 256];
        let bytes = encode(&Packet::new(session, 77, ask), &mut buffer).unwrap();
        let mut frame = self.frame(bytes)?;
        let length = frame.len();
        let packet: Packet<Reply<'_>> = decode(&mut frame[1..length - 1]).unwrap();
        Some(match packet.body {
            Reply::Damaged => Heard::Damaged,
            body => {
                assert_eq!((packet.session, packet.turn), (session, 77));
                match body {
                    Reply::Opened { .. } => Heard::Opened,
                    Reply::Taken { id, have } => Heard::Taken(id, have),
                    Reply::Answer { id, bytes, .. } => match read_message(bytes) {
                        Some(Response::SelfTest { steps, .. }) => Heard::Answer(id, steps),
                        other => panic!("{other:?}"),
                    },
                    Reply::NoSession => Heard::NoSession,
                    Reply::TooLong => Heard::TooLong,
                    Reply::Damaged => unreachable!("handled above"),
                }
            }
        })
    }

    /// Sends the whole of request `id`.
    fn request(&mut self, session: u32, id: u32) -> Option<Heard> {
        let mut buffer = [0; 16];
        let bytes = write_message(&Request::Reset, &mut buffer).unwrap();
        self.ask(session, whole(id, bytes))
    }
}

fn whole(id: u32, bytes: &[u8]) -> Ask<'_> {
    Ask::Send {
        id,
        length: bytes.len() as u16,
        offset: 0,
        most: 100,
        bytes,
    }
}

#[test]
fn a_request_is_carried_out_once_and_its_answer_repeated() {
    let mut board = Board::new();
    assert_eq!(board.ask(SESSION, Ask::Open), Some(Heard::Opened));
    for id in 1..5 {
        for _ in 0..3 {
            assert_eq!(board.request(SESSION, id), Some(Heard::Answer(id, id)));
        }
        let fetch = Ask::Fetch {
            id,
            offset: 0,
            most: 100,
        };
        assert_eq!(board.ask(SESSION, fetch), Some(Heard::Answer(id, id)));
    }
    // A late copy is passed over, a number from the future is of another session.
    assert_eq!(board.request(SESSION, 3), None);
    assert_eq!(board.request(SESSION, 6), Some(Heard::NoSession));
    assert_eq!(board.carried_out, 4);
}

#[test]
fn a_session_begins_once_and_others_are_none() {
    let mut board = Board::new();
    assert_eq!(board.request(SESSION, 1), Some(Heard::NoSession));
    for _ in 0..3 {
        assert_eq!(board.ask(SESSION, Ask::Open), Some(Heard::Opened));
    }
    assert_eq!(board.sessions, 1);
    assert_eq!(board.request(SESSION, 1), Some(Heard::Answer(1, 1)));
    // A copy of the first ask changes nothing.
    assert_eq!(board.ask(SESSION, Ask::Open), Some(Heard::Opened));
    assert_eq!(board.request(SESSION, 1), Some(Heard::Answer(1, 1)));
    assert_eq!(board.request(SESSION, 2), Some(Heard::Answer(2, 2)));
    // The next session counts from one again, and the last one is over.
    assert_eq!(board.ask(SESSION + 1, Ask::Open), Some(Heard::Opened));
    assert_eq!(board.request(SESSION, 2), Some(Heard::NoSession));
    assert_eq!(board.request(SESSION + 1, 1), Some(Heard::Answer(1, 3)));
}

#[test]
fn pieces_may_come_twice_and_overlap() {
    let mut board = Board::new();
    let mut open = Board::new();
    open.ask(SESSION, Ask::Open);
    board.ask(SESSION, Ask::Open);
    let mut buffer = [0; 64];
    let message = write_message(&Request::WriteState { bytes: &[5; 40] }, &mut buffer).unwrap();
    let mut piece = |from: usize, to: usize| {
        board.ask(
            SESSION,
            Ask::Send {
                id: 1,
                length: message.len() as u16,
                offset: from as u16,
                most: 100,
                bytes: &message[from..to],
            },
        )
    };
    let taken = |have| Some(Heard::Taken(1, have));
    assert_eq!(piece(10, 20), taken(0), "a gap is not filled");
    assert_eq!(piece(0, 10), taken(10));
    assert_eq!(piece(0, 10), taken(10));
    assert_eq!(piece(5, 25), taken(25));
    assert_eq!(piece(0, 10), taken(25));
    assert_eq!(piece(30, 42), taken(25));
    let long = Ask::Send {
        id: 1,
        length: 257,
        offset: 0,
        most: 0,
        bytes: &[],
    };
    assert_eq!(board.ask(SESSION, long), Some(Heard::TooLong));
    assert_eq!(board.carried_out, 0);
}

#[test]
fn what_is_no_ask_is_answered_as_damaged() {
    let mut board = Board::new();
    let mut damaged = |bytes: &[u8]| {
        let mut frame = board.frame(bytes).unwrap();
        let length = frame.len();
        let packet: Packet<Reply<'_>> = decode(&mut frame[1..length - 1]).unwrap();
        assert_eq!(packet.body, Reply::Damaged);
    };
    damaged(b"no frame at all\0");
    damaged(&[&[9; 1000][..], &[0]].concat());
    let mut buffer = [0; 64];
    let later = encode(&(PROTOCOL + 1, 5u32, 1u8, 0u8), &mut buffer).unwrap();
    damaged(later);
}

/// A host of version 2 says hello, and learns which version the board has.
#[test]
fn an_old_host_is_told_the_version() {
    /// The introduction of version 2, up to the field that its host looks at first.
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct OldHello<'a> {
        id: u16,
        response: u8,
        protocol: u16,
        version: &'a str,
        board: &'a str,
        sizes: [u32; 5],
        tick_rate: [u32; 3],
        embedded: Option<()>,
    }
    let mut board = Board::new();
    for id in [1u16, 3, 200, u16::MAX] {
        let mut buffer = [0; 64];
        let hello = encode(&(id, 0u8), &mut buffer).unwrap();
        // Version 2 has no zero before a frame.
        let mut frame = board.frame(&hello[1..]).unwrap();
        let length = frame.len();
        let answer: OldHello<'_> = decode(&mut frame[1..length - 1]).unwrap();
        let expected = OldHello {
            id,
            response: 0,
            protocol: PROTOCOL.into(),
            version: "",
            board: "",
            sizes: [0; 5],
            tick_rate: [0; 3],
            embedded: None,
        };
        assert_eq!(answer, expected);
    }
    assert_eq!((board.sessions, board.carried_out), (0, 0));
}
