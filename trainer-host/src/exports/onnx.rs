//! ONNX, operators of version 17.
//!
//! ```text
//! input [batch, time, I] ─▶ Sub, Div (─▶ Transpose, Conv, Relu) ─▶ Transpose ─▶ LSTM ─▶ Squeeze ─▶ LSTM … ─┬▶ Y_h ─▶ Squeeze ─▶ Gemm, Relu …
//!        real values                                                           ├▶ Y ─▶ Squeeze, Transpose ─▶ MatMul, Add, Relu …
//!                                                                              └▶ Y ─▶ Squeeze, ReduceMean ─▶ Gemm, Relu …
//! ... ─▶ Softmax or Sigmoid ─▶ output [batch, O] or [batch, time, O]
//! ```
//!
//! A GRU has the operator GRU with `linear_before_reset = 1`, or 0 if its reset gate comes before the product. Coupled
//! gates are those of an LSTM whose forget gates have the weights of the input gates with the opposite sign, which every
//! program runs. Peepholes are the operator's input P. The un-normalisation of values is multiplied into the last matrix.
//! Names of channels and outputs are in the file's metadata, as JSON.

use ndarray::{Array2, ArrayView1, ArrayView2};
use prost::Message;

use super::{ExportError, channels_first, dense_layers, singles, stage};
use crate::import::onnx::proto::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Property, Shape, Tensor, TensorType,
    Type, ValueInfo,
};
use crate::import::{Convention, RecurrentWeights, WeightsKind};
use crate::network::{
    ConvActivation, Convolution, DenseLayer, Direction, Head, Mode, Network, Padding,
};
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
const STRING: i32 = 3;
const INTS: i32 = 7;

/// The file of a network that gives what a run's does, from real values to real values, classes, or probabilities.
///
/// # Errors
/// If the network has a projection, which ONNX has not, or a bidirectional layer with other units each way.
pub fn to_onnx(network: &Network, fitted: &Fitted) -> Result<Vec<u8>, ExportError> {
    ExportError::require_equal_halves(network)?;
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
    at = match (&config.conv, &network.conv) {
        (Some(conv), Some(layer)) => graph.convolution(&at, conv, layer),
        _ => graph.node("Transpose", &[&at], vec![ints("perm", &[1, 0, 2])]),
    };
    at = graph.stacked(&at, network);
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

    /// `[B, T, C]` to `[N, B, F]`, with N outputs of the convolution.
    fn convolution(&mut self, at: &str, conv: &Convolution, layer: &DenseLayer) -> String {
        let weights = channels_first(conv, layer);
        self.floats("conv_W", weights.shape(), &weights);
        self.floats("conv_B", &[layer.bias.len()], &layer.bias);
        let mut at = self.node("Transpose", &[at], vec![ints("perm", &[0, 2, 1])]);
        let before = match conv.padding {
            Padding::Causal => conv.kernel as i64 - 1,
            Padding::Valid => 0,
        };
        let settings = vec![
            ints("kernel_shape", &[conv.kernel as i64]),
            ints("strides", &[conv.stride as i64]),
            ints("pads", &[before, 0]),
        ];
        at = self.node("Conv", &[&at, "conv_W", "conv_B"], settings);
        if conv.activation == ConvActivation::Relu {
            at = self.node("Relu", &[&at], vec![]);
        }
        self.node("Transpose", &[&at], vec![ints("perm", &[2, 0, 1])])
    }

    /// All recurrent layers, from `[T, B, I]` to `[T, B, O]`, or to the last step `[B, O]`.
    fn stacked(&mut self, at: &str, network: &Network) -> String {
        let config = &network.config;
        let mut at = at.to_owned();
        let mut l = 0;
        while let Some(first) = network.recurrent.get(l) {
            let is_both = config.is_beside(l + 1);
            let second = network.recurrent.get(l + 1).filter(|_| is_both);
            let halves: Vec<RecurrentWeights> = (std::iter::once(first).chain(second))
                .map(|layer| RecurrentWeights::of(layer, Convention::Onnx))
                .collect();
            let direction = match (config.direction(l), is_both) {
                (_, true) => Some("bidirectional"),
                (Direction::Forward, false) => None,
                (Direction::Reverse | Direction::Beside, false) => Some("reverse"),
            };
            let is_top = l + halves.len() == network.recurrent.len();
            let last_step = is_top && config.mode == Mode::SequenceToOne;
            at = self.recurrent((l, &at), &halves, direction, last_step);
            l += halves.len();
        }
        at
    }

    /// `[T, B, I]` to `[T, B, O]`, or to the last step of each half `[B, O]`.
    fn recurrent(
        &mut self,
        (l, at): (usize, &str),
        halves: &[RecurrentWeights],
        direction: Option<&str>,
        last_step: bool,
    ) -> String {
        let weights = &halves[0];
        let (operator, attributes) = match weights.kind {
            WeightsKind::Lstm => ("LSTM", vec![]),
            WeightsKind::Gru => ("GRU", vec![int("linear_before_reset", 1)]),
            WeightsKind::GruBefore => ("GRU", vec![int("linear_before_reset", 0)]),
        };
        let name = |part: &str| format!("{}_{l}_{part}", operator.to_lowercase());
        let count = halves.len();
        let matrix = |weights: &Array2<f32>| [count, weights.nrows(), weights.ncols()];
        let all = halves.iter();
        let inputs = all.clone().flat_map(|half| &half.input);
        self.floats(&name("W"), &matrix(&weights.input), inputs);
        let recurrent = all.clone().flat_map(|half| &half.recurrent);
        self.floats(&name("R"), &matrix(&weights.recurrent), recurrent);
        let biases: Vec<f32> = all.clone().flat_map(|half| half.biases.concat()).collect();
        self.floats(&name("B"), &[count, biases.len() / count], &biases);
        let (w, r, b, p) = (name("W"), name("R"), name("B"), name("P"));
        let mut inputs = vec![at, &w, &r, &b];
        let peepholes: Vec<f32> = all
            .flat_map(|half| half.peepholes.clone().unwrap_or_default())
            .collect();
        if !peepholes.is_empty() {
            self.floats(&p, &[count, peepholes.len() / count], &peepholes);
            // Between: lengths of sequences, and the initial states.
            inputs.extend(["", "", "", &p]);
        }
        let (every, last) = (name("Y"), name("Y_h"));
        let units = int("hidden_size", weights.recurrent.ncols() as i64);
        let direction = direction.map(|direction| text("direction", direction));
        let attributes = [units].into_iter().chain(attributes).chain(direction);
        self.push(operator, &inputs, &[&every, &last], attributes.collect());
        if count > 1 {
            return self.side_by_side(if last_step { &last } else { &every }, last_step);
        }
        let (output, axis) = if last_step { (last, 0) } else { (every, 1i64) };
        let axes = format!("axis_{axis}");
        if !self.constants.iter().any(|constant| constant.name == axes) {
            self.constant(&axes, INT64, &[1], axis.to_le_bytes().to_vec());
        }
        self.node("Squeeze", &[&output, &axes], vec![])
    }

    /// The halves of a layer, `[T, 2, B, H]` or `[2, B, H]`, as one axis of values.
    fn side_by_side(&mut self, at: &str, last_step: bool) -> String {
        let (order, shape): (&[i64], &[i64]) = match last_step {
            true => (&[1, 0, 2], &[0, -1]),
            false => (&[0, 2, 1, 3], &[0, 0, -1]),
        };
        let turned = self.node("Transpose", &[at], vec![ints("perm", order)]);
        let name = format!("joined_{}", shape.len());
        if !self.constants.iter().any(|constant| constant.name == name) {
            let bytes = shape.iter().flat_map(|size| size.to_le_bytes()).collect();
            self.constant(&name, INT64, &[shape.len()], bytes);
        }
        self.node("Reshape", &[&turned, &name], vec![])
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
        // A convolution has an output once in a stride.
        let steps = match config.conv {
            Some(_) => "outputs",
            None => "time",
        };
        let time = config.mode.is_per_step().then_some(Err(steps));
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

fn text(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.into(),
        s: value.as_bytes().to_vec(),
        kind: STRING,
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
