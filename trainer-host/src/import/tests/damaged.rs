//! Files that are cut off, changed, or declare more than they hold.

use std::path::Path;

use proptest::prelude::*;
use prost::Message;

use super::super::onnx::proto::Model;
use super::super::*;
use super::containers::containers;
use super::written::state_dict;

/// Small files of each container, and a pickle.
fn samples() -> Vec<Vec<u8>> {
    let containers = containers().into_iter().map(|(_, bytes)| bytes);
    let pickle = b"\x80\x02}q\x00.".to_vec();
    containers.chain([state_dict(3, 4, 2), pickle]).collect()
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

/// A constant with an axis of no length gives no factors.
#[test]
fn factors_that_are_not_there_are_damage() {
    let read = |bytes: Vec<u8>| open::read(&bytes, &Hints::default()).ok();
    let mut source = samples().into_iter().find_map(read).unwrap();
    let nothing = || {
        let (scale, offset) = (Vec::new(), Vec::new());
        Layer::Affine { scale, offset }.named("nothing")
    };
    source.layers.splice(0..0, [nothing(), nothing()]);
    let error = assemble(&source, Path::new("damaged"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nothing: it has neither factors nor summands"),
        "{error}"
    );
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
    // Each shape as its file has it, and a larger one of as many bytes.
    let long = |sizes: [u64; 2]| sizes.map(u64::to_le_bytes).concat();
    let short = |sizes: [u32; 2]| sizes.map(u32::to_le_bytes).concat();
    for (file, from, to) in [
        ("small.h5", long([2, 12]), long([1 << 15, 1 << 14])),
        ("small.tflite", short([3, 2]), short([1 << 15, 1 << 14])),
    ] {
        let mut files = containers().into_iter();
        let (_, bytes) = files.find(|(name, _)| *name == file).unwrap();
        let places = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(&from));
        let places: Vec<usize> = places.collect();
        assert!(!places.is_empty(), "{file}");
        let mut changed = bytes.clone();
        for at in places.into_iter().rev() {
            changed.splice(at..at + from.len(), to.iter().copied());
        }
        assert!(survives(&changed).is_some(), "{file}");
    }
    let mut files = containers().into_iter();
    let (_, bytes) = files.find(|(name, _)| *name == "small.onnx").unwrap();
    let model = Model::decode(&bytes[..]).unwrap();
    for tensor in 0..model.graph.as_ref().unwrap().initializer.len() {
        let mut large = model.clone();
        let graph = large.graph.as_mut().unwrap();
        graph.initializer[tensor].dims = vec![1, 1 << 15, 1 << 14];
        assert!(
            survives(&large.encode_to_vec()).is_some(),
            "tensor {tensor}"
        );
    }
}
