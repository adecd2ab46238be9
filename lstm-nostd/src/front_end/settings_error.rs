//! Why settings of a front end are refused.

use alloc::string::String;
use core::fmt;

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingsError {
    /// A setting is out of its range.
    Range {
        /// Its name.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What is allowed.
        needed: &'static str,
    },
    /// A band is so narrow that no bin lies in it.
    EmptyBand {
        /// The band, from 0.
        band: usize,
        /// Where it begins and ends, in Hz.
        from_to: (f64, f64),
        /// The distance of two bins, in Hz.
        bin: f64,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = match self {
            Self::Range {
                setting,
                found,
                needed,
            } => alloc::format!("front end: {setting} is {found}; it may be {needed}"),
            Self::EmptyBand {
                band,
                from_to: (from, to),
                bin,
            } => alloc::format!(
                "front end: band {band}, {from:.0} to {to:.0} Hz, has no bin of the transform, which lie {bin:.1} Hz apart; \
                 take a longer frame or fewer bands"
            ),
        };
        f.write_str(&text)
    }
}

impl core::error::Error for SettingsError {}

/// Whether a setting is in its range; its name and value, and the range in words.
pub(super) type Check = (bool, &'static str, f64, &'static str);

/// Refuses the first setting that is out of its range.
pub(super) fn first_refused(mut checks: impl Iterator<Item = Check>) -> Result<(), SettingsError> {
    match checks.find(|(holds, ..)| !holds) {
        None => Ok(()),
        Some((_, setting, found, needed)) => Err(SettingsError::Range {
            setting,
            found,
            needed,
        }),
    }
}
