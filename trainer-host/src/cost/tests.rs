use lstm_nostd::artifact::{LayerKind, RandomConv, RandomModel};

use super::*;

fn error(found: f64, counted: f64) -> f64 {
    (found / counted - 1.0).abs()
}

#[test]
fn every_count_of_the_table_is_met() {
    let table = Table::of_this_build();
    for core in Core::ALL {
        for scheme in Scheme::ALL {
            let kinds = RecurrentKind::ALL.map(|kind| table.steps(core, scheme, kind));
            for steps in &kinds {
                assert!(steps.len() >= 9, "{core:?} {scheme}");
            }
            for counted in kinds.into_iter().flatten() {
                let found = step(
                    core,
                    counted.inputs,
                    &[counted.layer()],
                    &[counted.output_layer()],
                );
                let case = format!("{core:?} {scheme} {counted:?}: {found:?}");
                assert!(
                    error(found.instructions, counted.model_instructions) < MAX_ERROR,
                    "{case}"
                );
                assert!(
                    error(found.estimated_cycles, counted.estimated_model_cycles) < 0.05,
                    "{case}"
                );
                assert!(
                    error(found.stack_bytes, counted.stack_bytes) < 0.1,
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn every_core_has_its_own_smallest_engine() {
    let written: serde_json::Value =
        serde_json::from_str(include_str!("../../assets/instructions.json")).unwrap();
    let table = Table::of_this_build();
    let engines = written["engines"].as_array().unwrap();
    assert_eq!(engines.len(), Core::ALL.len());
    for engine in engines {
        let core = Core::ALL
            .into_iter()
            .find(|core| engine["core"] == core.name());
        let expected = serde_json::from_value(engine["w8a16"].clone()).unwrap();
        assert_eq!(table.smallest_engine(core.unwrap()), expected, "{core:?}");
    }
}

/// 14 a unit, 4 more where the reset gate comes before the product, and 8 an input and a row on M0.
#[test]
fn the_spread_is_that_of_units_inputs_and_rows() {
    let layers = [(RecurrentKind::Lstm, 10), (RecurrentKind::GruBefore, 5)];
    let of = |core| most_spread(core, 3, &layers, 2);
    assert_eq!(of(Core::M0), 14 * 15 + 4 * 5 + 8 * 5);
    assert_eq!(of(Core::M3), 3 * 15 + 4 * 5 + 3 * 5);
    assert_eq!(of(Core::M55), 4 * 5);
}

fn with_model<T>(shape: &RandomModel, use_it: impl FnOnce(&Parsed<'_>) -> T) -> T {
    let bytes = shape.build().to_bytes().unwrap();
    use_it(&Parsed::parse(&bytes).unwrap())
}

fn shape() -> RandomModel {
    RandomModel {
        inputs: 5,
        hidden: vec![9, 7],
        outputs: 3,
        projection: Some(4),
        ..RandomModel::default()
    }
}

#[test]
fn the_spread_of_a_model_counts_every_row_and_the_mean() {
    let conv = RandomConv {
        filters: 6,
        kernel: 3,
        stride: 2,
        first: 2,
        is_rectified: true,
    };
    let of = |shape: &RandomModel| with_model(shape, |model| most_spread_of(Core::M0, model));
    let plain = 14 * 16 + 8 * (5 + 3);
    assert_eq!(of(&shape()), plain);
    let with_filters = RandomModel {
        conv: Some(conv),
        ..shape()
    };
    assert_eq!(of(&with_filters), plain + 8 * 6);
    let projected = RandomModel {
        kinds: vec![LayerKind::Projected],
        ..shape()
    };
    assert_eq!(of(&projected), plain + 8 * (4 + 4));
    let mean = RandomModel {
        mean: true,
        ..shape()
    };
    assert_eq!(of(&mean), plain + 80 * 7);
}

#[test]
fn a_mean_adds_its_own_cost_to_a_step() {
    for conv in [false, true] {
        let shape = RandomModel {
            mean: true,
            conv: conv.then_some(RandomConv {
                filters: 6,
                kernel: 3,
                stride: 2,
                first: 2,
                is_rectified: false,
            }),
            ..shape()
        };
        with_model(&shape, |model| {
            assert_eq!(strided_of(Core::M4, model).is_some(), conv);
            let (recurrent, dense) = sizes(model);
            let (found, without) = match strided_of(Core::M4, model) {
                Some(found) => {
                    let size = ConvSize::of(model.convolution().unwrap());
                    assert_eq!(step_of(Core::M4, model), found.mean(2));
                    let without = strided(Core::M4, &size, &recurrent, &dense);
                    assert_eq!(found.waiting, without.waiting);
                    (found.moving, without.moving)
                }
                None => {
                    let without = step(Core::M4, 5, &recurrent, &dense);
                    (step_of(Core::M4, model), without)
                }
            };
            let expected = mean::instructions(Core::M4, 7, None);
            let added = [
                found.instructions - without.instructions,
                found.estimated_cycles - without.estimated_cycles,
            ];
            assert!(added.iter().all(|added| (added - expected).abs() < 1e-6));
        });
    }
}

#[test]
fn the_sizes_of_a_model_are_those_of_its_shape() {
    let shape = RandomModel {
        kinds: vec![LayerKind::Projected, LayerKind::Coupled],
        schemes: vec![Scheme::W8a8, Scheme::W4a16, Scheme::W8a16],
        peepholes: true,
        ..shape()
    };
    let expected = |kind, scheme, [inputs, hidden]: [usize; 2], projection| RecurrentSize {
        kind,
        scheme,
        inputs,
        hidden,
        projection,
        peepholes: true,
        shifts: Ordering::Equal,
    };
    with_model(&shape, |model| {
        let (mut recurrent, dense) = sizes(model);
        for size in &mut recurrent {
            size.shifts = Ordering::Equal;
        }
        let first = expected(RecurrentKind::Lstm, Scheme::W8a8, [5, 9], Some(4));
        let second = expected(RecurrentKind::Coupled, Scheme::W4a16, [4, 7], None);
        assert_eq!((first.outputs(), second.outputs()), (4, 7));
        assert_eq!(recurrent, [first, second]);
        let output = DenseSize {
            inputs: 7,
            outputs: 3,
        };
        assert_eq!(dense, [output]);
    });
}

/// Its units see P values of the step before, and its rows are a dense layer of P outputs.
#[test]
fn a_projection_costs_its_dense_rows_and_its_own() {
    let (core, inputs, hidden) = (Core::M3, 6, 20);
    let layer = RecurrentSize {
        kind: RecurrentKind::Lstm,
        scheme: Scheme::W8a16,
        inputs,
        hidden,
        projection: Some(8),
        peepholes: false,
        shifts: Ordering::Greater,
    };
    let rows = DenseSize {
        inputs: hidden,
        outputs: 8,
    };
    let output = DenseSize {
        inputs: 8,
        outputs: 2,
    };
    let found = step(core, inputs, &[layer], &[output]);
    let fitted = fitted(core, (Scheme::W8a16, RecurrentKind::Lstm));
    let terms = rows::layer_terms(core, &layer);
    let rest = rows::rest_terms(core, inputs, Scheme::W8a16, &[output, rows]);
    let own = projection::instructions(core, 8);
    let instructions =
        dot(&fitted.layer_instructions, &terms) + dot(&fitted.rest_instructions, &rest) + own;
    assert!((found.instructions - instructions).abs() < 1e-6);
    let cycles = dot(&fitted.layer_cycles, &terms) + dot(&fitted.rest_cycles, &rest);
    assert!((found.estimated_cycles - cycles - 1.3 * own).abs() < 1e-6);
    let two = step(core, inputs, &[layer, layer], &[output]);
    assert_eq!(two.stack_bytes, found.stack_bytes);
}

#[test]
fn more_units_cost_more() {
    for core in Core::ALL {
        let cost = |hidden| {
            let lstm = RecurrentSize {
                kind: RecurrentKind::Lstm,
                scheme: Scheme::W8a16,
                inputs: 8,
                hidden,
                projection: None,
                peepholes: true,
                shifts: Ordering::Greater,
            };
            let dense = DenseSize {
                inputs: hidden,
                outputs: 3,
            };
            step(core, 8, &[lstm], &[dense]).instructions
        };
        for hidden in 1..200 {
            assert!(
                cost(hidden + 1) > cost(hidden) && cost(hidden) > 0.0,
                "{core:?} {hidden}"
            );
        }
    }
}
