//! The report of a run: what matters most on top, then curves of loss, accuracy and learning rate, scores, what is decided
//! wrongly, and pictures of the network's inside.

use super::clock;
use super::features::feature_section;
use super::forecast::{Forecasts, forecast_sections};
use super::quantised::quantised_sections;
use super::score::{baseline_section, percent, score_sections};
use super::wrong::wrong_sections;
use super::{Chart, Look, Page, Series, network_sections};
use crate::data::{Dataset, Parts};
use crate::evaluate::{BaselineScore, Outputs, Score, score};
use crate::run::side_by_side::Quantised;
use crate::run::toml_text::to_toml;
use crate::run::{Run, RunConfig};
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
    page.summary(&summary(run, data, progress, judged, training));
    curve_sections(&mut page, progress, training);
    for part in judged {
        score_sections(&mut page, part.name, part.score);
        baseline_section(&mut page, part.name, part.score, part.baselines);
    }
    quantised_sections(&mut page, quantised);
    // The test part chose nothing, and says most.
    if let Some(part) = judged.last() {
        forecast_sections(&mut page, part.name, &forecasts(run, part, quantised));
        wrong_sections(&mut page, run, (part.name, part.data), part.outputs);
    }
    let shown = data.validation.as_ref().unwrap_or(&data.train);
    let inputs = run.fitted.normalised_inputs(shown);
    feature_section(&mut page, shown, &inputs);
    network_sections(&mut page, &run.network, &inputs);
    page.text("Configuration", &to_toml(config).unwrap_or_default());
    page.finish()
}

/// The forecasts of a part, if they are some.
fn forecasts<'a>(run: &Run, part: &'a JudgedPart<'_>, quantised: &'a [Quantised]) -> Forecasts<'a> {
    let integers = quantised.iter().filter(|one| one.part == part.name);
    let integers: Vec<(&str, &Outputs)> = integers
        .map(|one| (one.name.as_str(), &one.outputs))
        .collect();
    let has_some = part.data.origin.is_some() && !integers.is_empty();
    Forecasts {
        data: part.data,
        judged: (part.outputs, part.judged_as),
        linear: part.linear,
        integers: (has_some.then(|| run.outputs(part.data)), integers),
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
    curve_sections(&mut page, progress, None);
    page.text("Configuration", &to_toml(config).unwrap_or_default());
    page.finish()
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

fn summary(
    run: &Run,
    data: &Parts,
    progress: &Progress<'_>,
    judged: &[JudgedPart<'_>],
    training: Option<f64>,
) -> Vec<(&'static str, String)> {
    let part = |name: &str| judged.iter().find(|part| part.name.starts_with(name));
    let scored = |name| part(name).map_or(String::new(), |part| part.score.describe());
    let training = training.map(|share| percent(Some(share)));
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let command: Vec<String> = words.collect();
    vec![
        ("test", scored("test")),
        ("validation", scored("validation")),
        (
            "training",
            training.map_or(String::new(), |share| format!("accuracy {share}, in f32")),
        ),
        ("data", data_line(data)),
        ("classes", class_line(&data.train)),
        ("network", network_line(run)),
        ("trained", trained_line(run, progress)),
        ("written", clock::now()),
        ("by", command.join(" ")),
    ]
}

/// How much data there is.
fn data_line(data: &Parts) -> String {
    let size = |part: &Option<Dataset>| part.as_ref().map_or(0, Dataset::len);
    let all = data.train.summary();
    format!(
        "{} recordings to train, {} to choose, {} to test; {} channels; {} to {} steps, the middle one {}",
        data.train.len(),
        size(&data.validation),
        size(&data.test),
        all.channels.len(),
        all.length.min,
        all.length.max,
        all.length.median
    )
}

/// How often each class occurs in training; empty for values.
fn class_line(train: &Dataset) -> String {
    let all = train.summary();
    if !all.task.is_class() {
        return String::new();
    }
    let unit = if all.task.is_per_step() { " steps" } else { "" };
    let classes = all.outputs.iter();
    let classes = classes.map(|class| format!("{}: {}{unit}", class.name, class.count));
    classes.collect::<Vec<_>>().join(", ")
}

fn network_line(run: &Run) -> String {
    let network = &run.network.config;
    let parameters = run.network.parameter_count();
    let peepholes = match network.cell.peepholes() {
        true => " with peepholes",
        false => "",
    };
    let projection = network.cell.projection();
    let projection = projection.map_or(String::new(), |outputs| format!(" projected to {outputs}"));
    format!(
        "{} {}{peepholes}{projection}, dense {:?}, {} outputs; {parameters} parameters, about {} KB in int8",
        network.cell.title(),
        network.recurrent_text(),
        network.dense,
        network.outputs,
        parameters.div_ceil(1024)
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
fn curve_sections(page: &mut Page, progress: &Progress<'_>, training: Option<f64>) {
    let history = progress.history;
    if history.is_empty() {
        return;
    }
    let mut losses = losses(history);
    let marks: Vec<(f64, String)> = (progress.best.into_iter())
        .map(|best| (best as f64, format!("best, {best}")))
        .collect();
    losses.marks.clone_from(&marks);
    page.section("Loss", &losses.figure());
    let line = |name: &str, value: fn(&EpochRecord) -> Option<f64>| {
        let points = (history.iter()).filter_map(|r| Some((r.epoch as f64, value(r)?)));
        Series::line(name, points.collect())
    };
    let mut series = vec![
        line("validation", |r| Some(100.0 * r.validation?.accuracy?)),
        line("training, with noise and dropout", |r| {
            Some(100.0 * r.train_accuracy?)
        }),
    ];
    series.retain(|series| !series.points.is_empty());
    if !series.is_empty() {
        let at = progress.best.unwrap_or(history.len()) as f64;
        series.extend(training.map(|share| Series {
            look: Look::Points,
            ..Series::line("training, chosen weights", vec![(at, 100.0 * share)])
        }));
        let chart = Chart {
            marks,
            ..Chart::lines("Accuracy", ("epoch", "%"), series)
        };
        page.section("Accuracy", &chart.figure());
    }
    let rate = line("learning rate", |r| Some(f64::from(r.learning_rate)));
    let norm = line("gradient norm before clipping", |r| Some(r.gradient_norm));
    for (heading, title, series) in [
        (
            "Learning rate",
            "Learning rate at the end of each epoch",
            rate,
        ),
        ("Gradients", "Mean global norm of the gradient", norm),
    ] {
        let chart = Chart::lines(title, ("epoch", ""), vec![series]);
        page.section(heading, &chart.figure());
    }
}

/// Training and validation loss over the epochs.
fn losses(history: &[EpochRecord]) -> Chart {
    let training = history.iter().map(|r| (r.epoch as f64, r.train_loss));
    let validation = (history.iter()).filter_map(|r| Some((r.epoch as f64, r.validation?.loss)));
    let series = [
        Series::line("training", training.collect()),
        Series::line("validation", validation.collect()),
    ];
    let series = series
        .into_iter()
        .filter(|series| !series.points.is_empty());
    Chart::lines("Loss", ("epoch", "loss"), series.collect())
}
