//! The cores that were measured, and their names.

use lstm_nostd::kernels::Order;
use serde::{Deserialize, Serialize};

/// A core that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&str")]
pub enum Core {
    /// Cortex-M0; M0+ executes the same instructions in a few cycles less.
    M0,
    /// Cortex-M3
    M3,
    /// Cortex-M4
    M4,
    /// Cortex-M7
    M7,
    /// Cortex-M33 with the DSP extension
    M33,
    /// Cortex-M55 with Helium
    M55,
}

impl Core {
    /// From the smallest to the largest.
    pub const ALL: [Self; 6] = [Self::M0, Self::M3, Self::M4, Self::M7, Self::M33, Self::M55];

    /// For example `M4`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::M0 => "M0",
            Self::M3 => "M3",
            Self::M4 => "M4",
            Self::M7 => "M7",
            Self::M33 => "M33",
            Self::M55 => "M55",
        }
    }

    /// The core of this name, in capitals or not, with or without `Cortex-`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let short = name.strip_prefix("cortex-").unwrap_or(&name);
        Self::ALL
            .into_iter()
            .find(|core| core.name().to_lowercase() == short)
    }

    /// The order of weights that its kernels read.
    pub fn order(self) -> Order {
        Order::for_core(self.name()).expect("the engine has kernels for every core here")
    }
}

impl std::str::FromStr for Core {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::from_name(name).ok_or_else(|| {
            let names = Self::ALL.map(|core| core.name().to_lowercase()).join(", ");
            format!("no core is called `{name}`; there are {names}")
        })
    }
}

impl TryFrom<String> for Core {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Core> for &str {
    fn from(core: Core) -> Self {
        core.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        for core in Core::ALL {
            assert_eq!(<&str>::from(core), core.name());
            assert_eq!(
                Core::from_name(&format!("cortex-{}", core.name())),
                Some(core)
            );
        }
        assert_eq!(Core::from_name("z80"), None);
    }
}
