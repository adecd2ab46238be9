//! A convolution over time with a stride, below the recurrent layers.
//!
//! ```text
//! y_n = σ(Σ_k W_k x_{t−K+1+k} + b)    t = first + n S, with x before the start = 0             (CV2)
//! ```
//!
//! σ is ReLU or nothing. Its state is a block that says where it stands, and a window of the last K steps, the oldest
//! first. A step writes its inputs to its place in the window. When the window is full, there is an output, and the steps
//! that the next window shares move to the front. So the rows of weights always meet one run of memory, and moving costs
//! `(K − S) C` copies in S steps.
//!
//! The first lane of the block counts the steps since the start; an output takes S of them off. The second one is not zero
//! once there was a step. A state of zeros is the one before the first step.

use super::input::{ChannelWords, normalise_lanes};
use crate::kernels::dense::{self, linear};
use crate::kernels::{Activation, Block, ConvParameters, Kernels, Width, lanes_mut};

/// Where a convolution stands after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has new outputs.
    Moved,
    /// It has none yet, or waits for its next stride.
    Waits {
        /// Whether this was the first step of all.
        is_first: bool,
    },
}

/// Takes a step's raw inputs into the state. [`outputs`] must follow when it has moved.
#[inline(always)]
pub(crate) fn take(
    layer: &ConvParameters<'_>,
    channels: &[ChannelWords],
    raw: &[i32],
    state: &mut [Block],
) -> Progress {
    let Some((Block([since, has_begun, _, _]), window)) = state.split_first_mut() else {
        return Progress::Waits { is_first: false };
    };
    let last = (layer.kernel as i32).wrapping_sub(1);
    let start = last.wrapping_sub(layer.first as i32);
    // Any bytes are a state: no place is past the window's last.
    let place = start.wrapping_add((*since).into()).min(last);
    if let Ok(place) = usize::try_from(place) {
        let at = place.wrapping_mul(layer.channels);
        match layer.width().in_build() {
            Width::Int16 => write::<i16>(channels, raw, window, at),
            Width::Int8 => write::<i8>(channels, raw, window, at),
        }
    }
    let is_first = *has_begun == 0;
    *has_begun = 1;
    let next = match place == last {
        true => place.wrapping_sub(layer.stride as i32),
        false => place,
    };
    *since = next.wrapping_add(1).wrapping_sub(start) as i16;
    match place == last {
        true => Progress::Moved,
        false => Progress::Waits { is_first },
    }
}

/// (CV2) of the full window in `state` into `y`, in blocks of the layer's width; then makes room for the next steps.
/// `free` is scratch, [`value_blocks`] long.
#[inline(always)]
pub(crate) fn outputs<K: Kernels>(
    layer: &ConvParameters<'_>,
    state: &mut [Block],
    y: &mut [Block],
    free: &mut [Block],
) {
    let Some((_, window)) = state.split_first_mut() else {
        return;
    };
    if layer.is_rectified {
        super::dense::relu::<K>(&layer.filters, window, y);
    } else {
        linear::<K>(&layer.filters, window, y, free);
    }
    let kept = layer.stride.wrapping_mul(layer.channels)..layer.filters.inputs;
    match layer.width().in_build() {
        Width::Int16 => shift(lanes_mut::<i16>(window), kept),
        Width::Int8 => shift(lanes_mut::<i8>(window), kept),
    }
}

/// Blocks of scratch that [`outputs`] needs: the values of filters without ReLU before they are narrowed.
pub(crate) const fn value_blocks(is_rectified: bool, outputs: usize) -> usize {
    match is_rectified {
        true => 0,
        false => dense::value_blocks(outputs),
    }
}

#[inline(always)]
fn write<A: Activation>(channels: &[ChannelWords], raw: &[i32], window: &mut [Block], at: usize) {
    let lanes = lanes_mut::<A>(window).get_mut(at..).unwrap_or_default();
    normalise_lanes(channels, raw, lanes);
}

/// Moves the `kept` lanes to the front.
#[inline(always)]
fn shift<A: Activation>(window: &mut [A], kept: core::ops::Range<usize>) {
    let window = window.get_mut(..kept.end).unwrap_or_default();
    if kept.start < window.len() {
        window.copy_within(kept.start.., 0);
    }
}
