//! The columns of a table of trials that say what they cost.

use crate::cost::Footprint;

/// Instructions of a step, and of a second of signal where some trial knows its rate; flash and RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostColumns {
    has_seconds: bool,
}

impl CostColumns {
    /// Of a table with these trials.
    pub fn of<'a>(mut footprints: impl Iterator<Item = &'a Footprint>) -> Self {
        Self {
            has_seconds: footprints.any(|footprint| footprint.second.is_some()),
        }
    }

    /// Names of the columns.
    pub fn header(self) -> Vec<&'static str> {
        match self.has_seconds {
            false => vec!["instructions", "flash", "RAM"],
            true => vec!["instructions", "front end/s", "network/s", "flash", "RAM"],
        }
    }

    /// A cell of each column.
    pub fn cells(self, footprint: &Footprint) -> Vec<String> {
        let mut cells = vec![footprint.instructions.to_string()];
        if self.has_seconds {
            let second = footprint.second;
            let parts = second.map(|second| [second.front_end, second.network]);
            let text = |part: usize| parts.map_or("-".into(), |parts| parts[part].to_string());
            cells.extend([0, 1].map(text));
        }
        cells.extend([footprint.flash_bytes, footprint.ram_bytes].map(|bytes| bytes.to_string()));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Core;
    use crate::cost::front_end::SecondOfSignal;

    #[test]
    fn seconds_stand_where_a_trial_knows_its_rate() {
        let plain = Footprint {
            core: Core::M4,
            instructions: 10,
            estimated_cycles: 12,
            flash_waits: None,
            estimated_seconds: None,
            file_bytes: 0,
            flash_bytes: 300,
            ram_bytes: 40,
            second: None,
            window_steps: None,
        };
        let heard = Footprint {
            second: Some(SecondOfSignal {
                core: Core::M4,
                frame: 5,
                front_end: 50,
                network: 100,
            }),
            ..plain
        };
        let costs = CostColumns::of([plain, heard].iter());
        assert_eq!(costs.header()[1..3], ["front end/s", "network/s"]);
        assert_eq!(costs.cells(&heard), ["10", "50", "100", "300", "40"]);
        assert_eq!(costs.cells(&plain), ["10", "-", "-", "300", "40"]);
        assert_eq!(
            CostColumns::of([plain].iter()).cells(&heard),
            ["10", "300", "40"]
        );
    }
}
