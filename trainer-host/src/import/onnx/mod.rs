//! ONNX: a graph of operators, walked once from its inputs to its outputs.
//!
//! No operator is computed on data. The walk knows of every value whether it is a constant, a shape, or an array that
//! follows from the input, and of such an array which axis is which ([`value`]). So it does not matter how an exporter
//! turns axes around, and what it picks is known to be the last step. Layers grow as a tree; the path to the output is
//! the network. An operator that cannot be read matters only if the output needs it.

mod axes;
mod operators;
pub(crate) mod proto;
mod recurrent;
mod value;

use std::collections::HashMap;

use prost::Message;

use self::proto::{Graph, Model, Node, ValueInfo};
use self::value::{Role, Signal, SignalAxis, Value};
use super::error::Problem;
use super::model::{Axis, Layer, NamedLayer, Source};
use super::open::Hints;

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
    let mut walk = Walk::new(&graph, opset.version, hints)?;
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
    lengths: Option<Vec<usize>>,
    notes: Vec<String>,
}

/// A place in the tree of layers.
struct Step {
    before: Option<usize>,
    layer: Option<NamedLayer>,
    /// The input of the graph that this is, or the output of the operator.
    name: String,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph, opset: i64, hints: &'a Hints) -> Result<Self, Problem> {
        let mut walk = Self {
            values: HashMap::new(),
            tree: Vec::new(),
            inputs: HashMap::new(),
            opset,
            hints,
            lengths: None,
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
            let shape = (input.kind.as_ref()).and_then(|kind| kind.tensor.as_ref()?.shape.as_ref());
            let dims = shape.map_or(&[][..], |shape| &shape.dim);
            let axes = dims.iter().enumerate().map(|(n, dim)| SignalAxis {
                role: Role::Input(n),
                size: dim
                    .dim_value
                    .and_then(|size| usize::try_from(size).ok())
                    .filter(|size| *size > 0),
            });
            let axes = axes.collect();
            let at = walk.grow(None, None, &input.name);
            walk.values
                .insert(&input.name, Value::Signal(Signal { at, axes }));
        }
        Ok(walk)
    }

    /// Adds a place to the tree.
    fn grow(&mut self, before: Option<usize>, layer: Option<NamedLayer>, name: &str) -> usize {
        let name = name.to_owned();
        self.tree.push(Step {
            before,
            layer,
            name,
        });
        self.tree.len() - 1
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
            Err(problem) => vec![Value::Unknown(problem); node.output.len()],
        };
        let missing = || Value::Unknown(Problem::refused(node.title(), "this output is not taken"));
        let outputs = outputs.into_iter().map(Some).chain(std::iter::repeat(None));
        for (name, value) in node.output.iter().zip(outputs) {
            self.values.insert(name, value.unwrap_or_else(missing));
        }
    }

    /// What makes an input unreadable makes the operator so.
    fn readable(&self, node: &Node) -> Result<(), Problem> {
        (0..node.input.len()).try_for_each(|n| self.optional(node, n).map(drop))
    }

    /// Input `n` of an operator, if it has one.
    fn optional(&self, node: &Node, n: usize) -> Result<Option<Value>, Problem> {
        let Some(name) = node.input.get(n).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match self.values.get(name.as_str()) {
            Some(Value::Unknown(problem)) => Err(problem.clone()),
            Some(value) => Ok(Some(value.clone())),
            None => Err(Problem::Damaged(format!(
                "{} reads {name}, which nothing gives",
                node.title()
            ))),
        }
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
                Ok(signal)
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
    fn root(&self, mut at: usize) -> usize {
        while let Some(before) = self.tree[at].before {
            at = before;
        }
        at
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
            input_axes,
            output_axes: output_axes.collect::<Result<_, _>>()?,
            lengths: self.lengths,
            integer: false,
            notes: self.notes,
        })
    }
}
