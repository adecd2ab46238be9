//! Searches replayed over tables of real trainings: what each sampler finds for how much training.
//!
//! ```text
//! cargo bench -p trainer-host --bench search -- TABLE... [--seeds 20] [--units 40] [--only NAME] [--lag 4] [--serve]
//! ```
//!
//! A table has a row for each training (`table.rs`). Between its points a surrogate answers (`surrogate.rs`), with the
//! noise of a training. Costs are those of the product's own estimate, and they are known exactly. So a search of 40
//! trainings takes a second, and samplers can be compared over many seeds. The seeds are paired: the same point has the
//! same luck with every sampler.
//!
//! - A *unit* is one training of all folds to their ends. A stopped trial counts by its share of the epochs, and a trial of
//!   the first fold alone as a third.
//! - *Regret* is the true error of what is handed over, less the least true error of all points that fit, in points of a
//!   percent. *Least* hands over the finished trial with the least observed error. *Best* hands over what `tune best`
//!   does, once the finalists have been trained again.
//! - *Area* is what the finished trials dominate in (ln error, instructions), by their true errors, in percent of what
//!   all points dominate. It counts from the median error down, and up to the limit.
//! - *Kept*, of searches that begin with the configuration: in how many percent what *best* hands over is no worse.
//!
//! Figures are means over seeds ± their standard errors. With `--serve`, another program searches (`serve.rs`).

mod replay;
mod scenario;
mod score;
mod serve;
mod surrogate;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use trainer_host::search::{Objective, Sampler, SearchConfig, Stopping};

use replay::Task;
use scenario::{CHIPS, Chipped, Scenario};
use score::Figures;
use table::Table;

/// A way to search.
struct Way {
    name: &'static str,
    sampler: Sampler,
    objectives: &'static [Objective],
    stopping: Stopping,
    lag: usize,
    /// Whether a trial may train its first fold alone.
    first_fold: bool,
    /// Whether it heeds what is expected of settings before any trial.
    has_priors: bool,
    /// Whether it begins with the best points of a search for a larger chip, where there is one, and whether that
    /// search teaches it too.
    earlier: Option<bool>,
}

const BOTH: &[Objective] = &[Objective::Error, Objective::Instructions];

fn ways(lag: usize) -> Vec<Way> {
    let way = |name, sampler, objectives| Way {
        name,
        sampler,
        objectives,
        stopping: Stopping::default(),
        lag,
        first_fold: true,
        has_priors: true,
        earlier: None,
    };
    vec![
        way("random", Sampler::Random, BOTH),
        way("tpe, error alone", Sampler::Tpe, &BOTH[..1]),
        way("tpe", Sampler::Tpe, BOTH),
        way("gaussian, error alone", Sampler::Gaussian, &BOTH[..1]),
        way("gaussian", Sampler::Gaussian, BOTH),
        Way {
            stopping: Stopping::None,
            ..way("gaussian, never stopping", Sampler::Gaussian, BOTH)
        },
        Way {
            first_fold: false,
            ..way("gaussian, all folds", Sampler::Gaussian, BOTH)
        },
        Way {
            has_priors: false,
            ..way("gaussian, no priors", Sampler::Gaussian, BOTH)
        },
        Way {
            earlier: Some(false),
            ..way("gaussian, earlier points", Sampler::Gaussian, BOTH)
        },
        Way {
            earlier: Some(true),
            ..way("gaussian, taught", Sampler::Gaussian, BOTH)
        },
    ]
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.tables.is_empty() {
        println!("no table is given; `cargo xtask search-bench` says how to make one");
        return;
    }
    for path in &arguments.tables {
        let table = Table::read(path, &arguments.data);
        let done = table.and_then(|table| bench(&table, &arguments));
        if let Err(problem) = done {
            eprintln!("{}: {problem}", path.display());
            std::process::exit(2);
        }
    }
}

fn bench(table: &Table, arguments: &Arguments) -> Result<(), String> {
    let tasks = CHIPS.map(|(chip, scenarios)| (Task::new(table, chip), scenarios));
    let mut chips = Vec::new();
    for (n, (task, scenarios)) in tasks.iter().enumerate() {
        let earlier = (n > 0).then(|| &tasks[0].0);
        match Chipped::new(task, scenarios, earlier) {
            Some(chip) => chips.push(chip),
            None => {
                let line = format!(
                    "\n{}: no point fits {} instructions",
                    table.head.source, task.limit
                );
                match arguments.serve {
                    // Its standard output is for the other program.
                    true => eprintln!("{line}"),
                    false => println!("{line}"),
                }
            }
        }
    }
    let scenarios: Vec<Scenario<'_>> = chips.iter().flat_map(Chipped::scenarios).collect();
    let marks = marks(arguments.units);
    if arguments.serve {
        let found = serve::serve(table, &scenarios, &marks)?;
        let gaussian = ways(arguments.lag)
            .into_iter()
            .find(|way| way.name == "gaussian");
        let gaussian = gaussian.expect("it is one of the ways");
        let searched_in = scenarios
            .iter()
            .zip(&found)
            .filter(|(_, found)| !found.is_empty());
        for (scenario, found) in searched_in {
            let seeds = found.values().flat_map(BTreeMap::keys).copied().collect();
            let ours = searched(scenario, &gaussian, arguments.units, seeds);
            head(table, scenario, &marks);
            print!("{}", serve::report(found, &ours));
        }
        return Ok(());
    }
    for scenario in &scenarios {
        head(table, scenario, &marks);
        let ways = ways(arguments.lag);
        let is_exact = ways.iter().any(|way| way.name == arguments.only);
        let wanted = |way: &&Way| {
            let is_named = match is_exact {
                true => way.name == arguments.only,
                false => way.name.contains(&*arguments.only),
            };
            is_named && (way.earlier.is_none() || scenario.earlier.is_some())
        };
        for way in ways.iter().filter(wanted) {
            let seeds = (0..arguments.seeds).collect();
            let found = searched(scenario, way, arguments.units, seeds);
            let found: Vec<Vec<Figures>> = found.into_values().collect();
            println!("{:<26}{}", way.name, score::line(&found));
        }
    }
    Ok(())
}

/// Figures at each mark of a search with each of `seeds`.
fn searched(
    scenario: &Scenario<'_>,
    way: &Way,
    units: usize,
    seeds: std::collections::BTreeSet<u64>,
) -> BTreeMap<u64, Vec<Figures>> {
    let figures = |seed: u64| {
        let trials = replay::search(scenario, way, seed, units);
        let at = |mark: f64| scenario.figures(&trials, mark, seed);
        (seed, marks(units).into_iter().map(at).collect())
    };
    seeds.into_par_iter().map(figures).collect()
}

fn head(table: &Table, scenario: &Scenario<'_>, marks: &[f64]) {
    println!(
        "\n{}, {} of {} instructions: best true error {:.2} %",
        table.head.source,
        scenario.name,
        scenario.task.limit,
        100.0 * scenario.least()
    );
    println!("{:<26}{}", "", header(marks));
}

/// Where figures are taken: at a quarter, a half and all of the units.
fn marks(units: usize) -> Vec<f64> {
    [4, 2, 1]
        .map(|part| units as f64 / f64::from(part))
        .to_vec()
}

fn header(marks: &[f64]) -> String {
    let column = |mark: &f64| {
        format!(
            "{:>14} {:>13} {:>13}",
            format!("least at {mark}"),
            "best",
            "area"
        )
    };
    marks.iter().map(column).collect::<String>() + "   kept"
}

struct Arguments {
    tables: Vec<PathBuf>,
    /// The folder of the tables' data.
    data: PathBuf,
    seeds: u64,
    units: usize,
    only: String,
    lag: usize,
    serve: bool,
}

impl Arguments {
    fn parse() -> Self {
        let mut found = Self {
            tables: Vec::new(),
            data: PathBuf::new(),
            seeds: 20,
            units: 40,
            only: String::new(),
            lag: SearchConfig::default().lag,
            serve: false,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number =
                |usual: usize| words.next().and_then(|w| w.parse().ok()).unwrap_or(usual);
            match word.as_str() {
                "--seeds" => found.seeds = number(20) as u64,
                "--units" => found.units = number(40),
                "--lag" => found.lag = number(4),
                "--data" => found.data = words.next().unwrap_or_default().into(),
                "--only" => found.only = words.next().unwrap_or_default(),
                "--serve" => found.serve = true,
                // `cargo bench` adds it.
                "--bench" => {}
                path => found.tables.push(path.into()),
            }
        }
        found
    }
}
