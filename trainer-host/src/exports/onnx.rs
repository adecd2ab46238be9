//! ONNX, operators of version 17.
//!
//! ```text
//! input [batch, time, I] ─▶ Sub, Div ─▶ Transpose ─▶ LSTM ─▶ Squeeze ─▶ LSTM … ─┬▶ Y_h ─▶ Squeeze ─▶ Gemm, Relu …
//!        real values                                                           ├▶ Y ─▶ Squeeze, Transpose ─▶ MatMul, Add, Relu …
//!                                                                              └▶ Y ─▶ Squeeze, ReduceMean ─▶ Gemm, Relu …
//! ... ─▶ Softmax or Sigmoid ─▶ output [batch, O] or [batch, time, O]
//! ```
//!
//! A GRU has the operator GRU with `linear_before_reset = 1`, or 0 if its reset gate comes before the product. Coupled gates are those of an LSTM whose forget gates have
//! the weights of the input gates with the opposite sign, which every program runs. Peepholes are the operator's input P. The un-normalisation of values is multiplied into the last matrix. Names of
//! channels and outputs are in the file's metadata, as JSON.

use ndarray::{Array2, ArrayView1, ArrayView2};
use prost::Message;

use super::{ExportError, dense_layers, singles, stage};
use crate::import::onnx::proto::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Property, Shape, Tensor, TensorType,
    Type, ValueInfo,
};
use crate::import::{Convention, RecurrentWeights, WeightsKind};
use crate::network::{DenseLayer, Head, Mode, Network};
use crate::run::Fitted;

/// Version of the operators.
const OPSET: i64 = 17;
/// Version of the file format, the one that came with these operators.
const IR_VERSION: i64 = 8;

/// Numbers of the types of elements.
const FLOAT: i32 = 1;
const INT64: i32 = 7;
/// Numbers of the types of attributes.
const INT: i32 = 2;
const INTS: i32 = 7;

/// The file of a network that gives what a run's does, from real values to real values, classes, or probabilities.
///
/// # Errors
/// If the network has a convolution or a layer that runs backwards, for which there is no writer, or a projection, which ONNX
/// has not.
pub fn to_onnx(network: &Network, fitted: &Fitted) -> Result<Vec<u8>, ExportError> {
    ExportError::require_writer(network)?;
    if network.config.cell.projection().is_some() {
        return Err(ExportError::Projection);
    }
    let config = &network.config;
    let mut graph = Writing::default();
    let mut at = "input".to_owned();
    if let Some((means, deviations)) = stage(&fitted.inputs) {
        at = graph.with_vector("Sub", &at, ("input_mean", singles(&means).view()));
        at = graph.with_vector("Div", &at, ("input_deviation", singles(&deviations).view()));
    }
    at = graph.node("Transpose", &[&at], vec![ints("perm", &[1, 0, 2])]);
    for (l, layer) in network.recurrent.iter().enumerate() {
        let weights = RecurrentWeights::of(layer, Convention::Onnx);
        let is_read = l + 1 == network.recurrent.len() && config.mode == Mode::SequenceToOne;
        at = graph.recurrent(l, &at, &weights, is_read);
    }
    match config.mode {
        Mode::SequenceToOne => {}
        Mode::SequenceToSequence => {
            at = graph.node("Transpose", &[&at], vec![ints("perm", &[1, 0, 2])]);
        }
        Mode::SequenceToMean => {
            let over_time = vec![ints("axes", &[0]), int("keepdims", 0)];
            at = graph.node("ReduceMean", &[&at], over_time);
        }
    }
    let dense = dense_layers(network, fitted);
    for (l, layer) in dense.iter().enumerate() {
        at = graph.dense(l, &at, layer, config.mode);
        if l + 1 < dense.len() {
            at = graph.node("Relu", &[&at], vec![]);
        }
    }
    at = match config.head {
        Head::Linear => at,
        Head::Softmax => graph.node("Softmax", &[&at], vec![int("axis", -1)]),
        Head::Sigmoid => graph.node("Sigmoid", &[&at], vec![]),
    };
    Ok(graph.finish(&at, network, fitted).encode_to_vec())
}

/// A graph that grows from its input to its output.
#[derive(Default)]
struct Writing {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Writing {
    /// Adds an operator with one output, whose name it returns.
    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let output = format!("{}_{}", operator.to_lowercase(), self.nodes.len());
        self.push(operator, inputs, &[&output], attributes);
        output
    }

    fn push(
        &mut self,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<Attribute>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.nodes.push(Node {
            input: owned(inputs),
            output: owned(outputs),
            name: format!("{operator}_{}", self.nodes.len()),
            op_type: operator.to_owned(),
            attribute,
            ..Node::default()
        });
    }

    fn floats<'v>(
        &mut self,
        name: &str,
        dims: &[usize],
        values: impl IntoIterator<Item = &'v f32>,
    ) {
        let bytes = values.into_iter().flat_map(|value| value.to_le_bytes());
        self.constant(name, FLOAT, dims, bytes.collect());
    }

    fn constant(&mut self, name: &str, data_type: i32, dims: &[usize], bytes: Vec<u8>) {
        self.constants.push(Tensor {
            name: name.to_owned(),
            dims: dims.iter().map(|n| *n as i64).collect(),
            data_type,
            raw_data: Some(bytes),
            ..Tensor::default()
        });
    }

    /// An operator of the array `at` and a constant for each channel.
    fn with_vector(
        &mut self,
        operator: &str,
        at: &str,
        (name, values): (&str, ArrayView1<'_, f32>),
    ) -> String {
        self.floats(name, &[values.len()], values);
        self.node(operator, &[at, name], vec![])
    }

    /// `[T, B, I]` to `[T, B, H]`, or to the last step `[B, H]`.
    fn recurrent(
        &mut self,
        l: usize,
        at: &str,
        weights: &RecurrentWeights,
        last_step: bool,
    ) -> String {
        let (operator, attributes) = match weights.kind {
            WeightsKind::Lstm => ("LSTM", vec![]),
            WeightsKind::Gru => ("GRU", vec![int("linear_before_reset", 1)]),
            WeightsKind::GruBefore => ("GRU", vec![int("linear_before_reset", 0)]),
        };
        let name = |part: &str| format!("{}_{l}_{part}", operator.to_lowercase());
        let matrix = |weights: &Array2<f32>| [1, weights.nrows(), weights.ncols()];
        self.floats(&name("W"), &matrix(&weights.input), &weights.input);
        self.floats(&name("R"), &matrix(&weights.recurrent), &weights.recurrent);
        let biases = weights.biases.concat();
        self.floats(&name("B"), &[1, biases.len()], &biases);
        let (w, r, b, p) = (name("W"), name("R"), name("B"), name("P"));
        let mut inputs = vec![at, &w, &r, &b];
        if let Some(peepholes) = &weights.peepholes {
            self.floats(&p, &[1, peepholes.len()], peepholes);
            // Between: lengths of sequences, and the initial states.
            inputs.extend(["", "", "", &p]);
        }
        let (every, last) = (name("Y"), name("Y_h"));
        let units = int("hidden_size", weights.recurrent.ncols() as i64);
        let attributes = [units].into_iter().chain(attributes).collect();
        self.push(operator, &inputs, &[&every, &last], attributes);
        let (output, axis) = if last_step { (last, 0) } else { (every, 1i64) };
        let axes = format!("axis_{axis}");
        if !self.constants.iter().any(|constant| constant.name == axes) {
            self.constant(&axes, INT64, &[1], axis.to_le_bytes().to_vec());
        }
        self.node("Squeeze", &[&output, &axes], vec![])
    }

    fn dense(&mut self, l: usize, at: &str, layer: &DenseLayer, mode: Mode) -> String {
        let (weight, bias) = (format!("dense_{l}_weight"), format!("dense_{l}_bias"));
        let shape = |weights: &ArrayView2<'_, f32>| [weights.nrows(), weights.ncols()];
        if !mode.is_per_step() {
            self.floats(&weight, &shape(&layer.weight.view()), &layer.weight);
            self.floats(&bias, &[layer.bias.len()], &layer.bias);
            return self.node("Gemm", &[at, &weight, &bias], vec![int("transB", 1)]);
        }
        // Gemm takes matrices alone.
        self.floats(&weight, &shape(&layer.weight.t()), layer.weight.t());
        let product = self.node("MatMul", &[at, &weight], vec![]);
        self.with_vector("Add", &product, (&bias, layer.bias.view()))
    }

    fn finish(mut self, at: &str, network: &Network, fitted: &Fitted) -> Model {
        let last = self.nodes.last_mut().expect("a network has layers");
        debug_assert_eq!(last.output[0], at);
        last.output[0] = "output".into();
        let config = &network.config;
        let time = config.mode.is_per_step().then_some(Err("time"));
        let input = [Err("batch"), Err("time"), Ok(config.inputs)];
        let output = [Err("batch")]
            .into_iter()
            .chain(time)
            .chain([Ok(config.outputs)]);
        let graph = Graph {
            node: self.nodes,
            name: "lstm".into(),
            initializer: self.constants,
            input: vec![value_info("input", input)],
            output: vec![value_info("output", output)],
        };
        let property = |key: &str, names: &[String]| Property {
            key: key.into(),
            value: serde_json::json!(names).to_string(),
        };
        Model {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            graph: Some(graph),
            opset_import: vec![OperatorSet {
                domain: String::new(),
                version: OPSET,
            }],
            metadata_props: vec![
                property("channels", &fitted.schema.channels),
                property("outputs", &fitted.schema.outputs),
            ],
        }
    }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: name.into(),
        i: value,
        kind: INT,
        ..Attribute::default()
    }
}

fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute {
        name: name.into(),
        ints: values.to_vec(),
        kind: INTS,
        ..Attribute::default()
    }
}

/// An array of floats with axes that have a name or a length.
fn value_info<'a>(name: &str, axes: impl IntoIterator<Item = Result<usize, &'a str>>) -> ValueInfo {
    let dim = axes.into_iter().map(|axis| Dimension {
        dim_value: axis.ok().map(|length| length as i64),
        dim_param: axis.err().map(str::to_owned),
    });
    ValueInfo {
        name: name.into(),
        kind: Some(Type {
            tensor: Some(TensorType {
                elem_type: FLOAT,
                shape: Some(Shape { dim: dim.collect() }),
            }),
        }),
    }
}
