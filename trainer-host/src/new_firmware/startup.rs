//! How a program starts and where it awaits samples: what depends on the board's runtime and on the style.

use super::boards::{Board, Hal, Runtime, Time};

/// One of the templates.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../assets/firmware/", $name))
    };
}

/// How the program waits for samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Style {
    /// In a loop.
    #[default]
    Loop,
    /// In a task of Embassy, which awaits the sensor.
    Embassy,
}

impl Style {
    /// On the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Embassy => "embassy",
        }
    }
}

impl Style {
    /// Those that `board` has; the first is the usual one.
    pub fn of(board: &Board) -> &'static [Self] {
        match board.runtime {
            // It has no timer that Embassy knows.
            Runtime::Virt { .. }
            | Runtime::CortexM {
                time: Time::None, ..
            } => &[Self::Loop],
            Runtime::CortexM { .. } | Runtime::Esp { .. } => &[Self::Loop, Self::Embassy],
        }
    }
}

/// The start of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Startup {
    pub(super) board: &'static Board,
    pub(super) style: Style,
}

/// What Embassy's tasks need on every board.
const EMBASSY_TIME: &str = "embassy-time = \"0.5\"";
/// What they need on Cortex-M.
const EXECUTOR: &str = "embassy-executor = { version = \"0.10\", features = [\"executor-thread\", \"platform-cortex-m\"] }";
/// What a clock of the project's own needs.
const CLOCK: [&str; 3] = [
    "embassy-time-driver = { version = \"0.2\", features = [\"tick-hz-1_000\"] }",
    "embassy-time-queue-utils = \"0.3\"",
    "critical-section = \"1.2\"",
];

impl Startup {
    fn is_embassy(self) -> bool {
        self.style == Style::Embassy
    }

    /// The core's clock in Hz, if the project brings a clock of its own for Embassy.
    fn core_hz(self) -> Option<u32> {
        match self.board.runtime {
            Runtime::CortexM {
                time: Time::SysTick(core_hz),
                ..
            } if self.is_embassy() => Some(core_hz),
            _ => None,
        }
    }

    /// Whether the project brings its own clock for Embassy.
    fn has_clock(self) -> bool {
        self.core_hz().is_some()
    }

    /// Embassy's crate for the chip, if the project uses it.
    fn hal(self) -> Option<Hal> {
        match self.board.runtime {
            Runtime::CortexM {
                time: Time::Hal(hal),
                ..
            } if self.is_embassy() => Some(hal),
            _ => None,
        }
    }

    /// The lines in `[dependencies]` besides the engine's.
    pub(super) fn dependencies(self) -> String {
        let mut lines = match self.board.runtime {
            Runtime::CortexM { .. } => vec![
                "cortex-m = { version = \"0.7.7\", features = [\"critical-section-single-core\"] }"
                    .to_owned(),
                "cortex-m-rt = \"0.7.5\"".to_owned(),
                "cortex-m-semihosting = \"0.6\"".to_owned(),
            ],
            Runtime::Esp { chip, .. } => self.espressif(chip),
            Runtime::Virt { .. } => Vec::new(),
        };
        if self.is_embassy() {
            lines.push(EMBASSY_TIME.to_owned());
            if let Runtime::CortexM { .. } = self.board.runtime {
                lines.push(EXECUTOR.to_owned());
            }
        }
        if self.has_clock() {
            lines.extend(CLOCK.map(str::to_owned));
        }
        lines.extend(self.hal().map(|hal| hal.dependency.to_owned()));
        lines.sort();
        lines.join("\n")
    }

    /// Espressif's crates.
    fn espressif(self, chip: &str) -> Vec<String> {
        let mut lines = vec![
            format!("esp-bootloader-esp-idf = {{ version = \"0.5\", features = [\"{chip}\"] }}"),
            format!("esp-println = {{ version = \"0.17\", features = [\"{chip}\"] }}"),
        ];
        let unstable = match self.style {
            Style::Loop => "",
            Style::Embassy => ", \"unstable\"",
        };
        lines.push(format!(
            "esp-hal = {{ version = \"1.1\", features = [\"{chip}\"{unstable}] }}"
        ));
        if self.is_embassy() {
            lines.push(format!(
                "esp-rtos = {{ version = \"0.3\", features = [\"{chip}\", \"embassy\"] }}"
            ));
            lines.push("embassy-executor = \"0.10\"".to_owned());
        }
        lines
    }

    /// The oldest compiler.
    pub(super) fn rust_version(self) -> &'static str {
        match self.board.runtime {
            Runtime::CortexM { .. } | Runtime::Virt { .. } => "1.93",
            // Espressif's crates want it.
            Runtime::Esp { .. } => "1.95",
        }
    }

    /// Files of the start, by their names.
    pub(super) fn files(self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        let board = match self.board.runtime {
            Runtime::CortexM { memory, .. } => {
                files.push(("memory.x", memory.to_owned()));
                files.push(("build.rs", template!("build.rs.in").to_owned()));
                template!("board/cortex_m.rs.in")
            }
            Runtime::Virt { memory } => {
                files.push(("memory.x", memory.to_owned()));
                files.push(("build.rs", template!("build_virt.rs.in").to_owned()));
                template!("board/virt.rs.in")
            }
            Runtime::Esp { .. } => {
                files.push(("build.rs", template!("build_esp.rs.in").to_owned()));
                template!("board/esp.rs.in")
            }
        };
        let board = board.replace("{{START}}", &self.start());
        files.push((
            "src/board.rs",
            board.replace("{{BOARD_DOES}}", self.board_does()),
        ));
        if self.is_embassy() {
            files.push(("src/sensor.rs", template!("sensor.rs.in").to_owned()));
        }
        if let Some(core_hz) = self.core_hz() {
            let clock = template!("clock.rs.in").replace("{{CORE_HZ}}", &grouped(core_hz));
            files.push(("src/clock.rs", clock));
        }
        files
    }

    /// What `src/board.rs` says.
    pub(super) fn board_does(self) -> &'static str {
        let is_virt = matches!(self.board.runtime, Runtime::Virt { .. });
        match self.starts_the_board() || is_virt {
            true => "starts, prints and ends",
            false => "prints and ends",
        }
    }

    /// Whether `board::start` is there.
    fn starts_the_board(self) -> bool {
        self.hal().is_some() || self.is_esp()
    }

    fn is_esp(self) -> bool {
        matches!(self.board.runtime, Runtime::Esp { .. })
    }

    /// The function `board::start`.
    fn start(self) -> String {
        if let Some(Hal { module, .. }) = self.hal() {
            return template!("board/start_hal.rs.in").replace("{{HAL}}", module) + "\n";
        }
        match (self.board.runtime, self.style) {
            (Runtime::CortexM { .. } | Runtime::Virt { .. }, _) => String::new(),
            (Runtime::Esp { .. }, Style::Loop) => {
                template!("board/start_esp.rs.in").to_owned() + "\n"
            }
            (Runtime::Esp { .. }, Style::Embassy) => {
                template!("board/start_esp_rtos.rs.in").to_owned() + "\n"
            }
        }
    }

    /// The modules of `src/main.rs`, without that of the recogniser's settings.
    pub(super) fn modules(self) -> Vec<&'static str> {
        let mut modules = vec!["board", "example"];
        modules.extend(self.has_clock().then_some("clock"));
        modules.extend(self.is_embassy().then_some("sensor"));
        modules
    }

    /// What `src/main.rs` imports for the style.
    pub(super) fn imports(self) -> Vec<&'static str> {
        match self.style {
            Style::Loop => Vec::new(),
            Style::Embassy => vec!["use embassy_executor::Spawner;", "use sensor::Sensor;"],
        }
    }

    /// The head of `main`, and what it begins with.
    pub(super) fn entry(self) -> String {
        let (attribute, function) = match (self.board.runtime, self.style) {
            (Runtime::CortexM { .. }, Style::Loop) => ("cortex_m_rt::entry", "fn main() -> ! {"),
            (Runtime::Esp { .. }, Style::Loop) => ("esp_hal::main", "fn main() -> ! {"),
            // `src/board.rs` calls it.
            (Runtime::Virt { .. }, _) => return "fn main() -> ! {".to_owned(),
            (Runtime::CortexM { .. }, Style::Embassy) => (
                "embassy_executor::main",
                "async fn main(_spawner: Spawner) {",
            ),
            (Runtime::Esp { .. }, Style::Embassy) => {
                ("esp_rtos::main", "async fn main(_spawner: Spawner) {")
            }
        };
        let begin = match (self.has_clock(), self.starts_the_board()) {
            (true, _) => "    clock::start();\n",
            (_, true) if self.is_esp() && self.is_embassy() => "    board::start();\n",
            (_, true) => {
                "    // Your sensor takes its pins and its bus from these.\n    let _peripherals = board::start();\n"
            }
            (false, false) => "",
        };
        format!("#[{attribute}]\n{function}\n{begin}")
            .trim_end()
            .to_owned()
    }

    /// Rows of the README's table of files.
    pub(super) fn rows(self) -> &'static str {
        match (self.style, self.has_clock()) {
            (Style::Loop, _) => "",
            (Style::Embassy, false) => {
                "| `src/sensor.rs` | stands for your sensor: gives the recording at a fixed rate |\n"
            }
            (Style::Embassy, true) => {
                "| `src/sensor.rs` | stands for your sensor: gives the recording at a fixed rate |\n\
                 | `src/clock.rs` | Embassy's time, by the core's timer |\n"
            }
        }
    }
}

/// A number with its thousands set off, as Rust takes it.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::boards::BOARDS;
    use super::*;

    /// A project's first build looks no version up, and a version that the lock file has suits it.
    #[test]
    fn every_dependency_is_in_the_carried_lock_file() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../firmware/projects/Cargo.toml"
        );
        let manifest: toml::Table =
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let version = |value: &toml::Value| {
            let table = value.get("version").unwrap_or(value);
            table.as_str().unwrap().to_owned()
        };
        let mut checked = std::collections::BTreeSet::new();
        for board in BOARDS {
            for &style in Style::of(board) {
                let startup = Startup { board, style };
                let own: toml::Table = toml::from_str(&startup.dependencies()).unwrap();
                for (name, value) in own {
                    let locked = &manifest["dependencies"][&name];
                    assert_eq!(version(&value), version(locked), "{name}");
                    checked.insert(name);
                }
            }
        }
        // All but the engine.
        let locked = manifest["dependencies"].as_table().unwrap();
        assert_eq!(checked.len(), locked.len() - 1);
    }

    #[test]
    fn numbers_are_grouped() {
        let numbers = [(7, "7"), (16_000_000, "16_000_000"), (999_000, "999_000")];
        for (number, text) in numbers {
            assert_eq!(grouped(number), text);
        }
    }
}
