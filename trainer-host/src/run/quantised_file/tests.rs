//! What is written is read again, and nothing else is.

use super::*;
use crate::network::{Cell, NetworkConfig};
use lstm_nostd::artifact::{LayerKind, RandomConv, RandomModel};
use lstm_nostd::kernels::Scheme;
use proptest::prelude::*;

const KINDS: [LayerKind; 5] = [
    LayerKind::Lstm,
    LayerKind::Gru,
    LayerKind::Coupled,
    LayerKind::GruBefore,
    LayerKind::Projected,
];

fn example(seed: u64, peepholes: bool) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5, 2],
        directions: match seed % 3 {
            2 => vec![Direction::Reverse, Direction::Forward],
            _ => Vec::new(),
        },
        kinds: vec![KINDS[seed as usize % KINDS.len()]],
        dense: vec![4],
        outputs: 2,
        peepholes,
        schemes: Scheme::ALL.to_vec(),
        conv: (seed % 2 == 1).then_some(RandomConv {
            filters: 4,
            kernel: 3,
            stride: 2,
            first: 0,
            is_rectified: seed % 4 == 1,
        }),
        seed,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.golden = vec![(vec![1, -2, 3], vec![4, -5])];
    file
}

/// Any network: the integers above are nobody's.
pub(in crate::run) fn network(seed: u64) -> Network {
    let config = NetworkConfig {
        inputs: 1,
        conv: None,
        directions: Vec::new(),
        hidden: vec![2],
        cell: Cell::Lstm { peepholes: false },
        dense: vec![],
        outputs: 1,
        head: Head::Linear,
        mode: Mode::SequenceToOne,
    };
    Network::new(&config, seed).unwrap()
}

#[test]
fn integers_of_other_weights_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quantised.safetensors");
    write(&path, &example(1, true), &network(1)).unwrap();
    assert!(read(&path, &network(1)).is_ok());
    let said = read(&path, &network(2)).unwrap_err().to_string();
    assert!(
        said.contains("quantised.safetensors") && said.contains("not of the run's weights"),
        "{said}"
    );
}

proptest! {
    #[test]
    fn read_after_write_is_the_same(seed in any::<u64>(), peepholes in any::<bool>(), golden in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantised.safetensors");
        let mut file = example(seed, peepholes);
        if !golden {
            file.golden.clear();
        }
        write(&path, &file, &network(1)).unwrap();
        prop_assert_eq!(read(&path, &network(1)).unwrap(), file);
    }

    #[test]
    fn a_damaged_file_is_refused_or_read(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quantised.safetensors");
        write(&path, &example(1, true), &network(1)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
            prop_assert!(parse(&bytes).is_err());
        } else {
            bytes[at] = value;
            if let Ok(Parsed::Integers(stored)) = parse(&bytes) {
                let file = stored.file;
                // Whatever was read, the model file's own check decides.
                let _ = file.to_bytes();
            }
        }
    }
}

#[test]
fn a_file_of_another_version_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quantised.safetensors");
    // As earlier versions wrote it: a list for each field in place of a record for each layer.
    let old = serde_json::json!({"weights": "0", "schemes": ["w8a16"], "x_shift": [3]});
    tensors::write(&path, Vec::new(), Some(&old)).unwrap();
    let error = read(&path, &network(1)).unwrap_err();
    assert!(matches!(error, ReadError::OtherFormat { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("quantised.safetensors") && said.contains("format 1"),
        "{said}"
    );
}

#[test]
fn sizes_of_zero_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quantised.safetensors");
    let said = |change: fn(&mut ModelFile)| {
        // A seed that ten divides has LSTM layers and no convolution.
        let mut file = example(10, true);
        change(&mut file);
        write(&path, &file, &network(1)).unwrap();
        read(&path, &network(1)).unwrap_err().to_string()
    };
    let no_inputs = said(|file| {
        file.channels.clear();
        file.input_names.clear();
        let lstm = file.recurrent[0].as_lstm_mut().unwrap();
        lstm.w_x.iter_mut().for_each(Vec::clear);
    });
    assert!(no_inputs.contains("lstm.0.w_x"), "{no_inputs}");
    let no_units = said(|file| {
        let dense = &mut file.dense[0];
        dense.weight.clear();
        dense.bias.clear();
        dense.mult.clear();
    });
    assert!(no_units.contains("dense.0.weight"), "{no_units}");
}

#[test]
fn a_missing_file_is_named() {
    let error = read(Path::new("nowhere/quantised.safetensors"), &network(1))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nowhere/quantised.safetensors: cannot be read"),
        "{error}"
    );
}
