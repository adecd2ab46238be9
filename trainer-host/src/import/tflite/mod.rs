//! TensorFlow Lite: the fused operator `UNIDIRECTIONAL_SEQUENCE_LSTM` and dense layers, in float and in int8.
//!
//! Integer weights become `scale · (code − zero point)`. An LSTM that the converter left as a loop (`WHILE`) or unrolled
//! into one operator a step is refused: its weights are there, and nothing says what they are for.

mod constant;
mod flatbuffer;
mod lstm;
mod schema;

use self::schema::{Graph, Operator, activation, op};
use super::budget::Budget;
use super::error::{Kind, Problem, short};
use super::model::{Axis, Layer, NamedLayer, Source};

/// Reads the network of a `.tflite` file.
///
/// # Errors
/// [`Problem`]
pub(super) fn read(bytes: &[u8]) -> Result<Source, Problem> {
    let graph =
        Graph::read(bytes).map_err(|why| Problem::Damaged(format!("TensorFlow Lite: {why}")))?;
    let [input] = graph.inputs[..] else {
        return Err(Problem::Open(format!(
            "it has {} inputs, and a network here has one",
            graph.inputs.len()
        )));
    };
    let channels = (usize::try_from(input).ok()).and_then(|n| graph.tensors.get(n)?.channels());
    let mut chain = Chain {
        graph: &graph,
        budget: Budget::of(bytes.len()),
        channels,
        at: input,
        layers: Vec::new(),
        notes: Vec::new(),
        integer: false,
        time_first: false,
        rank: 3,
    };
    // What a whole network is stands in one of its operators, which need not be the first.
    for operator in &graph.operators {
        refuse_kinds(operator.code, &chain.title(operator))?;
    }
    for operator in &graph.operators {
        chain.operator(operator)?;
    }
    if graph.outputs != [chain.at] {
        return Err(Problem::Open(
            "its operators do not end with its only output".into(),
        ));
    }
    Ok(chain.finish())
}

/// The operators so far, one after the other.
struct Chain<'a> {
    graph: &'a Graph<'a>,
    budget: Budget,
    /// Channels of the input, where the file says them.
    channels: Option<usize>,
    /// The tensor that the last one gave.
    at: i32,
    layers: Vec<NamedLayer>,
    notes: Vec<String>,
    /// Whether weights are integers.
    integer: bool,
    time_first: bool,
    /// Axes of the last tensor.
    rank: usize,
}

impl Chain<'_> {
    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Problem> {
        let title = self.title(operator);
        // Integer files name what is added before what it is added to as often as after it.
        if !operator.inputs.contains(&self.at) {
            return Err(Problem::refused(
                title,
                "it does not read what the operator before it gives, and a network here is a chain",
            ));
        }
        let is_commutative = matches!(operator.code, op::ADD | op::MUL);
        if !is_commutative && operator.inputs.first() != Some(&self.at) {
            return Err(Problem::refused(
                title,
                "what the operator before it gives is not its first input",
            ));
        }
        match operator.code {
            op::UNIDIRECTIONAL_SEQUENCE_LSTM => self.lstm(operator, &title)?,
            op::FULLY_CONNECTED => self.fully_connected(operator, &title)?,
            op::STRIDED_SLICE => self.last_step(operator, &title)?,
            op::RESHAPE => self.same_values(operator, &title)?,
            op::QUANTIZE | op::DEQUANTIZE => {}
            op::RELU => self.layers.push(Layer::Relu.named(title)),
            op::LOGISTIC => self.layers.push(Layer::Sigmoid.named(title)),
            op::SOFTMAX => {
                let beta = self.option(operator, 0, f32::from_le_bytes, 0.0, &title)?;
                if beta != 1.0 {
                    let why = format!("its beta of {beta} is not taken; 1 is");
                    return Err(Problem::refused(title, why));
                }
                self.layers.push(Layer::Softmax.named(title));
            }
            _ => self.with_constant(operator, &title)?,
        }
        self.at = operator.outputs.first().copied().unwrap_or(-1);
        Ok(())
    }

    /// For messages.
    fn title(&self, operator: &Operator<'_>) -> String {
        let output = operator
            .outputs
            .first()
            .and_then(|n| self.graph.tensors.get(usize::try_from(*n).ok()?));
        format!(
            "{} ({})",
            operator_name(operator.code),
            short(output.map_or("", |tensor| tensor.name.as_str()))
        )
    }

    /// Option `n` of an operator.
    fn option<T, const N: usize>(
        &self,
        operator: &Operator<'_>,
        n: usize,
        of: fn([u8; N]) -> T,
        default: T,
        title: &str,
    ) -> Result<T, Problem> {
        match operator.options {
            None => Ok(default),
            Some(options) => (options.scalar(n, of, default))
                .map_err(|why| Problem::Damaged(format!("{title}: {why}"))),
        }
    }

    /// The activation that option 0 of an operator puts behind it.
    fn fused_activation(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        match self.option(operator, 0, i8::from_le_bytes, activation::NONE, title)? {
            activation::NONE => Ok(()),
            activation::RELU => {
                self.layers.push(Layer::Relu.named(title));
                Ok(())
            }
            other => Err(Problem::refused(
                title,
                format!("fused activation number {other} is not taken; relu is"),
            )),
        }
    }

    fn fully_connected(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        let weight = self.matrix(operator, 1, title)?;
        let bias = self.vector(operator, 2, title)?;
        if self.option(operator, 1, i8::from_le_bytes, 0, title)? != 0 {
            let why = "its weights are in a shuffled order (weights_format)";
            return Err(Problem::refused(title, why));
        }
        self.layers.push(Layer::Dense { weight, bias }.named(title));
        self.fused_activation(operator, title)
    }

    /// A slice that keeps the last step and all of the rest.
    fn last_step(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        let refuse = || Problem::refused(title, "it cuts something else than the last step out");
        let begin = self.ints(operator, 1, title)?;
        let strides = self.ints(operator, 3, title)?;
        let shape = self.shape(operator, 0);
        let ends = self.ints(operator, 2, title)?;
        let mask = |n| self.option(operator, n, i32::from_le_bytes, 0, title);
        let (begin_mask, end_mask, shrink) = (mask(0)?, mask(1)?, mask(4)?);
        // Options that put in or leave out axes, or count otherwise.
        if mask(2)? != 0 || mask(3)? != 0 || mask(5)? != 0 {
            return Err(refuse());
        }
        let time = usize::from(!self.time_first);
        let steps = shape.get(time).copied().unwrap_or(-1);
        let is_last = begin
            .get(time)
            .is_some_and(|at| *at == -1 || steps > 0 && *at == steps - 1);
        let is_set = |mask: i32, axis: usize| mask >> axis & 1 == 1;
        let whole = |axis: usize| {
            let from_start = begin.get(axis).is_none_or(|at| *at == 0) || is_set(begin_mask, axis);
            let to_end = (ends.get(axis)).is_none_or(|at| shape[axis] > 0 && *at >= shape[axis]);
            from_start && (to_end || is_set(end_mask, axis))
        };
        let others = (0..shape.len()).filter(|axis| *axis != time).all(whole);
        let is_last = is_last && !is_set(begin_mask, time);
        if !(is_last && others && shrink == 1 << time && strides.iter().all(|stride| *stride == 1))
        {
            return Err(refuse());
        }
        self.layers.push(Layer::LastStep.named(title));
        self.rank = 2;
        Ok(())
    }

    /// A reshape that changes no more than axes of length one.
    fn same_values(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        let long =
            |shape: &[i32]| -> Vec<i32> { shape.iter().copied().filter(|n| *n != 1).collect() };
        let before = self.shape(operator, 0);
        let after = operator
            .outputs
            .first()
            .and_then(|n| self.graph.tensors.get(usize::try_from(*n).ok()?));
        match after.map(|tensor| tensor.shape.as_slice()) {
            Some(after) if long(before) == long(after) => {
                self.rank = after.len();
                Ok(())
            }
            _ => Err(Problem::refused(
                title,
                "it does more than put in or take out axes of length one",
            )),
        }
    }

    /// A sum, difference, product or quotient with a constant for each channel.
    fn with_constant(&mut self, operator: &Operator<'_>, title: &str) -> Result<(), Problem> {
        let first = operator.inputs.first() == Some(&self.at);
        let constant = usize::from(first);
        let values = self.vector(operator, constant, title)?.unwrap_or_default();
        let channels = self.shape(operator, constant).last().copied();
        if values.len() > 1 && channels.map(i64::from) != Some(values.len() as i64) {
            return Err(Problem::refused(
                title,
                "its constant is not one number or one for each channel",
            ));
        }
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let ones = vec![1.0; values.len()];
        let zeros = vec![0.0; values.len()];
        let (scale, offset) = match (operator.code, first) {
            (op::ADD, _) => (ones, values),
            (op::SUB, true) => (ones, values.iter().map(|v| -v).collect()),
            (op::MUL, _) => (values, zeros),
            (op::DIV, true) => (values.iter().map(|v| 1.0 / v).collect(), zeros),
            _ => {
                return Err(Problem::refused(
                    title,
                    "it is not taken; UNIDIRECTIONAL_SEQUENCE_LSTM, FULLY_CONNECTED, RELU, LOGISTIC and SOFTMAX are",
                ));
            }
        };
        self.layers
            .push(Layer::Affine { scale, offset }.named(title));
        self.fused_activation(operator, title)
    }

    fn finish(self) -> Source {
        let axes = match self.time_first {
            true => [Axis::Time, Axis::Batch, Axis::Channel],
            false => [Axis::Batch, Axis::Time, Axis::Channel],
        };
        let is_pooled = |layer: &NamedLayer| layer.layer.pooling().is_some();
        let per_step = !self.layers.iter().any(is_pooled);
        let mut output_axes: Vec<Axis> = (axes.into_iter())
            .filter(|axis| per_step || *axis != Axis::Time)
            .collect();
        while output_axes.len() < self.rank {
            output_axes.insert(0, Axis::One);
        }
        Source {
            format: if self.integer {
                "TensorFlow Lite (integers)"
            } else {
                "TensorFlow Lite"
            },
            layers: self.layers,
            channels: self.channels,
            advice: "",
            input_axes: axes.to_vec(),
            output_axes,
            lengths: None,
            integer: self.integer,
            notes: self.notes,
        }
    }
}

/// Refuses operators that say what the whole network is.
fn refuse_kinds(code: i32, title: &str) -> Result<(), Problem> {
    let instead = "in TensorFlow 2.19 or before, convert a tf_keras model with a fixed batch of 1 through a concrete \
                   function, which gives the fused operator, or import the Keras file itself";
    match code {
        op::WHILE => Err(Problem::refused(
            title,
            format!("the converter left the LSTM as a loop; {instead}"),
        )),
        op::UNPACK | op::SPLIT => Err(Problem::refused(
            title,
            format!("the LSTM is unrolled, one operator a step; {instead}"),
        )),
        op::BIDIRECTIONAL_SEQUENCE_LSTM => Err(Problem::later(title, Kind::Bidirectional)),
        op::CONV_2D => Err(Problem::later(title, Kind::Convolution)),
        op::MEAN => Err(Problem::later(title, Kind::MeanPooling)),
        _ => Ok(()),
    }
}

/// An operator's name in the schema, of those that networks with an LSTM have.
fn operator_name(code: i32) -> String {
    let name = match code {
        op::ADD => "ADD",
        op::CONV_2D => "CONV_2D",
        op::DEQUANTIZE => "DEQUANTIZE",
        op::DIV => "DIV",
        op::FULLY_CONNECTED => "FULLY_CONNECTED",
        op::LOGISTIC => "LOGISTIC",
        op::MEAN => "MEAN",
        op::MUL => "MUL",
        op::QUANTIZE => "QUANTIZE",
        op::RELU => "RELU",
        op::RESHAPE => "RESHAPE",
        op::SOFTMAX => "SOFTMAX",
        op::SPLIT => "SPLIT",
        op::STRIDED_SLICE => "STRIDED_SLICE",
        op::SUB => "SUB",
        op::UNIDIRECTIONAL_SEQUENCE_LSTM => "UNIDIRECTIONAL_SEQUENCE_LSTM",
        op::BIDIRECTIONAL_SEQUENCE_LSTM => "BIDIRECTIONAL_SEQUENCE_LSTM",
        op::UNPACK => "UNPACK",
        op::WHILE => "WHILE",
        other => return format!("operator number {other}"),
    };
    name.to_owned()
}
