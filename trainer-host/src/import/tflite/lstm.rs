//! The operator `UNIDIRECTIONAL_SEQUENCE_LSTM`.
//!
//! ```text
//! inputs  0 x   1–4 input weights i, f, c, o   5–8 recurrent weights   9–11 peepholes i, f, o   12–15 biases
//!         16, 17 projection   18, 19 states    20–23 normalisation of layers
//! ```

use ndarray::{Axis, concatenate};

use super::Chain;
use super::schema::{Operator, activation};
use crate::import::conventions::{Convention, RecurrentWeights, WeightsKind};
use crate::import::error::{Kind, Problem};
use crate::import::model::Layer;

impl Chain<'_> {
    pub(super) fn lstm(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        self.settings(operator, title)?;
        let has = |n: usize| operator.inputs.get(n).is_some_and(|input| *input >= 0);
        if !has(1) {
            return Err(Problem::later(title, Kind::Coupled));
        }
        if has(16) {
            return Err(Problem::later(title, Kind::Projection));
        }
        let is_filled = |n: usize| {
            let state = self.tensor(operator, n);
            state.is_some_and(|state| state.data.iter().any(|byte| *byte != 0))
        };
        if (18..20).any(is_filled) {
            return Err(Problem::refused(
                title,
                "its initial state is not zero, and a state here begins with zeros",
            ));
        }
        if (20..24).any(has) {
            return Err(Problem::refused(
                title,
                "normalisation within the LSTM is not taken",
            ));
        }
        let peepholes = match (9..12).filter(|n| has(*n)).count() {
            0 => None,
            3 => Some(self.gates(operator, 9..12, title)?),
            _ => {
                return Err(Problem::refused(
                    title,
                    "peepholes of some gates alone are not taken",
                ));
            }
        };
        let biases = vec![self.gates(operator, 12..16, title)?];
        let input = self.matrices(operator, 1..5, title)?;
        let recurrent = self.matrices(operator, 5..9, title)?;
        let weights = RecurrentWeights {
            kind: WeightsKind::Lstm,
            convention: Convention::TensorFlowLite,
            input,
            recurrent,
            biases,
            peepholes,
            projection: None,
        };
        self.layers.push(Layer::Recurrent(weights).named(title));
        Ok(())
    }

    /// Vectors of gates, one after the other.
    fn gates(
        &mut self,
        operator: &Operator<'_>,
        inputs: std::ops::Range<usize>,
        title: &str,
    ) -> Result<Vec<f32>, Problem> {
        let mut all = Vec::new();
        for n in inputs {
            let missing = || Problem::Damaged(format!("{title} has no input {n}"));
            all.extend(self.vector(operator, n, title)?.ok_or_else(missing)?);
        }
        Ok(all)
    }

    /// Matrices of gates, one below the other.
    fn matrices(
        &mut self,
        operator: &Operator<'_>,
        inputs: std::ops::Range<usize>,
        title: &str,
    ) -> Result<ndarray::Array2<f32>, Problem> {
        let matrices = inputs.map(|n| self.matrix(operator, n, title));
        let matrices: Vec<_> = matrices.collect::<Result<_, _>>()?;
        let views: Vec<_> = matrices.iter().map(|matrix| matrix.view()).collect();
        concatenate(Axis(0), &views)
            .map_err(|_| Problem::Damaged(format!("{title}: its gates have different shapes")))
    }

    fn settings(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        let Some(options) = operator.options else {
            return Err(Problem::Damaged(format!("{title} has no options")));
        };
        let settings = || {
            let fused = options.scalar(0, i8::from_le_bytes, 0)?;
            let clip = options.scalar(1, f32::from_le_bytes, 0.0)?;
            let time_first = options.scalar(3, |[b]: [u8; 1]| b != 0, false)?;
            let diagonal = options.scalar(5, |[b]: [u8; 1]| b != 0, false)?;
            Ok((fused, clip, time_first, diagonal))
        };
        let (fused, clip, time_first, diagonal) =
            settings().map_err(|why: String| Problem::Damaged(format!("{title}: {why}")))?;
        if fused != activation::TANH {
            return Err(Problem::refused(
                title,
                format!("activation number {fused} is not taken; tanh is"),
            ));
        }
        if diagonal {
            let why = "its recurrent weights are diagonals (diagonal_recurrent_tensors)";
            return Err(Problem::refused(title, why));
        }
        if clip > 0.0 {
            let note = format!(
                "{title}: its cells are clipped at {clip}; here they are not, which is the same while they stay within it (--check says so)"
            );
            self.notes.push(note);
        }
        self.time_first = time_first;
        Ok(())
    }
}
