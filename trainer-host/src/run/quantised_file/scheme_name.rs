//! A scheme in JSON: its name.

use lstm_nostd::kernels::Scheme;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<S: Serializer>(scheme: &Scheme, to: S) -> Result<S::Ok, S::Error> {
    scheme.name().serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scheme, D::Error> {
    let name = String::deserialize(from)?;
    Scheme::from_name(&name).ok_or_else(|| {
        let known = Scheme::ALL.map(Scheme::name).join(", ");
        serde::de::Error::custom(format!("scheme {name:?}, and known ones are {known}"))
    })
}
