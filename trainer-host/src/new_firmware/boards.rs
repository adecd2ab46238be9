//! The boards that a project can be written for.
//!
//! A board is a row of [`BOARDS`] and, with a Cortex-M core, a memory map, `assets/firmware/memory/NAME.x`.

use lstm_nostd::kernels::Order;

use crate::cost::Core;

/// A processor core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// Arm's.
    CortexM(Core),
    /// RISC-V with multiplication and compressed instructions.
    Rv32imc,
}

impl Processor {
    /// For example `M4`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CortexM(core) => core.name(),
            Self::Rv32imc => "RV32IMC",
        }
    }

    /// For example `Cortex-M4`.
    pub fn title(self) -> String {
        match self {
            Self::CortexM(core) => format!("Cortex-{}", core.name()),
            Self::Rv32imc => "RISC-V core (RV32IMC)".to_owned(),
        }
    }

    /// The order of weights that suits it.
    pub fn order(self) -> Order {
        match self {
            Self::CortexM(core) => core.order(),
            // The engine runs its scalar code there.
            Self::Rv32imc => Order::Generic,
        }
    }

    /// What `trainer-host export --target` calls that order.
    pub fn export_target(self) -> String {
        match self {
            Self::CortexM(core) => core.name().to_lowercase(),
            Self::Rv32imc => "generic".to_owned(),
        }
    }
}

/// What starts a program on a board, and prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// cortex-m-rt; a debugger or emulator prints, by semihosting.
    CortexM {
        /// The memory map, a linker script.
        memory: &'static str,
        /// What gives Embassy's tasks their time.
        time: Time,
    },
    /// esp-hal; the serial port prints.
    Esp {
        /// The chip, as esp-hal's cargo features and `espflash` call it.
        chip: &'static str,
        /// Flash for the program: behind boot loader and table of partitions.
        flash_bytes: usize,
    },
    /// The project's own start, in QEMU's machine `virt`, whose serial port prints.
    Virt {
        /// The linker script.
        memory: &'static str,
    },
}

/// What gives Embassy's tasks their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// None that Embassy can take: the core has no SysTick, and the chip's crate does not suit.
    None,
    /// The core's own timer. The core's clock has so many Hz after a reset.
    SysTick(u32),
    /// A timer of the chip, by Embassy's crate for it.
    Hal(Hal),
}

/// Embassy's crate for a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hal {
    /// Its name in Rust.
    pub module: &'static str,
    /// Its line in `[dependencies]`.
    pub dependency: &'static str,
}

/// Embassy's crate for a chip of Nordic.
macro_rules! nordic {
    ($chip:literal) => {
        Time::Hal(Hal {
            module: "embassy_nrf",
            dependency: concat!(
                "embassy-nrf = { version = \"0.11\", features = [\"",
                $chip,
                "\", \"time-driver-rtc1\"] }"
            ),
        })
    };
}

/// A board, and how a program for it is built and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its core.
    pub core: Processor,
    /// Rust's target triple.
    pub target: &'static str,
    /// `-C target-cpu`, if the target alone does not use all instructions of the core.
    pub target_cpu: Option<&'static str>,
    /// QEMU's machine, if it has one.
    pub machine: Option<&'static str>,
    /// The chip's name for `probe-rs`, if that flashes it.
    pub probe_chip: Option<&'static str>,
    /// What starts the program.
    pub runtime: Runtime,
}

/// The memory map of a board.
macro_rules! memory {
    ($name:literal) => {
        include_str!(concat!("../../assets/firmware/memory/", $name, ".x"))
    };
}

/// Every board: Cortex-M from the smallest core to the largest, then others.
pub const BOARDS: &[Board] = &[
    Board {
        name: "microbit",
        title: "BBC micro:bit 1 (nRF51822)",
        core: Processor::CortexM(Core::M0),
        target: "thumbv6m-none-eabi",
        target_cpu: None,
        machine: Some("microbit"),
        probe_chip: Some("nRF51822_xxAA"),
        runtime: Runtime::CortexM {
            memory: memory!("microbit"),
            // The nRF51 has no SysTick, and QEMU none of its clocks that `embassy-nrf` takes.
            time: Time::None,
        },
    },
    Board {
        name: "mps2-an385",
        title: "Arm MPS2 with image AN385",
        core: Processor::CortexM(Core::M3),
        target: "thumbv7m-none-eabi",
        target_cpu: None,
        machine: Some("mps2-an385"),
        probe_chip: None,
        runtime: Runtime::CortexM {
            memory: memory!("mps2-an385"),
            time: Time::SysTick(25_000_000),
        },
    },
    Board {
        name: "mps2-an386",
        title: "Arm MPS2 with image AN386",
        core: Processor::CortexM(Core::M4),
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("mps2-an386"),
        probe_chip: None,
        runtime: Runtime::CortexM {
            memory: memory!("mps2-an386"),
            time: Time::SysTick(25_000_000),
        },
    },
    Board {
        name: "stm32f405",
        title: "STM32F405",
        core: Processor::CortexM(Core::M4),
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("netduinoplus2"),
        probe_chip: Some("STM32F405RGTx"),
        runtime: Runtime::CortexM {
            memory: memory!("stm32f405"),
            time: Time::SysTick(16_000_000),
        },
    },
    Board {
        name: "microbit-v2",
        title: "BBC micro:bit 2 (nRF52833)",
        core: Processor::CortexM(Core::M4),
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: None,
        probe_chip: Some("nRF52833_xxAA"),
        runtime: Runtime::CortexM {
            memory: memory!("microbit-v2"),
            time: nordic!("nrf52833"),
        },
    },
    Board {
        name: "nrf52840-dk",
        title: "Nordic nRF52840-DK",
        core: Processor::CortexM(Core::M4),
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: None,
        probe_chip: Some("nRF52840_xxAA"),
        runtime: Runtime::CortexM {
            memory: memory!("nrf52840-dk"),
            time: nordic!("nrf52840"),
        },
    },
    Board {
        name: "mps2-an500",
        title: "Arm MPS2 with image AN500",
        core: Processor::CortexM(Core::M7),
        target: "thumbv7em-none-eabihf",
        target_cpu: None,
        machine: Some("mps2-an500"),
        probe_chip: None,
        runtime: Runtime::CortexM {
            memory: memory!("mps2-an500"),
            time: Time::SysTick(25_000_000),
        },
    },
    Board {
        name: "mps2-an505",
        title: "Arm MPS2 with image AN505",
        core: Processor::CortexM(Core::M33),
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        machine: Some("mps2-an505"),
        probe_chip: None,
        runtime: Runtime::CortexM {
            memory: memory!("mps2-an505"),
            time: Time::SysTick(20_000_000),
        },
    },
    Board {
        name: "pico2",
        title: "Raspberry Pi Pico 2 (RP2350)",
        core: Processor::CortexM(Core::M33),
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m33"),
        machine: None,
        probe_chip: Some("RP235x"),
        runtime: Runtime::CortexM {
            memory: memory!("pico2"),
            time: Time::Hal(Hal {
                module: "embassy_rp",
                dependency: "embassy-rp = { version = \"0.10\", features = [\"imagedef-none\", \"rp235xa\", \"time-driver\"] }",
            }),
        },
    },
    Board {
        name: "mps3-an547",
        title: "Arm MPS3 with image AN547",
        core: Processor::CortexM(Core::M55),
        target: "thumbv8m.main-none-eabihf",
        target_cpu: Some("cortex-m55"),
        machine: Some("mps3-an547"),
        probe_chip: None,
        runtime: Runtime::CortexM {
            memory: memory!("mps3-an547"),
            time: Time::SysTick(25_000_000),
        },
    },
    Board {
        name: "riscv-virt",
        title: "QEMU's machine virt (RISC-V)",
        core: Processor::Rv32imc,
        target: "riscv32imc-unknown-none-elf",
        target_cpu: None,
        machine: Some("virt"),
        probe_chip: None,
        runtime: Runtime::Virt {
            memory: memory!("riscv-virt"),
        },
    },
    Board {
        name: "esp32c3",
        title: "ESP32-C3 (its DevKit, for example)",
        core: Processor::Rv32imc,
        target: "riscv32imc-unknown-none-elf",
        target_cpu: None,
        machine: None,
        probe_chip: None,
        runtime: Runtime::Esp {
            chip: "esp32c3",
            flash_bytes: 4 * 1024 * 1024 - 64 * 1024,
        },
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

    /// Bytes of flash for a program.
    pub fn flash_bytes(&self) -> usize {
        match self.runtime {
            Runtime::CortexM { memory, .. } => {
                region_bytes(memory, "FLASH").expect("every memory map has FLASH")
            }
            Runtime::Esp { flash_bytes, .. } => flash_bytes,
            // Program and stack share the first 4 MB of the RAM.
            Runtime::Virt { .. } => 3 * 1024 * 1024,
        }
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
    use crate::new_firmware::Runner;

    #[test]
    fn every_board_has_a_memory_map_and_a_way_to_run() {
        for board in BOARDS {
            assert_eq!(Board::named(board.name), Ok(board));
            assert!(board.flash_bytes() >= 64 * 1024, "{}", board.name);
            if let Runtime::CortexM { memory, .. } = board.runtime {
                let ram = region_bytes(memory, "RAM").unwrap();
                assert!(ram >= 16 * 1024, "{}", board.name);
            }
            assert!(Runner::of(board).next().is_some(), "{}", board.name);
        }
        assert_eq!(Board::named("netduinoplus2").unwrap().name, "stm32f405");
        let refusal = Board::named("arduino").unwrap_err();
        assert!(refusal.contains("`arduino`") && refusal.contains("microbit"));
    }
}
