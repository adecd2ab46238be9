//! Compares the cost model with counts in QEMU, for layers that it was not fitted to; and does the count of a step depend
//! on its data?

use std::cmp::Ordering;

use lstm_nostd::Model;
use lstm_nostd::artifact::{LayerKind, RandomModel};
use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::board;
use trainer_host::cost::{
    self, ConvSize, Core, DenseSize, MAX_ERROR, RecurrentKind, RecurrentSize,
};
use xtask::bench::{
    self,
    convolution::{self, ConvShape},
    table::{SHAPES, Shape, Step},
};

#[test]
fn layers_between_those_of_the_table_cost_what_the_model_says() {
    let boards = ["microbit", "mps2-an386", "mps3-an547"].map(board);
    let shapes = [(7, 45), (24, 72), (18, 99)].map(|(inputs, hidden)| Shape::new(inputs, hidden));
    let steps = bench::count(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"));
    // On M55, w8a8 is counted twice: with equal and with other shifts.
    let schemes = boards.len() * Scheme::ALL.len() + 1;
    // LSTM without and with peepholes, GRU, coupled gates without and with peepholes, and GRU with reset before.
    assert_eq!(steps.len(), shapes.len() * schemes * 6);
    for step in steps {
        check_spread(&step);
        let Shape { inputs, hidden } = step.shape;
        let kind = kind_of(&step);
        let layer = RecurrentSize {
            kind,
            scheme: Scheme::from_name(&step.scheme).unwrap(),
            inputs,
            hidden,
            projection: None,
            peepholes: step.peepholes,
            shifts: match step.equal_shifts {
                true => Ordering::Equal,
                false => Ordering::Greater,
            },
        };
        let dense = DenseSize {
            inputs: hidden,
            outputs: step.outputs,
        };
        let core = Core::from_name(&step.core).unwrap();
        let found = cost::step(core, inputs, &[layer], &[dense]);
        let error = found.instructions / step.model_instructions as f64 - 1.0;
        let name = step.name();
        assert!(
            error.abs() < MAX_ERROR,
            "{name}: {found:?}, counted {step:?}"
        );
    }
}

/// Filters in groups and one by one, few and many channels, windows that share steps and such that do not.
#[test]
fn a_convolution_costs_what_the_model_says() {
    // The overhead of compiled code is a mean over the shapes.
    const MAX_CONV_ERROR: f64 = 0.06;
    let boards = ["microbit", "mps2-an386", "mps3-an547"].map(board);
    let shape = |inputs, filters, kernel, stride, hidden| ConvShape {
        inputs,
        filters,
        kernel,
        stride,
        hidden,
    };
    let shapes = [
        shape(3, 12, 5, 2, 16),
        shape(6, 16, 5, 4, 24),
        shape(1, 8, 7, 2, 12),
        shape(9, 6, 3, 4, 20),
    ];
    for counted in convolution::count(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"))
    {
        let ConvShape {
            inputs,
            filters,
            kernel,
            stride,
            hidden,
        } = counted.shape;
        let conv = ConvSize {
            scheme: counted.scheme,
            channels: inputs,
            filters,
            kernel,
            stride,
            is_rectified: true,
        };
        let layer = RecurrentSize {
            kind: RecurrentKind::Lstm,
            scheme: counted.scheme,
            inputs: filters,
            hidden,
            projection: None,
            peepholes: false,
            shifts: Ordering::Greater,
        };
        let dense = DenseSize {
            inputs: hidden,
            outputs: 1,
        };
        let core = Core::from_name(&counted.core).unwrap();
        let found = cost::strided(core, &conv, &[layer], &[dense]);
        println!(
            "{} {} {:?}: moving {} ({}), waiting {} ({})",
            counted.core,
            counted.scheme,
            counted.shape,
            counted.moving,
            found.moving.instructions,
            counted.waiting,
            found.waiting.instructions
        );
        let share = 1.0 / stride as f64;
        let mean = counted.moving * share + counted.waiting * (1.0 - share);
        let error = found.mean(stride).instructions / mean - 1.0;
        assert!(error.abs() < MAX_CONV_ERROR, "{counted:?}: {found:?}");
    }
}

#[test]
fn means_over_time_cost_what_the_model_says() {
    let boards = ["microbit", "mps2-an385", "mps2-an386", "mps3-an547"].map(board);
    let shapes = [(7, 45), (18, 33)].map(|(inputs, hidden)| Shape::new(inputs, hidden));
    let steps = bench::count_means(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(steps.len() >= boards.len() * shapes.len() * Scheme::ALL.len());
    check_models(&steps, |step| RandomModel {
        mean: true,
        ..random_of(step)
    });
}

#[test]
fn projections_cost_what_the_model_says() {
    let boards = ["microbit", "mps2-an385", "mps2-an386", "mps3-an547"].map(board);
    let shapes = [(7, 45), (18, 60), (33, 24)].map(|(inputs, hidden)| Shape::new(inputs, hidden));
    let steps =
        bench::count_projections(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(steps.len() >= boards.len() * shapes.len() * Scheme::ALL.len());
    check_models(&steps, |step| RandomModel {
        kinds: vec![LayerKind::Projected],
        projection: Some(bench::projection(step.shape.hidden)),
        ..random_of(step)
    });
}

/// A model of one LSTM layer without peepholes and of what else `step` says.
fn random_of(step: &Step) -> RandomModel {
    RandomModel {
        inputs: step.shape.inputs,
        hidden: vec![step.shape.hidden],
        outputs: step.outputs,
        schemes: vec![Scheme::from_name(&step.scheme).unwrap()],
        shifts: Some(match step.equal_shifts {
            true => Ordering::Equal,
            false => Ordering::Greater,
        }),
        ..RandomModel::default()
    }
}

/// Each step costs what the model says of `random`, a network of its sizes.
fn check_models(steps: &[Step], random: impl Fn(&Step) -> RandomModel) {
    let mut wrong = Vec::new();
    for step in steps {
        let core = Core::from_name(&step.core).unwrap();
        let bytes = random(step).build().to_bytes_in(core.order()).unwrap();
        let model = Model::parse(&bytes).unwrap();
        let found = cost::step_of(core, &model);
        let error = found.instructions / step.model_instructions as f64 - 1.0;
        let compared = format!(
            "{}: {:.0}, counted {}",
            step.name(),
            found.instructions,
            step.model_instructions
        );
        println!("{compared}");
        let [least, most] = step.range;
        assert!(
            most - least <= cost::most_spread_of(core, &model),
            "{compared}: {:?}",
            step.range
        );
        if error.abs() >= MAX_ERROR {
            wrong.push(compared);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn kind_of(step: &Step) -> RecurrentKind {
    match step.layer.as_str() {
        "gru" => RecurrentKind::Gru,
        "coupled" => RecurrentKind::Coupled,
        "gru-before" => RecurrentKind::GruBefore,
        _ => RecurrentKind::Lstm,
    }
}

/// Random data and extremes: inputs and cells at either end, at zero, and one end beside the other.
fn check_spread(step: &Step) {
    let Shape { inputs, hidden } = step.shape;
    let core = Core::from_name(&step.core).unwrap();
    let most = cost::most_spread(core, inputs, &[(kind_of(step), hidden)], step.outputs);
    let [least_count, most_count] = step.range;
    let name = step.name();
    assert!(least_count > 0, "{name}");
    assert!(most_count - least_count <= most, "{name}: {:?}", step.range);
}

#[test]
fn data_changes_the_count_of_a_step_within_its_bound() {
    // The other cores' bounds are checked above.
    let boards = ["mps2-an385", "mps2-an500", "mps2-an505"].map(board);
    let shapes = [Shape::new(3, 16)];
    let steps = bench::count(&boards, &shapes).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(steps.len(), boards.len() * Scheme::ALL.len() * 6);
    steps.iter().for_each(check_spread);
}

#[test]
#[ignore = "long: every shape of the table on every core"]
fn data_changes_no_count_of_the_table_beyond_its_bound() {
    let boards = [
        "microbit",
        "mps2-an385",
        "mps2-an386",
        "mps2-an500",
        "mps2-an505",
        "mps3-an547",
    ];
    let steps = bench::count(&boards.map(board), &SHAPES);
    let steps = steps.unwrap_or_else(|error| panic!("{error:#}"));
    steps.iter().for_each(check_spread);
}
