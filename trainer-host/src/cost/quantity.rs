//! Sizes, times and frequencies as people write them: `64K`, `5 ms`, `64MHz`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A size of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Bytes(pub u64);

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Seconds(pub f64);

/// A frequency.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub struct Hertz(pub f64);

/// A quantity in a configuration: a number, or text with a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

/// Splits `text` into a positive number and the unit after it, in lower case.
fn number_and_unit(text: &str) -> Option<(f64, String)> {
    let text = text.trim().to_lowercase();
    // `e` may belong to the number, as in 168e6.
    let end = (0..=text.len())
        .rev()
        .filter(|&end| text.is_char_boundary(end))
        .find(|&end| text[..end].trim_end().parse::<f64>().is_ok())?;
    let number: f64 = text[..end].trim_end().parse().ok()?;
    let unit = text[end..].trim().to_owned();
    (number > 0.0 && number.is_finite()).then_some((number, unit))
}

/// The number of `text` in base units; `units` has names and sizes.
fn in_units(
    text: &str,
    units: &[(&[&str], f64)],
    what: &str,
    example: &str,
) -> Result<f64, String> {
    number_and_unit(text)
        .and_then(|(number, unit)| {
            let (_, size) = units
                .iter()
                .find(|(names, _)| names.contains(&unit.as_str()))?;
            Some(number * size)
        })
        .ok_or_else(|| format!("`{text}` is no {what}; write it like {example}"))
}

impl FromStr for Bytes {
    type Err = String;

    /// K and M are 1024 and 1024², as in data sheets of chips.
    fn from_str(text: &str) -> Result<Self, String> {
        let units: [(&[&str], f64); 3] = [
            (&["", "b"], 1.0),
            (&["k", "kb", "kib"], 1024.0),
            (&["m", "mb", "mib"], 1024.0 * 1024.0),
        ];
        in_units(text, &units, "size of memory", "64K or 65536").map(|bytes| Self(bytes as u64))
    }
}

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units: [(&[&str], f64); 3] = [
            (&["", "s"], 1.0),
            (&["ms"], 1e-3),
            (&["us", "µs", "μs"], 1e-6),
        ];
        let seconds = in_units(text, &units, "time", "5ms or 200us")?;
        // Whole nanoseconds, so that a time is read as it is written.
        Ok(Self((seconds * 1e9).round().max(1.0) / 1e9))
    }
}

impl FromStr for Hertz {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units: [(&[&str], f64); 4] = [
            (&["", "hz"], 1.0),
            (&["k", "khz"], 1e3),
            (&["m", "mhz"], 1e6),
            (&["g", "ghz"], 1e9),
        ];
        in_units(text, &units, "frequency", "64MHz or 32kHz").map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => write!(f, "{}M", bytes >> 20),
            bytes if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => write!(f, "{}K", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

impl fmt::Display for Seconds {
    /// To the nanosecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = (self.0 * 1e9).round();
        match self.0 {
            s if s >= 1.0 => write!(f, "{}s", nanoseconds / 1e9),
            s if s >= 1e-3 => write!(f, "{}ms", nanoseconds / 1e6),
            _ => write!(f, "{}us", nanoseconds / 1e3),
        }
    }
}

impl fmt::Display for Hertz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            hz if hz >= 1e6 => write!(f, "{}MHz", hz / 1e6),
            hz if hz >= 1e3 => write!(f, "{}kHz", hz / 1e3),
            hz => write!(f, "{hz}Hz"),
        }
    }
}

macro_rules! written {
    ($($quantity:ty),*) => {$(
        impl TryFrom<Written> for $quantity {
            type Error = String;

            fn try_from(written: Written) -> Result<Self, String> {
                match written {
                    Written::Number(number) => number.to_string().parse(),
                    Written::Text(text) => text.parse(),
                }
            }
        }

        impl From<$quantity> for String {
            fn from(quantity: $quantity) -> Self {
                quantity.to_string()
            }
        }
    )*};
}

written!(Bytes, Seconds, Hertz);

#[cfg(test)]
mod tests {
    use super::{Bytes, Hertz, Seconds};

    #[test]
    fn quantities_have_units() {
        for (text, hertz) in [
            ("64MHz", 64e6),
            ("32 kHz", 32e3),
            ("1GHz", 1e9),
            ("168e6", 168e6),
            ("0.5mhz", 5e5),
        ] {
            assert_eq!(text.parse(), Ok(Hertz(hertz)), "{text}");
        }
        for (text, bytes) in [
            ("64K", 65536),
            ("1 MiB", 1 << 20),
            ("300", 300),
            ("1.5kb", 1536),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for (text, seconds) in [
            ("5ms", 5e-3),
            ("200 us", 2e-4),
            ("1.5", 1.5),
            ("1e-3s", 1e-3),
        ] {
            let found: Seconds = text.parse().unwrap();
            assert!((found.0 - seconds).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_an_example() {
        for text in ["", "MHz", "-1MHz", "0", "fast", "inf", "5 s", "µ"] {
            let error = text.parse::<Hertz>().unwrap_err();
            assert!(error.contains("64MHz"), "{error}");
        }
        assert!("64MHz".parse::<Bytes>().unwrap_err().contains("64K"));
        assert!("64K".parse::<Seconds>().unwrap_err().contains("5ms"));
    }

    #[test]
    fn quantities_are_written_in_the_largest_unit_that_holds_them_whole() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1536"),
            (1 << 20, "1M"),
            (3 << 20, "3M"),
            ((1 << 20) + 1024, "1025K"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for (seconds, text) in [
            (1.0, "1s"),
            (0.25, "250ms"),
            (1e-3, "1ms"),
            (2e-4, "200us"),
            (1.5e-9, "0.002us"),
        ] {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
        for (hertz, text) in [
            (1e6, "1MHz"),
            (64e6, "64MHz"),
            (1e3, "1kHz"),
            (999.0, "999Hz"),
        ] {
            assert_eq!(Hertz(hertz).to_string(), text);
        }
    }

    #[test]
    fn numbers_of_a_configuration_are_in_base_units() {
        #[derive(serde::Deserialize)]
        struct Configuration {
            ram: Bytes,
            time: Seconds,
            clock: Hertz,
        }
        let found: Configuration = toml::from_str("ram = 800\ntime = 0.5\nclock = 32e3").unwrap();
        assert_eq!((found.ram, found.time), (Bytes(800), Seconds(0.5)));
        assert_eq!(found.clock, Hertz(32e3));
    }

    #[test]
    fn a_time_is_read_to_the_nanosecond_and_is_never_zero() {
        assert_eq!("0.0001us".parse(), Ok(Seconds(1e-9)));
        assert_eq!("1.2344us".parse(), Ok(Seconds(1234e-9)));
    }

    #[test]
    fn quantities_are_read_as_they_are_written() {
        for bytes in [1, 1000, 1024, 65536, 1 << 20, 1536] {
            assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
        for hertz in [1.0, 32768.0, 64e6, 168e6] {
            assert_eq!(Hertz(hertz).to_string().parse(), Ok(Hertz(hertz)));
        }
        for text in ["2s", "5ms", "250us"] {
            let seconds: Seconds = text.parse().unwrap();
            assert_eq!(seconds.to_string(), text);
        }
    }
}
