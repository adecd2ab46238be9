//! The time step: near the real-valued equations, independent streams, whole states.

use lstm_nostd::artifact::{
    Coupled, Dense, Gru, GruBefore, LayerKind, Lstm, ModelFile, Projected, RandomModel, Recurrent,
};
use lstm_nostd::kernels::{Block, Scheme, Width, lanes, lanes_mut, narrow};
use lstm_nostd::layers::UnitStep;
use lstm_nostd::{
    FixedModel, I16F16, InputChannel, Mode, Model, OutputScale, SelfTestError, SizeError, State,
    Task,
};
use proptest::prelude::*;

/// Integer bits of the test cell: forty steps cannot reach its end at 64.
const M: u8 = 6;

/// A layer with one unit and one input: weights per gate as fractions of 127, scale of a row 1.
fn one_unit(w_x: [i8; 4], w_h: [i8; 4], bias: [f64; 4], peephole: Option<[f64; 3]>) -> ModelFile {
    around(Recurrent::Lstm(unit_of(w_x, w_h, bias, peephole)))
}

/// The rows and peepholes of one unit, whatever its gates.
fn unit_of<const G: usize, const P: usize>(
    w_x: [i8; G],
    w_h: [i8; G],
    bias: [f64; G],
    peephole: Option<[f64; P]>,
) -> Lstm {
    // s_r = 1/127: accumulator units are 2⁻¹⁵/127, mult = s_r · 2²⁹.
    let units = |value: f64, per_one: f64| (value * per_one).round();
    Lstm {
        scheme: Scheme::W8a16,
        h_shift: 0,
        input_shift: 0,
        x_shift: 0,
        cell_int_bits: M,
        w_x: w_x.map(|w| vec![w]).to_vec(),
        w_h: w_h.map(|w| vec![w]).to_vec(),
        bias: bias.map(|b| units(b, 127.0 * 32_768.0) as i32).to_vec(),
        mult: vec![units(1.0 / 127.0, 2f64.powi(29)) as i32; G],
        peephole: peephole
            .map(|p| {
                p.map(|p| vec![units(p, 127.0 * 2f64.powi(M.into())) as i16])
                    .to_vec()
            })
            .unwrap_or_default(),
    }
}

/// The same of a GRU, gates in the order r, z, n; `bias` has the candidate's second one behind those of the gates.
fn one_gru_unit(w_x: [i8; 3], w_h: [i8; 3], bias: [f64; 4]) -> ModelFile {
    let bias = bias.map(|bias| (bias * 127.0 * 32_768.0).round() as i32);
    around(Recurrent::Gru(Gru {
        w_x: w_x.map(|w| vec![w]).to_vec(),
        w_h: w_h.map(|w| vec![w]).to_vec(),
        bias: bias[..3].to_vec(),
        recurrent_bias: bias[3..].to_vec(),
        mult: vec![(2f64.powi(29) / 127.0).round() as i32; 3],
        ..Gru::default()
    }))
}

/// A model of this layer, whose output is the hidden state.
fn around(recurrent: Recurrent) -> ModelFile {
    let units = |value: f64, per_one: f64| (value * per_one).round();
    // The output is the hidden state: w = 127 with s = 1/127; mult = s · 2³² · 2⁻¹⁵ · 2¹⁶.
    let dense = Dense {
        scheme: Scheme::W8a16,
        input_shift: 0,
        output_shift: 4,
        weight: vec![vec![127]],
        bias: vec![0],
        mult: vec![units(1.0 / 127.0, 2f64.powi(29)) as i32],
    };
    ModelFile {
        task: Task::Linear,
        mode: Mode::SequenceToSequence,
        front_end: None,
        conv: None,
        // Raw Q16.15 to Q0.15: (raw · 2) · 2³¹ >> 32.
        channels: vec![InputChannel {
            mean: 0,
            fraction: 0,
            mult: i32::MAX,
            shift: 1,
            frac_bits: 15,
        }],
        scales: vec![OutputScale::LOGIT],
        recurrent: vec![recurrent],
        directions: Vec::new(),
        dense: vec![dense],
        input_names: vec!["x".into()],
        output_names: vec!["h".into()],
        golden: Vec::new(),
    }
}

/// 1.0 in the test cell's Q6.25.
const ONE: i32 = 1 << (31 - M);

type OneUnit<'m> = FixedModel<'m, 1, 1, 1, 1, 2>;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The six equations in f64.
fn reference(file: &ModelFile, c: &mut f64, h: &mut f64, x: f64) {
    let layer = file.recurrent[0].as_lstm().unwrap();
    let z = |gate: usize, p: usize, c: f64| {
        let peephole = layer
            .peephole
            .get(p)
            .map_or(0.0, |p| f64::from(p[0]) / 127.0 / 2f64.powi(M.into()));
        (f64::from(layer.w_x[gate][0]) * x + f64::from(layer.w_h[gate][0]) * *h) / 127.0
            + f64::from(layer.bias[gate]) / 127.0 / 32_768.0
            + if gate == 2 { 0.0 } else { peephole * c }
    };
    let (i, f, g) = (
        sigmoid(z(0, 0, *c)),
        sigmoid(z(1, 1, *c)),
        z(2, 9, 0.0).tanh(),
    );
    let next = f * *c + i * g;
    let o = sigmoid(z(3, 2, next));
    *c = next;
    *h = o * next.tanh();
}

/// Peepholes see the cell in Q6.9 (off by 2⁻¹⁰), gates are clamped at z = ±8 (off by 2⁻¹¹); the
/// recurrence amplifies both a few times.
const MAX_STEP_ERROR: f64 = 1.0 / 256.0;

/// (GR1) to (GR4) in f64.
fn gru_reference(layer: &Gru, h: &mut f64, x: f64) {
    let real = |value: i32| f64::from(value) / 127.0 / 32_768.0;
    let w = |rows: &[Vec<i8>], gate: usize| f64::from(rows[gate][0]) / 127.0;
    let input = |gate: usize| w(&layer.w_x, gate) * x + real(layer.bias[gate]);
    let recurrent = |gate: usize| w(&layer.w_h, gate) * *h;
    let r = sigmoid(input(0) + recurrent(0));
    let z = sigmoid(input(1) + recurrent(1));
    let n = (input(2) + r * (recurrent(2) + real(layer.recurrent_bias[0]))).tanh();
    *h = (1.0 - z) * n + z * *h;
}

/// (GR1), (GR2), (GR3b) and (GR4) in f64.
fn gru_before_reference(layer: &GruBefore, h: &mut f64, x: f64) {
    let w = |rows: &[Vec<i8>], gate: usize| f64::from(rows[gate][0]) / 127.0;
    let sum = |gate: usize, h: f64| {
        let bias = f64::from(layer.bias[gate]) / 127.0 / 32_768.0;
        w(&layer.w_x, gate) * x + w(&layer.w_h, gate) * h + bias
    };
    let (r, z) = (sigmoid(sum(0, *h)), sigmoid(sum(1, *h)));
    let n = sum(2, r * *h).tanh();
    *h = (1.0 - z) * n + z * *h;
}

proptest! {
    #[test]
    fn a_gru_unit_follows_the_real_equations(
        w_x in prop::array::uniform3(-127i8..=127),
        w_h in prop::array::uniform3(-127i8..=127),
        bias in prop::array::uniform4(-2.0f64..2.0),
        inputs in prop::collection::vec(-0.99f64..0.99, 1..40),
    ) {
        let file = one_gru_unit(w_x, w_h, bias);
        let bytes = file.to_bytes().unwrap();
        let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
        let Recurrent::Gru(layer) = &file.recurrent[0] else { unreachable!("it is a GRU") };
        let (mut state, mut h) = (State::new(), 0.0);
        for x in inputs {
            let raw = (x * 32_768.0).round();
            let [y] = model.step(&mut state, &[raw as i32]);
            gru_reference(layer, &mut h, raw / 32_768.0);
            let found = f64::from(y.to_bits()) / 65_536.0;
            prop_assert!((found - h).abs() <= MAX_STEP_ERROR, "h: {found} against {h}");
        }
    }

    #[test]
    fn a_gru_unit_with_reset_before_the_product_follows_the_real_equations(
        w_x in prop::array::uniform3(-127i8..=127),
        w_h in prop::array::uniform3(-127i8..=127),
        bias in prop::array::uniform3(-2.0f64..2.0),
        inputs in prop::collection::vec(-0.99f64..0.99, 1..40),
    ) {
        let Lstm { w_x, w_h, bias, mult, .. } = unit_of::<3, 0>(w_x, w_h, bias, None);
        let layer = GruBefore { w_x, w_h, bias, mult, ..GruBefore::default() };
        let bytes = around(Recurrent::GruBefore(layer.clone())).to_bytes().unwrap();
        let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
        let (mut state, mut h) = (State::new(), 0.0);
        for x in inputs {
            let raw = (x * 32_768.0).round();
            let [y] = model.step(&mut state, &[raw as i32]);
            gru_before_reference(&layer, &mut h, raw / 32_768.0);
            let found = f64::from(y.to_bits()) / 65_536.0;
            prop_assert!((found - h).abs() <= MAX_STEP_ERROR, "h: {found} against {h}");
        }
    }

    /// (CF1) and (CF2): an LSTM whose forget gate has the input gate's weights with the opposite sign.
    #[test]
    fn a_coupled_unit_is_that_of_an_lstm_with_an_opposite_forget_gate(
        w_x in prop::array::uniform3(-127i8..=127),
        w_h in prop::array::uniform3(-127i8..=127),
        bias in prop::array::uniform3(-2.0f64..2.0),
        peephole in prop::option::of(prop::array::uniform2(-1.0f64..1.0)),
        inputs in prop::collection::vec(-0.99f64..0.99, 1..40),
    ) {
        let wide = |[i, g, o]: [i8; 3]| [i, -i, g, o];
        let [b_i, b_g, b_o] = bias;
        let three = peephole.map(|[p_i, p_o]| [p_i, -p_i, p_o]);
        let lstm = one_unit(wide(w_x), wide(w_h), [b_i, -b_i, b_g, b_o], three);
        let coupled = around(Recurrent::Coupled(Coupled(unit_of(w_x, w_h, bias, peephole))));
        let bytes = coupled.to_bytes().unwrap();
        let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
        let mut state = State::new();
        let (mut c, mut h) = (0.0, 0.0);
        for x in inputs {
            let raw = (x * 32_768.0).round();
            let [y] = model.step(&mut state, &[raw as i32]);
            reference(&lstm, &mut c, &mut h, raw / 32_768.0);
            let found = f64::from(y.to_bits()) / 65_536.0;
            prop_assert!((found - h).abs() <= MAX_STEP_ERROR, "h: {found} against {h}");
        }
    }

    /// (PJ1) and (PJ2): two units, and a projection to one output in units of two.
    #[test]
    fn a_projection_follows_the_real_equations(
        w_x in prop::array::uniform8(-127i8..=127),
        w_h in prop::array::uniform8(-63i8..=63),
        bias in prop::array::uniform8(-2.0f64..2.0),
        w_r in prop::array::uniform2(-64i8..=64),
        inputs in prop::collection::vec(-0.99f64..0.99, 1..40),
    ) {
        let lstm = unit_of::<8, 0>(w_x, w_h, bias, None);
        // In Q0.15 of two, h is half of Σ w/64 · m.
        let projection = Dense { weight: vec![w_r.to_vec()], bias: vec![0], mult: vec![1 << 25], ..Dense::default() };
        let layer = Projected { lstm, projection, unit: 2.0 };
        let bytes = around(Recurrent::Projected(layer)).to_bytes().unwrap();
        let model = FixedModel::<1, 1, 1, 1, 3>::new(Model::parse(&bytes).unwrap()).unwrap();
        let (mut state, mut c, mut h) = (State::new(), [0.0; 2], 0.0);
        for x in inputs {
            let raw = (x * 32_768.0).round();
            let [y] = model.step(&mut state, &[raw as i32]);
            let mut shown = [0.0; 2];
            for (u, c) in c.iter_mut().enumerate() {
                let z = |gate: usize| {
                    let row = 2 * gate + u;
                    let weights = f64::from(w_x[row]) * raw / 32_768.0 + f64::from(w_h[row]) * h;
                    weights / 127.0 + bias[row]
                };
                *c = sigmoid(z(1)) * *c + sigmoid(z(0)) * z(2).tanh();
                shown[u] = sigmoid(z(3)) * c.tanh();
            }
            h = (f64::from(w_r[0]) * shown[0] + f64::from(w_r[1]) * shown[1]) / 128.0;
            let found = f64::from(y.to_bits()) / 65_536.0;
            prop_assert!((found - h).abs() <= MAX_STEP_ERROR, "h: {found} against {h}");
        }
    }

    /// (PB) in plain 64-bit sums, from what the units show.
    #[test]
    fn outputs_of_a_projection_are_its_rows_of_what_the_units_show(
        hidden in 1usize..20,
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        seed in any::<u64>(),
    ) {
        let kinds = vec![LayerKind::Projected];
        let shape = RandomModel { inputs: 3, hidden: vec![hidden], kinds, outputs: 1, schemes: vec![scheme], seed, ..RandomModel::default() };
        let file = shape.build();
        let Recurrent::Projected(layer) = &file.recurrent[0] else { unreachable!("it is projected") };
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let blocks = |count| vec![Block::default(); count];
        let (mut state, mut scratch) = (blocks(model.hidden_blocks()), blocks(model.scratch_blocks()));
        let (mut cell, mut outputs) = (vec![[0; 4]; model.cell_blocks()], [I16F16::ZERO]);
        for raw in shape.raw_inputs(6) {
            let mut shown = Vec::new();
            let mut observer = |_: usize, _: usize, step: &UnitStep| {
                let m = step.as_lstm().unwrap().hidden;
                shown.push(match scheme.width() {
                    Width::Int16 => i64::from(m),
                    Width::Int8 => narrow(m, layer.h_shift.into()).into(),
                });
            };
            let both = (&mut state[..], &mut cell[..]);
            model.observed_step(both, &mut scratch, &raw, &mut outputs, &mut observer).unwrap();
            let rows = &layer.projection;
            for (p, row) in rows.weight.iter().enumerate() {
                let products = row.iter().zip(&shown).map(|(w, m)| i64::from(*w) * m);
                let sum = products.sum::<i64>() + i64::from(rows.bias[p]);
                // The rounded high word, shifted.
                let high = (sum * i64::from(rows.mult[p]) + (1 << 31)) >> 32;
                let value = high << rows.output_shift;
                let (found, expected) = match scheme.width() {
                    Width::Int16 => (i64::from(lanes::<i16>(&state)[p]), value.clamp(-32_768, 32_767)),
                    Width::Int8 => (i64::from(lanes::<i8>(&state)[p]), value.clamp(-127, 127)),
                };
                prop_assert_eq!(found, expected, "output {}", p);
            }
        }
    }

    #[test]
    fn a_unit_follows_the_real_equations(
        w_x in prop::array::uniform4(-127i8..=127),
        w_h in prop::array::uniform4(-127i8..=127),
        bias in prop::array::uniform4(-2.0f64..2.0),
        peephole in prop::option::of(prop::array::uniform3(-1.0f64..1.0)),
        inputs in prop::collection::vec(-0.99f64..0.99, 1..40),
    ) {
        let file = one_unit(w_x, w_h, bias, peephole);
        let bytes = file.to_bytes().unwrap();
        let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
        let mut state = State::new();
        let (mut c, mut h) = (0.0, 0.0);
        for x in inputs {
            let raw = (x * 32_768.0).round();
            let [y] = model.step(&mut state, &[raw as i32]);
            reference(&file, &mut c, &mut h, raw / 32_768.0);
            let found = f64::from(y.to_bits()) / 65_536.0;
            prop_assert!((found - h).abs() <= MAX_STEP_ERROR, "h: {found} against {h}");
        }
    }

    /// (MT1) and (MT2): outputs after each step are those of the dense layer on the mean of all hidden states so far.
    #[test]
    fn outputs_of_a_mean_are_those_of_the_mean_of_all_hidden_states(
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        steps in 1usize..20,
        seed in any::<u64>(),
    ) {
        let shape = RandomModel { inputs: 3, hidden: vec![5], outputs: 2, mean: true, schemes: vec![scheme, Scheme::W8a16], seed, ..RandomModel::default() };
        let file = shape.build();
        let bytes = file.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        // The same dense layer on an int16 layer whose hidden state is set by hand.
        let mut head = file.clone();
        head.mode = Mode::SequenceToSequence;
        head.recurrent = vec![file.recurrent[0].without_weights(Scheme::W8a16)];
        let bytes = head.to_bytes().unwrap();
        let head = FixedModel::<3, 2, 2, 2, 3>::new(Model::parse(&bytes).unwrap()).unwrap();
        let rows = model.recurrent_layers()[0].rows();
        let blocks = |count| vec![Block::default(); count];
        let (mut hidden, mut scratch) = (blocks(model.hidden_blocks()), blocks(model.scratch_blocks()));
        let (mut cell, mut outputs) = (vec![[0; 4]; model.cell_blocks()], [I16F16::ZERO; 2]);
        let mut sums = [0i64; 5];
        for (raw, t) in shape.raw_inputs(steps).iter().zip(1i64..) {
            model.step((&mut hidden, &mut cell), &mut scratch, raw, &mut outputs).unwrap();
            let mut state = State::new();
            for (u, sum) in sums.iter_mut().enumerate() {
                *sum += match rows.width {
                    Width::Int16 => i64::from(lanes::<i16>(&hidden)[u]),
                    Width::Int8 => i64::from(lanes::<i8>(&hidden)[u]) << rows.h_shift,
                };
                lanes_mut::<i16>(&mut state.hidden)[u] = (2 * *sum + t).div_euclid(2 * t) as i16;
            }
            prop_assert_eq!(head.outputs(&state), outputs);
        }
    }

    #[test]
    fn streams_are_independent_and_states_can_be_saved(seed in any::<u64>(), steps in 1usize..12) {
        let shape = RandomModel { inputs: 3, hidden: vec![5], outputs: 2, peepholes: true, seed, ..RandomModel::default() };
        let bytes = shape.build().to_bytes().unwrap();
        let model = FixedModel::<3, 2, 2, 2, 3>::new(Model::parse(&bytes).unwrap()).unwrap();
        let inputs: Vec<[i32; 3]> = shape.raw_inputs(2 * steps).iter().map(|raw| raw[..].try_into().unwrap()).collect();
        let run = |state: &mut State<2, 2>, inputs: &[[i32; 3]]| -> Vec<[I16F16; 2]> {
            inputs.iter().map(|raw| model.step(state, raw)).collect()
        };
        let (first, second) = inputs.split_at(steps);
        let mut whole = State::new();
        let expected = run(&mut whole, &inputs);
        // Another stream in between changes nothing.
        let mut stream = State::new();
        let mut found = run(&mut stream, first);
        let mut other = State::new();
        run(&mut other, second);
        let saved = stream.bytes().map(<[u8]>::to_vec);
        prop_assert_eq!([saved[0].len(), saved[1].len()], [2 * 16, 2 * 8]);
        let mut restored = State::new();
        for (place, saved) in restored.bytes_mut().into_iter().zip(&saved) {
            place.copy_from_slice(saved);
        }
        prop_assert_eq!(restored, stream);
        found.extend(run(&mut restored, second));
        prop_assert_eq!(&found, &expected);
        // A reset stream begins anew.
        restored.reset();
        prop_assert_eq!(&run(&mut restored, &inputs), &expected);
    }
}

#[test]
fn a_closed_input_gate_and_an_open_forget_gate_keep_the_cell() {
    // i = σ(−8) nearly 0, f = σ(8) nearly 1.
    let file = one_unit([0, 0, 127, 0], [0; 4], [-7.99, 7.99, 0.0, 0.0], None);
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    let mut state = State::new();
    state.cell[0][0] = ONE;
    for _ in 0..10 {
        model.advance(&mut state, &[0]);
    }
    // f = 0.99966 for ten steps.
    let kept = f64::from(state.cell[0][0]) / f64::from(ONE);
    assert!((kept - 0.99966f64.powi(10)).abs() < 1e-4, "{kept}");
}

#[test]
fn the_cell_saturates() {
    let file = one_unit([0; 4], [0; 4], [7.99, 7.99, 7.99, 0.0], None);
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    for (start, sign) in [(i32::MAX, 1), (i32::MIN, -1)] {
        let mut state = State::new();
        state.cell[0][0] = start;
        model.advance(&mut state, &[0]);
        assert_eq!(state.cell[0][0].signum(), sign, "the cell must not wrap");
    }
}

/// A mean counts 65,535 steps: the next one changes the hidden state alone.
#[test]
fn a_mean_stays_after_its_last_step() {
    let mut file = one_unit([0, 0, 127, 0], [0; 4], [7.99, 0.0, 0.0, 7.99], None);
    file.mode = Mode::SequenceToMean;
    let bytes = file.to_bytes().unwrap();
    // A cell, the steps, and a sum.
    let model = FixedModel::<1, 1, 3, 1, 2>::new(Model::parse(&bytes).unwrap()).unwrap();
    let mut state = State::new();
    assert_eq!(model.outputs(&state), [I16F16::ZERO]);
    for steps in [65_533, 65_534, 65_535] {
        model.advance(&mut state, &[30_000]);
        let h = i32::from(state.hidden[0].0[0]);
        assert!(h > 10_000, "{h}");
        state.cell[1][0] = steps;
        state.cell[2][0] = steps * 32_767;
    }
    model.advance(&mut state, &[30_000]);
    assert_eq!(
        state.cell[1..],
        [[65_535, 0, 0, 0], [65_535 * 32_767, 0, 0, 0]]
    );
    // Of 32767 in Q0.15; the output layer rounds to 2⁻¹².
    let [mean] = model.outputs(&state);
    assert!((mean.to_bits() - 2 * 32_767).abs() <= 8, "{mean}");
}

#[test]
fn run_time_and_compile_time_sizes_give_the_same_outputs() {
    let shape = RandomModel {
        inputs: 5,
        hidden: vec![7, 9],
        dense: vec![6, 3],
        outputs: 4,
        peepholes: true,
        schemes: vec![],
        seed: 3,
        ..RandomModel::default()
    };
    let bytes = shape.build().to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let fixed = FixedModel::<5, 4, 5, 5, 5>::new(model.clone()).unwrap();
    let (mut a, mut b) = (State::<5, 5>::new(), State::<32, 20>::new());
    let mut scratch = [lstm_nostd::Block::default(); 40];
    for raw in shape.raw_inputs(50) {
        let expected = fixed.step(&mut a, raw[..].try_into().unwrap());
        let mut outputs = [I16F16::ZERO; 4];
        model
            .step(
                (&mut b.hidden, &mut b.cell),
                &mut scratch,
                &raw,
                &mut outputs,
            )
            .unwrap();
        assert_eq!(outputs, expected);
    }
    assert_eq!(a.cell, b.cell[..5]);
}

#[test]
fn self_test_finds_the_step_that_differs() {
    let mut file = one_unit(
        [90, -20, 100, 50],
        [3, 5, -7, 11],
        [0.1, 1.0, 0.0, 0.2],
        Some([0.3, -0.2, 0.1]),
    );
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    let mut state = State::new();
    for raw in [1_000, -20_000, 30_000] {
        let outputs = model.step(&mut state, &[raw]);
        file.golden
            .push((vec![raw], outputs.map(I16F16::to_bits).to_vec()));
    }
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    assert_eq!(model.self_test(), Ok(3));
    file.golden[1].1[0] += 1;
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    assert_eq!(model.self_test(), Err(SelfTestError::Differs { step: 1 }));
}

/// What keeps the state forgets a part of 2⁻¹⁵ a step, for σ ends below one; rounding adds nothing to that.
#[test]
fn an_update_gate_at_its_end_keeps_the_state() {
    let file = one_gru_unit([0; 3], [0; 3], [0.0, 8.0, 0.0, 0.0]);
    let bytes = file.to_bytes().unwrap();
    let model = OneUnit::new(Model::parse(&bytes).unwrap()).unwrap();
    let mut state = State::new();
    for start in [1 << 30, -(1 << 30), i32::MAX, i32::MIN, 1 << 20] {
        state.cell[0][0] = start;
        for step in 1..=1_000 {
            model.advance(&mut state, &[0]);
            // σ(8) = 0.99966 in real numbers.
            let kept = sigmoid(7.999).powi(step) * f64::from(start);
            let error = (f64::from(state.cell[0][0]) - kept).abs() / 2f64.powi(31);
            assert!(
                error < 2f64.powi(-15) * f64::from(step).min(40.0),
                "{start}, {step}: {error}"
            );
        }
    }
}

/// A model with all that a step keeps in its buffers: two widths, a projection, dense layers.
fn with_every_buffer(seed: u64) -> RandomModel {
    RandomModel {
        inputs: 3,
        hidden: vec![9, 6],
        kinds: vec![LayerKind::Projected, LayerKind::Gru],
        dense: vec![5],
        outputs: 2,
        schemes: vec![Scheme::W8a8, Scheme::W8a16],
        mean: seed % 2 == 1,
        seed,
        ..RandomModel::default()
    }
}

/// The buffers of a step: hidden state, cells, scratch, inputs, outputs.
type Buffers = (Vec<Block>, Vec<[i32; 4]>, Vec<Block>, Vec<i32>, Vec<I16F16>);

/// What takes them.
type Call = fn(&Model<'_>, &mut Buffers) -> Result<(), SizeError>;

/// Takes a place off one of them; the length that is left.
type Shorten = fn(&mut Buffers) -> Option<usize>;

/// What is refused, its length, and the length that is needed.
type Short = (&'static str, usize, usize);

/// A step and what reads outputs refuse each buffer with a place too few by name and lengths, and change nothing; with no
/// more than they need, they run.
#[test]
fn buffers_that_are_too_short_are_refused() {
    let found = |error: SizeError| -> Short { (error.what, error.found, error.needed) };
    for seed in 0..6 {
        let random = with_every_buffer(seed);
        let bytes = random.build().to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let whole: Buffers = (
            vec![Block([3; 4]); model.hidden_blocks()],
            vec![[5; 4]; model.cell_blocks()],
            vec![Block([7; 4]); model.scratch_blocks()],
            random.raw_inputs(1).concat(),
            vec![I16F16::from_bits(9); model.outputs()],
        );
        assert!(whole.2.len() > 1);
        let calls: [Call; 3] = [
            |model, (hidden, cell, scratch, raw, outputs)| {
                (model.step((hidden, cell), scratch, raw, outputs)).map(|_| ())
            },
            |model, (hidden, cell, scratch, raw, outputs)| {
                let observed =
                    model.observed_step((hidden, cell), scratch, raw, outputs, &mut |_, _, _| ());
                observed.map(|_| ())
            },
            |model, (hidden, cell, scratch, _, outputs)| {
                model.read_outputs((hidden, cell), scratch, outputs)
            },
        ];
        let shorten: [(&str, Shorten); 5] = [
            ("hidden state", |b| b.0.pop().map(|_| b.0.len())),
            ("cell state", |b| b.1.pop().map(|_| b.1.len())),
            ("scratch", |b| b.2.pop().map(|_| b.2.len())),
            ("inputs", |b| b.3.pop().map(|_| b.3.len())),
            ("outputs", |b| b.4.pop().map(|_| b.4.len())),
        ];
        for (index, call) in calls.iter().enumerate() {
            for (what, shorten) in shorten {
                // Outputs are read without inputs.
                if index == 2 && what == "inputs" {
                    continue;
                }
                let mut short = whole.clone();
                let left = shorten(&mut short).unwrap();
                let before = short.clone();
                let error = call(&model, &mut short).unwrap_err();
                assert_eq!(found(error), (what, left, left + 1), "{index}");
                assert_eq!(short, before, "{index}: {what}");
            }
            let mut buffers = whole.clone();
            assert_eq!(call(&model, &mut buffers), Ok(()));
            assert_ne!(buffers.4, whole.4, "{index}: outputs were written");
        }
    }
}

/// Buffers that are known at compile time: those of the self-test must be long enough, those of a fixed model must fit.
#[test]
fn sizes_that_do_not_fit_are_refused() {
    let mut file = with_every_buffer(0).build();
    let step = with_every_buffer(0).raw_inputs(1).concat();
    file.golden.push((step, vec![0; 2]));
    let bytes = file.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let scratch = model.scratch_blocks();
    assert!((2..64).contains(&scratch));
    let refused = |what, found, needed| SizeError {
        what,
        found,
        needed,
    };
    let test = model.self_test::<64, 64, 1, 2>();
    let expected = SelfTestError::Size(refused("scratch", 1, scratch));
    assert_eq!(test, Err(expected));
    let fixed = FixedModel::<3, 2, 64, 64, 64>::new(model.clone());
    let expected = refused("cell blocks", 64, model.cell_blocks());
    assert_eq!(fixed.unwrap_err(), expected);
}
