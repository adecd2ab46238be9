//! The report of a run: what matters most on top, then curves of loss, accuracy and learning rate, scores, what is decided
//! wrongly, and pictures of the network's inside.

use lstm_nostd::kernels::Scheme;

use super::clock;
use super::features::feature_section;
use super::forecast::{Forecasts, forecast_sections};
use super::quantised::{quantised_line, quantised_sections};
use super::score::{percent, score_section};
use super::values::value_sections;
use super::wrong::wrong_sections;
use super::{Chart, Look, Page, Series, network_sections};
use crate::cost::Limits;
use crate::data::{Dataset, Lengths, Output, Parts, counted};
use crate::evaluate::{BaselineScore, Outputs, Score, score};
use crate::run::side_by_side::Quantised;
use crate::run::toml_text::to_toml;
use crate::run::{Run, RunConfig, estimate};
use crate::train::EpochRecord;

/// A judged part of a run's data.
pub struct JudgedPart<'a> {
    /// As in "test part".
    pub name: &'a str,
    /// Its recordings.
    pub data: &'a Dataset,
    /// What the judged network says of it.
    pub outputs: &'a Outputs,
    /// How good that is.
    pub score: &'a Score,
    /// Simpler methods on the same part.
    pub baselines: &'a [BaselineScore],
    /// What is judged: `f32`.
    pub judged_as: &'a str,
    /// What ridge regression says of a forecast.
    pub linear: Option<&'a Outputs>,
}

/// What a page shows of how training went.
pub struct Progress<'a> {
    /// A record for each epoch.
    pub history: &'a [EpochRecord],
    /// The chosen epoch, with a validation part.
    pub best: Option<usize>,
    /// Why the run ended.
    pub ending: &'a str,
}

/// Recordings of the training part whose accuracy is shown, at most.
const TRAINING: usize = 2000;

/// The HTML page of a run, of which `judged` are the parts, and `quantised` its quantisations.
pub fn run_report(
    run: &Run,
    data: &Parts,
    progress: &Progress<'_>,
    (judged, quantised): (&[JudgedPart<'_>], &[Quantised]),
) -> String {
    let config = &run.config;
    let mut page = Page::new(&format!("Training on {}", config.source));
    let training = training_accuracy(run, &data.train);
    let known = (progress, judged, quantised);
    summary(&mut page, (run, data), known, training);
    curve_section(&mut page, progress, training);
    quantised_sections(&mut page, quantised);
    // The test part chose nothing, and says most.
    for part in judged.iter().rev() {
        score_section(&mut page, part.name, part.score, part.baselines);
    }
    if let Some(part) = judged.last() {
        value_sections(&mut page, part.name, part.data, part.outputs);
        forecast_sections(&mut page, part.name, &forecasts(part, quantised));
        wrong_sections(&mut page, run, (part.name, part.data), part.outputs);
    }
    let shown = data.validation.as_ref().unwrap_or(&data.train);
    let inputs = run.fitted.normalised_inputs(shown);
    feature_section(&mut page, shown, &inputs);
    network_sections(&mut page, &run.network, &inputs);
    page.text("Configuration", &to_toml(config).unwrap_or_default());
    page.finish()
}

/// The forecasts of a part, and those of the quantisations that were judged on it.
fn forecasts<'a>(part: &'a JudgedPart<'_>, quantised: &'a [Quantised]) -> Forecasts<'a> {
    let of_part = || quantised.iter().filter(|one| one.part == part.name);
    Forecasts {
        data: part.data,
        judged: (part.outputs, part.judged_as),
        linear: part.linear,
        float: of_part().next().map(|one| &*one.float),
        integers: of_part()
            .map(|one| (one.name.as_str(), &one.outputs))
            .collect(),
    }
}

/// The page of a run that is being trained, or that was stopped: `state` says which, and whether it goes on.
pub fn progress_page(
    config: &RunConfig,
    progress: &Progress<'_>,
    (state, is_live): (&str, bool),
) -> String {
    let mut page = Page::new(&format!("Training on {}", config.source));
    match is_live {
        true => page.live(state),
        false => page.notice(state),
    }
    page.summary(&progress_rows(progress));
    curve_section(&mut page, progress, None);
    page.text("Configuration", &to_toml(config).unwrap_or_default());
    page.finish()
}

/// What matters most of a run that has not ended, by name.
fn progress_rows(progress: &Progress<'_>) -> Vec<(&'static str, String)> {
    let last = progress.history.last();
    let best = progress.best;
    let best = best.and_then(|best| progress.history.iter().find(|record| record.epoch == best));
    let of = |record: Option<&EpochRecord>| record.map_or(String::new(), epoch_line);
    vec![
        ("last epoch", of(last)),
        ("best", of(best)),
        ("written", clock::now()),
        ("by", command()),
    ]
}

/// The figures of an epoch.
fn epoch_line(record: &EpochRecord) -> String {
    let accuracy = |share: Option<f64>| {
        share.map_or(String::new(), |share| {
            format!(", accuracy {}", percent(Some(share)))
        })
    };
    let validation = record.validation.map_or(String::new(), |validation| {
        let accuracy = accuracy(validation.accuracy);
        format!("; validation loss {:.4}{accuracy}", validation.loss)
    });
    let training = accuracy(record.train_accuracy);
    format!(
        "{}: training loss {:.4}{training}{validation}",
        record.epoch, record.train_loss
    )
}

/// The command line of this process.
fn command() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}

/// The share of the training part that the chosen f32 network decides rightly.
fn training_accuracy(run: &Run, train: &Dataset) -> Option<f64> {
    let few: Vec<usize> = (0..train.len().min(TRAINING)).collect();
    let train = train.select(&few);
    match score(&train, &run.outputs(&train)) {
        Score::Classes(score) => Some(score.accuracy),
        Score::Values(_) => None,
    }
}

/// Adds what matters most, by name.
fn summary(
    page: &mut Page,
    (run, data): (&Run, &Parts),
    (progress, judged, quantised): (&Progress<'_>, &[JudgedPart<'_>], &[Quantised]),
    training: Option<f64>,
) {
    let scheme = Scheme::default();
    let as_scheme = format!("as {}", scheme.name());
    let part = |name: &str| judged.iter().find(|part| part.name.starts_with(name));
    let scored = |name| part(name).map_or(String::new(), |part| part.score.describe());
    let training = training.map(|share| percent(Some(share)));
    let beside = judged.last().map_or(String::new(), |part| {
        best_baseline(part.name, part.baselines)
    });
    let mut rows = vec![
        ("test", scored("test")),
        ("validation", scored("validation")),
        (
            "training",
            training.map_or(String::new(), |share| format!("accuracy {share}, in f32")),
        ),
        ("beside it", beside),
    ];
    match quantised.last() {
        // Those that were made last come first.
        Some(_) => rows.extend(
            (quantised.iter().rev().take(MOST_QUANTISED))
                .map(|one| ("integers", quantised_line(one))),
        ),
        None => rows.push((&as_scheme, cost_line(run, data, scheme))),
    }
    rows.extend([
        ("data", data_line(data)),
        ("classes", class_line(&data.train)),
        ("network", network_line(run)),
        ("trained", trained_line(run, progress)),
        ("written", clock::now()),
        ("by", command()),
    ]);
    page.summary(&rows);
}

/// Quantisations in the summary, at most.
const MOST_QUANTISED: usize = 3;

/// The simple method with the highest accuracy on the part of this name.
fn best_baseline(part: &str, baselines: &[BaselineScore]) -> String {
    let best = baselines.iter().max_by(|a, b| {
        let [a, b] = [a, b].map(|one| one.accuracy.unwrap_or(f64::NEG_INFINITY));
        a.total_cmp(&b)
    });
    best.map_or(String::new(), |best| {
        let accuracy = percent(best.accuracy);
        format!(
            "{} has {accuracy} on the {part}, the best of the simpler methods",
            best.name
        )
    })
}

/// What the integers of a run that is not quantised would cost, with this scheme in all layers.
fn cost_line(run: &Run, data: &Parts, scheme: Scheme) -> String {
    let first = data.train.sequences.first();
    let lengths = (first.map_or(0, |first| first.nrows()), data.longest());
    let cost = estimate::of_run(run, scheme, lengths, &Limits::default());
    cost.map_or(String::new(), |cost| {
        format!(
            "about {} bytes of flash with the engine, {} bytes of RAM, {} instructions a step on {}; trainer-host quantise \
             measures what integers change",
            cost.flash_bytes,
            cost.ram_bytes,
            cost.instructions,
            cost.core.name()
        )
    })
}

/// How much data there is.
fn data_line(data: &Parts) -> String {
    let size = |part: &Option<Dataset>| part.as_ref().map_or(0, Dataset::len);
    let all = data.train.summary();
    let steps = match all.length {
        Lengths { min, max, .. } if min == max => counted(min, "step"),
        Lengths { min, max, median } => format!("{min} to {max} steps, the middle one {median}"),
    };
    format!(
        "{} to train, {} to choose, {} to test; {}; {steps}",
        counted(data.train.len(), "recording"),
        size(&data.validation),
        size(&data.test),
        counted(all.channels.len(), "channel"),
    )
}

/// Characters of the classes in the summary, at most.
const CLASS_TEXT: usize = 300;

/// How often each class occurs in training; empty for values.
fn class_line(train: &Dataset) -> String {
    let all = train.summary();
    if !all.task.is_class() {
        return String::new();
    }
    let unit = if all.task.is_per_step() { " steps" } else { "" };
    let of = |class: &Output| format!("{}: {}{unit}", class.name, class.count);
    let text = all.outputs.iter().map(of).collect::<Vec<_>>().join(", ");
    if text.chars().count() <= CLASS_TEXT {
        return text;
    }
    let rarest = all.outputs.iter().min_by_key(|class| class.count);
    let commonest = all.outputs.iter().rev().max_by_key(|class| class.count);
    let [rarest, commonest] = [rarest, commonest].map(|class| class.map(of).unwrap_or_default());
    let count = all.outputs.len();
    format!("{count}; the fewest of {rarest}, the most of {commonest}")
}

fn network_line(run: &Run) -> String {
    let network = &run.network.config;
    let parameters = run.network.parameter_count();
    let conv = match &network.conv {
        Some(conv) => format!(
            "convolution of {} filters, stride {}, ",
            conv.filters, conv.stride
        ),
        None => String::new(),
    };
    let peepholes = match network.cell.peepholes() {
        true => " with peepholes",
        false => "",
    };
    let projection = network.cell.projection();
    let projection = projection.map_or(String::new(), |outputs| format!(" projected to {outputs}"));
    let dense = match network.dense.is_empty() {
        true => String::new(),
        false => format!(", dense {:?}", network.dense),
    };
    format!(
        "{conv}{} {}{peepholes}{projection}{dense}, {}; {parameters} parameters",
        network.cell.title(),
        network.recurrent_text(),
        counted(network.outputs, "output"),
    )
}

fn trained_line(run: &Run, progress: &Progress<'_>) -> String {
    let epochs = progress.history.len();
    if epochs == 0 {
        return run.fitted.origin.to_string();
    }
    let best = progress.best;
    let best = best.map_or(String::new(), |best| format!(", best {best}"));
    let all = run.config.train.epochs;
    format!("{epochs} of {all} epochs{best}, {}", progress.ending)
}

/// Curves over the epochs.
fn curve_section(page: &mut Page, progress: &Progress<'_>, training: Option<f64>) {
    let history = progress.history;
    if history.is_empty() {
        return;
    }
    let marks: Vec<(f64, String)> = (progress.best.into_iter())
        .map(|best| (best as f64, format!("best, {best}")))
        .collect();
    let mut charts = vec![Chart {
        marks: marks.clone(),
        ..losses(history)
    }];
    charts.extend(accuracies(progress, training).map(|chart| Chart { marks, ..chart }));
    let over = |name: &str, title: &str, value: fn(&EpochRecord) -> Option<f64>| {
        let series = vec![over_epochs(history, name, value)];
        Chart::lines(title, ("epoch", ""), series)
    };
    charts.push(over(
        "learning rate",
        "Learning rate at the end of each epoch",
        |r| Some(f64::from(r.learning_rate)),
    ));
    charts.push(over(
        "gradient norm before clipping",
        "Mean global norm of the gradient",
        |r| Some(r.gradient_norm),
    ));
    page.charts("Curves", &charts);
}

/// A line of a value over the epochs that have it.
pub fn over_epochs(
    history: &[EpochRecord],
    name: &str,
    value: fn(&EpochRecord) -> Option<f64>,
) -> Series {
    let points = (history.iter()).filter_map(|r| Some((r.epoch as f64, value(r)?)));
    Series::line(name, points.collect())
}

/// Accuracies over the epochs in the order of [`losses`], so that a part has one colour; `None` of values.
fn accuracies(progress: &Progress<'_>, training: Option<f64>) -> Option<Chart> {
    let history = progress.history;
    let mut series = vec![
        over_epochs(history, "training, with noise and dropout", |r| {
            Some(100.0 * r.train_accuracy?)
        }),
        over_epochs(history, "validation", |r| {
            Some(100.0 * r.validation?.accuracy?)
        }),
    ];
    series.retain(|series| !series.points.is_empty());
    if series.is_empty() {
        return None;
    }
    let at = progress.best.unwrap_or(history.len()) as f64;
    series.extend(training.map(|share| Series {
        look: Look::Points,
        ..Series::line("training, chosen weights", vec![(at, 100.0 * share)])
    }));
    Some(Chart::lines("Accuracy", ("epoch", "%"), series))
}

/// Training and validation loss over the epochs.
fn losses(history: &[EpochRecord]) -> Chart {
    let series = [
        over_epochs(history, "training", |r| Some(r.train_loss)),
        over_epochs(history, "validation", |r| Some(r.validation?.loss)),
    ];
    let series = series
        .into_iter()
        .filter(|series| !series.points.is_empty());
    Chart::lines("Loss", ("epoch", "loss"), series.collect())
}
