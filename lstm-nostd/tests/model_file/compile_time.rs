//! What the compiler reads of a file that is compiled in, against what the parser reads.

use lstm_nostd::artifact::{check_first_layer_of_window, task_of_file};
use lstm_nostd::{Direction, Parsed, WindowModel};

use crate::front_ends::{front_ends, with_front_end};
use crate::*;

/// What a build that stops says; nothing if it goes on.
fn stop(build: impl FnOnce() + std::panic::UnwindSafe) -> Option<String> {
    let said = std::panic::catch_unwind(build).err()?;
    let text = said.downcast_ref::<String>().cloned();
    text.or_else(|| said.downcast_ref().map(|text: &&str| (*text).to_owned()))
}

#[track_caller]
fn assert_stops(with: &str, build: impl FnOnce() + std::panic::UnwindSafe) {
    let said = stop(build).expect("the build must stop");
    assert!(said.contains(with), "{said}");
}

fn check_sizes(bytes: &[u8]) {
    Sizes::of_file(bytes);
}

/// Models of steps and of whole windows, with a front end and without, values and classes.
fn models() -> impl Strategy<Value = ModelFile> {
    let front_end = prop::option::of(front_ends());
    let reverse = prop::option::of(prop::collection::vec(any::<bool>(), 3));
    (shapes(), front_end, reverse, any::<bool>()).prop_map(
        |(mut shape, front_end, reverse, is_of_classes)| {
            if let Some(tables) = &front_end {
                shape.inputs = tables.view().features();
            }
            let direction = |reverse| match reverse {
                true => Direction::Reverse,
                false => Direction::Forward,
            };
            let directions = reverse.into_iter().flatten().map(direction);
            shape.directions = directions.take(shape.hidden.len()).collect();
            let mut file = shape.build();
            file.front_end = front_end;
            if is_of_classes {
                file.task = Task::Softmax;
                file.scales.clear();
            }
            file
        },
    )
}

/// Bytes before the first layer's record, as the page of the format says.
fn first_record(file: &ModelFile, bytes: &[u8]) -> usize {
    let words = usize::from(u16::from_le_bytes([bytes[28], bytes[29]]));
    32 + 4 * words + 16 * file.channels.len() + 12 * file.scales.len()
}

/// Bytes before the record whose order says which core the file is for: of the first layer, or of the one above a
/// convolution in generic order.
fn record_with_the_order(file: &ModelFile, bytes: &[u8]) -> usize {
    let first = first_record(file, bytes);
    match &file.conv {
        Some(conv) if bytes[first + 10] == Order::Generic.code() => {
            let filters = &conv.filters;
            let words = match filters.scheme {
                Scheme::W4a16 => filters.weight[0].len().div_ceil(8),
                Scheme::W8a16 | Scheme::W8a8 => filters.weight[0].len().div_ceil(4),
            };
            first + 20 + filters.weight.len() * (4 * words + 4 + 4)
        }
        _ => first,
    }
}

proptest! {
    #[test]
    fn a_build_knows_of_a_file_what_the_parser_knows(
        file in models(),
        order in prop::sample::select(Order::ALL.to_vec()),
        steps in 0usize..9,
    ) {
        let bytes = file.to_bytes_in(order).unwrap().to_vec();
        let aligned = AlignedBytes::from(bytes.as_slice());
        let model = Parsed::parse(&aligned).unwrap();
        let sizes = Sizes::of_file(&bytes);
        let front_end = model.front_end().map(|front_end| [front_end.history(), front_end.work()]);
        prop_assert_eq!([sizes.history, sizes.work], front_end.unwrap_or_default());
        prop_assert_eq!([sizes.inputs, sizes.outputs], [model.inputs(), model.outputs()]);
        let blocks = [model.cell_blocks(), model.hidden_blocks(), model.scratch_blocks()];
        prop_assert_eq!([sizes.cell_blocks, sizes.hidden_blocks, sizes.scratch_blocks], blocks);
        prop_assert_eq!(task_of_file(&bytes), file.task);
        prop_assert_eq!(stop(|| check_first_layer_of_window(&bytes)), None);
        if model.is_of_windows() {
            prop_assert_eq!(sizes.window_blocks(steps), steps * model.hidden_blocks() + model.scratch_blocks());
            if file.conv.is_none() {
                let window = WindowModel::parse(&aligned).unwrap();
                prop_assert_eq!(sizes.window_blocks(steps), window.buffer_blocks(steps));
            }
            assert_stops("include_window_model!", || check_first_layer(&bytes));
        } else {
            prop_assert_eq!(stop(|| check_first_layer(&bytes)), None);
            assert_stops("WindowModel::buffer_blocks", || { sizes.window_blocks(steps); });
        }
    }

    /// The record is looked at as soon as it is whole; what is unknown in it is left to the parser.
    #[test]
    fn a_build_stops_at_an_order_that_no_kernel_reads(
        file in models(),
        order in prop::sample::select(Order::ALL.to_vec()),
        unknown in 5u8..,
    ) {
        let mut bytes = file.to_bytes_in(order).unwrap().to_vec();
        let record = record_with_the_order(&file, &bytes);
        let first = file.recurrent[0].kind().code();
        prop_assert!(bytes[record] == first || bytes[record] == LayerKind::Conv.code());
        bytes[record + 10] = unknown.max(Order::ALL.len() as u8);
        let found = |bytes: &[u8]| {
            let bytes = bytes.to_vec();
            stop(move || check_first_layer_of_window(&bytes))
        };
        let said = found(&bytes).unwrap_or_default();
        prop_assert!(said.contains("of a later version"), "{said}");
        prop_assert_eq!(found(&bytes[..record + 16]), Some(said));
        prop_assert_eq!(found(&bytes[..record + 15]), None);
        prop_assert_eq!(found(&bytes[..record]), None);
        for (at, code) in [(0, 0), (0, 2), (0, 7), (0, 77), (1, 0), (1, 4), (1, 77)] {
            let mut bytes = bytes.clone();
            bytes[record + at] = code;
            prop_assert_eq!(found(&bytes), None, "byte {} is {}", at, code);
        }
    }
}

/// A convolution of few filters is in generic order for every core, so that the layer above it says which core it is
/// for.
#[test]
fn the_build_looks_at_the_order_above_a_convolution_of_few_filters() {
    for (filters, scheme) in [(1, Scheme::W8a16), (2, Scheme::W8a16), (2, Scheme::W4a16)] {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![5],
            outputs: 2,
            schemes: vec![scheme],
            conv: Some(RandomConv {
                filters,
                kernel: 5,
                stride: 2,
                first: 4,
                is_rectified: true,
            }),
            ..RandomModel::default()
        };
        let order = Order::Paired.of(scheme);
        let file = shape.build();
        let mut bytes = file.to_bytes_in(order).unwrap().to_vec();
        check_first_layer(&bytes);
        let head = [
            LayerKind::Lstm.code(),
            scheme.code(),
            0,
            0,
            filters as u8,
            0,
            5,
            0,
        ];
        let places: Vec<usize> = (0..bytes.len() - 16)
            .filter(|at| bytes[*at..].starts_with(&head) && bytes[at + 10] == order.code())
            .collect();
        let [record] = places[..] else {
            panic!("{places:?}")
        };
        assert_eq!(record, record_with_the_order(&file, &bytes));
        bytes[record + 10] = 99;
        assert_stops("of a later version", || check_first_layer(&bytes));
    }
}

#[test]
fn a_build_stops_at_what_is_no_model_file_of_its_versions() {
    let bytes = example().to_bytes().unwrap().to_vec();
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        bytes
    };
    for at in 0..4 {
        let bytes = changed(at, b'x');
        assert_stops("not a model file", || check_sizes(&bytes));
    }
    assert_eq!(stop(|| check_sizes(&bytes[..32])), None);
    for length in [0, 3, 31] {
        assert_stops("not a model file", || check_sizes(&bytes[..length]));
    }
    for version in 3..=VERSION as u8 {
        let bytes = changed(4, version);
        assert_eq!(stop(|| check_sizes(&bytes)), None, "{version}");
    }
    for version in [0, 2, VERSION as u8 + 1] {
        let bytes = changed(4, version);
        assert_stops("another version", || check_sizes(&bytes));
    }
    let bytes = changed(6, 3);
    assert_stops("unknown task", || check_first_layer(&bytes));
}

#[test]
fn a_build_stops_at_a_front_end_that_is_cut_or_unknown() {
    for file in with_front_end() {
        let bytes = file.to_bytes().unwrap().to_vec();
        let end = 32 + 4 * usize::from(bytes[28]);
        assert_eq!(bytes[29], 0);
        assert_eq!(stop(|| check_sizes(&bytes[..end])), None);
        assert_stops("ends in its front end", || check_sizes(&bytes[..end - 1]));
        let changed = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            stop(move || check_sizes(&bytes)).unwrap_or_default()
        };
        // A record of each kind has more words than seven.
        assert!(changed(28, 7).contains("ends in its front end"));
        assert_eq!(changed(28, 8), "");
        for unknown in [5, 255] {
            let said = changed(32, unknown);
            assert!(said.contains("no front end of the kind"), "{said}");
        }
    }
}
