//! JSON objects that other programs read: each says by which version of docs/json.md it is written.

use serde::Serialize;

/// The version; it grows when a key gets another name or meaning.
const SCHEMA: u32 = 1;

/// An object with its version.
#[derive(Debug, Serialize)]
pub struct Versioned<'a, T> {
    schema: u32,
    #[serde(flatten)]
    value: &'a T,
}

impl<'a, T: Serialize> Versioned<'a, T> {
    /// The object `value`.
    pub fn of(value: &'a T) -> Self {
        let schema = SCHEMA;
        Self { schema, value }
    }

    /// As text for people's eyes too.
    ///
    /// # Errors
    /// When JSON has no form for it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}
