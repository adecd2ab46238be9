//! The default search spaces: of fresh networks, and of trials that begin with a network that is there.

use crate::search::{Domain, Parameter, Prior, Scale, Space, Value};

const LEARNING_RATE: &str = "train.learning_rate";

/// Smallest number of units of a layer.
pub const FEWEST: i64 = 8;
/// Smallest number of units for a chip that is too small for these.
pub const FEWEST_ON_A_SMALL_CHIP: i64 = 2;

/// The learning rate, which matters most according to published studies, then the size (Greff and others 2017,
/// section 5), then regularisation and the quantisation scheme.
///
/// Before any trial, the best learning rate is expected near the trainer's default, 0.01, and a lower error of larger
/// layers.
///
/// Layers have at least `fewest` units: [`FEWEST`], or [`FEWEST_ON_A_SMALL_CHIP`] if hardly any of these networks fit.
pub fn default_space(fewest: i64) -> Space {
    let kinds = ["lstm", "gru", "coupled"].map(|name| Value::Text(name.into()));
    let peepholes = [false, true].map(Value::Flag);
    let structure = [
        ("layers", integer(1, 2, Scale::Linear)),
        ("hidden", integer(fewest, 128, Scale::Log)),
        ("train.layer", Domain::Choices(kinds.to_vec())),
        ("train.peepholes", Domain::Choices(peepholes.to_vec())),
    ];
    let mut space = space(structure.into_iter().chain(training(1e-4, 1e-1)));
    expect(&mut space, "hidden", Prior::Larger);
    expect(&mut space, LEARNING_RATE, Prior::Near(Value::Real(0.01)));
    space
}

/// What further training of a network that is there can change. Its rates are a tenth of those of fresh weights: from
/// higher ones, a network forgets what it has learned.
pub fn fine_tuning_space() -> Space {
    let mut space = space(training(1e-5, 1e-2).into_iter());
    expect(&mut space, LEARNING_RATE, Prior::Near(Value::Real(0.001)));
    space
}

fn expect(space: &mut Space, name: &str, prior: Prior) {
    if let Some(parameter) = space.parameters.get_mut(name) {
        parameter.prior = Some(prior);
    }
}

/// Settings of training and the quantisation scheme, with learning rates from `low` to `high`.
fn training(low: f64, high: f64) -> [(&'static str, Domain); 5] {
    let schemes = ["w8a16", "w8a8", "w4a16"].map(|name| Value::Text(name.into()));
    [
        (LEARNING_RATE, real(low, high, Scale::Log)),
        ("train.dropout", real(0.0, 0.5, Scale::Linear)),
        ("train.input_noise", real(0.0, 0.8, Scale::Linear)),
        ("train.batch_size", integer(8, 128, Scale::Log)),
        ("scheme", Domain::Choices(schemes.to_vec())),
    ]
}

fn space(parameters: impl Iterator<Item = (&'static str, Domain)>) -> Space {
    let named = |(name, domain): (&str, Domain)| (name.to_owned(), Parameter::free(domain));
    Space {
        parameters: parameters.map(named).collect(),
    }
}

fn real(low: f64, high: f64, scale: Scale) -> Domain {
    Domain::Real { low, high, scale }
}

fn integer(low: i64, high: i64, scale: Scale) -> Domain {
    Domain::Integer {
        low,
        high,
        scale,
        step: 1,
    }
}
