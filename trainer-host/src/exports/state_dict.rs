//! A PyTorch `state_dict` in safetensors.
//!
//! | layers | names |
//! | --- | --- |
//! | LSTMs of equal sizes: one `nn.LSTM(I, H, num_layers=L)` | `lstm.weight_ih_l0`, `lstm.weight_hh_l0`, `lstm.bias_ih_l0`, `lstm.bias_hh_l0`, … |
//! | LSTMs of other sizes: an `nn.ModuleList` | `lstm.0.weight_ih_l0`, …, `lstm.1.weight_ih_l0`, … |
//! | bidirectional ones: the half in reverse | `lstm.weight_ih_l0_reverse`, … |
//! | a convolution: `nn.Conv1d`; stride, padding and ReLU stand in the metadata | `conv.weight`, `conv.bias` |
//! | one linear layer: `nn.Linear` | `head.weight`, `head.bias` |
//! | coupled gates: an LSTM whose forget gates have the weights of the input gates with the opposite sign | as LSTMs |
//! | projections: an LSTM with `proj_size=P` | `lstm.weight_hr_l0`, … besides |
//! | GRUs: as LSTMs, with `nn.GRU` | `gru.weight_ih_l0`, … |
//! | several, with `nn.ReLU` between: `nn.Sequential` | `head.0.weight`, `head.2.weight`, … |
//!
//! What a `state_dict` cannot say stands in the file's metadata, under `network` and as JSON: [`Described`]. The second
//! bias of a gate is zero, but for the candidate of a GRU. The outputs of the last layer are in real units.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};

use super::{channels_first, dense_layers, stage};
use crate::import::{Convention, Described, RecurrentWeights};
use crate::network::{Direction, LayerDirections, Mode, Network, RecurrentLayer};
use crate::run::Fitted;

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// PyTorch has none.
    #[error(
        "PyTorch's nn.LSTM has no peepholes, and this network has; --format onnx has them (input P), and so has \
         --format npz; or train with --no-peepholes"
    )]
    Peepholes,
    /// PyTorch has none.
    #[error(
        "PyTorch's nn.LSTM and nn.GRU run in reverse only beside a half that runs forwards, and this network has a layer in \
         reverse alone; --format onnx has it (direction), and so has --format npz"
    )]
    Reverse,
    /// Neither ONNX nor PyTorch has such.
    #[error(
        "a bidirectional layer of this network has more units one way than the other way, which ONNX and PyTorch have not; \
         --format npz has all of its parameters, and model files its integers"
    )]
    Halves,
    /// PyTorch has none.
    #[error(
        "PyTorch's nn.GRU has its reset gate after the product, and this network has it before; --format onnx has it \
         (linear_before_reset = 0), and so has --format npz"
    )]
    ResetBefore,
    /// ONNX has none.
    #[error(
        "the LSTM of ONNX has no projection, and this network has one; --format npz has it, and so has --format \
         safetensors (proj_size), unless there are peepholes"
    )]
    Projection,
    /// Neither PyTorch nor ONNX has both.
    #[error(
        "this network has peepholes, which PyTorch's nn.LSTM has not, and a projection, which the LSTM of ONNX has not; \
         --format npz has both"
    )]
    ProjectionAndPeepholes,
    /// The container cannot hold it.
    #[error("safetensors: {0}")]
    Container(#[from] safetensors::SafeTensorError),
}

impl ExportError {
    /// Refuses a bidirectional layer with other units each way.
    pub(super) fn require_equal_halves(network: &Network) -> Result<(), Self> {
        match network.config.has_equal_halves() {
            true => Ok(()),
            false => Err(Self::Halves),
        }
    }
}

/// Tensors by their names, as bytes.
type Tensors = Vec<(String, Vec<usize>, Vec<u8>)>;

fn push<'v>(
    tensors: &mut Tensors,
    name: String,
    shape: &[usize],
    values: impl IntoIterator<Item = &'v f32>,
) {
    let bytes = values.into_iter().flat_map(|value| value.to_le_bytes());
    tensors.push((name, shape.to_vec(), bytes.collect()));
}

/// The file of a run's network.
///
/// # Errors
/// When it has peepholes that are not zero, a reset gate before the product, a layer that runs in reverse alone, or a
/// bidirectional one with other units each way.
pub fn to_state_dict(network: &Network, fitted: &Fitted) -> Result<Vec<u8>, ExportError> {
    let mut tensors = Tensors::new();
    if let (Some(conv), Some(layer)) = (&network.config.conv, &network.conv) {
        let weights = channels_first(conv, layer);
        push(
            &mut tensors,
            "conv.weight".into(),
            weights.shape(),
            &weights,
        );
        push(
            &mut tensors,
            "conv.bias".into(),
            &[layer.bias.len()],
            &layer.bias,
        );
    }
    push_stacked(&mut tensors, network)?;
    let dense = dense_layers(network, fitted);
    for (l, layer) in dense.iter().enumerate() {
        let name = |part: &str| match dense.len() {
            1 => format!("head.{part}"),
            _ => format!("head.{}.{part}", 2 * l),
        };
        push(
            &mut tensors,
            name("weight"),
            layer.weight.shape(),
            &layer.weight,
        );
        push(&mut tensors, name("bias"), layer.bias.shape(), &layer.bias);
    }
    let (input_mean, input_deviation) = stage(&fitted.inputs).unwrap_or_default();
    let described = Described {
        conv: network.config.conv,
        every_step: network.config.mode.is_per_step(),
        mean: network.config.mode == Mode::SequenceToMean,
        head: network.config.head,
        input_mean,
        input_deviation,
        channels: fitted.schema.channels.clone(),
        outputs: fitted.schema.outputs.clone(),
    };
    let views = tensors.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name, view))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let metadata = HashMap::from([
        ("format".to_owned(), "pt".to_owned()),
        (Described::KEY.to_owned(), described.to_json()),
    ]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// All recurrent layers: one module if they are alike, else a list of modules.
fn push_stacked(tensors: &mut Tensors, network: &Network) -> Result<(), ExportError> {
    let config = &network.config;
    ExportError::require_equal_halves(network)?;
    if config.directions.contains(&Direction::Reverse) {
        return Err(ExportError::Reverse);
    }
    let (sizes, directions) = LayerDirections::of(config);
    let equal = sizes.windows(2).all(|two| two[0] == two[1]) && directions.is_one();
    for (l, layer) in network.recurrent.iter().enumerate() {
        let kind = match layer {
            RecurrentLayer::Gru(_) => "gru",
            RecurrentLayer::GruBefore(_) => return Err(ExportError::ResetBefore),
            RecurrentLayer::Lstm(_) | RecurrentLayer::Coupled(_) | RecurrentLayer::Projected(_) => {
                "lstm"
            }
        };
        let number = config.layer_number(l);
        let way = match config.direction(l) {
            Direction::Beside => "_reverse",
            Direction::Forward | Direction::Reverse => "",
        };
        let name = |part: &str| match equal {
            true => format!("{kind}.{part}_l{number}{way}"),
            false => format!("{kind}.{number}.{part}_l0{way}"),
        };
        push_recurrent(tensors, layer, name)?;
    }
    Ok(())
}

fn push_recurrent(
    tensors: &mut Tensors,
    layer: &RecurrentLayer,
    name: impl Fn(&str) -> String,
) -> Result<(), ExportError> {
    let weights = RecurrentWeights::of(layer, Convention::PyTorch);
    if weights
        .peepholes
        .iter()
        .flatten()
        .any(|weight| *weight != 0.0)
    {
        return Err(match weights.projection {
            Some(_) => ExportError::ProjectionAndPeepholes,
            None => ExportError::Peepholes,
        });
    }
    push(
        tensors,
        name("weight_ih"),
        weights.input.shape(),
        &weights.input,
    );
    push(
        tensors,
        name("weight_hh"),
        weights.recurrent.shape(),
        &weights.recurrent,
    );
    for (part, bias) in ["bias_ih", "bias_hh"].iter().zip(&weights.biases) {
        push(tensors, name(part), &[bias.len()], bias);
    }
    if let Some(projection) = &weights.projection {
        push(tensors, name("weight_hr"), projection.shape(), projection);
    }
    Ok(())
}
