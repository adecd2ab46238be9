//! The page of a study: its history, errors and costs, and the settings that mattered.

use std::collections::BTreeMap;

use super::best::{best, front};
use super::cost_columns::CostColumns;
use super::finalists::{Finalist, judged};
use super::plan::counted;
use super::stored_trial::{State, StoredTrial, lowest, macs, observations};
use super::study::Definition;
use crate::cost::{Footprint, Limits};
use crate::data;
use crate::report::{
    Axis, Chart, Line, Look, Page, Series, Ticks, bars, beside, data_table, escape, marked_table,
    parallel_svg,
};
use crate::run::toml_text::to_toml;
use crate::search::belief::{Expected, beliefs};
use crate::search::importance::importance;
use crate::search::{
    Domain, Observation, Parameter, Sampler, SearchConfig, Space, Value, in_one_line, pareto,
    short_name,
};

/// What is expected along each setting, by its name.
type Beliefs = BTreeMap<String, Vec<Expected>>;

/// A self-contained page: history, fronts, settings, importance, learning curves, all trials. A page of a study that
/// `is_live` loads itself again.
pub fn study_page(
    name: &str,
    definition: &Definition,
    trials: &[StoredTrial],
    is_live: bool,
) -> String {
    let search = &definition.search;
    let mut page = Page::new(&format!("Study {name} on {}", definition.config.source));
    if is_live {
        page.live("The study goes on.");
    }
    let best = best(trials, search, &search.chip);
    page.summary(&summary(definition, trials, best));
    page.section("History", &history(trials).figure());
    let front = front(trials, search);
    let finalists = judged(trials, search);
    let pictures: Vec<Chart> = (COSTS.iter())
        .map(|cost| front_chart(cost, &search.chip, trials, (&front, &finalists)))
        .collect();
    page.charts("Error and cost", &pictures);
    if !finalists.is_empty() {
        let heading = format!("Finalists, mean ± deviation of {}", search.judged_by());
        page.section(&heading, &finalist_table(&finalists));
    }
    let ranks = ranks(trials);
    let lines = lines(&search.space, trials, &ranks);
    page.section(
        "Settings of all trials",
        &parallel_svg(
            "the best trials in the strongest colour",
            &axes(&search.space),
            &lines,
        ),
    );
    let observations = observations(trials, search);
    let importance = importance(&search.space, &observations);
    page.section("Importance of the settings", &bars(&importance));
    let beliefs = best.map(|best| believed(search, &observations, best));
    let slices = slices(&search.space, trials, &beliefs.unwrap_or_default());
    page.section("Error over each setting", &slices);
    page.section("Learning curves", &curves(trials, &ranks).figure());
    let front: Vec<usize> = front.iter().map(|trial| trial.number).collect();
    page.section("All trials", &trial_table(trials, &front));
    if let Ok(settings) = to_toml(definition) {
        page.text("How it was searched", &settings);
    }
    page.finish()
}

fn summary(
    definition: &Definition,
    trials: &[StoredTrial],
    best: Option<&StoredTrial>,
) -> Vec<(&'static str, String)> {
    let search = &definition.search;
    vec![
        ("trials", counts(trials, search)),
        (
            "compute",
            format!(
                "{:.2e} multiply-accumulates of training",
                macs(trials.iter().map(|trial| &trial.own))
            ),
        ),
        (
            "best",
            best.map(note).unwrap_or_default().replace('\n', ", "),
        ),
        ("limits", limits(&search.chip)),
    ]
}

/// The chip and what a model may cost there.
fn limits(chip: &Limits) -> String {
    let named = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let parts = [
        named("core", Some(chip.core().name().to_owned())),
        named("clock", chip.clock.map(|clock| clock.to_string())),
        named(
            "wait states of the flash",
            chip.wait_states.map(|n| n.to_string()),
        ),
        named("flash", chip.flash.map(|bytes| bytes.to_string())),
        named("model file", chip.model_file.map(|bytes| bytes.to_string())),
        named("RAM", chip.ram.map(|bytes| bytes.to_string())),
        named("time of a step", chip.latency.map(|time| time.to_string())),
        named(
            "instructions of a step",
            chip.instructions.map(|n| n.to_string()),
        ),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How many trials there are, and how many in each state.
fn counts(trials: &[StoredTrial], search: &SearchConfig) -> String {
    let count = |state| {
        let trials = trials.iter().filter(|trial| trial.own.state == state);
        trials.count()
    };
    format!(
        "{}: {} finished, {} stopped early, {} failed, {} running",
        counted(trials, search),
        count(State::Finished),
        count(State::Stopped),
        count(State::Failed),
        count(State::Running),
    )
}

/// What is shown of a trial under the pointer: its figures, its cost and its settings.
fn note(trial: &StoredTrial) -> String {
    let figures = match trial.figures() {
        Some((error, accuracy)) => {
            let accuracy =
                accuracy.map_or(String::new(), |a| format!(", accuracy {:.2} %", 100.0 * a));
            let fold = trial.own.first_fold.map_or("", |_| " in the first fold");
            format!("error {error:.5}{accuracy}{fold}")
        }
        None => format!(
            "{} after {}",
            trial.own.state.name(),
            data::counted(trial.values.len(), "epoch")
        ),
    };
    let second = trial.footprint.second.map_or_else(String::new, |second| {
        let (front_end, network) = (second.front_end, second.network);
        format!(" a step; {front_end} of the front end and {network} of the network a second")
    });
    format!(
        "trial {}: {figures}\n{} instructions{second}, {} B flash, {} B RAM\n{}",
        trial.number,
        trial.footprint.instructions,
        trial.footprint.flash_bytes,
        trial.footprint.ram_bytes,
        in_one_line(&trial.point)
    )
}

/// A cloud of trials with their notes.
fn cloud<'a>(
    name: &str,
    look: Look,
    trials: impl IntoIterator<Item = &'a StoredTrial>,
    place: impl Fn(&StoredTrial) -> Option<(f64, f64)>,
) -> Series {
    let placed = trials
        .into_iter()
        .filter_map(|trial| Some((place(trial)?, note(trial))));
    let (points, notes) = placed.unzip();
    Series {
        look,
        notes,
        ..Series::line(name, points)
    }
}

/// The error of each finished trial, and the least so far.
fn history(trials: &[StoredTrial]) -> Chart {
    let place = |trial: &StoredTrial| {
        let error = trial.own.result.as_ref()?.error;
        Some((trial.number as f64, error))
    };
    let all = cloud("finished trials", Look::Points, trials, place);
    let mut least = f64::INFINITY;
    let so_far = all.points.iter().map(|(number, error)| {
        least = least.min(*error);
        (*number, least)
    });
    let so_far: Vec<(f64, f64)> = so_far.collect();
    let so_far = Series {
        notes: all.notes.clone(),
        ..Series::line("best so far", so_far)
    };
    let labels = ("trial", "error of the integers");
    Chart::lines("Error of the trials", labels, vec![all, so_far])
}

/// What the search expects along each setting, the others as in the `best` trial. A sampler without a process expects nothing.
fn believed(search: &SearchConfig, observations: &[Observation], best: &StoredTrial) -> Beliefs {
    match search.sampler {
        Sampler::Gaussian => beliefs(&search.space, &search.taught, observations, &best.point),
        _ => Beliefs::new(),
    }
}

/// Finished trials over each setting, and what the search expects there.
fn slices(space: &Space, trials: &[StoredTrial], beliefs: &Beliefs) -> String {
    let charts = space.parameters.iter().map(|(name, parameter)| {
        let expected = beliefs.get(name).map_or(&[][..], Vec::as_slice);
        slice(name, parameter, trials, expected)
    });
    let charts: Vec<Chart> = charts.collect();
    let note = match beliefs.is_empty() {
        true => "",
        false => {
            "<p>The lines say what the search expects of each value while all other settings are those of the best trial: the \
             median, and a deviation of its process more and less. They are open where they leave the range of the trials.</p>"
        }
    };
    format!("{note}{}", beside(&charts))
}

/// Finished trials over one setting.
fn slice(
    name: &str,
    parameter: &Parameter,
    trials: &[StoredTrial],
    expected: &[Expected],
) -> Chart {
    let choices: &[Value] = match &parameter.domain {
        Domain::Choices(choices) => choices,
        _ => &[],
    };
    // Choices stand side by side in their order.
    let across = |value: &Value| match choices.iter().position(|choice| choice == value) {
        Some(at) => Some(at as f64),
        None => value.number(),
    };
    let place = |trial: &StoredTrial| {
        let error = trial.own.result.as_ref()?.error;
        Some((across(trial.point.get(name)?)?, error))
    };
    let all = cloud("finished trials", Look::Points, trials, place);
    let (low, high) = (all.points.iter()).fold((f64::INFINITY, 0f64), |(low, high), point| {
        (low.min(point.1), high.max(point.1))
    });
    let shown = |error: f64| match (0.5 * low..=1.2 * high).contains(&error) {
        true => error,
        false => f64::NAN,
    };
    let line = |name: &str, value: fn(&Expected) -> f64| {
        let points = expected.iter();
        let points = points.filter_map(|at| Some((across(&at.value)?, shown(value(at)))));
        Series {
            look: if choices.is_empty() {
                Look::Line
            } else {
                Look::Points
            },
            ..Series::line(name, points.collect())
        }
    };
    let mut series = vec![all];
    if !expected.is_empty() {
        series.extend([
            line("expected", |at| at.error),
            line("a deviation less", |at| at.range[0]),
            line("a deviation more", |at| at.range[1]),
        ]);
    }
    let name = short_name(name);
    let chart = Chart::lines(name, (name, "error"), series);
    match choices.is_empty() {
        true => chart.with_suited_axes(),
        false => Chart {
            x_ticks: Ticks::Names(choices.iter().map(Value::to_string).collect()),
            ..chart
        },
    }
}

fn curves(trials: &[StoredTrial], ranks: &[f64]) -> Chart {
    let strand = |(trial, rank): (&StoredTrial, &f64)| {
        let values = trial.values.iter().enumerate();
        let points: Vec<(f64, f64)> = values
            .map(|(epoch, value)| (epoch as f64 + 1.0, *value))
            .collect();
        Series {
            note: Some(note(trial)),
            rank: Some(*rank),
            ..Series::line(&format!("trial {}", trial.number), points)
        }
    };
    let series = trials.iter().zip(ranks).map(strand).collect();
    let labels = ("epoch", "error");
    Chart::lines("Error on the validation part, f32", labels, series).with_suited_axes()
}

/// A cost: its name, its value, and the limit on it.
type Cost = (
    &'static str,
    fn(&Footprint) -> f64,
    fn(&Limits) -> Option<f64>,
);

const COSTS: [Cost; 3] = [
    (
        "instructions of a step",
        |f| f.instructions as f64,
        |limits| limits.instructions.map(|most| most as f64),
    ),
    (
        "bytes of flash",
        |f| f.flash_bytes as f64,
        |limits| limits.flash.map(|most| most.0 as f64),
    ),
    (
        "bytes of RAM",
        |f| f.ram_bytes as f64,
        |limits| limits.ram.map(|most| most.0 as f64),
    ),
];

fn front_chart(
    (cost, of, limit): &Cost,
    chip: &Limits,
    trials: &[StoredTrial],
    (front, finalists): (&[&StoredTrial], &[Finalist]),
) -> Chart {
    let place =
        |trial: &StoredTrial| Some((of(&trial.footprint), trial.own.result.as_ref()?.error));
    // In this plane, the front is of error and this cost alone.
    let all: Vec<(f64, f64)> = trials.iter().filter_map(place).collect();
    let is_corner = |trial: &&StoredTrial| {
        place(trial).is_some_and(|a| !all.iter().any(|b| pareto::beats(&[b.0, b.1], &[a.0, a.1])))
    };
    let means = finalists.iter().filter_map(|finalist| {
        let mean = finalist.judgement.error?.mean;
        let note = format!(
            "trial {}, mean of its trainings\n{}",
            finalist.trial,
            finalist.settings()
        );
        Some(((of(&finalist.footprint), mean), note))
    });
    let (points, notes) = means.unzip();
    let finalists = Series {
        look: Look::Points,
        notes,
        ..Series::line("means of the finalists", points)
    };
    let corners = trials.iter().filter(is_corner);
    let chart = Chart::lines(
        &format!("Error and {cost}"),
        (cost, "error of the integers"),
        vec![
            cloud("best for its cost", Look::Front, corners, place),
            cloud("finished trials", Look::Points, trials, place),
            cloud(
                "of the study's front",
                Look::Points,
                front.iter().copied(),
                place,
            ),
            finalists,
        ],
    );
    Chart {
        marks: limit(chip)
            .map(|most| (most, "limit".to_owned()))
            .into_iter()
            .collect(),
        ..chart.with_suited_axes()
    }
}

/// Ranks from 0, the best, to 1, the worst: by error, or by the lowest value of a stopped trial.
fn ranks(trials: &[StoredTrial]) -> Vec<f64> {
    let value = |trial: &StoredTrial| match trial.figures() {
        Some((error, _)) => error,
        None => lowest(&trial.values),
    };
    let values: Vec<f64> = trials.iter().map(value).collect();
    let last = values.len().saturating_sub(1).max(1) as f64;
    (values.iter())
        .map(|v| values.iter().filter(|other| *other < v).count() as f64 / last)
        .collect()
}

fn axes(space: &Space) -> Vec<Axis> {
    let axis = |(name, parameter): (&String, &Parameter)| {
        let places: Vec<f64> = match &parameter.domain {
            Domain::Choices(choices) => {
                let n = choices.len() as f64;
                (0..choices.len()).map(|c| (c as f64 + 0.5) / n).collect()
            }
            // Each of a few whole numbers gets its own tick.
            Domain::Integer { low, high, .. } if high - low < 5 => (*low..=*high)
                .filter_map(|value| parameter.domain.place(&Value::Integer(value)))
                .collect(),
            _ => vec![0.0, 0.5, 1.0],
        };
        let tick = |place: f64| (place, parameter.domain.value(place).to_string());
        Axis {
            name: short_name(name).to_owned(),
            ticks: places.into_iter().map(tick).collect(),
        }
    };
    space.parameters.iter().map(axis).collect()
}

fn lines(space: &Space, trials: &[StoredTrial], ranks: &[f64]) -> Vec<Line> {
    let line = |(trial, rank): (&StoredTrial, &f64)| Line {
        places: (space.parameters.iter())
            .map(|(name, parameter)| parameter.domain.place(trial.point.get(name)?))
            .collect(),
        rank: *rank,
        note: note(trial),
    };
    trials.iter().zip(ranks).map(line).collect()
}

fn finalist_table(finalists: &[Finalist]) -> String {
    let costs = CostColumns::of(finalists.iter().map(|finalist| &finalist.footprint));
    let mut header = vec!["trial", "error", "accuracy"];
    header.extend(costs.header());
    header.push("settings");
    let rows = finalists.iter().map(|finalist| {
        let mut row = vec![
            finalist.trial.to_string(),
            finalist.judgement.error_text(),
            finalist.judgement.accuracy_text(),
        ];
        row.extend(costs.cells(&finalist.footprint));
        row.push(escape(&finalist.settings()));
        row
    });
    data_table(&header, rows)
}

fn trial_table(trials: &[StoredTrial], front: &[usize]) -> String {
    let costs = CostColumns::of(trials.iter().map(|trial| &trial.footprint));
    let mut header = vec!["trial", "state", "error", "accuracy", "epochs"];
    header.extend(costs.header());
    header.push("settings");
    let rows = trials.iter().map(|trial| {
        let figures = trial.figures();
        let accuracy = figures.and_then(|(_, accuracy)| accuracy);
        let mut row = vec![
            trial.number.to_string(),
            trial.state_text(),
            figures.map_or(String::new(), |(error, _)| format!("{error:.5}")),
            accuracy.map_or(String::new(), |a| format!("{:.2} %", 100.0 * a)),
            trial.values.len().to_string(),
        ];
        row.extend(costs.cells(&trial.footprint));
        row.push(escape(&in_one_line(&trial.point)));
        (front.contains(&trial.number), row)
    });
    marked_table(&header, rows)
}
