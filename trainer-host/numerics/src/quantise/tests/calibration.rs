//! What a calibration keeps, against all values that a network's layers take on each sequence alone.

use lstm_nostd::kernels::Scheme;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;

use super::layer_inputs::{head_reads, reads};
use super::{Case, Noise, cases, is_near, network};
use crate::network::{
    Cell, ConvActivation, Convolution, Direction, Head, Mode, NetworkConfig, Padding,
};
use crate::passes::trace::LayerTrace;
use crate::quantise::Rounding;
use crate::quantise::calibrate::{Calibration, OutputRange, evenly_spaced};
use crate::quantise::magnitudes::{Clipping, Magnitudes};

/// Rounding of a sum of squares, as a share of it.
const TOLERANCE: f64 = 1e-12;

/// What layers do with one sequence.
struct Run {
    sequence: Array2<f32>,
    /// What the first recurrent layer reads.
    bottom: Array2<f32>,
    trace: Vec<LayerTrace>,
    hidden: Vec<Array2<f32>>,
}

/// Each sequence alone.
fn runs(case: &Case) -> Vec<Run> {
    let run = |sequence: &Array2<f32>| {
        let trace = case.network.trace(sequence.view());
        Run {
            sequence: sequence.clone(),
            bottom: case
                .network
                .filtered(sequence.view())
                .unwrap_or(sequence.clone()),
            hidden: trace.iter().map(|layer| layer.hidden.clone()).collect(),
            trace,
        }
    };
    case.sequences.iter().map(run).collect()
}

/// Magnitudes of these values of each run, of which there are `width` for each step of the input.
fn magnitudes<'a>(
    runs: &'a [Run],
    width: usize,
    values: impl Fn(&'a Run) -> Array2<f32>,
) -> Magnitudes {
    let mut all = unfinished(runs, width, values);
    all.finish();
    all
}

fn unfinished<'a>(
    runs: &'a [Run],
    width: usize,
    values: impl Fn(&'a Run) -> Array2<f32>,
) -> Magnitudes {
    let steps: usize = runs.iter().map(|run| run.sequence.nrows()).sum();
    let mut all = Magnitudes::expecting(steps * width, 0);
    for (part, run) in runs.iter().enumerate() {
        // Each sequence picks its values by their places in it.
        let mut own = Magnitudes::expecting(steps * width, part);
        own.add(values(run).view());
        all.merge(&own);
    }
    all
}

fn column(values: &Array2<f32>, j: usize) -> Array2<f32> {
    Array2::from_shape_fn((values.nrows(), 1), |(t, _)| values[[t, j]])
}

/// The mean square of each column over the rows of all.
fn mean_squares(all: &[Array2<f32>]) -> Vec<f64> {
    let rows: usize = all.iter().map(Array2::nrows).sum();
    let square = |j: usize| {
        let values = all.iter().flat_map(|values| values.column(j).to_vec());
        values
            .map(|value| f64::from(value) * f64::from(value))
            .sum::<f64>()
            / rows as f64
    };
    (0..all[0].ncols()).map(square).collect()
}

fn are_close(found: &[f64], expected: &[f64]) -> bool {
    let close = |(a, b): (&f64, &f64)| is_near(*a, *b, TOLERANCE);
    found.len() == expected.len() && found.iter().zip(expected).all(close)
}

/// Recurrent layer `l` of what was observed.
fn is_of_layer(
    case: &Case,
    runs: &[Run],
    found: &Calibration,
    l: usize,
) -> Result<(), TestCaseError> {
    let config = &case.network.config;
    let (units, outputs) = (config.hidden[l], config.cell.outputs(config.hidden[l]));
    let found = &found.recurrent[l];
    let x: Vec<_> = runs
        .iter()
        .map(|run| reads(config, &run.bottom, &run.hidden, l))
        .collect();
    prop_assert_eq!(found.input.len(), x[0].ncols());
    for (j, found) in found.input.iter().enumerate() {
        let of_column = |run: &Run| column(&reads(config, &run.bottom, &run.hidden, l), j);
        prop_assert_eq!(found, &magnitudes(runs, 1, of_column));
    }
    prop_assert!(are_close(&found.input_square, &mean_squares(&x)));
    let hidden: Vec<_> = runs.iter().map(|run| run.hidden[l].clone()).collect();
    prop_assert!(are_close(&found.hidden_square, &mean_squares(&hidden)));
    prop_assert_eq!(
        &found.cell,
        &magnitudes(runs, units, |run| run.trace[l].cell.clone())
    );
    // Halves side by side have the ranges of both.
    let halves = match (config.is_beside(l), config.is_beside(l + 1)) {
        (true, _) => l - 1..l + 1,
        (_, true) => l..l + 2,
        _ => l..l + 1,
    };
    let both = |width: usize, of: fn(&LayerTrace) -> &Array2<f32>| {
        let mut all = Magnitudes::expecting(0, 0);
        for l in halves.clone() {
            all.merge(&unfinished(runs, width, |run| of(&run.trace[l]).clone()));
        }
        all.finish();
        all
    };
    let same = |found: &Magnitudes, expected: &Magnitudes| {
        let ranges = |all: &Magnitudes| {
            let of = |clipping| Scheme::ALL.map(|scheme| all.reach(clipping, scheme.width()));
            Clipping::ALL.map(of)
        };
        ranges(found) == ranges(expected)
    };
    prop_assert!(same(&found.hidden, &both(outputs, |layer| &layer.hidden)));
    prop_assert!(same(&found.shown, &both(units, |layer| &layer.shown)));
    Ok(())
}

/// The means over time, the hidden dense layers and the outputs of what was observed.
fn is_of_head(case: &Case, runs: &[Run], found: &Calibration) -> Result<(), TestCaseError> {
    let config = &case.network.config;
    let head = |run: &Run| head_reads(config, &run.hidden);
    let mean = match config.mode {
        Mode::SequenceToMean => magnitudes(runs, config.head_inputs(), head),
        Mode::SequenceToOne | Mode::SequenceToSequence => {
            magnitudes(runs, config.head_inputs(), |_| Array2::zeros((0, 0)))
        }
    };
    prop_assert_eq!(&found.mean, &mean);
    let (last, hidden) = case.network.dense.split_last().unwrap();
    let after = |run: &Run, count: usize| {
        let layers = hidden[..count].iter();
        layers.fold(head(run), |x, layer| layer.values(&x).mapv(|y| y.max(0.0)))
    };
    prop_assert_eq!(found.dense.len(), hidden.len());
    for (l, (found, units)) in found.dense.iter().zip(&config.dense).enumerate() {
        prop_assert_eq!(found, &magnitudes(runs, *units, |run| after(run, l + 1)));
    }
    prop_assert_eq!(found.outputs.len(), config.outputs);
    for (r, found) in found.outputs.iter().enumerate() {
        let values: Vec<f32> = (runs.iter())
            .flat_map(|run| last.values(&after(run, hidden.len())).column(r).to_vec())
            .collect();
        let expected = OutputRange {
            least: values.iter().copied().fold(f32::INFINITY, f32::min).into(),
            greatest: values
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max)
                .into(),
        };
        prop_assert_eq!(*found, expected);
    }
    Ok(())
}

fn is_of_values(case: &Case) -> Result<(), TestCaseError> {
    let (runs, found) = (runs(case), case.calibration());
    let config = &case.network.config;
    prop_assert_eq!(found.conv.is_some(), config.conv.is_some());
    if let (Some(found), Some(conv)) = (&found.conv, &config.conv) {
        prop_assert_eq!(found.input.len(), config.inputs);
        for (j, found) in found.input.iter().enumerate() {
            prop_assert_eq!(found, &magnitudes(&runs, 1, |run| column(&run.sequence, j)));
        }
        let outputs = magnitudes(&runs, conv.filters, |run| run.bottom.clone());
        prop_assert_eq!(&found.outputs, &outputs);
    }
    prop_assert_eq!(found.recurrent.len(), config.hidden.len());
    for l in 0..config.hidden.len() {
        is_of_layer(case, &runs, &found, l)?;
    }
    is_of_head(case, &runs, &found)
}

/// With more values of most kinds than a sample keeps: 1,050 times 16.
fn long() -> Case {
    let config = NetworkConfig {
        inputs: 1,
        conv: Some(Convolution {
            filters: 16,
            kernel: 2,
            stride: 1,
            activation: ConvActivation::None,
            padding: Padding::Causal,
        }),
        directions: vec![Direction::Forward, Direction::Beside],
        hidden: vec![16, 16],
        cell: Cell::Gru,
        dense: vec![16],
        outputs: 1,
        head: Head::Linear,
        mode: Mode::SequenceToSequence,
    };
    let mut noise = Noise(1);
    let mut sequence = |steps| Array2::from_shape_fn((steps, 1), |_| noise.next() as f32);
    Case {
        sequences: [600, 450].map(&mut sequence).into(),
        network: network(&config, &mut noise),
        schemes: vec![Scheme::W8a16; 5],
        smallest_input_range: vec![0.0],
        output_mean: vec![0.0],
        clipping: Clipping::MinMax,
        rounding: Rounding::Nearest,
        equal_shifts: false,
    }
}

proptest! {
    #[test]
    fn a_calibration_is_that_of_all_values(case in cases()) {
        is_of_values(&case)?;
    }

    #[test]
    fn evenly_spaced_ones_are_the_first_and_more_at_distances_that_differ_by_one_at_most(
        count in 0usize..60, most in 0usize..30,
    ) {
        let all: Vec<usize> = (0..count).collect();
        let few = evenly_spaced(&all, most);
        prop_assert_eq!(few.len(), count.min(most));
        if !few.is_empty() {
            prop_assert_eq!(few[0], 0);
            // The distance to the end counts, too.
            let ends = few.iter().skip(1).chain([&count]);
            for distance in few.iter().zip(ends).map(|(from, to)| to - from) {
                prop_assert!((count / few.len()..=count.div_ceil(few.len())).contains(&distance));
            }
        }
    }

    #[test]
    fn an_output_lies_within_its_reach_of_its_centre(a in -1e6f64..1e6, b in -1e6f64..1e6) {
        let range = OutputRange { least: a.min(b), greatest: a.max(b) };
        prop_assert!((range.centre() - (a + b) / 2.0).abs() < 1e-9);
        prop_assert!((range.reach() - (a - b).abs() / 2.0).abs() < 1e-9);
    }
}

#[test]
fn a_large_calibration_picks_by_the_numbers_of_the_values() {
    is_of_values(&long()).unwrap();
}

#[test]
fn one_value_is_its_own_centre_and_no_value_has_zero() {
    let one = OutputRange {
        least: 3.0,
        greatest: 3.0,
    };
    assert_eq!((one.centre(), one.reach()), (3.0, 0.0));
    let case = long();
    let none: [ArrayView2<'_, f32>; 0] = [];
    let calibration = Calibration::observe(&case.network, &none);
    for output in calibration.outputs {
        assert_eq!((output.centre(), output.reach()), (0.0, 0.0));
    }
}
