//! The files of a project, and how they are written: all of them, or none.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lstm_nostd::front_end::FrontEnd;
use lstm_nostd::model::{scratch_bytes, state_bytes};
use lstm_nostd::recognise::Settings;
use lstm_nostd::{Mode, Model, Task};

use super::boards::{Board, Processor, Runtime};
use super::engine::{self, Engine};
use super::example::Example;
use super::runner::Runner;
use super::settings;
use super::startup::{Startup, Style};
use crate::files::atomic::{self, WriteFileError};
use crate::files::disk;

/// One of the templates.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../assets/firmware/", $name))
    };
}

/// A lock file with the versions that were tested; the first build leaves out what a project does not need. None in a
/// package without the repository around it.
const VERSIONS: Option<&str> = include!(concat!(env!("OUT_DIR"), "/versions.rs"));

/// Crates that the project depends on, and words that Rust takes: none of them can be the project's name.
const TAKEN: [&str; 20] = [
    "alloc",
    "core",
    "cortex-m",
    "cortex-m-rt",
    "cortex-m-semihosting",
    "critical-section",
    "embassy-executor",
    "embassy-nrf",
    "embassy-rp",
    "embassy-time",
    "embassy-time-driver",
    "embassy-time-queue-utils",
    "esp-bootloader-esp-idf",
    "esp-hal",
    "esp-println",
    "esp-rtos",
    "lstm-nostd",
    "proc-macro",
    "std",
    "test",
];

/// Why a project cannot have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a project: a name begins with a letter, has letters, digits, `-` and `_`, and is no crate that firmware needs"
)]
pub struct NameError(String);

/// The folder of a project, whose last part names its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName {
    /// The folder.
    pub folder: PathBuf,
    package: String,
}

impl FromStr for ProjectName {
    type Err = NameError;

    fn from_str(given: &str) -> Result<Self, NameError> {
        let folder = PathBuf::from(given);
        let refused = || NameError(given.to_owned());
        let package = folder.file_name().and_then(|name| name.to_str());
        let package = package.ok_or_else(refused)?.to_owned();
        let begins_well = package.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_taken = TAKEN.contains(&package.replace('_', "-").as_str());
        if !begins_well || !package.chars().all(is_allowed) || is_taken {
            return Err(refused());
        }
        Ok(Self { folder, package })
    }
}

/// A project for a board.
#[derive(Clone, Debug)]
pub struct Project<'a> {
    /// Folder and package.
    pub name: &'a ProjectName,
    /// The board.
    pub board: &'static Board,
    /// How it waits for samples.
    pub style: Style,
    /// Where the engine comes from.
    pub engine: Engine,
    /// What `cargo run` uses; it can run the board.
    pub runner: Runner,
    /// The model file, with weights in the order of the board's core.
    pub file: &'a [u8],
    /// The same, parsed.
    pub model: &'a Model<'a>,
    /// What it classifies.
    pub example: Example,
    /// Settings of a recogniser for the model, if it is to make events of a stream.
    pub recogniser: Option<Settings>,
}

/// What the templates say of the place of a sensor.
const SENSOR: &str =
    "    // Your sensor comes here: one integer for each channel, see README.md.\n";
/// What a model that takes samples has there.
const SAMPLES: &str = "    // These are the features of the example. With `network::SampleStream::new()` in place of the state,\n    \
     // `model.push_samples(&mut stream, samples)` takes 16-bit samples of {{SOURCE}}, and steps.\n";
/// The same with a recogniser.
const SAMPLES_OF_EVENTS: &str = "    // These are the features of the example. With `let mut frames = network::Frames::new()`, take those of 16-bit\n    \
     // samples of {{SOURCE}}:\n    \
     // `while let Some(features) = model.next_frame(&mut frames, &mut samples) { recogniser.step(&features) ... }`.\n";
/// Where samples of motion come from.
const MOTION_SENSOR: &str =
    "all channels, moment by moment (`Statistics::sample` makes them of values)";

impl Project<'_> {
    /// Writes all files into the folder, which must not be there yet. After an error there is no folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self) -> Result<(), WriteFileError> {
        let folder = &self.name.folder;
        let failed = |source| WriteFileError {
            path: folder.clone(),
            source,
        };
        // Beside the folder, so that the last call is a rename.
        let unfinished = folder.with_file_name(format!(".writing-{}.tmp", self.name.package));
        let _ = disk::remove_dir_all(&unfinished);
        let written = self.write_into(&unfinished).and_then(|()| {
            match folder.exists() {
                true => Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists)),
                false => disk::rename(&unfinished, folder),
            }
            .map_err(failed)
        });
        if written.is_err() {
            let _ = disk::remove_dir_all(&unfinished);
        }
        written
    }

    fn write_into(&self, folder: &Path) -> Result<(), WriteFileError> {
        for (name, content) in self.files() {
            let path = folder.join(name);
            let parent = path.parent().unwrap_or(folder);
            disk::create_dir_all(parent).map_err(|source| WriteFileError {
                path: parent.to_owned(),
                source,
            })?;
            atomic::write(&path, &content)?;
        }
        Ok(())
    }

    /// Every file: its path in the folder, and its content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let text = |name: &str, text: String| (PathBuf::from(name), text.into_bytes());
        let mut files = vec![
            text("Cargo.toml", self.filled(template!("Cargo.toml.in"))),
            text(
                ".cargo/config.toml",
                self.filled(template!("config.toml.in")),
            ),
            text(".gitignore", "/target\n".to_owned()),
            text("README.md", self.filled(template!("README.md.in"))),
            text("src/main.rs", self.filled(template!("main.rs.in"))),
            text("src/example.rs", self.example_file()),
            ("model.lstm".into(), self.file.to_vec()),
        ];
        files.extend(VERSIONS.map(|versions| text("Cargo.lock", versions.to_owned())));
        let startup = self.startup().files().into_iter();
        files.extend(startup.map(|(name, content)| text(name, content)));
        if let Some(recogniser) = &self.recogniser {
            files.push(text("src/settings.rs", settings::source(recogniser)));
        }
        if self.engine == Engine::Carried {
            let engine = Path::new(engine::FOLDER);
            let source = engine::SOURCE.iter();
            files.extend(source.map(|(name, content)| (engine.join(name), content.to_vec())));
        }
        files
    }

    /// A template with everything filled in that it asks for.
    fn filled(&self, template: &str) -> String {
        let board = self.board;
        let chosen = self.runner.command(board).unwrap_or_default();
        let others = Runner::of(board).filter(|runner| *runner != self.runner);
        let others = others.filter_map(|runner| runner.command(board));
        let startup = self.startup();
        let parts = [
            ("NAME", self.name.package.clone()),
            ("BOARD", board.name.to_owned()),
            ("BOARD_TITLE", board.title.to_owned()),
            ("CORE_TITLE", board.core.title()),
            ("CORE_FLAG", board.core.export_target()),
            ("ORDER_WORDS", self.order_words()),
            ("DEPENDENCIES", startup.dependencies()),
            ("ENTRY", startup.entry()),
            ("BOARD_DOES", startup.board_does().to_owned()),
            ("STYLE_ROWS", startup.rows().to_owned()),
            ("HOW_IT_PRINTS", self.how_it_prints().to_owned()),
            ("MEMORY_ROW", self.memory_row().to_owned()),
            ("TARGET", board.target.to_owned()),
            ("RUNNER", chosen),
            (
                "OTHER_RUNNER",
                others
                    .map(|line| format!("# runner = {line:?}\n"))
                    .collect(),
            ),
            ("FLAGS", self.flags()),
            ("ENGINE", self.engine.dependency()),
            ("RUST", startup.rust_version().to_owned()),
            ("ENGINE_WORDS", self.engine.describe()),
            ("FEATURES", self.features()),
            ("MODULES", self.modules()),
            ("IMPORTS", self.imports()),
            ("SETTINGS_ROW", self.settings_row().to_owned()),
            ("RESETS", self.resets().to_owned()),
            ("STATE_WORDS", self.state_words()),
            ("SELF_TEST", self.self_test().to_owned()),
            ("CLASSIFY", self.classify()),
            ("SHOW", self.show().trim_end().to_owned()),
            ("CHANNELS", self.channels()),
            ("EXAMPLE", self.example_words()),
            ("PRINTED", self.printed().join("\n")),
            ("GET_RUNNER", self.runner.get(board).to_owned()),
            ("MODEL_BYTES", self.file.len().to_string()),
            ("STATE_BYTES", self.state_bytes().to_string()),
            (
                "SCRATCH_BYTES",
                scratch_bytes(self.model.scratch_blocks()).to_string(),
            ),
        ];
        let fill = |text: String, (key, value): &(&str, String)| {
            text.replace(&format!("{{{{{key}}}}}"), value)
        };
        parts.iter().fold(template.to_owned(), fill)
    }

    /// The compiler's flags, if the target alone does not name the core.
    fn flags(&self) -> String {
        self.board.target_cpu.map_or_else(String::new, |cpu| {
            format!(
                "# Without the core's name the compiler would leave its DSP or vector instructions unused.\n\
                 rustflags = [\"-C\", \"target-cpu={cpu}\"]\n"
            )
        })
    }

    /// The engine's cargo features that the model needs, as in a list.
    fn features(&self) -> String {
        let names: BTreeSet<_> = self.model.cargo_features().collect();
        let names = names.into_iter().map(|name| format!("{name:?}"));
        Vec::from_iter(names).join(", ")
    }

    fn is_binary(&self) -> bool {
        self.model.task() == Task::Sigmoid && self.model.outputs() == 1
    }

    /// The lines that the program prints.
    pub fn printed(&self) -> Vec<String> {
        self.example.printed(self.model, self.recogniser)
    }

    fn startup(&self) -> Startup {
        Startup {
            board: self.board,
            style: self.style,
        }
    }

    fn modules(&self) -> String {
        let mut modules = self.startup().modules();
        modules.extend(self.recogniser.map(|_| "settings"));
        modules.sort_unstable();
        let lines = modules.iter().map(|module| format!("mod {module};"));
        Vec::from_iter(lines).join("\n")
    }

    fn imports(&self) -> String {
        let of_engine = match self.model.task() {
            _ if self.recogniser.is_some() => "recognise::Event",
            Task::Linear => "I16F16",
            Task::Sigmoid if !self.is_binary() => "{I16F16, probability}",
            Task::Sigmoid | Task::Softmax => "{I16F16, decide, probability}",
        };
        let mut lines = vec![format!("use lstm_nostd::{of_engine};")];
        lines.extend(self.startup().imports().into_iter().map(str::to_owned));
        lines.extend(
            self.recogniser
                .map(|_| "use settings::SETTINGS;".to_owned()),
        );
        lines.sort();
        lines.join("\n")
    }

    fn order_words(&self) -> String {
        match self.board.core {
            Processor::CortexM(_) => self.board.core.title(),
            Processor::Rv32imc => "any core".to_owned(),
        }
    }

    fn memory_row(&self) -> &'static str {
        match self.board.runtime {
            Runtime::CortexM { .. } => "| `memory.x` | flash and RAM of the board |\n",
            Runtime::Esp { .. } => "",
            Runtime::Virt { .. } => "| `memory.x` | where the program lies |\n",
        }
    }

    fn how_it_prints(&self) -> &'static str {
        match self.board.runtime {
            Runtime::CortexM { .. } => {
                "It prints by semihosting, which QEMU and `probe-rs run` show. Without a debugger, a semihosting call is a \
                 fault:\nprint on your serial port instead before you unplug it."
            }
            Runtime::Virt { .. } => "It prints on the serial port of the emulated machine.",
            Runtime::Esp { .. } => {
                "It prints on the serial port, which `espflash` shows. Flashing needs the board's USB cable alone."
            }
        }
    }

    fn settings_row(&self) -> &'static str {
        match self.recogniser {
            Some(_) => "| `src/settings.rs` | which answers of the network make an event |\n",
            None => "",
        }
    }

    fn resets(&self) -> &'static str {
        match self.recogniser {
            Some(_) => {
                "The recogniser resets the states as `src/settings.rs`\nsays. All of its times are steps."
            }
            None => {
                "Call `state.reset()` at the beginning of each recording or window: a\n\
                 network trained on recordings begins each with a fresh state. A network trained with \
                 `train --for-streams` goes without."
            }
        }
    }

    /// States that a stream takes.
    fn states(&self) -> usize {
        self.recogniser.map_or(1, |settings| settings.states())
    }

    fn state_words(&self) -> String {
        match self.states() {
            1 => "its state".to_owned(),
            states => format!("its {states} states"),
        }
    }

    fn state_bytes(&self) -> usize {
        self.states() * state_bytes(self.model.cell_blocks(), self.model.hidden_blocks())
    }

    /// The call that checks the stored steps, and of a front end the stored features.
    fn self_test(&self) -> &'static str {
        match self.model.front_end() {
            None => "self_test()",
            Some(_) => "self_test_of_samples(&mut network::Frames::new())",
        }
    }

    /// The walk over the steps.
    fn classify(&self) -> String {
        let text = match self.model.mode() {
            _ if self.recogniser.is_some() => template!("show/recognise.rs.in").trim_end(),
            Mode::SequenceToOne | Mode::SequenceToMean => {
                template!("show/after_the_last_step.rs.in").trim_end()
            }
            Mode::SequenceToSequence if self.model.convolution().is_some() => {
                template!("show/after_every_move.rs.in").trim_end()
            }
            Mode::SequenceToSequence => template!("show/after_every_step.rs.in").trim_end(),
        };
        let (sensor, sample, step) = match self.style {
            Style::Loop => (
                SENSOR,
                "    for raw in &example::RECORDING {\n",
                "    for (step, raw) in example::RECORDING.iter().enumerate() {\n",
            ),
            Style::Embassy => (
                "",
                "    let mut sensor = Sensor::new();\n    while let Some(raw) = sensor.sample().await {\n",
                "    let mut sensor = Sensor::new();\n    for step in 0.. {\n        \
                 let Some(raw) = sensor.sample().await else {\n            break;\n        };\n",
            ),
        };
        let source = match self.model.front_end() {
            None => None,
            Some(FrontEnd::Sound(_)) => Some("a microphone"),
            Some(FrontEnd::Statistics(_)) => Some(MOTION_SENSOR),
        };
        let sensor = match (source, self.recogniser) {
            (None, _) => sensor.to_owned(),
            (Some(source), None) => SAMPLES.replace("{{SOURCE}}", source),
            (Some(source), Some(_)) => SAMPLES_OF_EVENTS.replace("{{SOURCE}}", source),
        };
        text.replace("{{SENSOR}}", &sensor)
            .replace("{{EACH_SAMPLE}}", sample)
            .replace("{{EACH_STEP}}", step)
    }

    /// The functions that print an answer.
    fn show(&self) -> &'static str {
        match self.model.task() {
            _ if self.recogniser.is_some() => template!("show/event.rs.in"),
            Task::Linear => template!("show/linear.rs.in"),
            Task::Sigmoid if self.is_binary() => template!("show/binary.rs.in"),
            Task::Sigmoid => template!("show/sigmoid.rs.in"),
            Task::Softmax => template!("show/softmax.rs.in"),
        }
    }

    /// A line for each channel.
    fn channels(&self) -> String {
        let mut text = String::new();
        for (j, name) in self.model.input_names().enumerate() {
            let channel = self.model.input_channel(j).unwrap_or_default();
            let format = match channel.frac_bits {
                0 => "whole numbers, for example a sensor's counts, as they are".to_owned(),
                bits => format!("`model.raw({j}, value)`, which is value · 2^{bits} rounded"),
            };
            writeln!(text, "| {j} | {} | {format} |", name.replace('|', "\\|"))
                .expect("a string grows");
        }
        text.trim_end().to_owned()
    }

    fn example_words(&self) -> String {
        let label = self.example.label.as_ref();
        let label = label.map_or_else(String::new, |label| format!(", labelled `{label}`"));
        format!("{}{label}", self.example.source)
    }

    fn example_file(&self) -> String {
        let (steps, channels) = (self.example.raw.len(), self.model.inputs());
        let words = self.example_words().replace('\n', " ");
        let mut text = format!(
            "//! An example recording, in place of a sensor: {words}.\n\n\
             /// Raw integers, one row a time step.\n\
             #[rustfmt::skip]\n\
             pub static RECORDING: [[i32; {channels}]; {steps}] = [\n"
        );
        for row in &self.example.raw {
            writeln!(text, "    {row:?},").expect("a string grows");
        }
        text + "];\n"
    }
}
