//! `cargo xtask kinds` and `cargo xtask strides` compare variants of a network on published data sets: what each costs
//! on a chip, and how many decisions are right.
//!
//! ```text
//! kept, measure → table → kinds, strides
//! ```
//!
//! Each variant has some settings to choose from. The folds of the training part choose, with the first seed. The test
//! part judges what was chosen, and chooses nothing. Results are kept: if the command was stopped, the same command
//! continues.

mod kept;
mod kinds;
mod measure;
mod strides;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::data_sets::{DataSet, wanted};
use kept::Kept;

/// A variant of the network of a configuration.
struct Variant {
    name: String,
    /// What `trainer-host train` gets beside the configuration.
    flags: Vec<String>,
    /// Further flags to choose from, the first of them where the folds see no difference.
    settings: Vec<String>,
}

/// What is compared.
struct Comparison {
    /// The command's name.
    name: &'static str,
    data_sets: &'static [DataSet],
    variants: fn() -> Vec<Variant>,
    /// What follows the table of a data set.
    verdict: fn(&measure::Measured) -> String,
}

/// What the commands take.
#[derive(Args)]
pub struct Arguments {
    /// The folder of data sets; docs/data-sets.md says what lies in it
    #[arg(long)]
    data: PathBuf,
    /// Only these data sets, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Seeds, separated by commas; the first one's folds choose the settings
    #[arg(long, value_delimiter = ',', default_value = "0,1,2")]
    seeds: Vec<u64>,
    /// Test on the halves of the official test parts that the published figures come from
    #[arg(long)]
    half: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Compares kinds of layers.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn compare_kinds(arguments: &Arguments) -> Result<()> {
    compare(&kinds::COMPARISON, arguments)
}

/// Compares strides of a convolution below the recurrent layers.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn compare_strides(arguments: &Arguments) -> Result<()> {
    compare(&strides::COMPARISON, arguments)
}

fn compare(comparison: &Comparison, arguments: &Arguments) -> Result<()> {
    let folder = crate::data_sets::folder(&arguments.data)?;
    let chosen = wanted(comparison.data_sets, &arguments.only, &folder)?;
    let mut kept = Kept::open(comparison.name)?;
    let mut results = Vec::new();
    for set in &chosen {
        let source = set.source(&folder, &kept.folder().join(set.name), arguments.half)?;
        let measured = measure::data_set(&mut kept, set, &source, comparison, &arguments.seeds)?;
        if !arguments.json {
            println!("{}", table::text(&measured, &arguments.seeds));
            println!("{}", (comparison.verdict)(&measured));
        }
        results.push(measured);
    }
    if arguments.json {
        let results: Vec<_> = results.iter().map(measure::Measured::to_json).collect();
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("{}", table::summary(&results));
    }
    Ok(())
}
