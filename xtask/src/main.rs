//! The project's own commands: `cargo xtask COMMAND`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use xtask::data_sets::spoken_stream;
use xtask::firmware::{Application, Image};
use xtask::{
    accuracy, bench, boards, data_sets, demo, fuzz, mutants, search_bench, set_up, test, torture,
    tuning, variants,
};

/// Sets up, tests and demonstrates this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Train, quantise and export a model of handwritten digits, and run it on an emulated Cortex-M4
    Demo,
    /// Run every check and test, on the emulated boards too
    Test(test::Arguments),
    /// Count the instructions of a time step on every core, in QEMU
    Bench(bench::Arguments),
    /// Install what the firmware and its tests need: a compiler for the boards, and QEMU
    SetUp {
        /// Only say what is missing
        #[arg(long)]
        check: bool,
    },
    /// Train every configuration of trainer-host/configs, quantise it before and after fine-tuning, and print
    /// the means over the test parts and whether they meet the demands
    Accuracy {
        /// The folder of data sets; docs/data-sets.md says what lies in it
        #[arg(long)]
        data: PathBuf,
        /// Only these experiments, separated by commas
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Seeds, separated by commas
        #[arg(long, default_value = "0,1,2")]
        seeds: String,
        /// Schemes to quantise with, separated by commas
        #[arg(long, value_delimiter = ',', default_value = "w8a16,w8a8,w4a16")]
        schemes: Vec<String>,
        /// Schemes to fine-tune the runs for, separated by commas
        #[arg(long, value_delimiter = ',', default_value = "w4a16")]
        qat: Vec<String>,
        /// Test on the halves of the official test parts that the published figures come from
        #[arg(long)]
        half: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure the tuner: search networks with half the instructions of the hand-made ones, and compare with a
    /// random search of equal compute
    Tuning {
        /// The folder of data sets; docs/data-sets.md says what lies in it
        #[arg(long)]
        data: PathBuf,
        /// Only these experiments, separated by commas: fsdd, uci_har
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Seeds of the searches, separated by commas
        #[arg(long, value_delimiter = ',', default_value = "0,1,2,3,4")]
        seeds: Vec<String>,
        /// The tuner's sampler: gaussian or tpe
        #[arg(long, default_value = "gaussian")]
        sampler: String,
        /// Test on the halves of the official test parts that the published figures come from
        #[arg(long)]
        half: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a long recording of words and noise, with marks, from short recordings
    SpokenStream(spoken_stream::Arguments),
    /// Compare kinds of recurrent layers on four data sets: accuracy, flash, RAM and instructions
    Kinds(variants::Arguments),
    /// Compare strides of a convolution below the recurrent layers on three data sets
    Strides(variants::Arguments),
    /// Replay the searches of `tune` over tables of real trainings, or record such a table
    SearchBench(search_bench::Arguments),
    /// Attack every reader of bytes with hostile ones, guided by coverage
    Fuzz(fuzz::Arguments),
    /// Kill, fill the disk, cut the network and damage the line, and print what was lost
    Torture(torture::Arguments),
    /// Change the code in one place at a time, and look whether a test notices (cargo-mutants)
    Mutants(mutants::Arguments),
    /// Build firmware, or build and start it
    #[command(subcommand)]
    Firmware(FirmwareTask),
}

#[derive(Subcommand)]
enum FirmwareTask {
    /// Build an image and print its path
    Build(ImageArguments),
    /// Build an image and start it in QEMU, or with --probe on the real board
    Run {
        #[command(flatten)]
        image: ImageArguments,
        /// Flash and run the real board with probe-rs
        #[arg(long)]
        probe: bool,
    },
}

#[derive(Args)]
struct ImageArguments {
    /// The board, or QEMU's machine
    #[arg(long, default_value = "mps2-an386")]
    board: String,
    /// The application
    #[arg(long, value_enum, default_value = "classify")]
    application: Application,
    /// The model file to compile in [default: a small one that comes with the firmware]
    #[arg(long)]
    model: Option<PathBuf>,
}

impl ImageArguments {
    /// The image, with a compiler for it installed.
    fn image(&self) -> Result<Image<'_>> {
        let board = boards::by_name(&self.board)?;
        set_up::compiler_ready(board.target)?;
        Ok(Image {
            model: self.model.as_deref(),
            ..Image::of(board, self.application)
        })
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Demo => demo::run(),
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::SetUp { check } => set_up::run(check),
        Task::SpokenStream(arguments) => spoken_stream::run(&arguments),
        Task::Kinds(arguments) => variants::compare_kinds(&arguments),
        Task::Strides(arguments) => variants::compare_strides(&arguments),
        Task::SearchBench(arguments) => search_bench::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Torture(arguments) => torture::run(&arguments),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::Accuracy {
            data,
            only,
            seeds,
            schemes,
            qat,
            half,
            json,
        } => accuracy::run(&accuracy::Options {
            data: data_sets::folder(&data)?,
            only,
            seeds,
            schemes,
            qat,
            half,
            json,
        }),
        Task::Tuning {
            data,
            only,
            seeds,
            sampler,
            half,
            json,
        } => tuning::run(&tuning::Options {
            data: data_sets::folder(&data)?,
            only,
            seeds,
            sampler,
            half,
            json,
        }),
        Task::Firmware(FirmwareTask::Build(image)) => {
            println!("{}", image.image()?.build()?.display());
            Ok(())
        }
        Task::Firmware(FirmwareTask::Run { image, probe }) => {
            let image = image.image()?;
            if !probe {
                set_up::qemu_ready()?;
            }
            image.run(probe)
        }
    }
}
