//! Which way a recurrent layer runs over time.

/// Which way a recurrent layer runs over time.
///
/// A layer that runs both ways is two layers in a model: one that runs forwards, and one of [`Direction::Beside`] after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first step to the last.
    #[default]
    Forward,
    /// From the last step to the first.
    Reverse,
    /// From the last step to the first, on the inputs of the layer before it. Their outputs of each step stand side by side
    /// for the layer above.
    Beside,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Reverse, Self::Beside];

    /// Whether layers of these directions take a whole window at once, because one runs backwards.
    #[cfg(any(feature = "window", feature = "write"))]
    pub(crate) fn need_window(directions: &[Self]) -> bool {
        directions.iter().any(|one| *one != Self::Forward)
    }

    /// The number of the direction in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::Forward => 0,
            Self::Reverse => 1,
            Self::Beside => 2,
        }
    }

    /// The direction with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }

    /// Its name in files and messages: `reverse`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Reverse => "reverse",
            Self::Beside => "beside",
        }
    }

    /// The direction of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_those_of_the_format_and_lead_back() {
        let all = [
            (Direction::Forward, 0, "forward"),
            (Direction::Reverse, 1, "reverse"),
            (Direction::Beside, 2, "beside"),
        ];
        for (one, code, name) in all {
            assert_eq!((one.code(), one.name()), (code, name));
            assert_eq!(Direction::from_code(code), Some(one));
            assert_eq!(Direction::from_name(name), Some(one));
        }
        assert_eq!(Direction::from_code(3), None);
        assert_eq!(Direction::from_name(""), None);
    }

    #[test]
    fn only_layers_that_run_backwards_need_the_whole_window() {
        use Direction::{Beside, Forward, Reverse};
        assert!(!Direction::need_window(&[]) && !Direction::need_window(&[Forward; 2]));
        assert!(Direction::need_window(&[Forward, Reverse, Forward]));
        assert!(Direction::need_window(&[Forward, Beside]));
    }
}
