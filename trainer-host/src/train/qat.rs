//! Quantisation-aware training (Jacob et al. 2018). Loss and gradient come from the network that the integers stand
//! for; the updates change the f32 weights that the integers were rounded from.
//!
//! ```text
//! ŵ = s q(w)                 the fake-quantised weights of [`crate::quantise`], anew for each update  (S1)
//! dL/dw = dL/dŵ              straight through the rounding                                           (S2)
//! dL/dw = 0                  where w lies beyond its row's range and the update would take it
//!                            further out                                                             (S3)
//! ```
//!
//! Training and `quantise` choose formats in the same way: calibration over the same sequences, row scales with the
//! least squared error, the nearest integers. So `export` writes the integers that the last validation judged.

use lstm_nostd::artifact::Recurrent;
use lstm_nostd::kernels::Scheme;
use ndarray::Array2;

use super::error::TrainError;
use crate::data::{Dataset, views};
use crate::network::{Network, RecurrentLayer};
use crate::quantise::calibrate::Calibration;
use crate::quantise::magnitudes::Clipping;
use crate::quantise::{
    FakeQuantised, Plan, QuantisedNetwork, RecurrentIntegers, Rounding, quantise,
};

/// How ranges are chosen during training, and by `quantise` after it.
pub const QAT_CLIPPING: Clipping = Clipping::MeanSquaredError;
/// How weights are rounded during training, and by `quantise` after it.
pub const QAT_ROUNDING: Rounding = Rounding::Nearest;

/// Makes fake-quantised copies of a network in training.
#[derive(Debug)]
pub(super) struct FakeQuantiser {
    schemes: Vec<Scheme>,
    calibration: Calibration,
}

/// A network's integers and what they stand for.
pub(super) struct Fake {
    integers: QuantisedNetwork,
    pub(super) fake: FakeQuantised,
}

impl FakeQuantiser {
    /// Calibrates `network`, as it is now, on the normalised training part. `schemes` has one scheme for each layer.
    pub(super) fn new(schemes: &[Scheme], network: &Network, train: &Dataset) -> Self {
        Self {
            schemes: schemes.to_vec(),
            calibration: Calibration::observe(network, &views(&train.sequences)),
        }
    }

    /// (S1)
    ///
    /// # Errors
    /// When a weight or a cell leaves the integer formats.
    pub(super) fn fake(&self, network: &Network) -> Result<Fake, TrainError> {
        // The input stage's multipliers have room for all but channels of extreme offsets.
        let smallest_input_range = vec![0.0; network.config.inputs];
        let plan = Plan {
            output_mean: &vec![0.0; network.config.outputs],
            schemes: &self.schemes,
            smallest_input_range: &smallest_input_range,
            clipping: QAT_CLIPPING,
            rounding: QAT_ROUNDING,
            equal_shifts: false,
        };
        let integers = quantise(network, &self.calibration, &plan, &[])?;
        let fake = integers.fake(&network.config);
        Ok(Fake { integers, fake })
    }
}

impl Fake {
    /// Applies (S3) to a gradient in the shape of `network`.
    pub(super) fn clip(&self, network: &Network, gradient: &mut Network) {
        let conv = (&network.conv, &self.fake.network.conv, &mut gradient.conv);
        if let (Some(integers), (Some(w), Some(fake), Some(d))) = (&self.integers.conv, conv) {
            let filters = &integers.content.filters;
            let most = filters.scheme.weight_max();
            clip(
                &filters.weight,
                most,
                (&w.weight, &fake.weight),
                &mut d.weight,
            );
        }
        for (l, integers) in self.integers.recurrent.iter().enumerate() {
            let most = integers.scheme().weight_max();
            let (w, fake) = (&network.recurrent[l], &self.fake.network.recurrent[l]);
            let weights = [
                (w.input_weights(), fake.input_weights()),
                (w.recurrent_weights(), fake.recurrent_weights()),
            ];
            let gradients = gradient.recurrent[l].weights_mut();
            for ((q, weights), d) in integers.weights().into_iter().zip(weights).zip(gradients) {
                clip(q, most, weights, d);
            }
            clip_projection(integers, (w, fake), &mut gradient.recurrent[l]);
        }
        for (l, integers) in self.integers.dense.iter().enumerate() {
            let most = integers.scheme.weight_max();
            let weights = (&network.dense[l].weight, &self.fake.network.dense[l].weight);
            clip(
                &integers.weight,
                most,
                weights,
                &mut gradient.dense[l].weight,
            );
        }
    }
}

/// (S3) of the rows of a projection, if the layer has one.
fn clip_projection(
    integers: &RecurrentIntegers,
    (weights, fake): (&RecurrentLayer, &RecurrentLayer),
    gradient: &mut RecurrentLayer,
) {
    let most = integers.scheme().weight_max();
    if let (
        Recurrent::Projected(q),
        RecurrentLayer::Projected(w),
        RecurrentLayer::Projected(fake),
        RecurrentLayer::Projected(d),
    ) = (&integers.content, weights, fake, gradient)
    {
        let rows = &q.projection.weight;
        clip(rows, most, (&w.w_r, &fake.w_r), &mut d.w_r);
    }
}

fn clip(
    integers: &[Vec<i8>],
    most: i8,
    (weights, fake): (&Array2<f32>, &Array2<f32>),
    gradient: &mut Array2<f32>,
) {
    let rows = (integers.iter().zip(weights.rows())).zip(fake.rows());
    for (((q, w), fake), mut d) in rows.zip(gradient.rows_mut()) {
        let row = q.iter().zip(w).zip(fake).zip(&mut d);
        for (((q, w), fake), d) in row {
            let beyond = q.abs() == most && w.abs() > fake.abs();
            // Descent goes against the gradient.
            if beyond && *d * *w < 0.0 {
                *d = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn only_what_would_leave_the_range_further_is_stopped() {
        let weights = array![[3.0f32, 3.0, -3.0, -3.0, 0.5, 1.9]];
        let fake = array![[2.0f32, 2.0, -2.0, -2.0, 0.6, 2.0]];
        let mut gradient = array![[-1.0f32, 1.0, 1.0, -1.0, -1.0, -1.0]];
        clip(
            &[vec![7, 7, -7, -7, 2, 7]],
            7,
            (&weights, &fake),
            &mut gradient,
        );
        assert_eq!(gradient, array![[0.0, 1.0, 0.0, -1.0, -1.0, -1.0]]);
    }
}
