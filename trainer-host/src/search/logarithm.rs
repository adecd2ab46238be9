//! The natural logarithm of errors that may be zero.

/// The logarithm of values of which some may be zero: those take half of the least other one.
#[derive(Clone, Copy)]
pub(super) struct Logarithm {
    least: f64,
}

impl Logarithm {
    /// Of these values.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let least = values.filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
        let least = if least.is_finite() { 0.5 * least } else { 1e-6 };
        Self { least }
    }

    /// Of one of them.
    pub(super) fn at(self, value: f64) -> f64 {
        libm::log(value.max(self.least))
    }
}
