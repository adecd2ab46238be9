//! The rows of every kind of layer: where they lie, how far they may reach, and which weights they may have.

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::Width;

use crate::*;

/// A row of a layer, in the words of its kind's equations.
pub(crate) struct Row<'a> {
    pub(crate) weights: Vec<&'a mut Vec<i8>>,
    pub(crate) bias: &'a mut i32,
    pub(crate) mult: &'a mut i32,
    /// Its number in the file.
    in_file: usize,
    /// What its products and whatever is added to them but the bias may reach.
    reach: u64,
}

/// The sum of |w| times the largest magnitude of an activation, which is met with a shift.
fn reach(weights: &[i8], scheme: Scheme, shift: u8) -> u64 {
    let largest: u64 = match scheme.width() {
        Width::Int16 => 32_768,
        Width::Int8 => 128,
    };
    let sum: u64 = weights.iter().map(|w| u64::from(w.unsigned_abs())).sum();
    (sum * largest) << shift
}

/// Row `row` of the vectors of an LSTM with these gates, of which each has peepholes or none.
fn row_of_lstm<'a>(layer: &'a mut Lstm, gates: &[Option<usize>], row: usize) -> Row<'a> {
    let hidden = layer.bias.len() / gates.len();
    let (gate, unit) = (row / hidden, row % hidden);
    let peephole = (gates[gate].and_then(|place| layer.peephole.get(place)))
        .map_or(0, |peepholes| peepholes[unit]);
    // The cell that a peephole reads is within ±2¹⁵.
    let reach = reach(&layer.w_x[row], layer.scheme, layer.x_shift)
        + reach(&layer.w_h[row], layer.scheme, layer.h_shift)
        + 32_768 * u64::from(peephole.unsigned_abs());
    Row {
        reach,
        weights: vec![&mut layer.w_x[row], &mut layer.w_h[row]],
        bias: &mut layer.bias[row],
        mult: &mut layer.mult[row],
        in_file: unit * gates.len() + gate,
    }
}

const OF_LSTM: [Option<usize>; 4] = [Some(0), Some(1), None, Some(2)];

/// Row `row` of the vectors of a recurrent layer.
pub(crate) fn row_of_recurrent(layer: &mut Recurrent, row: usize) -> Row<'_> {
    match layer {
        Recurrent::Lstm(layer) => row_of_lstm(layer, &OF_LSTM, row),
        Recurrent::Projected(layer) => row_of_lstm(&mut layer.lstm, &OF_LSTM, row),
        Recurrent::Coupled(layer) => row_of_lstm(&mut layer.0, &[Some(0), None, Some(1)], row),
        Recurrent::Gru(layer) => {
            let hidden = layer.recurrent_bias.len();
            let (gate, unit) = (row / hidden, row % hidden);
            // The candidate's recurrent sum has a bias of its own, and is rounded.
            let more = match gate {
                2 => u64::from(layer.recurrent_bias[unit].unsigned_abs()) + 1,
                _ => 0,
            };
            Row {
                reach: reach(&layer.w_x[row], layer.scheme, layer.x_shift)
                    + reach(&layer.w_h[row], layer.scheme, layer.h_shift)
                    + more,
                weights: vec![&mut layer.w_x[row], &mut layer.w_h[row]],
                bias: &mut layer.bias[row],
                mult: &mut layer.mult[row],
                in_file: unit * 3 + gate,
            }
        }
        Recurrent::GruBefore(layer) => {
            let hidden = layer.bias.len() / 3;
            Row {
                reach: reach(&layer.w_x[row], layer.scheme, layer.x_shift)
                    + reach(&layer.w_h[row], layer.scheme, layer.h_shift),
                weights: vec![&mut layer.w_x[row], &mut layer.w_h[row]],
                bias: &mut layer.bias[row],
                mult: &mut layer.mult[row],
                in_file: row / hidden * hidden.next_multiple_of(4) + row % hidden,
            }
        }
    }
}

fn row_of_dense(layer: &mut Dense, row: usize) -> Row<'_> {
    Row {
        reach: reach(&layer.weight[row], layer.scheme, 0),
        weights: vec![&mut layer.weight[row]],
        bias: &mut layer.bias[row],
        mult: &mut layer.mult[row],
        in_file: row,
    }
}

/// Where a row is.
#[derive(Clone, Debug)]
enum Place {
    Recurrent(usize),
    Projection(usize),
    Dense(usize),
    Conv,
}

/// Row `row` of the layer at `place`.
fn row_of<'a>(file: &'a mut ModelFile, place: &Place, row: usize) -> Row<'a> {
    match *place {
        Place::Recurrent(index) => row_of_recurrent(&mut file.recurrent[index], row),
        Place::Projection(index) => {
            let Recurrent::Projected(layer) = &mut file.recurrent[index] else {
                panic!("another kind")
            };
            row_of_dense(&mut layer.projection, row)
        }
        Place::Dense(index) => row_of_dense(&mut file.dense[index], row),
        Place::Conv => row_of_dense(&mut file.conv.as_mut().unwrap().filters, row),
    }
}

/// How many rows the layer at `place` has, its scheme, its kind, and its index.
fn layer_at(file: &ModelFile, place: &Place) -> (usize, Scheme, LayerKind, usize) {
    let of_dense = |layer: &Dense, kind, index| (layer.bias.len(), layer.scheme, kind, index);
    match *place {
        Place::Recurrent(index) => {
            let layer = &file.recurrent[index];
            let rows = layer.weights()[0].len();
            (rows, layer.scheme(), layer.kind(), index)
        }
        Place::Projection(index) => {
            let Recurrent::Projected(layer) = &file.recurrent[index] else {
                panic!("another kind")
            };
            of_dense(&layer.projection, LayerKind::Projected, index)
        }
        Place::Dense(index) => of_dense(&file.dense[index], LayerKind::Dense, index),
        Place::Conv => of_dense(&file.conv.as_ref().unwrap().filters, LayerKind::Conv, 0),
    }
}

/// The row `any` of the layer at `place`, the scheme, the kind of the layer, and its index.
fn row_at<'a>(
    file: &'a mut ModelFile,
    place: &Place,
    any: prop::sample::Index,
) -> (Row<'a>, Scheme, LayerKind, usize) {
    let (rows, scheme, kind, index) = layer_at(file, place);
    (row_of(file, place, any.index(rows)), scheme, kind, index)
}

/// Where the model has layers.
fn places(file: &ModelFile) -> Vec<Place> {
    let mut places: Vec<Place> = (0..file.recurrent.len()).map(Place::Recurrent).collect();
    for (index, layer) in file.recurrent.iter().enumerate() {
        let is_projected = matches!(layer, Recurrent::Projected(_));
        places.extend(is_projected.then_some(Place::Projection(index)));
    }
    places.extend((0..file.dense.len()).map(Place::Dense));
    places.extend(file.conv.is_some().then_some(Place::Conv));
    places
}

/// A model, the place of one of its layers, and an order for its weights.
fn cases() -> impl Strategy<Value = (ModelFile, Place, Order)> {
    let order = prop::sample::select(Order::ALL.to_vec());
    (shapes(), order, any::<prop::sample::Index>()).prop_map(|(shape, order, any)| {
        let file = shape.build();
        let places = places(&file);
        let place = places[any.index(places.len())].clone();
        (file, place, order)
    })
}

/// What is wrong with the layer.
fn layer_error(file: &ModelFile, order: Order) -> Option<(LayerKind, usize, LayerError)> {
    match file.to_bytes_in(order) {
        Ok(bytes) => {
            let model = Model::parse(&bytes).unwrap();
            assert_eq!(&ModelFile::from(&model), file);
            None
        }
        Err(WriteError::Refused(ArtifactError::Layer { kind, index, error })) => {
            Some((kind, index, error))
        }
        Err(other) => panic!("{other}"),
    }
}

proptest! {
    /// The accumulator has 32 bits, whatever the activations are.
    #[test]
    fn a_rows_bias_reaches_to_the_accumulators_end_and_no_further(
        (mut file, place, order) in cases(),
        any in any::<prop::sample::Index>(),
        is_negative in any::<bool>(),
    ) {
        let (row, _, kind, index) = row_at(&mut file, &place, any);
        let free = (1u64 << 31) - 1 - row.reach;
        let in_file = row.in_file;
        let sign = if is_negative { -1 } else { 1 };
        *row.bias = sign * i32::try_from(free).unwrap();
        prop_assert_eq!(layer_error(&file, order), None);
        let (row, ..) = row_at(&mut file, &place, any);
        prop_assume!(is_negative || free < i32::MAX as u64);
        *row.bias = row.bias.checked_add(sign).unwrap();
        let expected = Some((kind, index, LayerError::Overflow { row: in_file }));
        prop_assert_eq!(layer_error(&file, order), expected);
    }

    #[test]
    fn a_rows_multiplier_is_not_negative(
        (mut file, place, order) in cases(),
        any in any::<prop::sample::Index>(),
        negative in ..0i32,
    ) {
        *row_at(&mut file, &place, any).0.mult = 0;
        prop_assert_eq!(layer_error(&file, order), None);
        let (row, _, kind, index) = row_at(&mut file, &place, any);
        *row.mult = negative;
        let expected = Some((kind, index, LayerError::Multiplier { row: row.in_file }));
        prop_assert_eq!(layer_error(&file, order), expected);
    }

    /// The writer would cut it to another weight.
    #[test]
    fn a_weight_beyond_the_schemes_range_is_refused(
        (mut file, place, order) in cases(),
        [any, column] in any::<[prop::sample::Index; 2]>(),
        weight in any::<i8>(),
    ) {
        let (mut row, scheme, kind, index) = row_at(&mut file, &place, any);
        let beyond = match scheme {
            Scheme::W4a16 if (-7..=7).contains(&weight) => -8,
            Scheme::W4a16 => weight,
            Scheme::W8a16 | Scheme::W8a8 => -128,
        };
        let part = column.index(row.weights.len());
        let column = column.index(row.weights[part].len());
        row.weights[part][column] = beyond;
        let expected = Some((kind, index, LayerError::Weight { row: row.in_file }));
        prop_assert_eq!(layer_error(&file, order), expected);
    }
}

/// Every kind of recurrent layer.
pub(crate) const KINDS: [LayerKind; 5] = [
    LayerKind::Lstm,
    LayerKind::Gru,
    LayerKind::Coupled,
    LayerKind::GruBefore,
    LayerKind::Projected,
];

/// Of every row, where stored biases hold what activations without an offset leave out.
#[test]
fn a_bias_of_another_order_reaches_as_far() {
    for (kind, scheme) in KINDS
        .into_iter()
        .flat_map(|kind| [Scheme::W8a16, Scheme::W4a16].map(|scheme| (kind, scheme)))
    {
        let file = small(kind, scheme);
        let order = Order::Grouped.of(scheme);
        for place in places(&file) {
            let (rows, _, kind, index) = layer_at(&file, &place);
            for (row, sign) in (0..rows).flat_map(|row| [(row, 1), (row, -1)]) {
                let mut file = file.clone();
                let Row {
                    bias,
                    reach,
                    in_file,
                    ..
                } = row_of(&mut file, &place, row);
                *bias = sign * i32::try_from((1u64 << 31) - 1 - reach).unwrap();
                assert_eq!(layer_error(&file, order), None, "{place:?} {row}");
                *row_of(&mut file, &place, row).bias += sign;
                let expected = Some((kind, index, LayerError::Overflow { row: in_file }));
                assert_eq!(layer_error(&file, order), expected, "{place:?} {row}");
            }
        }
    }
}

/// A convolution, a recurrent layer of this kind, and an output layer, each with a row or more that pads a group.
fn small(kind: LayerKind, scheme: Scheme) -> ModelFile {
    let shape = RandomModel {
        inputs: 3,
        hidden: vec![3],
        kinds: vec![kind],
        outputs: 3,
        peepholes: true,
        schemes: vec![scheme],
        conv: Some(RandomConv {
            filters: 3,
            kernel: 2,
            stride: 1,
            first: 1,
            is_rectified: true,
        }),
        projection: Some(3),
        seed: 3,
        ..RandomModel::default()
    };
    shape.build()
}

/// Weights of int8 in generic order as the pages of the kinds say: of each byte its row in the file, and whether
/// it is padding.
struct Layout {
    bytes: Vec<(usize, bool)>,
}

impl Layout {
    /// Groups of four rows with parts of so many weights, of which these are rows of zeros.
    fn groups(groups: usize, parts: &[usize], is_zero: impl Fn(usize) -> bool) -> Self {
        let mut bytes = Vec::new();
        for group in 0..groups {
            for part in parts {
                for column in (0..part.next_multiple_of(4)).step_by(4) {
                    for row in 4 * group..4 * group + 4 {
                        let byte = |j: usize| (row, column + j >= *part || is_zero(row));
                        bytes.extend((0..4).map(byte));
                    }
                }
            }
        }
        Self { bytes }
    }

    /// Rows one after the other.
    fn rows(rows: usize, inputs: usize) -> Self {
        let row = |row| (0..inputs.next_multiple_of(4)).map(move |j| (row, j >= inputs));
        Self {
            bytes: (0..rows).flat_map(row).collect(),
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.bytes.extend(other.bytes);
        self
    }
}

/// The weights of the first layer, and the bytes of the records before them.
fn layout_of(file: &ModelFile) -> (usize, Layout) {
    if let Some(conv) = &file.conv {
        let filters = &conv.filters.weight;
        return (20, Layout::rows(filters.len(), filters[0].len()));
    }
    let layer = &file.recurrent[0];
    let [w_x, w_h] = layer.weights();
    let (inputs, read) = (w_x[0].len(), w_h[0].len());
    let rows = w_x.len();
    match layer.kind() {
        LayerKind::Lstm => (16, Layout::groups(rows / 4, &[inputs, read], |_| false)),
        LayerKind::Projected => (24, Layout::groups(rows / 4, &[inputs, read], |_| false)),
        LayerKind::Coupled => {
            let groups = rows.div_ceil(4);
            (
                16,
                Layout::groups(groups, &[inputs, read], |row| row >= rows),
            )
        }
        LayerKind::Gru => {
            let part = |count| Layout::groups(rows.div_ceil(4), &[count], |row| row >= rows);
            (16, part(inputs).and(part(read)))
        }
        LayerKind::GruBefore => {
            let (units, in_file) = (read, read.next_multiple_of(4));
            let is_zero = |row: usize| row % in_file >= units;
            let groups = 3 * in_file / 4;
            (16, Layout::groups(groups, &[inputs, read], is_zero))
        }
        LayerKind::Dense | LayerKind::Conv => panic!("no recurrent layer"),
    }
}

/// Weights of −128, and padding that is not zero, are refused by their row: so many bytes of a file's weights.
fn check_bytes(shape: &RandomModel, padding: u8, places: impl Fn(&Layout) -> Vec<usize>) {
    let file = shape.build();
    let bytes = file.to_bytes().unwrap();
    let first = CHANNELS + 16 * shape.inputs + 12 * shape.outputs;
    let (record, layout) = layout_of(&file);
    for at in places(&layout) {
        let (row, is_padding) = layout.bytes[at];
        let mut content = bytes[..bytes.len() - 4].to_vec();
        content[first + record + at] = if is_padding { padding } else { 0x80 };
        match refusal(&sealed(content)) {
            ArtifactError::Layer {
                index: 0, error, ..
            } => assert_eq!(error, LayerError::Weight { row }, "{shape:?}"),
            other => panic!("{other}"),
        }
    }
}

proptest! {
    #[test]
    fn a_byte_of_weights_is_a_weight_or_zero(
        shape in shapes(),
        is_int16 in any::<bool>(),
        any in any::<[prop::sample::Index; 8]>(),
        value in 1u8..,
    ) {
        let scheme = if is_int16 { Scheme::W8a16 } else { Scheme::W8a8 };
        let shape = RandomModel { schemes: vec![scheme], ..shape };
        check_bytes(&shape, value, |layout| any.map(|any| any.index(layout.bytes.len())).into());
    }
}

/// Groups of four rows that units fill in every way.
#[test]
fn every_byte_of_weights_of_a_small_layer_is_a_weight_or_zero() {
    for (kind, hidden) in KINDS
        .into_iter()
        .flat_map(|kind| (1..5).map(move |n| (kind, n)))
    {
        let shape = RandomModel {
            inputs: 2,
            hidden: vec![hidden],
            kinds: vec![kind],
            outputs: 1,
            projection: Some(3),
            ..RandomModel::default()
        };
        check_bytes(&shape, 1, |layout| (0..layout.bytes.len()).collect());
    }
}

/// In place of g's peephole, an LSTM has zero.
#[test]
fn the_peephole_of_g_is_zero() {
    let file = example();
    // Behind the record: three blocks a unit, then biases and multipliers of five units.
    let peepholes = FIRST_LAYER + 16 + 5 * 3 * ROW_BLOCK + 5 * 32;
    for unit in 0..5 {
        let error = refusal(&changed_in(&file, |content| {
            content[peepholes + 8 * unit + 4] = 1;
        }));
        let expected = ArtifactError::Layer {
            kind: LayerKind::Lstm,
            index: 0,
            error: LayerError::Weight { row: 4 * unit + 2 },
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn the_writer_refuses_int4_weights_beyond_their_range_in_every_kind() {
    for kind in KINDS {
        let file = small(kind, Scheme::W4a16);
        for (place, weight) in (places(&file).iter()).flat_map(|place| [(place, 9), (place, -9)]) {
            let mut file = file.clone();
            let (_, _, kind, index) = layer_at(&file, place);
            let mut row = row_of(&mut file, place, 2);
            for part in &mut row.weights {
                part[1] = weight;
            }
            let row = row.in_file;
            let expected = Some((kind, index, LayerError::Weight { row }));
            assert_eq!(
                layer_error(&file, Order::Generic),
                expected,
                "{place:?} {weight}"
            );
        }
    }
}
