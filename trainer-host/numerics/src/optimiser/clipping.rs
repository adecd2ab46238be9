//! Clipping of gradients.

use crate::network::Network;

/// Scales `gradient` so that its Euclidean norm over all parameters is at most `limit` (Pascanu, Mikolov and
/// Bengio 2013). Without a limit, leaves it unchanged. Returns the norm before scaling.
pub fn clip_global_norm(gradient: &mut Network, limit: Option<f32>) -> f64 {
    let squares = gradient
        .parameters()
        .into_iter()
        .flat_map(|parameter| parameter.values);
    let norm = squares.map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    if let Some(limit) = limit
        && norm > f64::from(limit)
    {
        let scale = (f64::from(limit) / norm) as f32;
        for values in gradient.values_mut() {
            values.iter_mut().for_each(|g| *g *= scale);
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Cell, Head, Mode, NetworkConfig};

    #[test]
    fn clipping_keeps_the_direction_and_limits_the_norm() {
        let config = NetworkConfig {
            inputs: 1,
            conv: None,
            directions: Vec::new(),
            hidden: vec![1],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: Mode::SequenceToOne,
        };
        let mut gradient = Network::zeros(&config).unwrap();
        gradient.dense[0].bias[0] = 3.0;
        gradient.recurrent[0].as_lstm_mut().unwrap().w_h[[0, 0]] = 4.0;
        for limit in [Some(10.0), None] {
            assert_eq!(clip_global_norm(&mut gradient, limit), 5.0);
            assert_eq!(gradient.dense[0].bias[0], 3.0);
        }
        assert_eq!(clip_global_norm(&mut gradient, Some(1.0)), 5.0);
        assert!((gradient.dense[0].bias[0] - 0.6).abs() < 1e-7);
        assert!((gradient.recurrent[0].recurrent_weights()[[0, 0]] - 0.8).abs() < 1e-7);
    }
}
