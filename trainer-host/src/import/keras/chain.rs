//! The layers of a model from its input to its output.

use serde_json::Value;

use crate::import::error::Problem;
use crate::import::open::Hints;

/// The layers in the order in which they are computed, as JSON.
///
/// # Errors
/// When the model is no chain.
pub(super) fn chain<'a>(model: &'a Value, hints: &Hints) -> Result<Vec<&'a Value>, Problem> {
    let class = class(model);
    let config = &model["config"];
    let layers = config["layers"].as_array();
    // Before Keras 2.3, a sequential model was the list itself.
    let layers = layers.or(config.as_array()).ok_or_else(|| {
        Problem::Damaged(format!(
            "the model's configuration (class {class:?}) has no layers"
        ))
    })?;
    match class {
        "Sequential" => Ok(layers.iter().collect()),
        "Functional" | "Model" => functional(config, layers, hints),
        other => Err(Problem::refused(
            format!("model class {other}"),
            "its layers are in Python code; build it as Sequential or Functional",
        )),
    }
}

/// The class of a layer or model.
pub(super) fn class(of: &Value) -> &str {
    of["class_name"].as_str().unwrap_or("")
}

/// The name of a layer.
pub(super) fn name(layer: &Value) -> &str {
    let own = layer["config"]["name"].as_str();
    own.or(layer["name"].as_str()).unwrap_or("")
}

/// From the output back to the input.
fn functional<'a>(
    config: &'a Value,
    layers: &'a [Value],
    hints: &Hints,
) -> Result<Vec<&'a Value>, Problem> {
    let outputs = names(&config["output_layers"]);
    let output = match (&hints.output, outputs.as_slice()) {
        (Some(asked), all) => all.iter().find(|name| *name == asked).ok_or_else(|| {
            Problem::Open(format!(
                "--output {asked}: the model's outputs are {}",
                all.join(", ")
            ))
        })?,
        (None, [one]) => one,
        (None, all) => {
            return Err(Problem::Open(format!(
                "the model has the outputs {}; choose one with --output",
                all.join(", ")
            )));
        }
    };
    let mut chain = Vec::new();
    let mut next = output.clone();
    loop {
        let layer = layers.iter().find(|layer| name(layer) == next);
        let layer = layer.ok_or_else(|| {
            Problem::Damaged(format!("layer {next} is not among the model's layers"))
        })?;
        if chain.len() == layers.len() {
            return Err(Problem::Damaged(format!(
                "layer {next} follows from itself"
            )));
        }
        chain.push(layer);
        let before = inbound(layer)?;
        match before.as_slice() {
            [] => break,
            [one] => next.clone_from(one),
            several => {
                return Err(Problem::refused(
                    format!("{} layer {next}", class(layer)),
                    format!(
                        "it joins {}, and a network here is a chain",
                        several.join(" and ")
                    ),
                ));
            }
        }
    }
    chain.reverse();
    Ok(chain)
}

/// The names in `["name", 0, 0]` or a list of such.
fn names(outputs: &Value) -> Vec<String> {
    match outputs.as_array().map(Vec::as_slice) {
        Some([Value::String(name), ..]) => vec![name.clone()],
        Some(all) => all.iter().flat_map(names).collect(),
        None => match outputs.as_object() {
            Some(named) => named.values().flat_map(names).collect(),
            None => Vec::new(),
        },
    }
}

/// The layers whose outputs a layer reads.
fn inbound(layer: &Value) -> Result<Vec<String>, Problem> {
    match layer["inbound_nodes"].as_array().map(Vec::as_slice) {
        None | Some([]) => Ok(Vec::new()),
        // Keras 3 has the arguments of the call, Keras 2 a list of `["name", 0, 0, {}]`.
        Some([node]) if node.is_object() => {
            let mut found = Vec::new();
            histories(&node["args"], &mut found);
            histories(&node["kwargs"], &mut found);
            Ok(found)
        }
        Some([node]) => Ok(names(node)),
        Some(_) => Err(Problem::refused(
            format!("{} layer {}", class(layer), name(layer)),
            "it is used at several places",
        )),
    }
}

/// The layers in `keras_history` of every tensor in the arguments of a call.
fn histories(arguments: &Value, found: &mut Vec<String>) {
    match arguments {
        Value::Array(all) => all.iter().for_each(|value| histories(value, found)),
        Value::Object(all) => match all
            .get("keras_history")
            .and_then(|history| history[0].as_str())
        {
            Some(name) => found.push(name.to_owned()),
            None => all.values().for_each(|value| histories(value, found)),
        },
        _ => {}
    }
}
