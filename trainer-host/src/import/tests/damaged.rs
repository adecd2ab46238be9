//! Files that are cut off, changed, or declare more than they hold.

use std::path::Path;

use proptest::prelude::*;

use super::super::*;
use super::files;
use super::written::state_dict;

/// Small files of each container.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![state_dict(3, 4, 2)];
    let Some(models) = files() else {
        return samples;
    };
    for file in [
        "torch/lstm_dynamo.onnx",
        "variants/onnx/peephole.onnx",
        "variants/torch/lstm_nobias.onnx",
        "variants/keras/normalised.keras",
        "variants/keras/functional.keras",
        "variants/keras/steps.h5",
        "tflite/lstm_int8.tflite",
        "tflite/lstm_float32.tflite",
        "variants/torch/pickled.pt",
    ] {
        samples.push(std::fs::read(models.join(file)).unwrap());
    }
    samples
}

/// Reads `bytes` as far as a network, whatever is in them.
fn survives(bytes: &[u8]) -> Option<String> {
    let read = open::read(bytes, &Hints::default()).map_err(|problem| problem.to_string());
    let assembled = read.and_then(|source| {
        assemble(&source, Path::new("damaged")).map_err(|error| error.to_string())
    });
    let message = assembled.err()?;
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(!message.is_empty());
    Some(message)
}

#[test]
fn a_file_that_is_cut_off_gives_one_line() {
    for sample in samples() {
        for tenth in 0..10 {
            let cut = &sample[..sample.len() * tenth / 10];
            assert!(survives(cut).is_some(), "{tenth} tenths");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Bytes that were changed, taken out or doubled give a network or one line, and no panic.
    #[test]
    fn a_damaged_file_gives_one_line(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        for sample in samples() {
            let mut bytes = sample;
            for (at, value, how) in &changes {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = *value,
                    1 => bytes[at] ^= 1 << (value % 8),
                    2 => {
                        let end = (at + 8).min(bytes.len());
                        bytes[at..end].fill(0xff);
                    }
                    _ => {
                        bytes.remove(at);
                    }
                }
            }
            survives(&bytes);
        }
    }
}

#[test]
fn a_large_tensor_that_is_only_declared_is_refused() {
    let header = br#"{"a":{"dtype":"F32","shape":[536870912],"data_offsets":[0,2147483648]}}"#;
    let safetensors = [&(header.len() as u64).to_le_bytes(), &header[..], &[0; 8]].concat();
    assert!(survives(&safetensors).is_some());
    let Some(models) = files() else { return };
    // Each shape as its file has it, and a larger one of as many bytes.
    let sizes = |sizes: [u64; 2]| {
        sizes
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let fields = |sizes: [u32; 2]| {
        sizes
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    for (file, from, to) in [
        ("keras/lstm.h5", sizes([10, 64]), sizes([1 << 15, 1 << 14])),
        (
            "tflite/lstm_float32.tflite",
            fields([16, 10]),
            fields([1 << 15, 1 << 14]),
        ),
    ] {
        let mut bytes = std::fs::read(models.join(file)).unwrap();
        let mut changed = 0;
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(&from) {
                bytes[at..at + to.len()].copy_from_slice(&to);
                changed += 1;
            }
        }
        assert!(changed > 0, "{file}");
        assert!(survives(&bytes).is_some(), "{file}");
    }
}
