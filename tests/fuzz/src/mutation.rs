//! Mutations without coverage: for tests, and for machines without a coverage-guided fuzzer.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Target;

/// Bytes at which lengths, signs and formats change.
const TELLING: [u8; 12] = [0, 1, 2, 4, 7, 8, 15, 16, 127, 128, 254, 255];
/// Longest input that is made.
const LONGEST: usize = 1 << 16;

/// Runs `target` on mutations of `inputs` as long as `goes_on` with the number of runs so far. Returns their number.
/// A panic passes through; the last input that was made is in [`last_input`] on this thread.
pub fn attack(
    target: &Target,
    inputs: &[Vec<u8>],
    seed: u64,
    mut goes_on: impl FnMut(u64) -> bool,
) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut done = 0;
    while goes_on(done) {
        let input = mutated(inputs, &mut rng);
        LAST.set(input.clone());
        (target.run)(&input);
        done += 1;
    }
    done
}

thread_local! {
    static LAST: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// What the last run on this thread was given.
pub fn last_input() -> Vec<u8> {
    LAST.with_borrow(Clone::clone)
}

/// One of the inputs with one to eight changes.
fn mutated(inputs: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let mut input = pick(inputs, rng).clone();
    for _ in 0..rng.random_range(1..=8) {
        change(&mut input, inputs, rng);
    }
    input.truncate(LONGEST);
    input
}

fn pick<'a, T>(from: &'a [T], rng: &mut impl Rng) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], rng: &mut impl Rng) {
    let at = rng.random_range(0..=input.len());
    let length = rng.random_range(1..=16usize);
    let end = (at + length).min(input.len());
    match rng.random_range(0..8) {
        0 => input.insert(at, *pick(&TELLING, rng)),
        1 => drop(input.drain(at..end)),
        2 => input.truncate(at),
        3 => {
            let copied = input[at..end].to_vec();
            let place = rng.random_range(0..=input.len());
            input.splice(place..place, copied);
        }
        4 => {
            let other = pick(inputs, rng);
            let from = rng.random_range(0..=other.len());
            let to = (from + length).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ if at == input.len() => input.push(rng.random()),
        5 => input[at] ^= 1 << rng.random_range(0..8),
        6 => input[at] = *pick(&TELLING, rng),
        _ => input[at] = rng.random(),
    }
}
