//! Recurrent layers of a file in a network that grows.

use super::{Growing, Problem};
use crate::import::conventions::RecurrentWeights;
use crate::import::limits::{MAX_RECURRENT_LAYERS, require_room, require_size};
use crate::import::linear::Linear;
use crate::network::{Cell, Direction, RecurrentLayer, coupled};

/// Why the last step of a layer is not read that runs in reverse.
const LAST_STEP_OF_REVERSE: &str = "it picks the last step of a layer that runs backwards too, whose half has seen that step alone (PyTorch's out[:, -1]); each half's own last step is taken (h_n of PyTorch, Y_h of ONNX, return_sequences=False of Keras), or the mean over time";

impl Growing {
    /// Adds the halves of a layer, which read the same.
    pub(super) fn recurrent(
        &mut self,
        name: &str,
        halves: &[(&RecurrentWeights, Direction)],
    ) -> Result<(), Problem> {
        let before = self.pending.clone();
        let (inputs, mut outputs) = (self.width, 0);
        for (weights, direction) in halves {
            self.width = inputs;
            let layer = self.half(name, weights, before.as_ref())?;
            outputs += layer.outputs();
            self.recurrent.push(layer);
            self.directions.push(*direction);
        }
        require_size(name, outputs)?;
        if before.is_some() {
            let note = "the linear layer before it was multiplied into its input weights";
            self.notes.push(format!("{name}: {note}"));
        }
        self.pending = None;
        self.width = Some(outputs);
        Ok(())
    }

    /// One recurrent layer, above what `before` says.
    fn half(
        &mut self,
        name: &str,
        weights: &RecurrentWeights,
        before: Option<&Linear>,
    ) -> Result<RecurrentLayer, Problem> {
        let mut layer = weights.layer(name)?;
        self.require_width(name, layer.inputs())?;
        require_size(name, layer.outputs())?;
        require_room(name, self.recurrent.len(), MAX_RECURRENT_LAYERS)?;
        if self.pooled.is_some() {
            return Err(Problem::refused(
                name,
                "a recurrent layer above the last step or the mean of another one; only dense layers can follow",
            ));
        }
        if let Some(below) = self.recurrent.first()
            && below.cell().name() != layer.cell().name()
        {
            let (below, above) = (below.cell().title(), layer.cell().title());
            return Err(Problem::refused(
                name,
                format!(
                    "a {above} layer above a {below} layer; the recurrent layers of a network here are of one kind"
                ),
            ));
        }
        if let Some(below) = self.recurrent.first()
            && below.cell().projection() != layer.cell().projection()
        {
            return Err(Problem::refused(
                name,
                "its projection has another number of outputs than that of the layer below; those of a network here have one",
            ));
        }
        if !self.dense.is_empty() {
            return Err(Problem::refused(
                name,
                "a dense layer with ReLU before a recurrent layer has no place here",
            ));
        }
        if let Some(before) = before {
            let w_x = layer.input_weights().mapv(f64::from);
            let bias = layer.bias_mut();
            *bias = (bias.mapv(f64::from) + w_x.dot(before.bias())).mapv(|b| b as f32);
            let [input, _] = layer.weights_mut();
            *input = before.before(w_x).mapv(|w| w as f32);
        }
        Ok(layer)
    }

    /// Refuses the last step in time of a layer of which a half runs in reverse.
    pub(super) fn require_forward(&self, name: &str) -> Result<(), Problem> {
        match self.directions.last() {
            None | Some(Direction::Forward) => Ok(()),
            Some(_) => Err(Problem::refused(name, LAST_STEP_OF_REVERSE)),
        }
    }

    /// Of each recurrent layer; empty if all run forwards.
    pub(super) fn directions(&self) -> Vec<Direction> {
        let is_forward = |direction: &Direction| *direction == Direction::Forward;
        match self.directions.iter().all(is_forward) {
            true => Vec::new(),
            false => self.directions.clone(),
        }
    }

    /// Makes layers with coupled gates of LSTMs if all of them answer as such.
    pub(super) fn couple(&mut self) {
        let found = |layer: &RecurrentLayer| coupled::coupled(layer.as_lstm()?);
        let layers: Option<Vec<_>> = self.recurrent.iter().map(found).collect();
        if let Some(layers) = layers {
            self.recurrent = layers.into_iter().map(RecurrentLayer::Coupled).collect();
            let note = "each forget gate is one less the input gate, so the layers are of the kind coupled, with three rows of weights a unit";
            self.notes.push(note.into());
        }
    }

    /// The kind of the recurrent layers. If any LSTM has peepholes, all have.
    pub(super) fn cell(&self) -> Cell {
        let cells = || self.recurrent.iter().map(|layer| layer.cell());
        let with_peepholes = cells().find(|cell| cell.peepholes());
        let any = with_peepholes.or_else(|| cells().next());
        any.expect("there is a recurrent layer")
    }
}
