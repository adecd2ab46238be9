//! Chooses the settings of each variant by folds, trains it, and counts what it costs.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::kept::Kept;
use super::{Comparison, Variant};
use crate::command;
use crate::data_sets::{DataSet, Source};
use crate::spread::Spread;
use crate::trainer::number;

/// Folds of the training part.
const FOLDS: &str = "5";

/// The variants on a data set.
pub(super) struct Measured {
    pub(super) data_set: &'static str,
    /// Steps of the input in a second, where the data says.
    pub(super) rate: Option<f64>,
    pub(super) variants: Vec<Row>,
}

/// A variant on a data set.
pub(super) struct Row {
    pub(super) name: String,
    /// The flags that the folds chose.
    pub(super) setting: String,
    /// Number of settings that they chose from.
    pub(super) settings: usize,
    /// Accuracy over the folds in %, one mean for each seed.
    pub(super) folds: Spread,
    /// Accuracy on the test part in %, in f32 and in w8a16.
    pub(super) float: Spread,
    pub(super) integer: Spread,
    /// Of a w8a16 step on M4, a mean over the steps of the input.
    pub(super) instructions: f64,
    /// Of the w8a16 model file, in M4's order of weights.
    pub(super) file_bytes: f64,
    /// Of the model and the engine.
    pub(super) flash_bytes: f64,
    pub(super) ram_bytes: f64,
}

impl Measured {
    /// For programs.
    pub(super) fn to_json(&self) -> Value {
        let rows = self.variants.iter().map(Row::to_json);
        json!({
            "data_set": self.data_set,
            "steps_per_second": self.rate,
            "variants": rows.collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "setting": self.setting,
            "settings": self.settings,
            "folds": self.folds.to_json(),
            "test": { "f32": self.float.to_json(), "w8a16": self.integer.to_json() },
            "instructions": self.instructions,
            "file_bytes": self.file_bytes,
            "flash_bytes": self.flash_bytes,
            "ram_bytes": self.ram_bytes,
        })
    }
}

/// Measures every variant on a data set.
pub(super) fn data_set(
    kept: &mut Kept,
    set: &DataSet,
    source: &Source,
    comparison: &Comparison,
    seeds: &[u64],
) -> Result<Measured> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", set.name));
    let mut data = source.arguments();
    data.extend(["--config".to_owned(), config.to_string_lossy().into_owned()]);
    let variants = (comparison.variants)();
    let rows = variants
        .iter()
        .map(|variant| row(kept, (set, &data), variant, seeds));
    Ok(Measured {
        data_set: set.name,
        rate: set.rate,
        variants: rows.collect::<Result<_>>()?,
    })
}

/// A data set and the arguments that name it and its configuration.
type Data<'a> = (&'a DataSet, &'a [String]);

fn row(kept: &mut Kept, data: Data, variant: &Variant, seeds: &[u64]) -> Result<Row> {
    let first = *seeds.first().context("--seeds: give at least one")?;
    let mut chosen: Option<(&str, f64)> = None;
    for setting in &variant.settings {
        let found = folds(kept, data, variant, setting, first)?;
        if chosen.is_none_or(|(_, best)| found > best) {
            chosen = Some((setting, found));
        }
    }
    let (setting, _) = chosen.context("a variant has a setting")?;
    let of_folds = seeds
        .iter()
        .map(|seed| folds(kept, data, variant, setting, *seed))
        .collect::<Result<Vec<f64>>>()?;
    let (float, integer, cost) = tested(kept, data, variant, setting, seeds)?;
    Ok(Row {
        name: variant.name.clone(),
        setting: setting.to_owned(),
        settings: variant.settings.len(),
        folds: Spread::of(&of_folds),
        float: Spread::of(&float),
        integer: Spread::of(&integer),
        instructions: number(&cost, "/instructions")?,
        file_bytes: number(&cost, "/file_bytes")?,
        flash_bytes: number(&cost, "/flash_bytes")?,
        ram_bytes: number(&cost, "/ram_bytes")?,
    })
}

/// `command` with the data, the variant's flags and a setting's.
fn line<'a>(
    command: &'a str,
    (_, data): (&DataSet, &'a [String]),
    variant: &'a Variant,
    setting: &'a str,
) -> Vec<&'a str> {
    let data = data.iter().map(String::as_str);
    let flags = variant.flags.iter().map(String::as_str);
    std::iter::once(command)
        .chain(data)
        .chain(flags)
        .chain(setting.split_whitespace())
        .collect()
}

/// The mean accuracy over the folds in %.
fn folds(kept: &mut Kept, data: Data, variant: &Variant, setting: &str, seed: u64) -> Result<f64> {
    let seed = seed.to_string();
    let mut arguments = line("train", data, variant, setting);
    arguments.extend(["--folds", FOLDS, "--seed", &seed]);
    let mean = kept.run(&arguments, |said| {
        let figures = said["figures"].as_array().context("no figures of folds")?;
        let accuracy = figures.iter().find(|figure| figure["name"] == "accuracy");
        Ok(accuracy.context("no accuracy of folds")?["mean"].clone())
    })?;
    Ok(100.0 * number(&mean, "")?)
}

/// Accuracies on the test part in f32 and in w8a16 in %, one for each seed, and what the first seed's model costs.
fn tested(
    kept: &mut Kept,
    data: Data,
    variant: &Variant,
    setting: &str,
    seeds: &[u64],
) -> Result<(Vec<f64>, Vec<f64>, Value)> {
    let all = seeds.iter().map(u64::to_string).collect::<Vec<_>>();
    let all = all.join(",");
    let mut arguments = line("train", data, variant, setting);
    arguments.extend(["--seeds", &all, "--overwrite"]);
    // What the runs are is in the name of their folder, and so in the lines below.
    let out = kept.folder_of(&arguments);
    arguments.extend(["--out", &out]);
    kept.run(&arguments, |_| Ok(Value::Null))?;
    let (mut float, mut integer) = (Vec::new(), Vec::new());
    for seed in seeds {
        let run = format!("{out}/seed-{seed}");
        let said = kept.run(&["quantise", &run, "--scheme", "w8a16"], |said| {
            Ok(said["comparison"].clone())
        })?;
        float.push(100.0 * number(&said, "/float/accuracy")?);
        integer.push(100.0 * number(&said, "/integer/accuracy")?);
    }
    let run = format!("{out}/seed-{}", seeds[0]);
    let file = format!("{out}/model.lstm");
    let export = ["export", &run, "--target", "m4", "--output", &file];
    kept.run(&export, |_| Ok(Value::Null))?;
    let cost = kept.run(&["inspect", &file, "--core", "m4"], |said| {
        let mut cost = said["cores"][0].clone();
        cost["file_bytes"] = said["file_bytes"].clone();
        Ok(cost)
    })?;
    Ok((float, integer, cost))
}
