//! What each operator does with what is known of its inputs.

use ndarray::Array2;

use super::Walk;
use super::proto::Node;
use super::value::{Number, Role, Signal, SignalAxis, Value, axis_number};
use crate::import::conventions::WeightsKind;
use crate::import::error::{Kind, Problem, short};
use crate::import::model::{Axis, Layer};

impl Walk<'_> {
    /// The outputs of an operator.
    pub(super) fn operator(&mut self, node: &Node) -> Result<Vec<Value>, Problem> {
        require_known(node)?;
        let one = |value: Value| Ok(vec![value]);
        let of = |signal: Signal| Ok(vec![Value::Signal(signal)]);
        match node.op_type.as_str() {
            _ if !matches!(node.domain.as_str(), "" | "ai.onnx") => Err(unknown(node)),
            "LSTM" => self.recurrent(WeightsKind::Lstm, node),
            "GRU" if node.int("linear_before_reset", 0) == 0 => {
                self.recurrent(WeightsKind::GruBefore, node)
            }
            "GRU" => self.recurrent(WeightsKind::Gru, node),
            "Gemm" => of(self.gemm(node)?),
            "MatMul" => of(self.matmul(node)?),
            "Add" | "Sub" | "Mul" | "Div" => of(self.with_constant(node)?),
            "Relu" => self.activation(node, Layer::Relu),
            "Sigmoid" => self.activation(node, Layer::Sigmoid),
            "Softmax" => self.softmax(node, Layer::Softmax),
            "LogSoftmax" => self.softmax(node, Layer::LogSoftmax),
            "BatchNormalization" => of(self.batch_normalisation(node)?),
            "Identity" => one(self.input(node, 0)?),
            "Dropout" => one(self.dropout(node)?),
            "Cast" => one(self.cast(node)?),
            "Constant" => one(constant(node)?),
            "ConstantOfShape" => one(filled(node)?),
            "Expand" => one(self.expand(node)?),
            "Shape" => one(self.shape(node)?),
            "Concat" => one(self.concat(node)?),
            "Gather" => one(self.gather(node)?),
            "Slice" => one(self.slice(node)?),
            "Squeeze" => one(self.squeeze(node)?),
            "Unsqueeze" => one(self.unsqueeze(node)?),
            "Transpose" => one(self.transpose(node)?),
            "Reshape" => one(self.reshape(node)?),
            "Flatten" => of(self.flatten(node)?),
            "ReduceMean" | "GlobalAveragePool" => of(self.mean_over_time(node)?),
            "ReduceMax" | "GlobalMaxPool" => Err(Problem::later(node.title(), Kind::MaxPooling)),
            "Conv" => of(self.convolution(node)?),
            _ => Err(unknown(node)),
        }
    }

    fn activation(&mut self, node: &Node, layer: Layer) -> Result<Vec<Value>, Problem> {
        let signal = self.signal(node, 0)?;
        Ok(vec![Value::Signal(self.after(&signal, layer, node))])
    }

    /// At inference.
    fn dropout(&self, node: &Node) -> Result<Value, Problem> {
        match node.input.get(2).is_some_and(|name| !name.is_empty()) {
            true => Err(Problem::refused(
                node.title(),
                "it drops values where its input training_mode says so; export the network for inference",
            )),
            false => self.input(node, 0),
        }
    }

    /// Between floats, or between whole numbers.
    fn cast(&self, node: &Node) -> Result<Value, Problem> {
        let value = self.input(node, 0)?;
        let (to_floats, to_whole) = match node.int("to", 0) {
            1 | 10 | 11 | 16 => (true, false),
            6 | 7 => (false, true),
            _ => (false, false),
        };
        let is_same = match &value {
            Value::Floats { .. } | Value::Filled(_) => to_floats,
            Value::Ints { .. } => to_whole,
            Value::Signal(signal) => to_floats || to_whole && self.tree[signal.at].is_whole,
            Value::Unknown(_) => false,
        };
        match is_same {
            true => Ok(value),
            false => Err(Problem::refused(
                node.title(),
                format!(
                    "it changes values (type number {} of ONNX); casts between floats are taken",
                    node.int("to", 0)
                ),
            )),
        }
    }

    /// Over the last axis alone.
    fn softmax(&mut self, node: &Node, layer: Layer) -> Result<Vec<Value>, Problem> {
        let signal = self.signal(node, 0)?;
        require_channels(node, &signal)?;
        let rank = signal.axes.len();
        let default = if self.opset < 13 { 1 } else { -1 };
        match axis_number(node.int("axis", default), rank) {
            Some(axis) if axis + 1 == rank => self.activation(node, layer),
            _ => Err(Problem::refused(node.title(), "it is not over the outputs")),
        }
    }

    fn gemm(&mut self, node: &Node) -> Result<Signal, Problem> {
        let factor = |name: &str| node.attribute(name).map_or(1.0, |attribute| attribute.f);
        if node.int("transA", 0) != 0 {
            return Err(Problem::refused(node.title(), "transA is not taken"));
        }
        let weight = self.matrix(node, 1, node.int("transB", 0) == 0)?;
        let (alpha, beta) = (factor("alpha"), factor("beta"));
        let outputs = weight.nrows();
        let bias = match self.optional(node, 2)? {
            None => None,
            Some(Value::Filled(value)) => Some(vec![value as f32; outputs]),
            Some(_) => {
                let (shape, values) = self.floats(node, 2)?;
                match (&values[..], &shape[..]) {
                    ([one], _) => Some(vec![*one; outputs]),
                    (_, [n] | [1, n]) if *n == outputs => Some(values),
                    _ => {
                        return Err(Problem::refused(
                            node.title(),
                            format!(
                                "its input C has the shape {shape:?}, and is to have a value for each of the {outputs} outputs"
                            ),
                        ));
                    }
                }
            }
        };
        let bias = bias.map(|bias| bias.iter().map(|b| b * beta).collect());
        self.dense(node, weight * alpha, bias)
    }

    fn matmul(&mut self, node: &Node) -> Result<Signal, Problem> {
        let weight = self.matrix(node, 1, true)?;
        self.dense(node, weight, None)
    }

    /// A constant matrix as `[O, I]`.
    fn matrix(&self, node: &Node, n: usize, transposed: bool) -> Result<Array2<f32>, Problem> {
        let (shape, values) = self.floats(node, n)?;
        let [rows, columns] = shape[..] else {
            return Err(Problem::refused(
                node.title(),
                format!("input {n} has the shape {shape:?}, and is to be a matrix"),
            ));
        };
        let matrix = Array2::from_shape_vec((rows, columns), values)
            .expect("a constant has as many values as its shape says");
        Ok(match transposed {
            true => matrix.t().as_standard_layout().into_owned(),
            false => matrix,
        })
    }

    /// A dense layer over the last axis.
    fn dense(
        &mut self,
        node: &Node,
        weight: Array2<f32>,
        bias: Option<Vec<f32>>,
    ) -> Result<Signal, Problem> {
        let signal = self.signal(node, 0)?;
        require_channels(node, &signal)?;
        let outputs = weight.nrows();
        let mut after = self.after(&signal, Layer::Dense { weight, bias }, node);
        self.along_channels(&after);
        let last = after.axes.last_mut().expect("it has channels");
        if let Role::Is(_) = last.role {
            last.role = Role::Is(Axis::Channel);
        }
        last.size = Some(outputs);
        Ok(after)
    }

    /// A sum, difference, product or quotient with a constant for each channel.
    fn with_constant(&mut self, node: &Node) -> Result<Signal, Problem> {
        let operands = [self.input(node, 0)?, self.input(node, 1)?];
        let (signal, constant, signal_first) = match &operands {
            [Value::Signal(_), Value::Signal(_)] => {
                return Err(Problem::refused(
                    node.title(),
                    "it joins two branches, and a network here is a chain",
                ));
            }
            [Value::Signal(_), constant] => (0, constant, true),
            [constant, Value::Signal(_)] => (1, constant, false),
            _ => {
                return Err(Problem::refused(
                    node.title(),
                    "arithmetic of constants is not taken; export with constant folding",
                ));
            }
        };
        let signal = self.signal(node, signal)?;
        let values: Vec<f64> = match constant {
            Value::Filled(value) => vec![*value],
            Value::Floats { shape, values } => {
                let channels = shape.last().copied().unwrap_or(1);
                if values.len() != channels || shape.len() > signal.axes.len() {
                    return Err(Problem::refused(
                        node.title(),
                        format!(
                            "its constant of shape {shape:?} is not one number or one for each channel"
                        ),
                    ));
                }
                values.iter().copied().map(f64::from).collect()
            }
            _ => return Err(unknown(node)),
        };
        require_channels(node, &signal)?;
        let ones = vec![1.0; values.len()];
        let zeros = vec![0.0; values.len()];
        let each = |of: fn(f64) -> f64| -> Vec<f64> { values.iter().map(|v| of(*v)).collect() };
        let (scale, offset) = match (node.op_type.as_str(), signal_first) {
            ("Add", _) => (ones, values),
            ("Sub", true) => (ones, each(|v| -v)),
            ("Sub", false) => (each(|_| -1.0), values),
            ("Mul", _) => (values, zeros),
            ("Div", true) => (each(|v| 1.0 / v), zeros),
            _ => {
                return Err(Problem::refused(
                    node.title(),
                    "a constant divided by channels is not taken",
                ));
            }
        };
        let after = self.after(&signal, Layer::Affine { scale, offset }, node);
        self.along_channels(&after);
        Ok(after)
    }

    /// Remembers which axis of the graph's input a layer takes for the channels, until a recurrent layer says it.
    fn along_channels(&mut self, signal: &Signal) {
        if let Some(Role::Input(n)) = signal.axes.last().map(|axis| axis.role) {
            self.tree[signal.at].channel = Some(n);
        }
    }

    /// Of channels that are the second axis, as the operator has it, and the last one.
    fn batch_normalisation(&mut self, node: &Node) -> Result<Signal, Problem> {
        let signal = self.signal(node, 0)?;
        let is_channel = |axis: &SignalAxis| axis.role == Role::Is(Axis::Channel);
        if !signal.axes.get(1).is_some_and(is_channel) {
            return Err(Problem::refused(
                node.title(),
                "it stands before the first recurrent layer, or not over channels",
            ));
        }
        if node.int("training_mode", 0) != 0 || node.int("spatial", 1) != 1 {
            return Err(Problem::refused(
                node.title(),
                "it is one of training (training_mode), or not of channels (spatial)",
            ));
        }
        let vector = |n| Ok::<_, Problem>(self.floats(node, n)?.1);
        let (scale, bias, mean, variance) = (vector(1)?, vector(2)?, vector(3)?, vector(4)?);
        let epsilon = node.attribute("epsilon").map_or(1e-5, |e| f64::from(e.f));
        let n = scale.len();
        if [bias.len(), mean.len(), variance.len()] != [n; 3] {
            return Err(Problem::Damaged(format!(
                "{}: its inputs have different lengths",
                node.title()
            )));
        }
        let (scale, offset) = (0..n)
            .map(|c| {
                let s = f64::from(scale[c]) / (f64::from(variance[c]) + epsilon).sqrt();
                (s, f64::from(bias[c]) - s * f64::from(mean[c]))
            })
            .unzip();
        Ok(self.after(&signal, Layer::Affine { scale, offset }, node))
    }
}

/// Refuses an array whose last axis is not the channels.
fn require_channels(node: &Node, signal: &Signal) -> Result<(), Problem> {
    let rank = signal.axes.len();
    let has_channels = || (signal.axes.iter()).any(|axis| axis.role == Role::Is(Axis::Channel));
    match signal.axes.last().map(|axis| axis.role) {
        Some(Role::Is(Axis::Channel)) => Ok(()),
        // One channel that the graph put there itself.
        Some(Role::Is(Axis::One)) if !has_channels() => Ok(()),
        Some(Role::Input(n)) if n + 1 == rank => Ok(()),
        _ => Err(Problem::refused(
            node.title(),
            "it works along another axis than the channels",
        )),
    }
}

/// The settings of an operator that are read, and those that change nothing at inference; `None` of an operator that is
/// refused by its own name.
fn known(operator: &str) -> Option<&'static [&'static str]> {
    Some(match operator {
        "LSTM" => &[
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "input_forget",
            "layout",
        ],
        "GRU" => &[
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "layout",
            "linear_before_reset",
        ],
        "Gemm" => &["alpha", "beta", "transA", "transB"],
        "Conv" => &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ],
        "Softmax" | "LogSoftmax" | "Concat" | "Gather" | "Flatten" => &["axis"],
        "BatchNormalization" => &["epsilon", "momentum", "training_mode", "spatial"],
        "Dropout" => &["ratio", "seed"],
        "Cast" => &["to", "saturate", "round_mode"],
        "Constant" => &[
            "value",
            "value_int",
            "value_ints",
            "value_float",
            "value_floats",
        ],
        "ConstantOfShape" => &["value"],
        "Shape" => &["start", "end"],
        "Slice" => &["starts", "ends", "axes"],
        "Squeeze" | "Unsqueeze" => &["axes"],
        "ReduceMean" => &["axes", "keepdims", "noop_with_empty_axes"],
        "GlobalAveragePool" => &[],
        "Transpose" => &["perm"],
        "Reshape" => &["allowzero"],
        "MatMul" | "Add" | "Sub" | "Mul" | "Div" | "Relu" | "Sigmoid" | "Identity" | "Expand" => {
            &[]
        }
        _ => return None,
    })
}

/// Refuses a setting that is not known, for it may change what the operator computes.
fn require_known(node: &Node) -> Result<(), Problem> {
    let Some(known) = known(&node.op_type) else {
        return Ok(());
    };
    match (node.attribute.iter()).find(|at| !known.contains(&at.name.as_str())) {
        None => Ok(()),
        Some(other) => {
            let why = format!("its attribute {} is not known here", short(&other.name));
            Err(Problem::refused(node.title(), why))
        }
    }
}

fn unknown(node: &Node) -> Problem {
    Problem::refused(
        format!("operator {}", node.title()),
        "it is not taken; LSTM, GRU, Gemm, MatMul, Add, Relu, Sigmoid and Softmax are, and what exporters put between them",
    )
}

fn constant(node: &Node) -> Result<Value, Problem> {
    for attribute in &node.attribute {
        let whole = |values: &[i64], scalar| Value::Ints {
            scalar,
            values: values.iter().copied().map(Number::from).collect(),
        };
        let floats = |values: &[f32], shape| Value::Floats {
            shape,
            values: values.to_vec(),
        };
        return match attribute.name.as_str() {
            "value" => match &attribute.t {
                Some(tensor) => tensor.value(),
                None => continue,
            },
            "value_int" => Ok(whole(&[attribute.i], true)),
            "value_ints" => Ok(whole(&attribute.ints, false)),
            "value_float" => Ok(floats(&[attribute.f], vec![])),
            "value_floats" => Ok(floats(&attribute.floats, vec![attribute.floats.len()])),
            _ => continue,
        };
    }
    Err(Problem::refused(node.title(), "it holds no numbers"))
}

fn filled(node: &Node) -> Result<Value, Problem> {
    let Some(tensor) = node.attribute("value").and_then(|value| value.t.as_ref()) else {
        return Ok(Value::Filled(0.0));
    };
    match tensor.value()? {
        Value::Floats { values, .. } if values.len() == 1 => Ok(Value::Filled(values[0].into())),
        _ => Err(Problem::refused(
            node.title(),
            "it is not filled with one float",
        )),
    }
}
