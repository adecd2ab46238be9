//! ONNX: a graph of operators, walked once from its inputs to its outputs.
//!
//! No operator is computed on data. The walk knows of every value whether it is a constant, a shape, or an array that
//! follows from the input, and of such an array which axis is which ([`value`]). So it does not matter how an exporter
//! turns axes around, and what it picks is known to be the last step. Layers grow as a tree; the path to the output is
//! the network. An operator that cannot be read matters only if the output needs it.

mod axes;
mod convolution;
mod operators;
pub(crate) mod proto;
mod recurrent;
mod reshape;
mod value;

use std::collections::HashMap;
use std::rc::Rc;

use prost::Message;

use self::proto::{Graph, Model, Node, ValueInfo};
use self::value::{Role, Signal, SignalAxis, Value};
use super::budget::Budget;
use super::error::{Problem, short};
use super::model::{Axis, Layer, NamedLayer, Source};
use super::open::Hints;

/// Numbers of the types of whole numbers.
const WHOLE_NUMBERS: [i32; 8] = [2, 3, 4, 5, 6, 7, 12, 13];
/// Operators that may see the halves of a bidirectional layer on an axis of their own.
const TURNING: [&str; 7] = [
    "Transpose",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Gather",
    "Slice",
];
/// Axes of an array, at most.
const MOST_AXES: usize = 8;
/// Outputs of an operator, at most.
const MOST_OUTPUTS: usize = 8;

/// Reads the network of an ONNX file.
///
/// # Errors
/// [`Problem`]
pub(super) fn read(bytes: &[u8], hints: &Hints) -> Result<Source, Problem> {
    let no_onnx = |why: String| Problem::Damaged(format!("ONNX: {why}"));
    let model = Model::decode(bytes).map_err(|error| no_onnx(error.to_string()))?;
    let graph = model
        .graph
        .ok_or_else(|| no_onnx("there is no graph in it".into()))?;
    let opset =
        (model.opset_import.iter()).find(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    let opset = opset.ok_or_else(|| no_onnx("it names no version of its operators".into()))?;
    let mut walk = Walk::new(&graph, opset.version, (hints, Budget::of(bytes.len())))?;
    for node in &graph.node {
        walk.node(node);
    }
    let output = output(&graph, hints)?;
    walk.finish(&output.name)
}

/// The output that is asked for.
fn output<'a>(graph: &'a Graph, hints: &Hints) -> Result<&'a ValueInfo, Problem> {
    let names = || {
        graph
            .output
            .iter()
            .map(|output| output.name.as_str())
            .collect::<Vec<_>>()
    };
    match &hints.output {
        None => (graph.output.first())
            .ok_or_else(|| Problem::Damaged("ONNX: the graph has no output".into())),
        Some(name) => (graph.output.iter().find(|output| output.name == *name)).ok_or_else(|| {
            Problem::Open(format!(
                "--output {name}: the graph's outputs are {}",
                names().join(", ")
            ))
        }),
    }
}

/// What is known of the graph so far.
struct Walk<'a> {
    values: HashMap<&'a str, Value>,
    /// Layers, each with the one before it; the graph's inputs have neither.
    tree: Vec<Step>,
    /// The axes of each input of the graph, by its place in the tree.
    inputs: HashMap<usize, Vec<Axis>>,
    opset: i64,
    hints: &'a Hints,
    budget: Budget,
    notes: Vec<String>,
}

/// Valid steps of each sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lengths {
    /// Constants in the graph.
    Fixed(Rc<[usize]>),
    /// An input of the graph, by its place in the tree.
    Input(usize),
}

/// A place in the tree of layers.
struct Step {
    before: Option<usize>,
    layer: Option<NamedLayer>,
    /// The input of the graph that this is, or the output of the operator.
    name: String,
    /// The place of the graph's input that this follows from.
    root: usize,
    /// Valid steps of each sequence, of the last recurrent layer that has any; steps after them are zeros.
    lengths: Option<Lengths>,
    /// The axis of the graph's input that the layer takes for the channels, before a recurrent layer says which it is.
    channel: Option<usize>,
    /// Of an input of the graph: whether its values are whole numbers, and its sizes.
    is_whole: bool,
    sizes: Vec<Option<usize>>,
}

impl<'a> Walk<'a> {
    fn new(
        graph: &'a Graph,
        opset: i64,
        (hints, budget): (&'a Hints, Budget),
    ) -> Result<Self, Problem> {
        let mut walk = Self {
            values: HashMap::new(),
            tree: Vec::new(),
            inputs: HashMap::new(),
            opset,
            hints,
            budget,
            notes: Vec::new(),
        };
        for tensor in &graph.initializer {
            let value = tensor.value().unwrap_or_else(Value::Unknown);
            walk.values.insert(&tensor.name, value);
        }
        for input in &graph.input {
            if walk.values.contains_key(input.name.as_str()) {
                continue;
            }
            let tensor = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
            let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
            let dims = shape.map_or(&[][..], |shape| &shape.dim);
            let axes = dims.iter().enumerate().map(|(n, dim)| SignalAxis {
                role: Role::Input(n),
                size: dim
                    .dim_value
                    .and_then(|size| usize::try_from(size).ok())
                    .filter(|size| *size > 0),
            });
            let axes: Vec<SignalAxis> = axes.collect();
            let at = walk.grow(None, None, &input.name);
            walk.tree[at].sizes = axes.iter().map(|axis| axis.size).collect();
            walk.tree[at].is_whole =
                tensor.is_some_and(|tensor| WHOLE_NUMBERS.contains(&tensor.elem_type));
            let value = match (shape.is_some(), axes.len() > MOST_AXES) {
                (true, false) => Value::Signal(Signal { at, axes }),
                (true, true) => Value::Unknown(Problem::refused(
                    format!("input {}", short(&input.name)),
                    format!("it has more than {MOST_AXES} axes"),
                )),
                (false, _) => Value::Unknown(Problem::refused(
                    format!("input {}", short(&input.name)),
                    "the graph does not declare its shape; export it with one, of which sizes may be open (dynamic axes)",
                )),
            };
            walk.values.insert(&input.name, value);
        }
        Ok(walk)
    }

    /// Adds a place to the tree.
    fn grow(&mut self, before: Option<usize>, layer: Option<NamedLayer>, name: &str) -> usize {
        let at = self.tree.len();
        let below = before.map(|before| &self.tree[before]);
        self.tree.push(Step {
            root: below.map_or(at, |below| below.root),
            lengths: below.and_then(|below| below.lengths.clone()),
            channel: None,
            is_whole: false,
            sizes: Vec::new(),
            before,
            layer,
            name: short(name),
        });
        at
    }

    /// `signal` after a layer, with its axes as they are.
    fn after(&mut self, signal: &Signal, layer: Layer, node: &Node) -> Signal {
        let layer = layer.named(node.title());
        let at = self.grow(Some(signal.at), Some(layer), &node.title());
        let axes = signal.axes.clone();
        Signal { at, axes }
    }

    /// Takes up an operator.
    fn node(&mut self, node: &'a Node) {
        let outputs = match self.readable(node).and_then(|()| self.operator(node)) {
            Ok(outputs) => outputs,
            Err(problem) => {
                vec![Value::Unknown(problem.short()); node.output.len().min(MOST_OUTPUTS)]
            }
        };
        let missing = || Value::Unknown(Problem::refused(node.title(), "this output is not taken"));
        let outputs = outputs.into_iter().map(Some).chain(std::iter::repeat(None));
        for (name, value) in node.output.iter().zip(outputs) {
            let value = value.unwrap_or_else(missing);
            if self.values.insert(name, value).is_some() && !name.is_empty() {
                let twice = Problem::Damaged(format!("{} is given twice", short(name)));
                self.values.insert(name, Value::Unknown(twice));
            }
        }
    }

    /// What makes an input unreadable makes the operator so.
    fn readable(&self, node: &Node) -> Result<(), Problem> {
        (0..node.input.len()).try_for_each(|n| self.known(node, n).map(drop))
    }

    /// What is known of input `n` of an operator, if it has one.
    fn known(&self, node: &Node, n: usize) -> Result<Option<&Value>, Problem> {
        let Some(name) = node.input.get(n).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match self.values.get(name.as_str()) {
            Some(Value::Unknown(problem)) => Err(problem.clone()),
            Some(value) => Ok(Some(value)),
            None => Err(Problem::Damaged(format!(
                "{} reads {}, which nothing gives",
                node.title(),
                short(name)
            ))),
        }
    }

    /// A copy of it.
    fn optional(&self, node: &Node, n: usize) -> Result<Option<Value>, Problem> {
        let Some(value) = self.known(node, n)? else {
            return Ok(None);
        };
        let size = match value {
            Value::Floats { values, .. } => values.len(),
            Value::Ints { values, .. } => values.len(),
            _ => 1,
        };
        self.budget.take(&node.title(), size)?;
        Ok(Some(value.clone()))
    }

    /// Input `n` of an operator.
    fn input(&self, node: &Node, n: usize) -> Result<Value, Problem> {
        let missing = || Problem::Damaged(format!("{} has no input {n}", node.title()));
        self.optional(node, n)?.ok_or_else(missing)
    }

    /// Input `n` of an operator, which follows from the graph's input.
    fn signal(&self, node: &Node, n: usize) -> Result<Signal, Problem> {
        match self.input(node, n)? {
            Value::Signal(mut signal) => {
                self.name_axes(&mut signal);
                let is_half = |axis: &SignalAxis| axis.role == Role::Is(Axis::Half);
                match signal.axes.iter().any(is_half) && !TURNING.contains(&&*node.op_type) {
                    true => Err(Problem::refused(
                        node.title(),
                        "it reads both halves of a bidirectional layer on an axis of their own; let units of both become one axis before (Transpose and Reshape)",
                    )),
                    false => Ok(signal),
                }
            }
            _ => Err(Problem::refused(
                node.title(),
                format!("input {n} does not follow from the graph's input"),
            )),
        }
    }

    /// Gives the axes of the graph's input their names, where a recurrent layer has said them.
    fn name_axes(&self, signal: &mut Signal) {
        let Some(known) = self.inputs.get(&self.root(signal.at)) else {
            return;
        };
        for axis in &mut signal.axes {
            if let Role::Input(n) = axis.role {
                axis.role = Role::Is(known[n]);
            }
        }
    }

    /// The graph's input that this place follows from.
    fn root(&self, at: usize) -> usize {
        self.tree[at].root
    }

    /// Channels that the graph declares for an input with these axes.
    fn channels(&self, root: usize, axes: &[Axis]) -> Option<usize> {
        let channel = axes.iter().position(|axis| *axis == Axis::Channel)?;
        *self.tree[root].sizes.get(channel)?
    }

    /// The path to the output.
    fn finish(mut self, output: &str) -> Result<Source, Problem> {
        let signal = match self.values.remove(output) {
            Some(Value::Signal(mut signal)) => {
                self.name_axes(&mut signal);
                signal
            }
            Some(Value::Unknown(problem)) => return Err(problem),
            Some(_) => return Err(Problem::Open(format!("output {output} is a constant"))),
            None => {
                return Err(Problem::Damaged(format!(
                    "ONNX: nothing gives the output {output}"
                )));
            }
        };
        let lengths = match self.tree[signal.at].lengths.take() {
            Some(Lengths::Fixed(lengths)) => Some(lengths.to_vec()),
            _ => None,
        };
        let (mut layers, mut at) = (Vec::new(), signal.at);
        while let Step {
            before: Some(before),
            layer,
            ..
        } = &mut self.tree[at]
        {
            at = *before;
            layers.extend(layer.take());
        }
        layers.reverse();
        let Some(input_axes) = self.inputs.remove(&at) else {
            let why = format!(
                "there is no LSTM or GRU between input {} and output {output}",
                self.tree[at].name
            );
            return Err(Problem::Open(why));
        };
        let output_axes = signal.axes.iter().map(|axis| match axis.role {
            Role::Is(axis) => Ok(axis),
            _ => Err(Problem::refused(
                format!("output {output}"),
                "it has steps and sequences in one axis; give the network an output for each sequence or each step",
            )),
        });
        Ok(Source {
            format: "ONNX",
            layers,
            channels: self.channels(at, &input_axes),
            input_axes,
            output_axes: output_axes.collect::<Result<_, _>>()?,
            lengths,
            integer: false,
            advice: "",
            notes: self.notes,
        })
    }
}
