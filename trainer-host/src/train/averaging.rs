//! Exponential moving average of the weights.
//!
//! ```text
//! w̄_n = w̄_{n−1} + (1 − δ_n) (w_n − w̄_{n−1}),   w̄_0 = w_0                                      (AV1)
//! δ_n = min(δ, (1 + n) / (10 + n))                                                           (AV2)
//! ```
//!
//! w_n are the weights after update n, from 1. Noise of single updates averages out in w̄. (AV2) forgets the initial
//! weights soon, however large δ is. A run with an average validates, keeps and exports w̄; the updates go on from w.
//!
//! Sources: Polyak and Juditsky 1992, *Acceleration of stochastic approximation by averaging*, SIAM J. Control and
//! Optimization 30(4); (AV2) is that of TensorFlow's `ExponentialMovingAverage`.

use crate::network::Network;

/// (AV1) after update `update`, from 1, with `decay` δ.
pub(super) fn follow(average: &mut Network, network: &Network, decay: f32, update: u64) {
    let n = update as f64;
    let share = (1.0 - f64::from(decay).min((1.0 + n) / (10.0 + n))) as f32;
    let new = network.parameters().into_iter();
    for (average, new) in average.values_mut().into_iter().zip(new) {
        for (average, new) in average.iter_mut().zip(new.values) {
            *average += share * (new - *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::initialisation::Initialisation;
    use crate::network::{Cell, Head, Mode, NetworkConfig};
    use proptest::prelude::*;

    fn network(seed: u64) -> Network {
        let config = NetworkConfig {
            inputs: 2,
            conv: None,
            directions: Vec::new(),
            hidden: vec![3],
            cell: Cell::Lstm { peepholes: true },
            dense: Vec::new(),
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        };
        Network::initialised(&config, Initialisation::default(), 1.0, seed).unwrap()
    }

    fn values(network: &Network) -> Vec<f32> {
        let all = network.parameters();
        all.iter().flat_map(|p| p.values.to_vec()).collect()
    }

    proptest! {
        /// The average lies between the weights that it has seen, and comes to weights that stay.
        #[test]
        fn an_average_stays_between_and_arrives(decay in 0.0f32..0.9, first in 0u64..9, last in 10u64..19) {
            let (from, to) = (network(first), network(last));
            let mut average = from.clone();
            for update in 1..=200 {
                follow(&mut average, &to, decay, update);
                for ((a, b), found) in values(&from).iter().zip(values(&to)).zip(values(&average)) {
                    let slack = 1e-6 * a.abs().max(b.abs());
                    prop_assert!(found >= a.min(b) - slack && found <= a.max(b) + slack);
                }
            }
            for (found, to) in values(&average).iter().zip(values(&to)) {
                prop_assert!((found - to).abs() <= 1e-5 * (1.0 + to.abs()), "{found} {to}");
            }
        }
    }

    /// δ_1 = 2/11 and δ_2 = 3/12 of values 1 and 3 from 0: 9/11, then 9/11 + 9/12 · (3 − 9/11).
    #[test]
    fn the_first_updates_count_most() {
        let config = network(0).config;
        let constant = |value: f32| {
            let mut network = Network::zeros(&config).unwrap();
            (network.values_mut().into_iter()).for_each(|values| values.fill(value));
            network
        };
        let mut average = constant(0.0);
        let mut after = |value, update| {
            follow(&mut average, &constant(value), 0.999, update);
            values(&average)[0]
        };
        assert!((after(1.0, 1) - 0.818_181_8).abs() < 1e-6);
        assert!((after(3.0, 2) - 2.454_545_5).abs() < 1e-6);
    }
}
