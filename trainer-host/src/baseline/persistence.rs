//! Persistence: the forecast that what comes is what was last seen.
//!
//! ```text
//! q = rows[e]       in the names of a forecast's (F1)                                    (BP1)
//! ```
//!
//! Source: Hyndman and Athanasopoulos 2021, *Forecasting: Principles and Practice*, section 5.2 (naïve method).

use crate::data::Dataset;

/// (BP1): the last known value of output `o` for sequence `s`, in real units; `None` where nothing is forecast.
pub fn value(data: &Dataset, s: usize, o: usize) -> Option<f64> {
    let origin = data.origin.as_ref()?;
    Some(origin.last_value(data, s, o))
}
