//! What each layer of a network reads above the integers of those below it, for roundings by output error.
//!
//! What counts is the integers of the convolution and of the recurrent layers, and the int8 values that these hand on.
//! Left out are the roundings of raw inputs, of int16 values on their way to int8, and of hidden dense layers.

use ndarray::{ArrayView2, s};

use super::calibrate::evenly_spaced;
use super::convolution::ConvIntegers;
use super::moments::{self, Moments};
use super::recurrent::RecurrentIntegers;
use crate::network::{Cell, Convolution, Network};
use crate::passes::activation_format::ActivationFormats;

/// Sequences that moments are taken over, at most.
const MOMENT_SEQUENCES: usize = 256;

/// The inputs that each layer sees above the integers below it.
pub(super) struct LayerInputs<'a> {
    /// With the layers so far replaced by what their integers mean; `None` where nothing asks.
    hybrid: Option<(Network, ActivationFormats)>,
    sequences: Vec<ArrayView2<'a, f32>>,
}

impl<'a> LayerInputs<'a> {
    /// Of a network over some of `sequences`; of none where no rounding asks.
    pub(super) fn new(network: Option<&Network>, sequences: &[ArrayView2<'a, f32>]) -> Self {
        Self {
            hybrid: network.map(|network| (network.clone(), ActivationFormats::default())),
            sequences: evenly_spaced(sequences, MOMENT_SEQUENCES),
        }
    }

    pub(super) fn of_convolution(&self, conv: &Convolution) -> Option<Moments> {
        self.hybrid.as_ref()?;
        Some(Moments::of(&self.sequences, |sequence| {
            conv.windows(*sequence).mapv(f64::from)
        }))
    }

    /// Of what the rows of recurrent layer `l` see: `[x_t; h_{t−1}]`; `[x_t; r_t ⊙ h_{t−1}]`, where candidates see
    /// that; and what the units show, m, where there is a projection.
    pub(super) fn of_recurrent(&self, l: usize) -> [Option<Moments>; 3] {
        let Some((network, formats)) = self.hybrid.as_ref() else {
            return [const { None }; 3];
        };
        let cell = network.config.cell;
        let (resets, shows) = (cell == Cell::GruBefore, cell.projection().is_some());
        Moments::of_each(&self.sequences, |sequence| {
            let trace = network.trace_in(formats, *sequence);
            let filtered = network.filtered(*sequence);
            let filtered = filtered.map(|y| match formats.conv {
                Some(format) => y.mapv_into(|y| format.round(y)),
                None => y,
            });
            let bottom = match &filtered {
                Some(filtered) => filtered.view(),
                None => sequence.view(),
            };
            let x = network.layer_inputs(l, bottom, |l| trace[l].hidden.view());
            let layer = &trace[l];
            let reset = resets.then(|| {
                // r is the first gate.
                let r = layer.gates.slice(s![.., ..layer.cell.ncols()]);
                moments::with_reset_state_before(x.view(), r, layer.cell.view())
            });
            [
                Some(moments::with_state_before(x.view(), layer.hidden.view())),
                reset,
                shows.then(|| layer.shown.mapv(f64::from)),
            ]
        })
    }

    /// Of what dense layer `l` reads. The dense layers below it are as they were.
    pub(super) fn of_dense(&self, l: usize) -> Option<Moments> {
        let (network, formats) = self.hybrid.as_ref()?;
        Some(Moments::of(&self.sequences, |sequence| {
            let trace = network.trace_in(formats, *sequence);
            let values = network.head_values(|l| trace[l].hidden.view());
            let mut values = values.mapv(f64::from);
            for dense in &network.dense[..l] {
                values = dense.rectified(&values);
            }
            values
        }))
    }

    /// Goes on with what the integers of the convolution mean.
    pub(super) fn replace_convolution(&mut self, integers: &ConvIntegers) {
        if let Some((network, formats)) = &mut self.hybrid {
            network.conv = Some(integers.layer());
            formats.conv = integers.format();
        }
    }

    /// Goes on with what the integers of a layer mean.
    pub(super) fn replace(&mut self, l: usize, integers: &RecurrentIntegers) {
        if let Some((network, formats)) = &mut self.hybrid {
            network.recurrent[l] = integers.layer();
            formats.hidden.push(integers.format());
            formats.shown.push(integers.shown_format());
        }
    }
}
