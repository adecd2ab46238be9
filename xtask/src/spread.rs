//! Mean and deviation of a few figures.

use serde_json::{Value, json};

/// How figures of several seeds or folds lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of a sample: 0 of a single figure.
    pub deviation: f64,
    count: f64,
}

impl Spread {
    /// That of `values`, of which there is at least one.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            count,
        }
    }

    /// As an object of JSON.
    pub fn to_json(self) -> Value {
        json!({ "mean": self.mean, "deviation": self.deviation })
    }

    /// The standard error of the difference between this mean and another.
    pub fn error_of_difference(self, other: Self) -> f64 {
        let square = |one: Self| one.deviation.powi(2) / one.count;
        (square(self) + square(other)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_a_mean_a_deviation_and_an_error() {
        let spread = Spread::of(&[1.0, 2.0, 3.0]);
        assert_eq!((spread.mean, spread.deviation), (2.0, 1.0));
        assert_eq!(Spread::of(&[5.0]).deviation, 0.0);
        let error = spread.error_of_difference(Spread::of(&[1.0, 2.0, 3.0]));
        assert!((error - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
