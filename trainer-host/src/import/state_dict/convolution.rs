//! The convolution of a `state_dict`, and the batch normalisation behind it.

use std::collections::BTreeMap;

use super::Module;
use crate::import::error::{Kind, Problem, short};
use crate::import::model::{ConvWeights, Layer, NamedLayer};
use crate::import::open::Hints;
use crate::network::{Convolution, Padding};

/// Takes an `nn.Conv1d` and the batch normalisation behind it out of the modules, if there is one. `said` is what this
/// program's own export says of it.
pub(super) fn taken_out(
    mut modules: BTreeMap<String, Module>,
    hints: &Hints,
    said: Option<&Convolution>,
) -> Result<(Vec<NamedLayer>, BTreeMap<String, Module>), Problem> {
    let rank = |module: &Module| module.get("weight").map_or(0, |weight| weight.shape.len());
    let found = modules.iter().find(|(_, module)| rank(module) >= 3);
    let Some(name) = found.map(|(name, _)| name.clone()) else {
        require_no_hint(hints)?;
        return Ok((Vec::new(), modules));
    };
    let module = modules.remove(&name).expect("it was found");
    if let Some((other, _)) = modules.iter().find(|(_, module)| rank(module) >= 3) {
        let why = format!(
            "a convolution beside {name}; one convolution can stand below the recurrent layers"
        );
        return Err(Problem::refused(other, why));
    }
    let weight = &module["weight"];
    let [filters, channels, kernel] = weight.shape[..] else {
        return Err(Problem::later(name.as_str(), Kind::Convolution));
    };
    if let Some(other) = module
        .keys()
        .find(|part| *part != "weight" && *part != "bias")
    {
        let why = format!("its tensor {} is none of an nn.Conv1d", short(other));
        return Err(Problem::refused(name, why));
    }
    let Some(stride) = hints.conv_stride.or(said.map(|conv| conv.stride)) else {
        return Err(Problem::Open(format!(
            "{name} is a convolution, and a state_dict does not say its stride; --conv-stride N does"
        )));
    };
    if said.is_none() {
        require_one_group(&name, (filters, channels), hints)?;
    }
    let padding = hints.conv_padding.or(said.map(|conv| conv.padding));
    let steps = (stride, padding.unwrap_or(Padding::Valid));
    let bias = module.get("bias").map(|bias| bias.values.clone());
    let shape = (filters, channels, kernel);
    let weights = ConvWeights::channels_first(shape, &weight.values, bias, steps);
    let mut layers = vec![Layer::Convolution(weights).named(name)];
    let is_behind = |module: &Module| {
        (module.get("running_mean")).is_some_and(|mean| mean.values.len() == filters)
    };
    let behind = modules.iter().find(|(_, module)| is_behind(module));
    if let Some(name) = behind.map(|(name, _)| name.clone()) {
        let module = modules.remove(&name).expect("it was found");
        layers.push(batch_normalisation(&name, &module, filters)?);
    }
    Ok((layers, modules))
}

/// Refuses hints for a convolution where there is none.
fn require_no_hint(hints: &Hints) -> Result<(), Problem> {
    let is_hinted = hints.conv_stride.is_some() || hints.conv_groups.is_some();
    match is_hinted || hints.conv_padding.is_some() {
        true => Err(Problem::Open(
            "--conv-stride, --conv-padding and --conv-groups: there is no nn.Conv1d in it".into(),
        )),
        false => Ok(()),
    }
}

/// Refuses a convolution in groups, as far as its weights tell it: those of a depthwise one have one channel.
fn require_one_group(
    name: &str,
    (filters, channels): (usize, usize),
    hints: &Hints,
) -> Result<(), Problem> {
    let is_said = hints.conv_groups.is_some() || hints.has_data;
    let why = match hints.conv_groups {
        Some(groups) if groups != 1 => format!("a convolution in {groups} groups is not taken"),
        _ if channels == 1 && filters > 1 && !is_said => {
            "its filters read one channel, as those of a depthwise convolution do, which is not taken; if the data has one channel, say so with --conv-groups 1, --check or --calibrate".to_owned()
        }
        _ => return Ok(()),
    };
    Err(Problem::refused(name, why))
}

/// An `nn.BatchNorm1d` of `count` channels.
fn batch_normalisation(name: &str, module: &Module, count: usize) -> Result<NamedLayer, Problem> {
    /// PyTorch's default, which a state_dict does not have.
    const EPSILON: f64 = 1e-5;
    let values = |part: &str, default: f64| -> Result<Vec<f64>, Problem> {
        match module.get(part) {
            None => Ok(vec![default; count]),
            Some(tensor) if tensor.values.len() == count => {
                Ok(tensor.values.iter().copied().map(f64::from).collect())
            }
            Some(_) => Err(Problem::Damaged(format!(
                "{name}: its tensors have different lengths"
            ))),
        }
    };
    let (mean, variance) = (values("running_mean", 0.0)?, values("running_var", 1.0)?);
    let (weight, bias) = (values("weight", 1.0)?, values("bias", 0.0)?);
    let (scale, offset) = (0..count)
        .map(|c| {
            let scale = weight[c] / (variance[c] + EPSILON).sqrt();
            (scale, bias[c] - scale * mean[c])
        })
        .unzip();
    Ok(Layer::Affine { scale, offset }.named(name))
}
