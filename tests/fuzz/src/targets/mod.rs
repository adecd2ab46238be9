//! The targets, one file for each kind of reader.

#[cfg(feature = "trainer")]
pub(crate) mod data;
#[cfg(feature = "trainer")]
pub(crate) mod import;
pub(crate) mod link;
pub(crate) mod model;
#[cfg(feature = "trainer")]
pub(crate) mod run_folder;

/// Whether the reader of this target accepts the input.
#[cfg(test)]
pub(crate) fn is_accepted(name: &str, input: &[u8]) -> bool {
    match name {
        "model" => model::accepts(input),
        "frames" => link::accepts(input),
        "exchange" => link::requests_in(input) > 0,
        #[cfg(feature = "trainer")]
        "safetensors" | "onnx" | "keras" | "tflite" => import::accepts(input),
        #[cfg(feature = "trainer")]
        "run_folder" => run_folder::accepts(input),
        #[cfg(feature = "trainer")]
        format => data::accepts(format, input),
        #[cfg(not(feature = "trainer"))]
        _ => unreachable!("{name} needs the trainer"),
    }
}
