//! What `cargo run` starts a program with.

use super::boards::{Board, Runtime};

/// What `cargo run` starts the program with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Runner {
    /// The emulator.
    Qemu,
    /// Flashes and runs the board on the desk.
    ProbeRs,
    /// Flashes a chip of Espressif over its serial port.
    Espflash,
}

impl Runner {
    /// The one that needs no hardware first.
    pub const ALL: [Self; 3] = [Self::Qemu, Self::ProbeRs, Self::Espflash];

    /// Its command line for `board`, if it can run that.
    pub fn command(self, board: &Board) -> Option<String> {
        match self {
            Self::Qemu => board.machine.map(|machine| match board.runtime {
                Runtime::Virt { .. } => {
                    format!("qemu-system-riscv32 -M {machine} -bios none -nographic -kernel")
                }
                Runtime::CortexM { .. } | Runtime::Esp { .. } => format!(
                    "qemu-system-arm -M {machine} -nographic -semihosting-config enable=on,target=native -kernel"
                ),
            }),
            Self::ProbeRs => (board.probe_chip).map(|chip| format!("probe-rs run --chip {chip}")),
            Self::Espflash => match board.runtime {
                Runtime::Esp { chip, .. } => Some(format!("espflash flash --monitor --chip {chip}")),
                Runtime::CortexM { .. } | Runtime::Virt { .. } => None,
            },
        }
    }

    /// Those that can run `board`, the usual one first.
    pub fn of(board: &Board) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|runner| runner.command(board).is_some())
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::ProbeRs => "probe-rs",
            Self::Espflash => "espflash",
        }
    }

    /// How a user gets it.
    pub(super) fn get(self, board: &Board) -> &'static str {
        match self {
            Self::Qemu if matches!(board.runtime, Runtime::Virt { .. }) => {
                "apt install qemu-system-misc        # or: brew install qemu"
            }
            Self::Qemu => "apt install qemu-system-arm         # or: brew install qemu",
            Self::ProbeRs => "# probe-rs: see https://probe.rs/docs/getting-started/installation",
            Self::Espflash => "cargo install espflash",
        }
    }
}
