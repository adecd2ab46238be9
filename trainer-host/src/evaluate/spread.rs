//! Mean and deviation of a figure over several runs.

/// Mean, and deviation of the sample: over `n − 1`, 0 for a single value.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::mean_and_deviation;

    #[test]
    fn the_deviation_is_that_of_the_sample() {
        // Squares of −1, −1, 2 add up to 6; halved and rooted.
        assert_eq!(mean_and_deviation(&[1.0, 1.0, 4.0]), (2.0, 3f64.sqrt()));
        assert_eq!(mean_and_deviation(&[5.0]), (5.0, 0.0));
    }
}
