//! Layers whose integers answer nothing stand for the size of those that are quantised.

use lstm_nostd::artifact::{Dense, ModelFile, Recurrent};
use lstm_nostd::kernels::{Order, Scheme};
use lstm_nostd::layers::input::InputChannel;
use lstm_nostd::task::{Mode, Task};
use proptest::prelude::*;

use super::cases::pairs;
use crate::network::{Cell, LayerShape};
use crate::quantise::recurrent::empty;

/// Bytes of a model file with this recurrent layer.
fn bytes(layer: &Recurrent, (inputs, outputs): (usize, usize), order: Order) -> usize {
    let channel = InputChannel {
        mult: 1,
        ..InputChannel::default()
    };
    let mut layer = layer.clone();
    // Nothing below has another width.
    match &mut layer {
        Recurrent::Lstm(layer) => layer.input_shift = 0,
        Recurrent::Gru(layer) => layer.input_shift = 0,
        Recurrent::Coupled(layer) => layer.input_shift = 0,
        Recurrent::GruBefore(layer) => layer.input_shift = 0,
        Recurrent::Projected(layer) => layer.input_shift = 0,
    }
    let file = ModelFile {
        task: Task::Softmax,
        front_end: None,
        mode: Mode::SequenceToOne,
        channels: vec![channel; inputs],
        conv: None,
        scales: Vec::new(),
        directions: Vec::new(),
        dense: vec![Dense {
            scheme: layer.scheme(),
            weight: vec![vec![0; outputs]; 2],
            bias: vec![0; 2],
            mult: vec![1; 2],
            ..Dense::default()
        }],
        recurrent: vec![layer],
        input_names: (0..inputs).map(|j| j.to_string()).collect(),
        output_names: ["a", "b"].map(str::to_owned).into(),
        golden: Vec::new(),
    };
    file.to_bytes_in(order).unwrap().len()
}

proptest! {
    /// They are as large as those with two shifts are, which are no smaller than those with one.
    #[test]
    fn an_empty_layer_takes_as_many_bytes_as_any_of_its_shape(cases in pairs()) {
        for case in cases {
            let (quantised, _) = case.quantised().unwrap();
            let layer = &case.layer;
            let shape = LayerShape::recurrent(layer.cell(), 0, layer.inputs(), layer.units());
            let empty = empty(layer.cell(), &shape, case.scheme);
            prop_assert_eq!(empty.kind(), quantised.content.kind());
            prop_assert_eq!(empty.scheme(), case.scheme);
            let is_alike = quantised.content.x_shift() == quantised.content.h_shift();
            for order in Order::ALL {
                let sizes = (layer.inputs(), layer.outputs());
                let [most, found] = [&empty, &quantised.content].map(|layer| bytes(layer, sizes, order));
                prop_assert!(most >= found, "{order:?}: {most} {found}");
                prop_assert!(most == found || is_alike, "{order:?}: {most} {found}");
            }
        }
    }
}

#[test]
fn an_empty_layer_has_different_shifts_and_the_scheme_that_it_is_asked_for() {
    let outputs = 2;
    let cells = [false, true].map(|peepholes| {
        [
            Cell::Lstm { peepholes },
            Cell::Gru,
            Cell::GruBefore,
            Cell::Coupled { peepholes },
            Cell::Projected { peepholes, outputs },
        ]
    });
    for (cell, scheme) in cells
        .into_iter()
        .flatten()
        .zip(Scheme::ALL.into_iter().cycle())
    {
        let layer = empty(cell, &LayerShape::recurrent(cell, 0, 3, 4), scheme);
        assert_ne!(layer.x_shift(), layer.h_shift(), "{cell:?}");
        assert_eq!(layer.scheme(), scheme, "{cell:?}");
        if let Recurrent::Projected(layer) = layer {
            assert_eq!([layer.lstm.scheme, layer.projection.scheme], [scheme; 2]);
        }
    }
}
