//! The targets, one file for each kind of reader.

pub(crate) mod data;
pub(crate) mod import;
pub(crate) mod link;
pub(crate) mod model;
pub(crate) mod run_folder;

/// Whether the reader of this target accepts the input.
#[cfg(test)]
pub(crate) fn is_accepted(name: &str, input: &[u8]) -> bool {
    match name {
        "model" => model::accepts(input),
        "frames" => link::accepts(input),
        "exchange" => link::requests_in(input) > 0,
        "safetensors" | "onnx" | "keras" | "tflite" => import::accepts(input),
        "run_folder" => run_folder::accepts(input),
        format => data::accepts(format, input),
    }
}
