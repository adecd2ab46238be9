//! Strings of the embedded Reber grammar: predict which symbols may come next.
//!
//! S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
//! section 5.1, after A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, 1989.
//!
//! ```text
//! embedded = B T reber T E | B P reber P E           the second symbol returns before the last
//! reber:   0 ─B→ 1 ─T→ 2 ─S→ 2 ─X→ 4 ─X→ 3           each edge is taken with probability 1/2
//!                1 ─P→ 3 ─T→ 3 ─V→ 5 ─P→ 4
//!                      4 ─S→ 6,   5 ─V→ 6,   6 ─E→
//! ```
//!
//! Inputs are one-hot `[T, 7]`; the target of each step is the symbol that came next, so `T` is
//! one less than the string is long, at least 8. Each part has 256 strings by default, drawn
//! independently of each other.

use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Form, Judgement, Sizes, letters, one_hot};
use crate::data::{DataError, Dataset, Parts, Targets};

/// The symbols, in the order of channels and outputs.
pub const SYMBOLS: &str = "BTSXPVE";
const COUNT: usize = SYMBOLS.len();
const B: usize = 0;
const T: usize = 1;
const S: usize = 2;
const X: usize = 3;
const P: usize = 4;
const V: usize = 5;
const E: usize = 6;

/// Symbols that lead on from each state of the inner grammar, with the state they lead to.
const INNER: [&[(usize, usize)]; 7] = [
    &[(B, 1)],
    &[(T, 2), (P, 3)],
    &[(S, 2), (X, 4)],
    &[(T, 3), (V, 5)],
    &[(X, 3), (S, 6)],
    &[(P, 4), (V, 6)],
    &[(E, INNER_END)],
];
const INNER_END: usize = 7;

/// How far a string has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// Before the symbol to remember.
    Choice,
    /// In a state of the inner grammar or at its end, with the symbol that is to return.
    Inner(usize, usize),
    /// Before the last E.
    Last,
    End,
}

impl State {
    /// The symbols that may come now, each with the state after it.
    fn next(self) -> Vec<(usize, Self)> {
        match self {
            Self::Start => vec![(B, Self::Choice)],
            Self::Choice => vec![(T, Self::Inner(0, T)), (P, Self::Inner(0, P))],
            Self::Inner(INNER_END, kept) => vec![(kept, Self::Last)],
            Self::Inner(state, kept) => (INNER[state].iter())
                .map(|(symbol, next)| (*symbol, Self::Inner(*next, kept)))
                .collect(),
            Self::Last => vec![(E, Self::End)],
            Self::End => Vec::new(),
        }
    }
}

/// Draws both parts.
pub fn parts(sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
    let form = Form {
        name: "embedded-reber",
        train: 256,
        test: 256,
        steps: None,
        channels: letters(SYMBOLS),
        outputs: letters(SYMBOLS),
    };
    form.parts(sizes, seed, draw, Targets::ClassPerStep)
}

fn draw(rng: &mut ChaCha8Rng, _steps: usize) -> (Array2<f32>, Vec<usize>) {
    let mut string = Vec::new();
    let mut state = State::Start;
    while state != State::End {
        let choices = state.next();
        let (symbol, next) = choices[rng.random_range(0..choices.len())];
        string.push(symbol);
        state = next;
    }
    (
        one_hot(&string[..string.len() - 1], COUNT),
        string[1..].to_vec(),
    )
}

/// Which symbols may follow each step of a string given as one-hot rows `[T, 7]`, or `None` if it
/// is not the beginning of an embedded Reber string.
pub fn legal_next(string: ArrayView2<'_, f32>) -> Option<Vec<[bool; COUNT]>> {
    let mut state = State::Start;
    (string.rows().into_iter())
        .map(|row| {
            let symbol = row.iter().position(|value| *value == 1.0)?;
            state = (state.next().into_iter())
                .find(|(next, _)| *next == symbol)?
                .1;
            let mut legal = [false; COUNT];
            state
                .next()
                .iter()
                .for_each(|(next, _)| legal[*next] = true);
            Some(legal)
        })
        .collect()
}

/// The paper's criterion: a string is right if, at every step, each symbol that may come next has
/// a larger output than each that may not.
///
/// `data` holds raw one-hot strings; `outputs` are `[T, 7]` each, as probabilities or before the
/// softmax. A sequence that is no Reber string counts as wrong.
pub fn judge(data: &Dataset, outputs: &[Array2<f32>]) -> Judgement {
    Judgement::count(data, |i| {
        let Some(legal) = legal_next(data.sequences[i].view()) else {
            return false;
        };
        outputs.get(i).is_some_and(|outputs| {
            outputs.dim() == (legal.len(), COUNT)
                && (outputs.rows().into_iter().zip(legal)).all(|(row, legal)| {
                    let of = |wanted| (row.iter().zip(legal)).filter(move |(_, l)| *l == wanted);
                    let least = of(true).fold(f32::INFINITY, |least, (v, _)| least.min(*v));
                    of(false).all(|(value, _)| *value < least)
                })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Array2<f32> {
        let symbols: Vec<usize> = text.chars().map(|c| SYMBOLS.find(c).unwrap()).collect();
        one_hot(&symbols, COUNT)
    }

    #[test]
    fn knows_the_grammar() {
        for good in [
            "BTBTXSETE",
            "BPBPVVEPE",
            "BTBTSSXXTVPSETE",
            "BPBPTTVPXVVEPE",
        ] {
            let legal = legal_next(string(good).view()).unwrap();
            assert!(
                legal.last().unwrap().iter().all(|legal| !legal),
                "{good} has ended"
            );
        }
        // The wrong return, a wrong edge, no beginning.
        for bad in ["BTBTXSEP", "BTBTV", "TB"] {
            assert_eq!(legal_next(string(bad).view()), None, "{bad}");
        }
    }

    #[test]
    fn targets_are_legal_and_the_criterion_accepts_the_legal_sets_only() {
        let data = parts(&Sizes::default(), 1).unwrap().train;
        let Targets::ClassPerStep(targets) = &data.targets else {
            panic!("symbols are classes");
        };
        let mut outputs = Vec::new();
        for (steps, targets) in data.sequences.iter().zip(targets) {
            assert!(steps.nrows() >= 8 && steps.nrows() == targets.len());
            let legal = legal_next(steps.view()).unwrap();
            assert!(legal.iter().zip(targets).all(|(legal, next)| legal[*next]));
            outputs.push(Array2::from_shape_fn(steps.dim(), |(t, s)| {
                f32::from(u8::from(legal[t][s]))
            }));
        }
        assert!(judge(&data, &outputs).is_solved());
        // The symbol that came, where another one might have come too.
        outputs[3] = one_hot(&targets[3], COUNT);
        outputs[4].fill(f32::NAN);
        assert_eq!(judge(&data, &outputs).correct, data.len() - 2);
        // A tie between legal and illegal symbols decides nothing.
        let ties: Vec<_> = outputs.iter().map(|o| Array2::zeros(o.dim())).collect();
        assert_eq!(judge(&data, &ties).correct, 0);
    }
}
