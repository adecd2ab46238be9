//! The outputs of a convolution in integers, as the engine's kernels compute them, for whoever compares them with f32.

use lstm_nostd::kernels::scalar::Scalar;
use lstm_nostd::kernels::{
    Activation, Block, ConvParameters, DenseOutputs, Kernels, Width, lanes_mut,
};
use lstm_nostd::{I16F16, Model};

/// The outputs of `layer`, the convolution of `model`, over raw steps, `[T][I]`, from the beginning of a sequence: a row of
/// blocks for each output.
pub(super) fn filtered(
    layer: &ConvParameters<'_>,
    model: &Model<'_>,
    raw: &[Vec<i32>],
) -> Vec<Vec<Block>> {
    let ends = (layer.first..raw.len()).step_by(layer.stride);
    ends.map(|end| match layer.width() {
        Width::Int16 => output::<i16>(layer, model, &raw[..=end]),
        Width::Int8 => output::<i8>(layer, model, &raw[..=end]),
    })
    .collect()
}

/// The output after the last of some steps.
fn output<A: Activation>(
    layer: &ConvParameters<'_>,
    model: &Model<'_>,
    raw: &[Vec<i32>],
) -> Vec<Block> {
    let known = &raw[raw.len().saturating_sub(layer.kernel)..];
    let mut window = vec![Block::ZERO; layer.width().blocks(layer.filters.inputs)];
    let padding = (layer.kernel - known.len()) * layer.channels;
    let places = lanes_mut::<A>(&mut window)[padding..].chunks_exact_mut(layer.channels);
    for (place, raw) in places.zip(known) {
        for (j, (x, raw)) in place.iter_mut().zip(raw).enumerate() {
            *x = model.input_channel(j).unwrap_or_default().normalise(*raw);
        }
    }
    let mut values = vec![I16F16::ZERO; layer.outputs()];
    Scalar::dense(
        &layer.filters,
        &window,
        &mut DenseOutputs::Values(&mut values),
    );
    let mut y = vec![Block::ZERO; layer.output_blocks()];
    for (y, value) in lanes_mut::<A>(&mut y).iter_mut().zip(values) {
        let value = value.to_bits();
        *y = A::saturate(if layer.is_rectified {
            value.max(0)
        } else {
            value
        });
    }
    y
}
