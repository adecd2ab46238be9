//! A clock's frequency on the command line: `64MHz`, `32 kHz`, `168e6`.

use std::str::FromStr;

/// A frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    pub(super) hertz: f64,
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        let number = lower.strip_suffix("hz").unwrap_or(&lower);
        let prefixes = [('k', 1e3), ('m', 1e6), ('g', 1e9)];
        let prefix = prefixes
            .iter()
            .find(|(letter, _)| number.ends_with(*letter));
        let (number, unit) = match prefix {
            Some((letter, unit)) => (number.trim_end_matches(*letter), *unit),
            None => (number, 1.0),
        };
        match number.trim().parse::<f64>() {
            Ok(value) if value > 0.0 && value.is_finite() => Ok(Self {
                hertz: value * unit,
            }),
            _ => Err(format!(
                "`{text}` is no frequency; write it like 64MHz or 32kHz"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn frequencies_have_units() {
        for (text, hertz) in [
            ("64MHz", 64e6),
            ("32 kHz", 32e3),
            ("1GHz", 1e9),
            ("168e6", 168e6),
            ("0.5mhz", 5e5),
        ] {
            assert_eq!(text.parse(), Ok(Clock { hertz }), "{text}");
        }
        for text in ["", "MHz", "-1MHz", "0", "fast", "inf"] {
            let error = text.parse::<Clock>().unwrap_err();
            assert!(error.contains("64MHz"), "{error}");
        }
    }
}
