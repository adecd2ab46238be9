//! From the layers of a file to a network.
//!
//! A network here is an input stage, a convolution over time or none, recurrent layers of one kind, and dense layers with ReLU between them. Layers that are linear in
//! each step's values become one matrix, in f64: `y = W x + b` and `y = s ⊙ x + t` before a recurrent layer are
//! multiplied into its input weights, and two dense layers without a ReLU between them into each other. A network that ends
//! with a recurrent layer or a ReLU gets an output layer that copies its values.

mod recurrent;

use std::path::Path;

use ndarray::{Array1, Array2};

use super::ending::Ending;
use super::error::{ImportError, Problem};
use super::every_step::standing;
use super::limits::{MAX_DENSE_LAYERS, require_room, require_size};
use super::linear::Linear;
use super::model::{ConvWeights, Layer, NamedLayer, Source};
use crate::data::Normalisation;
use crate::network::lstm::peepholes_of;
use crate::network::{
    ConvActivation, Convolution, DenseLayer, Direction, Head, Mode, Network, NetworkConfig,
    Pooling, RecurrentLayer,
};

/// A network out of a file's layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// The network; its inputs are normalised by `inputs`.
    pub network: Network,
    /// The input stage, where the file has one.
    pub inputs: Option<Normalisation>,
    /// What the file computes from the network's outputs.
    pub ending: Ending,
    /// What was added or multiplied together, a line each.
    pub notes: Vec<String>,
}

/// A network that grows from its input to its output.
#[derive(Default)]
struct Growing {
    /// Values of each step at this place; unknown before the first matrix of a file that does not say its channels.
    width: Option<usize>,
    /// The input stage.
    inputs: Option<(Vec<f64>, Vec<f64>)>,
    conv: Option<(Convolution, Linear)>,
    recurrent: Vec<RecurrentLayer>,
    /// Of each recurrent layer.
    directions: Vec<Direction>,
    dense: Vec<DenseLayer>,
    /// Linear layers that the next matrix takes in.
    pending: Option<Linear>,
    /// Whether a ReLU was the last layer that is not linear.
    after_relu: bool,
    /// What is read of the steps, where it is not each of them.
    pooled: Option<Pooling>,
    ending: Option<Ending>,
    /// What helps when layers do not fit together.
    advice: &'static str,
    notes: Vec<String>,
}

/// The network of a file.
///
/// # Errors
/// [`Problem`] for the first layer that has no place in a network here.
pub fn assemble(source: &Source, file: &Path) -> Result<Assembled, ImportError> {
    let grown = || {
        let mut growing = Growing {
            width: source.channels,
            advice: source.advice,
            ..Growing::default()
        };
        for layer in &source.layers {
            growing.add(layer)?;
        }
        growing.finish(source)
    };
    grown().map_err(|problem: Problem| problem.within(file))
}

impl Growing {
    fn add(&mut self, NamedLayer { name, layer }: &NamedLayer) -> Result<(), Problem> {
        if self.ending.is_some() {
            return Err(Problem::refused(
                name,
                "nothing can follow the softmax or sigmoid of the outputs",
            ));
        }
        match layer {
            Layer::Affine { scale, offset } => self.affine(name, scale, offset),
            Layer::Dense { weight, bias } => self.matrix(name, weight, bias.as_deref()),
            Layer::Convolution(weights) => self.convolution(name, weights),
            Layer::Recurrent(weights) => self.recurrent(name, &[(weights, Direction::Forward)]),
            Layer::Reverse(weights) => self.recurrent(name, &[(weights, Direction::Reverse)]),
            Layer::Both(halves) => {
                let [forward, reverse] = &**halves;
                let halves = [(forward, Direction::Forward), (reverse, Direction::Beside)];
                self.recurrent(name, &halves)
            }
            Layer::Relu => self.relu(name),
            Layer::LastStep | Layer::OwnLastStep
                if self.recurrent.is_empty() || self.pooled.is_some() =>
            {
                Err(Problem::refused(
                    name,
                    "a step is picked where there is no recurrent layer before; only the last one's last step can be",
                ))
            }
            Layer::LastStep | Layer::OwnLastStep => {
                if *layer == Layer::LastStep {
                    self.require_forward(name)?;
                }
                self.pooled = Some(Pooling::Last);
                Ok(())
            }
            Layer::Mean => self.mean(name),
            Layer::Softmax => self.end(Ending::Softmax),
            Layer::LogSoftmax => self.end(Ending::LogSoftmax),
            Layer::Sigmoid => self.end(Ending::Sigmoid),
        }
    }

    /// Linear layers may stand before: the mean of what they give is what they give for the mean.
    fn mean(&mut self, name: &str) -> Result<(), Problem> {
        if self.recurrent.is_empty() || self.pooled.is_some() {
            let why = "a mean over time where there is no recurrent layer before; only the last one's outputs are averaged";
            return Err(Problem::refused(name, why));
        }
        if !self.dense.is_empty() {
            let why = "a mean over time after a ReLU has no place here; the mean of a recurrent layer's outputs has";
            return Err(Problem::refused(name, why));
        }
        self.pooled = Some(Pooling::Mean);
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> Result<(), Problem> {
        self.ending = Some(ending);
        Ok(())
    }

    /// Refuses a layer that reads another number of values than there are.
    fn require_width(&mut self, name: &str, inputs: usize) -> Result<(), Problem> {
        require_size(name, inputs)?;
        match self.width {
            Some(width) if width != inputs => {
                let is_first = self.conv.is_none() && self.recurrent.is_empty();
                let before = match is_first && self.inputs.is_none() && self.pending.is_none() {
                    true => format!("the file's input has {width} channels"),
                    false => format!("the layer before it gives {width}"),
                };
                let why = format!("it reads {inputs} values, and {before}{}", self.advice);
                Err(Problem::refused(name, why))
            }
            _ => {
                self.width = Some(inputs);
                Ok(())
            }
        }
    }

    fn affine(&mut self, name: &str, scale: &[f64], offset: &[f64]) -> Result<(), Problem> {
        let length = scale.len().max(offset.len());
        if length == 0 {
            return Err(Problem::Damaged(format!(
                "{name}: it has neither factors nor summands"
            )));
        }
        let length = match (length, self.width) {
            (1, Some(width)) => width,
            _ => length,
        };
        if length > 1 || self.width.is_some() {
            self.require_width(name, length)?;
        }
        let spread = |values: &[f64]| -> Vec<f64> {
            match values {
                [one] => vec![*one; length],
                values => values.to_vec(),
            }
        };
        let (scale, offset) = (spread(scale), spread(offset));
        if scale.len() != offset.len() || scale.iter().chain(&offset).any(|v| !v.is_finite()) {
            return Err(Problem::Damaged(format!(
                "{name}: its factors and summands do not fit together, or are not finite"
            )));
        }
        let at_input = self.recurrent.is_empty() && self.pending.is_none() && self.conv.is_none();
        if at_input && scale.iter().all(|s| *s > 0.0) {
            self.inputs = Some(match self.inputs.take() {
                Some((s, t)) => after((&s, &t), (&scale, &offset)),
                None => (scale, offset),
            });
            return Ok(());
        }
        self.linear(Linear::Diagonal {
            scale: scale.into(),
            bias: offset.into(),
        });
        Ok(())
    }

    /// Adds a linear layer to what the next matrix takes in.
    fn linear(&mut self, next: Linear) {
        self.width = Some(next.outputs());
        self.pending = Some(match self.pending.take() {
            Some(before) => before.then(next),
            None => next,
        });
    }

    fn matrix(
        &mut self,
        name: &str,
        weight: &Array2<f32>,
        bias: Option<&[f32]>,
    ) -> Result<(), Problem> {
        let (outputs, inputs) = weight.dim();
        if bias.is_some_and(|bias| bias.len() != outputs) || outputs == 0 || inputs == 0 {
            return Err(Problem::Damaged(format!(
                "{name}: weights {:?} and {} biases do not fit together",
                weight.shape(),
                bias.map_or(0, <[f32]>::len),
            )));
        }
        self.require_width(name, inputs)?;
        require_size(name, outputs)?;
        if self.pending.is_some() && !self.recurrent.is_empty() {
            let note = "was multiplied into the linear layer before it";
            self.notes.push(format!("{name} {note}"));
        }
        self.linear(Linear::Matrix {
            weight: weight.mapv(f64::from),
            bias: match bias {
                Some(bias) => bias.iter().copied().map(f64::from).collect(),
                None => Array1::zeros(outputs),
            },
        });
        Ok(())
    }

    fn convolution(&mut self, name: &str, weights: &ConvWeights) -> Result<(), Problem> {
        let refuse = |why: &str| Err(Problem::refused(name, why));
        if self.conv.is_some() || !self.recurrent.is_empty() {
            return refuse("one convolution can stand below the recurrent layers, and none above");
        }
        if self.pending.is_some() {
            return refuse("a layer that mixes or turns the input's channels stands before it");
        }
        let (filters, bias) = (weights.weight.nrows(), &weights.bias);
        let channels = weights.channels();
        let fits = |bias: &Vec<f32>| bias.len() == filters;
        if filters == 0 || channels == 0 || !bias.as_ref().is_none_or(fits) {
            return Err(Problem::Damaged(format!(
                "{name}: its weights and biases do not fit together"
            )));
        }
        self.require_width(name, channels)?;
        require_size(name, filters)?;
        let bias = bias.clone().unwrap_or_else(|| vec![0.0; filters]);
        let linear = Linear::Matrix {
            weight: weights.weight.mapv(f64::from),
            bias: bias.into_iter().map(f64::from).collect(),
        };
        let conv = Convolution {
            filters,
            kernel: weights.kernel,
            stride: weights.stride,
            activation: ConvActivation::None,
            padding: weights.padding,
        };
        self.width = Some(filters);
        self.conv = Some((conv, linear));
        Ok(())
    }

    /// A ReLU below the first recurrent layer: the convolution's, which takes in the linear layers between.
    fn relu_of_convolution(&mut self, name: &str) -> Result<(), Problem> {
        match &mut self.conv {
            Some((conv, linear)) if conv.activation == ConvActivation::None => {
                if let Some(next) = self.pending.take() {
                    *linear = linear.clone().then(next);
                    conv.filters = linear.outputs();
                    let note = "what stands between the convolution and its ReLU was multiplied into its filters";
                    self.notes.push(format!("{name}: {note}"));
                }
                conv.activation = ConvActivation::Relu;
                Ok(())
            }
            // A second ReLU changes nothing.
            Some(_) if self.pending.is_none() => Ok(()),
            _ => Err(Problem::refused(
                name,
                "a ReLU before the first recurrent layer has no place here, but for a convolution's",
            )),
        }
    }

    fn relu(&mut self, name: &str) -> Result<(), Problem> {
        if self.recurrent.is_empty() {
            return self.relu_of_convolution(name);
        }
        let width = self.width.expect("the recurrent layer has a width");
        // A second ReLU changes nothing.
        if self.pending.is_none() && self.after_relu {
            return Ok(());
        }
        // The output layer follows.
        require_room(name, self.dense.len() + 1, MAX_DENSE_LAYERS)?;
        let linear = (self.pending.take()).unwrap_or_else(|| Linear::identity(width));
        self.dense.push(linear.layer());
        self.after_relu = true;
        Ok(())
    }

    fn finish(mut self, source: &Source) -> Result<Assembled, Problem> {
        let Some(first) = self.recurrent.first() else {
            return Err(Problem::Open(
                "there is no LSTM or GRU in it, and a network here has at least one".into(),
            ));
        };
        let inputs = match &self.conv {
            Some((conv, linear)) => linear.layer().weight.ncols() / conv.kernel,
            None => first.inputs(),
        };
        self.couple();
        let cell = self.cell();
        let width = self.width.expect("the recurrent layer has a width");
        let output = match self.pending.take() {
            Some(linear) => linear.layer(),
            None => {
                let note = "an output layer that copies its values was added, because a model here ends with a dense layer";
                self.notes.push(note.into());
                Linear::identity(width).layer()
            }
        };
        if let Some((conv, _)) = &self.conv
            && self.pooled != Some(Pooling::Last)
        {
            self.notes.extend(standing(conv));
        }
        let ending = self.ending.unwrap_or(Ending::Plain);
        let config = self.config(inputs, output.bias.len(), ending);
        (config.validate())
            .map_err(|error| Problem::Open(format!("too large or too deep: {error}")))?;
        let recurrent = self.recurrent.into_iter().map(|mut layer| {
            // Peepholes of zero are none.
            let shape = (peepholes_of(layer.gates()), layer.units());
            if let (true, Some(peephole)) = (cell.peepholes(), layer.peephole_mut()) {
                peephole.get_or_insert_with(|| Array2::zeros(shape));
            }
            layer
        });
        let network = Network {
            conv: self.conv.as_ref().map(|(_, linear)| linear.layer()),
            config,
            recurrent: recurrent.collect(),
            dense: self.dense.into_iter().chain([output]).collect(),
        };
        require_finite(&network)?;
        Ok(Assembled {
            inputs: self
                .inputs
                .map(|(scale, offset)| input_stage(&scale, &offset, inputs)),
            network,
            ending,
            notes: source.notes.iter().cloned().chain(self.notes).collect(),
        })
    }

    /// The structure of what has grown.
    fn config(&self, inputs: usize, outputs: usize, ending: Ending) -> NetworkConfig {
        NetworkConfig {
            inputs,
            conv: self.conv.as_ref().map(|(conv, _)| *conv),
            directions: self.directions(),
            hidden: self.recurrent.iter().map(|layer| layer.units()).collect(),
            cell: self.cell(),
            dense: self.dense.iter().map(|layer| layer.bias.len()).collect(),
            outputs,
            head: match ending {
                Ending::Plain => Head::Linear,
                Ending::Softmax | Ending::LogSoftmax => Head::Softmax,
                Ending::Sigmoid => Head::Sigmoid,
            },
            mode: self.pooled.map_or(Mode::SequenceToSequence, Pooling::mode),
        }
    }
}

/// One scale and offset after another, each `[I]` or `[1]`.
fn after(first: (&[f64], &[f64]), then: (&[f64], &[f64])) -> (Vec<f64>, Vec<f64>) {
    let at = |values: &[f64], j: usize| values[j.min(values.len() - 1)];
    let length = first.0.len().max(then.0.len());
    (0..length)
        .map(|j| {
            let (s, t) = (at(then.0, j), at(then.1, j));
            (at(first.0, j) * s, at(first.1, j) * s + t)
        })
        .unzip()
}

/// `y = s x + t` as mean and deviation of `inputs` channels.
fn input_stage(scale: &[f64], offset: &[f64], inputs: usize) -> Normalisation {
    let at = |j: usize| {
        (
            scale[j.min(scale.len() - 1)],
            offset[j.min(offset.len() - 1)],
        )
    };
    Normalisation {
        mean: (0..inputs).map(|j| (-at(j).1 / at(j).0) as f32).collect(),
        deviation: (0..inputs).map(|j| (1.0 / at(j).0) as f32).collect(),
        offset: Vec::new(),
    }
}

/// Refuses weights that are not finite.
fn require_finite(network: &Network) -> Result<(), Problem> {
    for parameter in network.parameters() {
        if let Some(at) = parameter.values.iter().position(|value| !value.is_finite()) {
            let value = parameter.values[at];
            return Err(Problem::Damaged(format!(
                "value {at} of what becomes {} is {value}",
                parameter.name
            )));
        }
    }
    Ok(())
}
