//! The table of boards that the firmware can be built for.

use anyhow::{Result, bail};
use lstm_nostd::kernels::Order;

/// A board, its Rust target and how its image is built and run.
#[derive(Debug, PartialEq, Eq)]
pub struct Board {
    /// The name on the command line; QEMU's name for the machine, if it has one.
    pub name: &'static str,
    /// Its core, for people.
    pub core: &'static str,
    /// Rust's target triple.
    pub target: &'static str,
    /// `-C target-cpu`, if the target alone does not use all instructions of the core.
    pub target_cpu: Option<&'static str>,
    /// The firmware's cargo feature; `None` for the target's usual board.
    pub feature: Option<&'static str>,
    /// QEMU's machine.
    pub machine: &'static str,
    /// The chip's name for `probe-rs`; `None` for boards that exist only in an emulator or as FPGA images.
    pub probe_chip: Option<&'static str>,
}

impl Board {
    /// The core without its family's name, for example `M4`.
    pub fn core_name(&self) -> &'static str {
        self.core.trim_start_matches("Cortex-")
    }

    /// The order of weights that suits the core's kernels.
    ///
    /// # Panics
    /// Never: a test holds that every board's core has an order.
    pub fn order(&self) -> Order {
        Order::for_core(self.core_name()).expect("every board's core has kernels")
    }
}

/// Targets of RISC-V without and with atomic instructions: for example ESP32-C3, and ESP32-C6.
pub const RISCV_TARGETS: [&str; 2] = [
    "riscv32imc-unknown-none-elf",
    "riscv32imac-unknown-none-elf",
];

/// Every board, from the smallest core to the largest.
pub const BOARDS: [Board; 7] = [
    Board {
        name: "microbit",
        core: "Cortex-M0",
        target: "thumbv6m-none-eabi",
        target_cpu: None,
        feature: None,
        machine: "microbit",
        probe_chip: Some("nRF51822_xxAA"),
    },
    Board {
        name: "mps2-an385",
        core: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        target_cpu: None,
        feature: None,
        machine: "mps2-an385",
        probe_chip: None,
    },
    Board {
        name: "mps2-an386",
        core: "Cortex-M4",
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        feature: None,
        machine: "mps2-an386",
        probe_chip: None,
    },
    Board {
        name: "stm32f405",
        core: "Cortex-M4",
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        feature: Some("stm32f405"),
        machine: "netduinoplus2",
        probe_chip: Some("STM32F405RGTx"),
    },
    Board {
        name: "mps2-an500",
        core: "Cortex-M7",
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        feature: Some("mps2-an500"),
        machine: "mps2-an500",
        probe_chip: None,
    },
    Board {
        name: "mps2-an505",
        core: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        feature: None,
        machine: "mps2-an505",
        probe_chip: None,
    },
    Board {
        name: "mps3-an547",
        core: "Cortex-M55",
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m55"),
        feature: Some("mps3-an547"),
        machine: "mps3-an547",
        probe_chip: None,
    },
];

/// Finds a board by its name, or by its machine's.
pub fn by_name(name: &str) -> Result<&'static Board> {
    let found = BOARDS
        .iter()
        .find(|board| board.name == name)
        .or_else(|| BOARDS.iter().find(|board| board.machine == name));
    match found {
        Some(board) => Ok(board),
        None => bail!("no board is called `{name}`; the boards are {}", names()),
    }
}

/// All names, for messages.
fn names() -> String {
    BOARDS.map(|board| board.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_boards() {
        for board in &BOARDS {
            assert_eq!(by_name(board.name).unwrap(), board);
            assert_ne!(board.order(), Order::Generic);
        }
        assert_eq!(by_name("netduinoplus2").unwrap().name, "stm32f405");
    }

    #[test]
    fn an_unknown_board_is_answered_with_the_list() {
        let message = by_name("arduino").unwrap_err().to_string();
        assert!(message.contains("`arduino`") && message.contains("mps2-an386"));
    }
}
