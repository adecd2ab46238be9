//! `trainer-host find-rate`: the learning-rate range test.

use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;

use super::Printer;
use super::data_args::print_notes;
use super::settings::{Settings, divided, with_data};
use crate::files::atomic;
use crate::report::rate_report;
use crate::run::Fitted;
use crate::train::{RangeTest, RateCurve, find_rate};

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// File for the curve: a page (.html) or the picture alone (.svg).
    #[arg(long, value_name = "FILE", value_parser = picture)]
    out: Option<PathBuf>,
    /// First rate.
    #[arg(long, value_name = "RATE", default_value_t = RangeTest::default().lowest)]
    lowest: f32,
    /// Last rate.
    #[arg(long, value_name = "RATE", default_value_t = RangeTest::default().highest)]
    highest: f32,
    /// Number of updates.
    #[arg(long, value_name = "N", default_value_t = RangeTest::default().updates)]
    updates: usize,
    #[command(flatten)]
    settings: Settings,
}

fn picture(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "svg") => Ok(path),
        _ => Err("the name must end with .html or .svg".into()),
    }
}

#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    curve: RateCurve,
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let (settings, data) = args.settings.suited()?;
    let config = with_data(settings)?;
    config.validate()?;
    if let Some((key, _)) = config.train.other_runs().next() {
        bail!("{key}: find-rate searches for training from fresh weights; omit this setting");
    }
    if config.train.qat.is_some() {
        bail!("qat: find-rate searches for training in f32; omit this setting");
    }
    let data = divided(&config, data)?;
    print_notes(&data.notes());
    let fitted = Fitted::fit(&config.train, &data.train)?;
    let test = RangeTest {
        lowest: args.lowest,
        highest: args.highest,
        updates: args.updates,
    };
    let curve = find_rate(&config.train, &fitted.normalised(&data.train), test)?;
    if let Some(out) = &args.out {
        let (svg, page) = rate_report(&config.source, &curve);
        let text = if out.extension().is_some_and(|extension| extension == "svg") {
            svg
        } else {
            page
        };
        atomic::write(out, text.as_bytes())?;
    }
    let found = Found {
        curve,
        out: args.out,
    };
    printer.print(&found, text)
}

fn text(found: &Found) -> String {
    let RateCurve {
        points,
        proposed,
        steepest,
    } = &found.curve;
    let mut text = String::from("        rate    loss  smoothed\n");
    // Some twenty lines, whatever the number of updates.
    for point in points.iter().step_by(points.len().div_ceil(20).max(1)) {
        text += &format!(
            "{:>12.2e}  {:>6.4}  {:>8.4}\n",
            point.rate, point.loss, point.smoothed
        );
    }
    match (proposed, steepest) {
        (Some(proposed), Some(steepest)) => {
            text += &format!(
                "proposed   {proposed:.2e}  (--learning-rate; a tenth of the rate with the lowest smoothed loss)\n\
                 steepest   {steepest:.2e}  (where the loss falls fastest)\n"
            );
        }
        _ => text += "no rate lowered the loss: try a lower --lowest, or more --updates\n",
    }
    if let Some(out) = &found.out {
        text += &format!("curve      {}\n", out.display());
    }
    text
}
