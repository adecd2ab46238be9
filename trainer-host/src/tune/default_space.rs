//! The default search space.

use crate::search::{Domain, Parameter, Scale, Space, Value};

/// Smallest number of units of a layer.
pub const FEWEST: i64 = 8;
/// Smallest number of units for a chip that is too small for these.
pub const FEWEST_ON_A_SMALL_CHIP: i64 = 2;

/// The learning rate, which matters most according to published studies, then the size (Greff and others 2017,
/// section 5), then regularisation and the quantisation scheme.
///
/// Layers have at least `fewest` units: [`FEWEST`], or [`FEWEST_ON_A_SMALL_CHIP`] if hardly any of these networks fit.
pub fn default_space(fewest: i64) -> Space {
    let real = |low, high, scale| Domain::Real { low, high, scale };
    let integer = |low, high, scale| Domain::Integer {
        low,
        high,
        scale,
        step: 1,
    };
    let schemes = ["w8a16", "w8a8", "w4a16"];
    let parameters = [
        ("train.learning_rate", real(1e-4, 1e-1, Scale::Log)),
        ("layers", integer(1, 2, Scale::Linear)),
        ("hidden", integer(fewest, 128, Scale::Log)),
        (
            "train.layer",
            Domain::Choices(
                ["lstm", "gru"]
                    .map(|name| Value::Text(name.into()))
                    .to_vec(),
            ),
        ),
        (
            "train.peepholes",
            Domain::Choices(vec![Value::Flag(false), Value::Flag(true)]),
        ),
        ("train.dropout", real(0.0, 0.5, Scale::Linear)),
        ("train.input_noise", real(0.0, 0.8, Scale::Linear)),
        ("train.batch_size", integer(8, 128, Scale::Log)),
        (
            "scheme",
            Domain::Choices(schemes.map(|name| Value::Text(name.into())).to_vec()),
        ),
    ];
    let named = |(name, domain): (&str, Domain)| (name.to_owned(), Parameter::free(domain));
    Space {
        parameters: parameters.into_iter().map(named).collect(),
    }
}
