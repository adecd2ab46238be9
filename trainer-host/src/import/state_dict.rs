//! A PyTorch `state_dict` as safetensors: names and tensors, and nothing of what is computed with them.
//!
//! | name | what it is taken for |
//! | --- | --- |
//! | `*.weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, and so on for `l1`, … | `nn.LSTM`, or `nn.GRU` with three rows a unit |
//! | `*.weight_hr_l0` besides, and so on | `nn.LSTM` with `proj_size` |
//! | the same with `_reverse` behind it | the half of a bidirectional one that runs backwards |
//! | `*.weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` | `nn.LSTMCell`, `nn.GRUCell` |
//! | `*.weight` `[O, I]`, `*.bias` | `nn.Linear` |
//! | `*.weight` `[F, C, K]`, `*.bias` | `nn.Conv1d`, before all others |
//! | `*.running_mean` and so on, of as many values as the convolution has filters | `nn.BatchNorm1d`, behind the convolution |
//!
//! Modules follow one another by their names, numbers by value: recurrent ones first, then linear layers, with a ReLU between
//! those. `--map` gives other names. What this program's own export says in the metadata is taken from there.

mod convolution;

use std::collections::BTreeMap;

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};

use super::conventions::{Convention, RecurrentWeights, WeightsKind};
use super::described::Described;
use super::error::{Kind, Problem, short};
use super::half;
use super::model::{Axis, Layer, NamedLayer, Source};
use super::open::{Hints, Pooling};
use crate::network::ConvActivation;

/// A tensor's shape and values.
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// The tensors of a module by their last name.
type Module = BTreeMap<String, Tensor>;

/// Reads the network of a `state_dict`.
///
/// # Errors
/// [`Problem`]
pub(super) fn read(bytes: &[u8], hints: &Hints) -> Result<Source, Problem> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| Problem::Damaged(format!("safetensors: {error}")))?;
    let modules = modules(&tensors, hints)?;
    let described = Described::of(bytes)?;
    let said = described.as_ref().and_then(|described| described.conv);
    let (convolution, modules) = convolution::taken_out(modules, hints, said.as_ref())?;
    let (mut layers, linear) = modules_in_order(&modules)?;
    if layers.is_empty() {
        return Err(Problem::Open(
            "no nn.LSTM or nn.GRU: no name ends in weight_ih_l0; name modules with --map".into(),
        ));
    }
    let mut notes = vec![format!(
        "layers in this order: {}",
        list(layers.iter().chain(&linear))
    )];
    if let Some(described) = &described {
        let first = convolution.first().or(layers.first());
        require_described(described, first, linear.last())?;
    }
    let is_linear = said.is_some_and(|conv| conv.activation == ConvActivation::None);
    let is_said = said.is_some();
    let said = described.as_ref().map(Described::pooling);
    let pooling = hints.pooling.or(said).unwrap_or_default();
    if hints.pooling.or(said).is_none() {
        notes.push(
            "a state_dict does not say which steps are read; the last one is (--steps reads each)"
                .into(),
        );
    }
    push_pooling(pooling, &mut layers, &mut notes)?;
    push_linear(
        linear,
        (hints, described.is_none()),
        &mut layers,
        &mut notes,
    );
    notes.extend(guess(&convolution).filter(|_| !is_said));
    put_first(convolution, !is_linear, &mut layers);
    if let Some(described) = &described {
        layers.splice(0..0, described.input_stage());
        layers.extend(described.ending());
    }
    let axes = axes(hints.time_first);
    Ok(Source {
        format: "PyTorch state_dict (safetensors)",
        layers,
        channels: None,
        advice: "; layers of a state_dict follow one another by their names, recurrent ones first, and --map gives them other names",
        input_axes: axes.to_vec(),
        output_axes: (axes.into_iter())
            .filter(|axis| pooling == Pooling::Steps || *axis != Axis::Time)
            .collect(),
        lengths: None,
        integer: false,
        notes,
    })
}

/// What a file that says nothing of its convolution is taken to mean.
fn guess(convolution: &[NamedLayer]) -> Option<String> {
    let guess = || {
        format!(
            "{} and a ReLU stand before all others; a state_dict does not say so, nor stride and padding (--conv-stride, --conv-padding), groups and dilation, which are taken as 1",
            list(convolution.iter())
        )
    };
    (!convolution.is_empty()).then(guess)
}

/// Puts the linear layers behind the recurrent ones, with a ReLU between them. `is_guessed` says that nothing in the file
/// tells of the ReLU.
fn push_linear(
    linear: Vec<NamedLayer>,
    (hints, is_guessed): (&Hints, bool),
    layers: &mut Vec<NamedLayer>,
    notes: &mut Vec<String>,
) {
    let relu = linear.len() > 1 && !hints.linear_head;
    if relu && is_guessed {
        notes.push("a state_dict does not say what stands between linear layers; a ReLU does (--linear-head: nothing)".into());
    }
    for (n, layer) in linear.into_iter().enumerate() {
        if n > 0 && relu {
            layers.push(Layer::Relu.named(format!("the ReLU before {}", layer.name)));
        }
        layers.push(layer);
    }
}

/// Puts what is read of the steps behind the recurrent layers.
fn push_pooling(
    pooling: Pooling,
    layers: &mut Vec<NamedLayer>,
    notes: &mut Vec<String>,
) -> Result<(), Problem> {
    let is_both = |layer: &NamedLayer| matches!(layer.layer, Layer::Both(_));
    match pooling {
        Pooling::Last if layers.last().is_some_and(is_both) => {
            notes.push("of the last layer, each half's own last step is read (h_n), which is the first one in time for the half that runs backwards; PyTorch's out[:, -1] is another value, and is not taken".into());
            layers.push(Layer::OwnLastStep.named("the last step"));
        }
        Pooling::Last => layers.push(Layer::LastStep.named("the last step")),
        Pooling::Steps => {}
        Pooling::Mean => layers.push(Layer::Mean.named("the mean over time")),
        Pooling::Max => return Err(Problem::later("the pooling", Kind::MaxPooling)),
    }
    Ok(())
}

/// Puts a convolution before all other layers, and a ReLU behind it if it has one.
fn put_first(convolution: Vec<NamedLayer>, has_relu: bool, layers: &mut Vec<NamedLayer>) {
    if convolution.is_empty() {
        return;
    }
    let relu = has_relu.then(|| Layer::Relu.named("the ReLU of the convolution"));
    layers.splice(0..0, convolution.into_iter().chain(relu));
}

/// The order of the axes of arrays.
fn axes(time_first: bool) -> [Axis; 3] {
    match time_first {
        true => [Axis::Time, Axis::Batch, Axis::Channel],
        false => [Axis::Batch, Axis::Time, Axis::Channel],
    }
}

/// Refuses what this program's own export wrote if it does not fit the layers.
fn require_described(
    described: &Described,
    first: Option<&NamedLayer>,
    last: Option<&NamedLayer>,
) -> Result<(), Problem> {
    match (first.and_then(size), last.and_then(size)) {
        (Some((inputs, _)), Some((_, outputs))) => described.require_sizes(inputs, outputs),
        _ => Ok(()),
    }
}

/// Values that a layer reads and gives.
fn size(layer: &NamedLayer) -> Option<(usize, usize)> {
    match &layer.layer {
        Layer::Convolution(weights) => Some((weights.channels(), weights.weight.nrows())),
        Layer::Recurrent(weights) => Some((weights.input.ncols(), weights.outputs())),
        Layer::Both(halves) => {
            let outputs = halves.iter().map(RecurrentWeights::outputs);
            Some((halves[0].input.ncols(), outputs.sum()))
        }
        Layer::Dense { weight, .. } => Some((weight.ncols(), weight.nrows())),
        _ => None,
    }
}

/// The recurrent layers, and the linear layers.
fn modules_in_order(
    modules: &BTreeMap<String, Module>,
) -> Result<(Vec<NamedLayer>, Vec<NamedLayer>), Problem> {
    let mut names: Vec<&String> = modules.keys().collect();
    names.sort_by_cached_key(|name| natural(name));
    let (mut recurrent, mut linear) = (Vec::new(), Vec::new());
    for name in names {
        let module = &modules[name];
        match module.contains_key("weight_ih_l0") || module.contains_key("weight_ih") {
            true => recurrent.extend(recurrent_layers(name, module)?),
            false => linear.push(dense(name, module)?),
        }
    }
    Ok((recurrent, linear))
}

fn list<'a>(layers: impl Iterator<Item = &'a NamedLayer>) -> String {
    let names: Vec<&str> = layers.map(|layer| layer.name.as_str()).collect();
    names.join(", ")
}

/// Every tensor, renamed by the map, under its module.
fn modules(tensors: &SafeTensors<'_>, hints: &Hints) -> Result<BTreeMap<String, Module>, Problem> {
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut used = vec![false; hints.map.len()];
    for (name, tensor) in tensors.iter() {
        let mapped = mapped(name, &hints.map, &mut used);
        let Some(mapped) = mapped else { continue };
        if mapped.ends_with("num_batches_tracked") {
            continue;
        }
        let (module, part) = mapped.rsplit_once('.').unwrap_or(("", &mapped));
        let tensor = Tensor {
            shape: tensor.shape().to_vec(),
            values: floats(name, tensor.dtype(), tensor.data())?,
        };
        let parts = modules.entry(module.to_owned()).or_default();
        if parts.insert(part.to_owned(), tensor).is_some() {
            return Err(Problem::Open(format!(
                "--map gives two tensors the name {mapped}"
            )));
        }
    }
    match used.iter().position(|used| !used) {
        Some(unused) => Err(Problem::Open(format!(
            "--map: no tensor is {0} or begins with {0}.",
            hints.map[unused].0
        ))),
        None => Ok(modules),
    }
}

/// A name after the map: its whole, or the longest beginning of it that ends before a dot. `None` leaves it out.
fn mapped(name: &str, map: &[(String, String)], used: &mut [bool]) -> Option<String> {
    let rest = |from: &str| {
        let rest = name.strip_prefix(from)?;
        (rest.is_empty() || rest.starts_with('.') || from.is_empty()).then_some(rest)
    };
    let longest = (map.iter().enumerate())
        .filter_map(|(n, (from, to))| Some((from.len(), n, to, rest(from)?)))
        .max_by_key(|(length, ..)| *length);
    let Some((_, n, to, rest)) = longest else {
        return Some(name.to_owned());
    };
    used[n] = true;
    (!to.is_empty()).then(|| format!("{to}{rest}"))
}

/// Names whose numbers count by their value.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (head, tail) = rest.split_at(text);
        let digits = tail
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        parts.push((head.to_owned(), number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

fn floats(name: &str, dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, Problem> {
    let two = |data: &[u8], of: fn(u16) -> f32| -> Vec<f32> {
        let halves = data
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]));
        halves.map(of).collect()
    };
    Ok(match dtype {
        Dtype::F32 => (data.chunks_exact(4))
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F64 => (data.chunks_exact(8))
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
            .collect(),
        Dtype::F16 => two(data, half::from_f16),
        Dtype::BF16 => two(data, half::from_bf16),
        other => {
            return Err(Problem::refused(
                format!("tensor {}", short(name)),
                format!("its type {other:?} is no float; save the state_dict in float32"),
            ));
        }
    })
}

impl Tensor {
    fn matrix(&self, name: &str) -> Result<Array2<f32>, Problem> {
        let shape = match self.shape[..] {
            [rows, columns] => (rows, columns),
            _ => (usize::MAX, 0),
        };
        Array2::from_shape_vec(shape, self.values.clone()).map_err(|_| {
            let why = format!("its shape {:?} is no matrix", self.shape);
            Problem::refused(name, why)
        })
    }
}

/// The layers of an `nn.LSTM` or an `nn.GRU`, or of one cell.
fn recurrent_layers(name: &str, module: &Module) -> Result<Vec<NamedLayer>, Problem> {
    let title = match name {
        "" => "the recurrent module",
        name => name,
    };
    let kind = kind_of(title, module)?;
    if module.contains_key("weight_ih") {
        require_all_read(title, module, |part| PARTS.contains(&part))?;
        let weights = recurrent(kind, title, module, "")?;
        return Ok(vec![Layer::Recurrent(weights).named(title)]);
    }
    let layers = module
        .keys()
        .filter(|part| part.starts_with("weight_ih_l") && !part.ends_with(REVERSE))
        .count();
    // Of one layer all are.
    let is_both = module.keys().any(|part| part.ends_with(REVERSE));
    let ways: &[&str] = if is_both { &["", REVERSE] } else { &[""] };
    let read: Vec<String> = (0..layers)
        .flat_map(|l| ways.iter().map(move |way| format!("_l{l}{way}")))
        .flat_map(|suffix| {
            let parts = PARTS.into_iter().chain([PROJECTION]);
            parts.map(move |part| format!("{part}{suffix}"))
        })
        .collect();
    require_all_read(title, module, |part| read.iter().any(|read| read == part))?;
    (0..layers)
        .map(|l| {
            let name = format!("{title} layer {l}");
            let half = |way: &str| recurrent(kind, &name, module, &format!("_l{l}{way}"));
            Ok(match is_both {
                false => Layer::Recurrent(half("")?),
                true => Layer::Both(Box::new([half("")?, half(REVERSE)?])),
            }
            .named(&name))
        })
        .collect()
}

/// What the names of tensors end in that are of the half that runs backwards.
const REVERSE: &str = "_reverse";

/// The tensors of a recurrent layer.
const PARTS: [&str; 4] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
/// The tensor of its projection, if it has one.
const PROJECTION: &str = "weight_hr";

/// Refuses a recurrent module with tensors that are none of an `nn.LSTM` or `nn.GRU`, such as peepholes or an initial
/// state.
fn require_all_read(
    title: &str,
    module: &Module,
    is_read: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    match module.keys().find(|part| !is_read(part)) {
        None => Ok(()),
        Some(other) => Err(Problem::refused(
            title,
            format!(
                "its tensor {0} is none of a recurrent layer that is taken; leave it out with --map (its whole name, and =) if the network does not use it",
                short(other)
            ),
        )),
    }
}

/// The kind of a recurrent module, by its rows of weights for each unit. Refuses those that are not taken.
fn kind_of(title: &str, module: &Module) -> Result<WeightsKind, Problem> {
    let parts = || module.keys();
    if parts().any(|part| part.starts_with(PROJECTION)) {
        // No nn.GRU has one.
        return Ok(WeightsKind::Lstm);
    }
    let recurrent = ["weight_hh_l0", "weight_hh"]
        .iter()
        .find_map(|part| module.get(*part));
    let rows = recurrent.and_then(|tensor| match tensor.shape[..] {
        [rows, units] if units > 0 && rows % units == 0 => Some(rows / units),
        _ => None,
    });
    match rows {
        // PyTorch's has its reset gate after the product.
        Some(3) => Ok(WeightsKind::Gru),
        Some(1) => Err(Problem::refused(
            title,
            "a plain RNN (one row of weights a unit), which is not taken; LSTM, GRU and dense layers are",
        )),
        _ => Ok(WeightsKind::Lstm),
    }
}

fn recurrent(
    kind: WeightsKind,
    name: &str,
    module: &Module,
    suffix: &str,
) -> Result<RecurrentWeights, Problem> {
    let matrix = |part: &str| {
        let part = format!("{part}{suffix}");
        let missing = || Problem::Damaged(format!("{name} has no {part}"));
        module
            .get(&part)
            .ok_or_else(missing)?
            .matrix(&format!("{name}: {part}"))
    };
    let bias = |part: &str| {
        let tensor = module.get(&format!("{part}{suffix}"))?;
        Some(tensor.values.clone())
    };
    // The second one alone keeps its place.
    let biases = match (bias("bias_ih"), bias("bias_hh")) {
        (None, Some(second)) => vec![vec![0.0; second.len()], second],
        (first, second) => first.into_iter().chain(second).collect(),
    };
    Ok(RecurrentWeights {
        kind,
        convention: Convention::PyTorch,
        input: matrix("weight_ih")?,
        recurrent: matrix("weight_hh")?,
        biases,
        peepholes: None,
        projection: match module.contains_key(&format!("{PROJECTION}{suffix}")) {
            true => Some(matrix(PROJECTION)?),
            false => None,
        },
    })
}

/// An `nn.Linear`.
fn dense(name: &str, module: &Module) -> Result<NamedLayer, Problem> {
    let title = if name.is_empty() {
        "the tensors without a module"
    } else {
        name
    };
    let first = module.keys().next().map_or("", String::as_str);
    let rank = |part: &str| module.get(part).map_or(0, |tensor| tensor.shape.len());
    let unknown = module.keys().any(|part| part != "weight" && part != "bias");
    if unknown || rank("weight") != 2 {
        let what = match module.contains_key("running_mean") {
            true => "a batch normalisation, and a state_dict does not say where it stands; fold it into the layer beside it, or export ONNX".to_owned(),
            false if rank("weight") == 1 => "a normalisation of each step's values (such as LayerNorm), which is not taken".to_owned(),
            false => {
                let whole = match name {
                    "" => first.to_owned(),
                    name => format!("{name}.{first}"),
                };
                format!("tensor {first} is of no module that is taken; name it with --map {whole}=NAME, or leave it out with --map {whole}=")
            }
        };
        return Err(Problem::refused(title, what));
    }
    let weight = module["weight"].matrix(&format!("{title}.weight"))?;
    let bias = module.get("bias").map(|bias| bias.values.clone());
    Ok(Layer::Dense { weight, bias }.named(title))
}
