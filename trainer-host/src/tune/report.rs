//! The page of a study: errors, costs, and the settings that mattered.

use super::best::front;
use super::finalists::{Finalist, judged};
use super::stored_trial::{State, StoredTrial, lowest, macs, observations};
use super::study::Definition;
use crate::cost::Footprint;
use crate::report::{
    Axis, Cloud, Line, Page, Strand, bars, bundle_svg, escape, parallel_svg, scatter_svg,
};
use crate::run::toml_text::to_toml;
use crate::search::importance::importance;
use crate::search::{Domain, Parameter, Space, Value, in_one_line, pareto, short_name};

/// A self-contained page: front, parallel coordinates, importance, learning curves, all trials.
pub fn study_page(name: &str, definition: &Definition, trials: &[StoredTrial]) -> String {
    let search = &definition.search;
    let mut page = Page::new(&format!("Study {name} on {}", definition.config.source));
    page.text("Trials", &counts(trials, search.trials));
    let best = front(trials, search);
    let finalists = judged(trials, search);
    let pictures: Vec<String> = (COSTS.into_iter())
        .map(|(cost, of)| front_svg(cost, of, trials, &best, &finalists))
        .collect();
    page.section("Error and cost", &pictures.concat());
    if !finalists.is_empty() {
        let heading = format!("Finalists, mean ± deviation of {}", search.judged_by());
        page.section(&heading, &finalist_table(&finalists));
    }
    let ranks = ranks(trials);
    let lines = lines(&search.space, trials, &ranks);
    page.section(
        "Settings of all trials",
        &parallel_svg("best trials are dark", &axes(&search.space), &lines),
    );
    let importance = importance(&search.space, &observations(trials, search));
    page.section("Importance of the settings", &bars(&importance));
    page.section("Learning curves", &curves_svg(trials, &ranks));
    let front: Vec<usize> = best.iter().map(|trial| trial.number).collect();
    page.section("All trials", &trial_table(trials, &front));
    if let Ok(settings) = to_toml(definition) {
        page.text("How it was searched", &settings);
    }
    page.finish()
}

/// The number of trials in each state, of `all`, and the compute they took.
fn counts(trials: &[StoredTrial], all: usize) -> String {
    let count = |state| {
        let trials = trials.iter().filter(|trial| trial.own.state == state);
        trials.count()
    };
    format!(
        "{} finished, {} stopped early, {} failed, {} running, of {all}\n{:.2e} multiply-accumulates of training",
        count(State::Finished),
        count(State::Stopped),
        count(State::Failed),
        count(State::Running),
        macs(trials.iter().map(|trial| &trial.own))
    )
}

fn curves_svg(trials: &[StoredTrial], ranks: &[f64]) -> String {
    let strand = |(trial, rank): (&StoredTrial, &f64)| Strand {
        points: (trial.values.iter().enumerate())
            .map(|(epoch, value)| (epoch as f64 + 1.0, *value))
            .collect(),
        rank: *rank,
    };
    let strands: Vec<Strand> = trials.iter().zip(ranks).map(strand).collect();
    bundle_svg(
        "error on the validation part, f32",
        "epoch",
        "error",
        &strands,
    )
}

type Cost = fn(&Footprint) -> f64;

const COSTS: [(&str, Cost); 3] = [
    ("instructions of a step", |f| f.instructions as f64),
    ("bytes of flash", |f| f.flash_bytes as f64),
    ("bytes of RAM", |f| f.ram_bytes as f64),
];

fn front_svg(
    cost: &str,
    of: Cost,
    trials: &[StoredTrial],
    front: &[&StoredTrial],
    finalists: &[Finalist],
) -> String {
    let point =
        |trial: &StoredTrial| Some((of(&trial.footprint), trial.own.result.as_ref()?.error));
    // In this plane, the front is of error and this cost alone.
    let mut corners: Vec<(f64, f64)> = trials.iter().filter_map(point).collect();
    let all = corners.clone();
    corners.retain(|a| !all.iter().any(|b| pareto::beats(&[b.0, b.1], &[a.0, a.1])));
    let mean = |f: &Finalist| Some((of(&f.footprint), f.judgement.error?.mean));
    let cloud = |name: &str, points, is_front| Cloud {
        name: name.into(),
        points,
        is_front,
    };
    scatter_svg(
        &format!("error and {cost}"),
        cost,
        "error of the integers",
        &[
            cloud("best for its cost", corners, true),
            cloud("finished trials", all, false),
            cloud(
                "of the study's front",
                front.iter().filter_map(|t| point(t)).collect(),
                false,
            ),
            cloud(
                "means of the finalists",
                finalists.iter().filter_map(mean).collect(),
                false,
            ),
        ],
    )
}

/// Ranks from 0, the best, to 1, the worst: by error, or by the lowest value of a stopped trial.
fn ranks(trials: &[StoredTrial]) -> Vec<f64> {
    let value = |trial: &StoredTrial| match &trial.own.result {
        Some(result) => result.error,
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
    };
    trials.iter().zip(ranks).map(line).collect()
}

fn finalist_table(finalists: &[Finalist]) -> String {
    let mut html = String::from(
        "<table><tr><th>trial</th><th>error</th><th>accuracy</th><th>instructions</th>\
         <th>flash</th><th>RAM</th><th>settings</th></tr>",
    );
    for finalist in finalists {
        html += &format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td style=\"text-align:left\">{}</td></tr>\n",
            finalist.trial,
            finalist.judgement.error_text(),
            finalist.judgement.accuracy_text(),
            finalist.footprint.instructions,
            finalist.footprint.flash_bytes,
            finalist.footprint.ram_bytes,
            escape(&finalist.settings()),
        );
    }
    html + "</table>"
}

fn trial_table(trials: &[StoredTrial], front: &[usize]) -> String {
    let mut html = String::from(
        "<table><tr><th>trial</th><th>state</th><th>error</th><th>accuracy</th><th>epochs</th>\
         <th>instructions</th><th>flash</th><th>RAM</th><th>settings</th></tr>",
    );
    for trial in trials {
        let result = trial.own.result.as_ref();
        let mark = if front.contains(&trial.number) {
            " style=\"background:#e6f2fa\""
        } else {
            ""
        };
        html += &format!(
            "<tr{mark}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td style=\"text-align:left\">{}</td></tr>\n",
            trial.number,
            trial.own.state.name(),
            result.map_or(String::new(), |r| format!("{:.5}", r.error)),
            result
                .and_then(|r| r.accuracy)
                .map_or(String::new(), |a| format!("{:.2} %", 100.0 * a)),
            trial.values.len(),
            trial.footprint.instructions,
            trial.footprint.flash_bytes,
            trial.footprint.ram_bytes,
            escape(&in_one_line(&trial.point)),
        );
    }
    html + "</table>"
}
