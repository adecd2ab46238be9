//! Mean and standard deviation of a figure over several runs.

use serde::Serialize;

/// Mean and standard deviation of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// Standard deviation of the sample, with denominator `n − 1`; 0 for a single value.
    pub deviation: f64,
}

impl Spread {
    /// The spread of `values`, which has at least one value.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
        Self { mean, deviation }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_deviation_is_that_of_the_sample() {
        let spread = |values: &[f64]| {
            let Spread { mean, deviation } = Spread::of(values);
            (mean, deviation)
        };
        // Squares of −1, −1, 2 add up to 6; halved and rooted.
        assert_eq!(spread(&[1.0, 1.0, 4.0]), (2.0, 3f64.sqrt()));
        assert_eq!(spread(&[5.0]), (5.0, 0.0));
    }
}
