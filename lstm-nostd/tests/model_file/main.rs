//! The model file: written and read, and refused when anything in it is wrong.

mod compile_time;
mod content;
mod damage;
mod front_ends;
mod kinds;
mod messages;
mod records;
mod refusals;
mod rows;
#[path = "../sealed/mod.rs"]
mod sealed;
mod versions;
mod weights;

use lstm_nostd::artifact::{
    AlignedBytes, Gru, GruBefore, LayerError, LayerKind, Lstm, ModelFile, Projected, RandomConv,
    RandomModel, Recurrent, Sizes, VERSION, WriteError, check_first_layer,
};
use lstm_nostd::kernels::{Order, Scheme};
use lstm_nostd::{ArtifactError, Block, I16F16, Mode, Model, OutputScale, Task};
use proptest::prelude::*;
use sealed::sealed;

fn shapes() -> impl Strategy<Value = RandomModel> {
    let hidden = prop::collection::vec(1usize..20, 1..=3);
    let dense = prop::collection::vec(1usize..10, 0..=2);
    (
        1usize..14,
        hidden,
        dense,
        1usize..6,
        (any::<[bool; 2]>(), kinds()),
        (schemes(), prop::option::of(convolutions())),
        any::<u64>(),
    )
        .prop_map(
            |(
                inputs,
                hidden,
                dense,
                outputs,
                ([peepholes, mean], kinds),
                (schemes, conv),
                seed,
            )| {
                RandomModel {
                    inputs,
                    hidden,
                    kinds,
                    dense,
                    outputs,
                    peepholes,
                    mean,
                    schemes,
                    conv,
                    seed,
                    ..RandomModel::default()
                }
            },
        )
}

fn convolutions() -> impl Strategy<Value = RandomConv> {
    (1usize..8, 1u16..6, 1u16..5, 0u16..6, any::<bool>()).prop_map(
        |(filters, kernel, stride, first, is_rectified)| RandomConv {
            filters,
            kernel,
            stride,
            first,
            is_rectified,
        },
    )
}

/// One kind of recurrent layer, or all in turn.
fn kinds() -> impl Strategy<Value = Vec<LayerKind>> {
    let (lstm, gru, coupled) = (LayerKind::Lstm, LayerKind::Gru, LayerKind::Coupled);
    let (gru_before, projected) = (LayerKind::GruBefore, LayerKind::Projected);
    prop::sample::select(vec![
        vec![lstm],
        vec![gru],
        vec![coupled],
        vec![gru_before],
        vec![projected],
        vec![gru, coupled, lstm],
        vec![gru_before, projected, lstm],
    ])
}

/// One scheme for all layers, or several mixed.
fn schemes() -> impl Strategy<Value = Vec<Scheme>> {
    prop::collection::vec(prop::sample::select(Scheme::ALL.to_vec()), 1..=4)
}

/// The recurrent layer `index`, an LSTM.
fn lstm(file: &mut ModelFile, index: usize) -> &mut Lstm {
    file.recurrent[index].as_lstm_mut().unwrap()
}

/// The recurrent layer `index`, a GRU.
fn gru(file: &mut ModelFile, index: usize) -> &mut Gru {
    match &mut file.recurrent[index] {
        Recurrent::Gru(layer) => layer,
        other => panic!("layer {index} is {:?}", other.kind()),
    }
}

/// A GRU of five units on three inputs.
fn gru_example() -> ModelFile {
    example_of_kind(LayerKind::Gru)
}

fn example_of_kind(kind: LayerKind) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5],
        kinds: vec![kind],
        outputs: 2,
        peepholes: true,
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}

fn example() -> ModelFile {
    example_of(&[])
}

/// The example with these schemes.
fn example_of(schemes: &[Scheme]) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5, 6],
        dense: vec![4],
        outputs: 2,
        peepholes: true,
        schemes: schemes.to_vec(),
        seed: 1,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.golden = vec![(vec![1, -2, 3], vec![4, -5])];
    file
}

/// The example's bytes after `change`, with a checksum that fits again.
fn changed(change: impl FnOnce(&mut [u8])) -> AlignedBytes {
    changed_in(&example(), change)
}

fn changed_in(file: &ModelFile, change: impl FnOnce(&mut [u8])) -> AlignedBytes {
    let bytes = file.to_bytes().unwrap();
    let mut content = bytes[..bytes.len() - 4].to_vec();
    change(&mut content);
    sealed(content)
}

fn refusal(bytes: &[u8]) -> ArtifactError {
    Model::parse(bytes).expect_err("the file must be refused")
}

/// Why the file is not written.
#[track_caller]
fn not_written(file: &ModelFile) -> ArtifactError {
    match file.to_bytes() {
        Err(WriteError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// What is said of a field that is refused: its name, value and range.
type Refused = (&'static str, u32, (u32, u32));

/// The field that the file is refused for, which is none of a layer; `None` if it is accepted.
#[track_caller]
fn refused_field(bytes: &[u8]) -> Option<Refused> {
    match Model::parse(bytes) {
        Ok(_) => None,
        Err(ArtifactError::Field {
            field,
            found,
            allowed,
        }) => Some((field, found, allowed)),
        Err(other) => panic!("{other}"),
    }
}

/// Of a field of a layer: the kind and the index of the layer, and what is said of the field.
#[track_caller]
fn layer_field(error: ArtifactError) -> ((LayerKind, usize), Refused) {
    match error {
        ArtifactError::Layer {
            kind,
            index,
            error:
                LayerError::Field {
                    field,
                    found,
                    allowed,
                },
        } => ((kind, index), (field, found, allowed)),
        other => panic!("{other}"),
    }
}

/// Where the channels begin.
const CHANNELS: usize = 32;
/// Where the output scales begin in the example, after three channels.
const SCALES: usize = CHANNELS + 3 * 16;
/// Where the first LSTM layer begins in the example, after two output scales.
const FIRST_LAYER: usize = SCALES + 2 * 12;
/// Bytes of a weight row block: four gates by four inputs.
const ROW_BLOCK: usize = 16;

/// Three filters over five steps of three channels, two steps apart.
fn conv_example() -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![5],
        outputs: 2,
        conv: Some(RandomConv {
            filters: 3,
            kernel: 5,
            stride: 2,
            first: 4,
            is_rectified: true,
        }),
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}
