//! The boards that a project can be written for.
//!
//! A board is a row of [`BOARDS`] and a memory map, `assets/firmware/memory/NAME.x`.

use crate::cost::Core;

/// A board, and how a program for it is built and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its core.
    pub core: Core,
    /// Rust's target triple.
    pub target: &'static str,
    /// `-C target-cpu`, if the target alone does not use all instructions of the core.
    pub target_cpu: Option<&'static str>,
    /// QEMU's machine, if it has one.
    pub machine: Option<&'static str>,
    /// The chip's name for `probe-rs`; `None` for boards that exist only emulated or as FPGA images.
    pub probe_chip: Option<&'static str>,
    /// The memory map, a linker script.
    pub memory: &'static str,
}

/// The memory map of a board.
macro_rules! memory {
    ($name:literal) => {
        include_str!(concat!("../../assets/firmware/memory/", $name, ".x"))
    };
}

/// Every board, from the smallest core to the largest.
pub const BOARDS: &[Board] = &[
    Board {
        name: "microbit",
        title: "BBC micro:bit 1 (nRF51822)",
        core: Core::M0,
        target: "thumbv6m-none-eabi",
        target_cpu: None,
        machine: Some("microbit"),
        probe_chip: Some("nRF51822_xxAA"),
        memory: memory!("microbit"),
    },
    Board {
        name: "mps2-an385",
        title: "Arm MPS2 with image AN385",
        core: Core::M3,
        target: "thumbv7m-none-eabi",
        target_cpu: None,
        machine: Some("mps2-an385"),
        probe_chip: None,
        memory: memory!("mps2-an385"),
    },
    Board {
        name: "mps2-an386",
        title: "Arm MPS2 with image AN386",
        core: Core::M4,
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("mps2-an386"),
        probe_chip: None,
        memory: memory!("mps2-an386"),
    },
    Board {
        name: "stm32f405",
        title: "STM32F405",
        core: Core::M4,
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("netduinoplus2"),
        probe_chip: Some("STM32F405RGTx"),
        memory: memory!("stm32f405"),
    },
    Board {
        name: "microbit-v2",
        title: "BBC micro:bit 2 (nRF52833)",
        core: Core::M4,
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: None,
        probe_chip: Some("nRF52833_xxAA"),
        memory: memory!("microbit-v2"),
    },
    Board {
        name: "nrf52840-dk",
        title: "Nordic nRF52840-DK",
        core: Core::M4,
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: None,
        probe_chip: Some("nRF52840_xxAA"),
        memory: memory!("nrf52840-dk"),
    },
    Board {
        name: "mps2-an500",
        title: "Arm MPS2 with image AN500",
        core: Core::M7,
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("mps2-an500"),
        probe_chip: None,
        memory: memory!("mps2-an500"),
    },
    Board {
        name: "mps2-an505",
        title: "Arm MPS2 with image AN505",
        core: Core::M33,
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        machine: Some("mps2-an505"),
        probe_chip: None,
        memory: memory!("mps2-an505"),
    },
    Board {
        name: "pico2",
        title: "Raspberry Pi Pico 2 (RP2350)",
        core: Core::M33,
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        machine: None,
        probe_chip: Some("RP235x"),
        memory: memory!("pico2"),
    },
    Board {
        name: "mps3-an547",
        title: "Arm MPS3 with image AN547",
        core: Core::M55,
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m55"),
        machine: Some("mps3-an547"),
        probe_chip: None,
        memory: memory!("mps3-an547"),
    },
];

impl Board {
    /// The board of this name, or of this machine of QEMU.
    ///
    /// # Errors
    /// The names that there are.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let by_name = BOARDS.iter().find(|board| board.name == name);
        let by_machine = || BOARDS.iter().find(|board| board.machine == Some(name));
        by_name.or_else(by_machine).ok_or_else(|| {
            let names: Vec<_> = BOARDS.iter().map(|board| board.name).collect();
            format!(
                "no board is called `{name}`; there are {}",
                names.join(", ")
            )
        })
    }

    /// The length of its region FLASH in bytes.
    pub fn flash_bytes(&self) -> usize {
        region_bytes(self.memory, "FLASH").expect("every memory map has FLASH")
    }
}

/// The length of a region in a linker script such as `FLASH : ORIGIN = 0x0, LENGTH = 256K`.
fn region_bytes(memory: &str, region: &str) -> Option<usize> {
    let mut lines = memory.lines().map(str::trim_start);
    let line = lines.find(|line| line.starts_with(region))?;
    let length = line.split_once("LENGTH = ")?.1.trim();
    let digits = length.trim_end_matches(['K', 'M']);
    let unit = match length.chars().last()? {
        'K' => 1024,
        'M' => 1024 * 1024,
        _ => 1,
    };
    Some(digits.parse::<usize>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_board_has_a_memory_map_and_a_way_to_run() {
        for board in BOARDS {
            assert_eq!(Board::named(board.name), Ok(board));
            assert!(board.flash_bytes() >= 64 * 1024, "{}", board.name);
            let ram = region_bytes(board.memory, "RAM").unwrap();
            assert!(ram >= 16 * 1024, "{}", board.name);
            assert!(board.machine.is_some() || board.probe_chip.is_some());
        }
        assert_eq!(Board::named("netduinoplus2").unwrap().name, "stm32f405");
        let refusal = Board::named("arduino").unwrap_err();
        assert!(refusal.contains("`arduino`") && refusal.contains("microbit"));
    }
}
