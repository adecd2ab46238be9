//! The layers of a model from its input to its output.

use std::collections::HashMap;

use serde_json::Value;

use crate::import::error::{Problem, short};
use crate::import::open::Hints;

/// A layer, as JSON, and the number of its output that the next one reads.
pub(super) type Link<'a> = (&'a Value, u64);

/// The layers in the order in which they are computed.
///
/// # Errors
/// When the model is no chain.
pub(super) fn chain<'a>(model: &'a Value, hints: &Hints) -> Result<Vec<Link<'a>>, Problem> {
    let class = class(model);
    let config = &model["config"];
    let layers = config["layers"].as_array();
    // Before Keras 2.3, a sequential model was the list itself.
    let layers = layers.or(config.as_array()).ok_or_else(|| {
        Problem::Damaged(format!(
            "the model's configuration (class {}) has no layers",
            short(class)
        ))
    })?;
    require_own_class(model, &format!("model class {}", short(class)))?;
    if let Some(n) = layers.iter().position(|layer| !layer.is_object()) {
        let text = format!("layer {n} of the model's configuration is no object");
        return Err(Problem::Damaged(text));
    }
    match class {
        "Sequential" => {
            let last = layers.last().map_or("", name);
            match &hints.output {
                Some(asked) if asked != last => Err(Problem::Open(format!(
                    "--output {asked}: a Sequential model has one output, {}",
                    short(last)
                ))),
                _ => Ok(layers.iter().map(|layer| (layer, 0)).collect()),
            }
        }
        "Functional" | "Model" => functional(config, layers, hints),
        other => Err(Problem::refused(
            format!("model class {}", short(other)),
            "its layers are in Python code; build it as Sequential or Functional",
        )),
    }
}

/// The class of a layer or model.
pub(super) fn class(of: &Value) -> &str {
    of["class_name"].as_str().unwrap_or("")
}

/// Class and name of a layer, for messages.
pub(super) fn title(layer: &Value) -> String {
    format!("{} layer {}", short(class(layer)), short(name(layer)))
}

/// The name of a layer.
pub(super) fn name(layer: &Value) -> &str {
    let own = layer["config"]["name"].as_str();
    own.or(layer["name"].as_str()).unwrap_or("")
}

/// Refuses a class of another package that has the name of one of Keras.
pub(super) fn require_own_class(layer: &Value, title: &str) -> Result<(), Problem> {
    let registered = layer["registered_name"].as_str();
    let module = layer["module"].as_str().unwrap_or("keras");
    let package = module.split('.').next().unwrap_or("");
    let is_own = registered.is_none_or(|name| name == class(layer))
        && ["keras", "tf_keras", "tensorflow", "builtins"].contains(&package);
    match is_own {
        true => Ok(()),
        false => Err(Problem::refused(
            title,
            format!(
                "it is a class of another package ({}), and what it computes is in Python code",
                short(registered.unwrap_or(module))
            ),
        )),
    }
}

/// The output of a layer that something reads.
#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    layer: String,
    /// The number of the layer's output.
    output: u64,
}

/// The output that is asked for.
fn output(config: &Value, hints: &Hints) -> Result<Tensor, Problem> {
    let outputs = named_tensors(&config["output_layers"], "the model")?;
    let names = || {
        let names: Vec<&str> = outputs.iter().map(|tensor| tensor.layer.as_str()).collect();
        names.join(", ")
    };
    match (&hints.output, outputs.as_slice()) {
        (Some(asked), all) => {
            let asked_for: Vec<&Tensor> = all.iter().filter(|t| t.layer == *asked).collect();
            match asked_for[..] {
                [one] => Ok(one.clone()),
                [] => {
                    let text = format!("--output {asked}: the model's outputs are {}", names());
                    Err(Problem::Open(text))
                }
                _ => {
                    let text = format!("--output {asked}: the model has several outputs of it");
                    Err(Problem::Open(text))
                }
            }
        }
        (None, [one]) => Ok(one.clone()),
        (None, _) => Err(Problem::Open(format!(
            "the model has the outputs {}; choose one with --output",
            names()
        ))),
    }
}

/// From the output back to the input.
fn functional<'a>(
    config: &'a Value,
    layers: &'a [Value],
    hints: &Hints,
) -> Result<Vec<Link<'a>>, Problem> {
    let output = output(config, hints)?;
    let by_name: HashMap<&str, &Value> = layers.iter().map(|layer| (name(layer), layer)).collect();
    if by_name.len() != layers.len() {
        return Err(Problem::Damaged("two layers have the same name".into()));
    }
    let mut chain = Vec::new();
    let mut next = output;
    loop {
        let layer = by_name.get(next.layer.as_str()).ok_or_else(|| {
            Problem::Damaged(format!(
                "layer {} is not among the model's layers",
                short(&next.layer)
            ))
        })?;
        if chain.len() == layers.len() {
            return Err(Problem::Damaged(format!(
                "layer {} follows from itself",
                short(&next.layer)
            )));
        }
        chain.push((*layer, next.output));
        let before = inbound(layer)?;
        match before.as_slice() {
            [] => break,
            [one] => next.clone_from(one),
            several => {
                let names: Vec<&str> = several.iter().map(|t| t.layer.as_str()).collect();
                return Err(Problem::refused(
                    title(layer),
                    format!(
                        "it joins {}, and a network here is a chain",
                        names.join(" and ")
                    ),
                ));
            }
        }
    }
    chain.reverse();
    Ok(chain)
}

/// The tensors in `["name", 0, 0]` or a list of such: the layer, the number of its call, and the number of its output.
/// Keras 2 puts other arguments of the call behind them.
fn named_tensors(all: &Value, title: &str) -> Result<Vec<Tensor>, Problem> {
    let damaged = || Problem::Damaged(format!("{title}: an output of a layer has no number"));
    match all.as_array().map(Vec::as_slice) {
        Some([Value::String(name), call, output, rest @ ..]) => {
            for arguments in rest {
                require_no_arguments(arguments, title)?;
            }
            Ok(vec![tensor(name, call, output).ok_or_else(damaged)?])
        }
        Some([Value::String(_), ..]) => Err(damaged()),
        Some(all) => collected(all.iter().map(|one| named_tensors(one, title))),
        None => match all.as_object() {
            Some(named) => collected(named.values().map(|one| named_tensors(one, title))),
            None => Ok(Vec::new()),
        },
    }
}

fn collected(
    all: impl Iterator<Item = Result<Vec<Tensor>, Problem>>,
) -> Result<Vec<Tensor>, Problem> {
    let all: Vec<Vec<Tensor>> = all.collect::<Result<_, _>>()?;
    Ok(all.concat())
}

/// Output `output` of a layer's first call; there is no other where [`inbound`] has found one.
fn tensor(layer: &str, call: &Value, output: &Value) -> Option<Tensor> {
    (call.as_u64() == Some(0)).then_some(())?;
    Some(Tensor {
        layer: layer.to_owned(),
        output: output.as_u64()?,
    })
}

/// The tensors that a layer reads.
fn inbound(layer: &Value) -> Result<Vec<Tensor>, Problem> {
    let title = title(layer);
    match layer["inbound_nodes"].as_array().map(Vec::as_slice) {
        None | Some([]) => Ok(Vec::new()),
        // Keras 3 has the arguments of the call, Keras 2 a list of `["name", 0, 0, {}]`.
        Some([node]) if node.is_object() => {
            let mut found = Vec::new();
            histories(&node["args"], &mut found, &title)?;
            for arguments in node["kwargs"]
                .as_object()
                .into_iter()
                .flat_map(|o| o.values())
            {
                histories(arguments, &mut found, &title)?;
            }
            Ok(found)
        }
        Some([node]) => named_tensors(node, &title),
        Some(_) => Err(Problem::refused(title, "it is used at several places")),
    }
}

/// The tensors in the arguments of a call, each with its `keras_history`. Any other argument may change what is computed.
fn histories(arguments: &Value, found: &mut Vec<Tensor>, title: &str) -> Result<(), Problem> {
    match arguments {
        Value::Array(all) => (all.iter()).try_for_each(|value| histories(value, found, title)),
        Value::Object(_) => match arguments["config"]["keras_history"]
            .as_array()
            .map(Vec::as_slice)
        {
            Some([Value::String(name), call, output]) => {
                let damaged =
                    || Problem::Damaged(format!("{title}: its keras_history has no numbers"));
                found.push(tensor(name, call, output).ok_or_else(damaged)?);
                Ok(())
            }
            _ => require_no_arguments(arguments, title),
        },
        other => require_no_arguments(other, title),
    }
}

/// Refuses arguments of a layer's call that are anything but absent or false, such as an initial state.
fn require_no_arguments(arguments: &Value, title: &str) -> Result<(), Problem> {
    match arguments {
        Value::Null | Value::Bool(false) => Ok(()),
        Value::Object(all) => {
            let other = all
                .iter()
                .find(|(_, v)| !matches!(v, Value::Null | Value::Bool(false)));
            match other {
                None => Ok(()),
                Some((key, _)) => Err(Problem::refused(
                    title,
                    format!("it is called with {}, which is not taken", short(key)),
                )),
            }
        }
        other => Err(Problem::refused(
            title,
            format!(
                "it is called with {}, which is not taken",
                short(&other.to_string())
            ),
        )),
    }
}
