//! What a step costs, in words.

use std::fmt::Display;

use crate::cost::{FlashWaits, Footprint};

/// The estimated time of a step, from the fewest to the most waits for flash; `None` without a clock.
pub(super) fn time_text(footprint: &Footprint) -> Option<String> {
    let most = footprint.estimated_seconds?;
    let Some(FlashWaits { at_least, at_most }) = footprint.flash_waits else {
        return Some(duration(most));
    };
    let cycles = |waits: u64| (footprint.estimated_cycles + waits).max(1) as f64;
    let least = most * cycles(at_least) / cycles(at_most);
    Some(range(duration(least), duration(most)))
}

/// One line for a model on its core.
pub(super) fn footprint_line(footprint: &Footprint) -> String {
    let waits = match footprint.flash_waits {
        None => String::new(),
        Some(FlashWaits { at_least, at_most }) => {
            format!(" and {} of waits for flash", range(at_least, at_most))
        }
    };
    let time = time_text(footprint).map_or_else(String::new, |time| format!(", {time}"));
    format!(
        "{}: {} instructions a step, about {} cycles{waits}{time}; {} B flash, {} B RAM\n",
        footprint.core.name(),
        footprint.instructions,
        footprint.estimated_cycles,
        footprint.flash_bytes,
        footprint.ram_bytes
    )
}

/// Both ends, or one of them if they are equal in text.
pub(super) fn range(least: impl Display, most: impl Display) -> String {
    let (least, most) = (least.to_string(), most.to_string());
    if least == most {
        return most;
    }
    format!("{least} to {most}")
}

fn duration(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{:.0} µs", seconds * 1e6)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Core;

    #[test]
    fn a_time_is_a_range_where_waits_are_known() {
        let mut footprint = Footprint {
            core: Core::M4,
            instructions: 26_000,
            estimated_cycles: 38_000,
            flash_waits: None,
            estimated_seconds: None,
            file_bytes: 0,
            flash_bytes: 1,
            ram_bytes: 2,
            second: None,
            window_steps: None,
        };
        assert_eq!(time_text(&footprint), None);
        footprint.estimated_seconds = Some(38_000.0 / 160e6);
        assert_eq!(time_text(&footprint).unwrap(), "238 µs");
        footprint.flash_waits = Some(FlashWaits {
            at_least: 10_000,
            at_most: 42_000,
        });
        // 48,000 to 80,000 cycles.
        footprint.estimated_seconds = Some(80_000.0 / 160e6);
        assert_eq!(time_text(&footprint).unwrap(), "300 µs to 500 µs");
        assert!(footprint_line(&footprint).contains("10000 to 42000 of waits"));
    }
}
