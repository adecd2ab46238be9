//! The operators `LSTM` and `GRU`.

use ndarray::Array2;

use super::proto::Node;
use super::value::{Number, Role, Signal, SignalAxis, Value};
use super::{Lengths, Walk};
use crate::import::conventions::{Convention, RecurrentWeights, WeightsKind};
use crate::import::error::{Problem, short};
use crate::import::model::{Axis, Layer};

/// The activations of the gates, of the candidate and, in an LSTM, of the cell.
const ACTIVATIONS: [&str; 3] = ["Sigmoid", "Tanh", "Tanh"];

impl Walk<'_> {
    pub(super) fn recurrent(
        &mut self,
        kind: WeightsKind,
        node: &Node,
    ) -> Result<Vec<Value>, Problem> {
        let way = refuse_settings(kind, node)?;
        let batch_first = node.int("layout", 0) == 1;
        let mut signal = self.signal(node, 0)?;
        let order = match batch_first {
            true => [Axis::Batch, Axis::Time, Axis::Channel],
            false => [Axis::Time, Axis::Batch, Axis::Channel],
        };
        self.take_order(node, &mut signal, order)?;
        let mut halves = self.recurrent_weights(kind, node, way)?;
        if kind == WeightsKind::Lstm && node.int("input_forget", 0) != 0 {
            (halves.iter_mut()).try_for_each(|weights| weights.couple(&node.title()))?;
        }
        let units = halves[0].recurrent.ncols();
        let declared = node.int("hidden_size", units as i64);
        if declared != units as i64 {
            let why = format!("hidden_size is {declared}, and its weights are of {units} units");
            return Err(Problem::refused(node.title(), why));
        }
        self.initial_state(node, 5, units)?;
        if kind == WeightsKind::Lstm {
            self.initial_state(node, 6, units)?;
        }
        let lengths = self.sequence_lengths(node, &signal)?;
        let size = |axis: Axis| {
            let found = signal.axes.iter().find(|a| a.role == Role::Is(axis));
            found.and_then(|axis| axis.size)
        };
        let (time, batch) = (
            SignalAxis::is(Axis::Time, size(Axis::Time)),
            SignalAxis::is(Axis::Batch, size(Axis::Batch)),
        );
        let channel = SignalAxis::is(Axis::Channel, Some(units));
        let (layer, one) = layer_of(way, halves, node)?;
        let mut every = self.after(&signal, layer, node);
        self.tree[every.at].lengths = lengths;
        let end = match way {
            Way::Forward => Layer::LastStep,
            Way::Reverse | Way::Both => Layer::OwnLastStep,
        };
        let mut last = self.after(&every, end, node);
        (every.axes, last.axes) = match batch_first {
            true => (vec![batch, time, one, channel], vec![batch, one, channel]),
            false => (vec![time, one, batch, channel], vec![one, batch, channel]),
        };
        Ok(vec![Value::Signal(every), Value::Signal(last)])
    }

    /// Holds the axes of the operator's input against the order that it reads, and learns the names of those of the
    /// graph's input.
    pub(super) fn take_order(
        &mut self,
        node: &Node,
        signal: &mut Signal,
        order: [Axis; 3],
    ) -> Result<(), Problem> {
        let wrong = || {
            Problem::refused(
                node.title(),
                "its input is not an array of sequences, steps and channels",
            )
        };
        if signal.axes.len() != order.len() {
            return Err(wrong());
        }
        let root = self.root(signal.at);
        let known = self.inputs.contains_key(&root);
        let mut names: Vec<(usize, Axis)> = Vec::new();
        for (axis, name) in signal.axes.iter_mut().zip(order) {
            match axis.role {
                Role::Input(n) if !known => names.push((n, name)),
                // One channel that the graph put there itself.
                Role::Is(Axis::One) if name == Axis::Channel => {}
                Role::Is(found) if found == name => {}
                _ => return Err(wrong()),
            }
            axis.role = Role::Is(name);
        }
        if !known {
            let length = names.iter().map(|(n, _)| n + 1).max().ok_or_else(wrong)?;
            let mut axes = vec![Axis::One; length];
            names.into_iter().for_each(|(n, name)| axes[n] = name);
            self.require_along_channels(node, signal.at, &axes)?;
            self.inputs.insert(root, axes);
        }
        Ok(())
    }

    /// Refuses layers between the graph's input and here that took another axis for the channels.
    fn require_along_channels(&self, node: &Node, at: usize, axes: &[Axis]) -> Result<(), Problem> {
        let mut next = Some(at);
        while let Some(at) = next {
            let step = &self.tree[at];
            if step
                .channel
                .is_some_and(|n| axes.get(n) != Some(&Axis::Channel))
            {
                let why = format!(
                    "{} before it works along another axis than its channels",
                    step.name
                );
                return Err(Problem::refused(node.title(), why));
            }
            next = step.before;
        }
        Ok(())
    }

    fn recurrent_weights(
        &self,
        kind: WeightsKind,
        node: &Node,
        way: Way,
    ) -> Result<Vec<RecurrentWeights>, Problem> {
        let count = way.halves();
        let matrices = |n: usize| -> Result<Vec<Array2<f32>>, Problem> {
            let (shape, values) = self.floats(node, n)?;
            match shape[..] {
                [halves, rows, columns] if halves == count && rows * columns > 0 => {
                    let matrix = |values: &[f32]| {
                        Array2::from_shape_vec((rows, columns), values.to_vec())
                            .expect("a constant has as many values as its shape says")
                    };
                    Ok(values.chunks(rows * columns).map(matrix).collect())
                }
                _ => Err(Problem::Damaged(format!(
                    "{}: input {n} has the shape {shape:?}",
                    node.title()
                ))),
            }
        };
        // One for each half, or nothing.
        let vectors = |n: usize| -> Result<Vec<Vec<f32>>, Problem> {
            match self.optional(node, n)? {
                None => Ok(Vec::new()),
                Some(_) => {
                    let values = self.floats(node, n)?.1;
                    let length = values.len().div_ceil(count).max(1);
                    Ok(values.chunks(length).map(<[f32]>::to_vec).collect())
                }
            }
        };
        let biases = vectors(3)?;
        let peepholes = match kind {
            WeightsKind::Lstm => vectors(7)?,
            WeightsKind::Gru | WeightsKind::GruBefore => Vec::new(),
        };
        let halves = matrices(1)?.into_iter().zip(matrices(2)?).enumerate();
        let half =
            |(n, (input, recurrent)): (usize, (Array2<f32>, Array2<f32>))| RecurrentWeights {
                kind,
                convention: Convention::Onnx,
                input,
                recurrent,
                biases: biases.get(n).map_or(Vec::new(), |both| {
                    let (input, recurrent) = both.split_at(both.len() / 2);
                    vec![input.to_vec(), recurrent.to_vec()]
                }),
                peepholes: peepholes.get(n).cloned(),
                projection: None,
            };
        Ok(halves.map(half).collect())
    }

    /// Refuses a state that does not begin with zeros.
    fn initial_state(&self, node: &Node, n: usize, units: usize) -> Result<(), Problem> {
        let state = if n == 5 { "initial_h" } else { "initial_c" };
        let refuse = |why: &str| {
            Err(Problem::refused(
                node.title(),
                format!("initial state {state} {why}"),
            ))
        };
        match self.optional(node, n)? {
            None => Ok(()),
            Some(Value::Filled(0.0)) => Ok(()),
            Some(Value::Floats { shape, values }) if values.iter().all(|value| *value == 0.0) => {
                match shape.last() {
                    Some(size) if *size != units => refuse(&format!(
                        "has {size} units, and the layer {units}: its exporter has lost a projection"
                    )),
                    _ => Ok(()),
                }
            }
            Some(Value::Signal(signal)) if self.tree[signal.at].before.is_none() => {
                match self.hints.zero_state {
                    true => Ok(()),
                    false => refuse(&format!(
                        "is input {} of the graph, and a state here begins with zeros (--zero-state takes it so)",
                        self.tree[signal.at].name
                    )),
                }
            }
            Some(_) => refuse("is not zero, and a state here begins with zeros"),
        }
    }

    /// The valid steps of each sequence after this operator. A layer below that stops earlier gives zeros from there,
    /// which no layer here would read.
    fn sequence_lengths(
        &mut self,
        node: &Node,
        signal: &Signal,
    ) -> Result<Option<Lengths>, Problem> {
        let below = self.tree[signal.at].lengths.clone();
        let own = match self.optional(node, 4)? {
            None => None,
            Some(Value::Ints { values, .. }) => fixed(node, &values, signal)?,
            Some(Value::Signal(lengths)) if self.tree[lengths.at].before.is_none() => {
                Some(Lengths::Input(lengths.at))
            }
            Some(_) => {
                let why = "its sequence_lens are computed, which is not taken";
                return Err(Problem::refused(node.title(), why));
            }
        };
        if below.is_some() && own != below {
            let why =
                "the recurrent layer below it has other sequence_lens; give all of them the same";
            return Err(Problem::refused(node.title(), why));
        }
        let note = match &own {
            None => return Ok(None),
            Some(Lengths::Fixed(_)) => "its sequence_lens are of one batch",
            Some(Lengths::Input(_)) => "its sequence_lens come from outside",
        };
        let note = format!(
            "{}: {note}; here each sequence ends with its own last step",
            node.title()
        );
        self.notes.push(note);
        Ok(own)
    }

    /// Constant floats.
    pub(super) fn floats(&self, node: &Node, n: usize) -> Result<(Vec<usize>, Vec<f32>), Problem> {
        match self.input(node, n)? {
            Value::Floats { values, .. } if values.is_empty() => Err(Problem::refused(
                node.title(),
                format!("input {n} has no values"),
            )),
            Value::Floats { shape, values } => Ok((shape, values)),
            _ => Err(Problem::refused(
                node.title(),
                format!("input {n} is not constant floats"),
            )),
        }
    }
}

/// Lengths that are constants; none where they are those of all steps.
fn fixed(node: &Node, values: &[Number], signal: &Signal) -> Result<Option<Lengths>, Problem> {
    let is_time = |axis: &SignalAxis| axis.role == Role::Is(Axis::Time);
    let steps = signal.axes.iter().find(|axis| is_time(axis));
    let steps = steps.and_then(|axis| axis.size);
    let lengths = values.iter().map(|n| usize::try_from(n.value?).ok());
    let lengths: Option<Vec<usize>> = lengths.collect();
    match lengths {
        Some(lengths) if lengths.iter().all(|n| Some(*n) == steps) => Ok(None),
        Some(lengths) if lengths.iter().all(|n| *n > 0) => Ok(Some(Lengths::Fixed(lengths.into()))),
        _ => Err(Problem::refused(
            node.title(),
            "its sequence_lens are to be an input of the graph, or constants above zero",
        )),
    }
}

/// The attribute `direction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward,
    Reverse,
    Both,
}

impl Way {
    /// Halves that have weights of their own.
    const fn halves(self) -> usize {
        match self {
            Self::Forward | Self::Reverse => 1,
            Self::Both => 2,
        }
    }
}

/// The layer of `halves`, and the axis of its outputs along which they lie.
fn layer_of(
    way: Way,
    halves: Vec<RecurrentWeights>,
    node: &Node,
) -> Result<(Layer, SignalAxis), Problem> {
    let mut halves = halves.into_iter();
    Ok(match (way, halves.next(), halves.next()) {
        (Way::Both, Some(forward), Some(reverse)) => (
            Layer::Both(Box::new([forward, reverse])),
            SignalAxis::is(Axis::Half, Some(2)),
        ),
        (Way::Reverse, Some(weights), _) => (Layer::Reverse(weights), SignalAxis::one()),
        (_, Some(weights), _) => (Layer::Recurrent(weights), SignalAxis::one()),
        (_, None, _) => {
            return Err(Problem::Damaged(format!(
                "{}: it has no weights",
                node.title()
            )));
        }
    })
}

/// Which way it runs. Refuses what a layer here does not do.
fn refuse_settings(kind: WeightsKind, node: &Node) -> Result<Way, Problem> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let title = node.title();
    let way = match node
        .attribute("direction")
        .map(|direction| text(&direction.s))
        .as_deref()
    {
        None | Some("forward" | "") => Way::Forward,
        Some("reverse") => Way::Reverse,
        Some("bidirectional") => Way::Both,
        Some(other) => {
            return Err(Problem::refused(
                title,
                format!("direction {other} is unknown"),
            ));
        }
    };
    if let Some(activations) = node.attribute("activations") {
        let names: Vec<String> = activations.strings.iter().map(|name| text(name)).collect();
        let needed = match kind {
            WeightsKind::Lstm => &ACTIVATIONS[..],
            WeightsKind::Gru | WeightsKind::GruBefore => &ACTIVATIONS[..2],
        };
        let needed = needed.repeat(way.halves());
        let is_other = |(found, needed): &(&String, &&str)| !needed.eq_ignore_ascii_case(found);
        if let Some((name, _)) = names.iter().zip(&needed).find(is_other) {
            let why = format!(
                "activation {} is not taken; gates have a sigmoid, candidate and cell a tanh",
                short(name)
            );
            return Err(Problem::refused(title, why));
        }
        if names.len() != needed.len() {
            let why = format!(
                "it has {} activations, and needs {}",
                names.len(),
                needed.len()
            );
            return Err(Problem::refused(title, why));
        }
    }
    if let Some(clip) = node.attribute("clip").filter(|clip| clip.f != 0.0) {
        let why = format!("clip of {} is not taken; sums are not clipped here", clip.f);
        return Err(Problem::refused(title, why));
    }
    Ok(way)
}
