//! What a network's numbers are computed in.

use serde::Serialize;

/// What numbers are computed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arithmetic {
    /// f32, as the network was trained.
    Float,
    /// The integers of the chip, on this machine.
    Integers,
    /// The integers on a device.
    Device,
}
