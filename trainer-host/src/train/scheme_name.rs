//! A quantisation scheme by its name, in a configuration.

use lstm_nostd::kernels::Scheme;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(
    scheme: &Option<Scheme>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match scheme {
        Some(scheme) => serializer.serialize_some(scheme.name()),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Scheme>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let known = Scheme::ALL.map(Scheme::name).join(", ");
    let unknown = || serde::de::Error::custom(format!("no scheme {name:?}; there are {known}"));
    Scheme::from_name(&name).map(Some).ok_or_else(unknown)
}
