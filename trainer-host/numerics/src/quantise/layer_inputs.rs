//! What each layer of a network reads above the integers of those below it, for roundings by output error.

use ndarray::{Array2, ArrayView2, s};

use super::calibrate::evenly_spaced;
use super::convolution::ConvIntegers;
use super::moments::{self, Moments};
use super::recurrent::RecurrentIntegers;
use crate::network::{Cell, Convolution, Network};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::trace::LayerTrace;
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

    /// Of `[x_t; h_{t−1}]` of recurrent layer `l`.
    pub(super) fn of_recurrent(&self, l: usize) -> Option<Moments> {
        self.of_layer(l, |x, layer| {
            moments::with_state_before(x, layer.hidden.view())
        })
    }

    /// Of `[x_t; r_t ⊙ h_{t−1}]`, where candidates see that; r is the layer's first gate.
    pub(super) fn of_reset(&self, l: usize) -> Option<Moments> {
        self.of_kind(|cell| cell == Cell::GruBefore)?;
        self.of_layer(l, |x, layer| {
            let r = layer.gates.slice(s![.., ..layer.cell.ncols()]);
            moments::with_reset_state_before(x, r, layer.cell.view())
        })
    }

    /// Of what the units show, m, where there is a projection.
    pub(super) fn of_shown(&self, l: usize) -> Option<Moments> {
        self.of_kind(|cell| cell.projection().is_some())?;
        self.of_layer(l, |_, layer| layer.shown.mapv(f64::from))
    }

    /// Nothing, if the layers are of another kind.
    fn of_kind(&self, fits: impl Fn(Cell) -> bool) -> Option<()> {
        let (network, _) = self.hybrid.as_ref()?;
        fits(network.config.cell).then_some(())
    }

    /// Of what `rows` makes of the inputs of layer `l` and of what it did.
    fn of_layer(
        &self,
        l: usize,
        rows: impl Fn(ArrayView2<'_, f32>, &LayerTrace) -> Array2<f64> + Sync,
    ) -> Option<Moments> {
        let (network, formats) = self.hybrid.as_ref()?;
        Some(Moments::of(&self.sequences, |sequence| {
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
            rows(x.view(), &trace[l])
        }))
    }

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
