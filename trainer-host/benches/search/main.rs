//! Searches replayed over tables of real trainings: what each sampler finds for how much training.
//!
//! ```text
//! cargo bench -p trainer-host --bench search -- TABLE... [--seeds 20] [--units 40] [--only NAME]
//! ```
//!
//! A table has a row for each training (`table.rs`). Between its points a surrogate answers (`surrogate.rs`), with the
//! noise of a training. Costs are those of the product's own estimate, and they are known exactly. So a search of 40
//! trainings takes a second, and samplers can be compared over many seeds. The seeds are paired: the same point has the
//! same luck with every sampler.
//!
//! - A *unit* is one training to its end. A stopped trial counts by its share of the epochs.
//! - *Regret* is the true error of what is handed over, less the least true error of all points that fit, in points of a
//!   percent. *Least* hands over the finished trial with the least observed error, *mean* the one with the least mean of
//!   a Gaussian process over all finished trials.
//! - *Area* is what the finished trials dominate in (ln error, instructions), by their true errors, in percent of what
//!   all points dominate. It counts from the median error down, and up to the limit.
//!
//! Figures are means over seeds ± their standard errors.

mod replay;
mod score;
mod surrogate;
mod table;

use std::path::PathBuf;

use rayon::prelude::*;
use trainer_host::search::{Objective, Sampler, Stopping};

use replay::{Chip, Task};
use score::{Figures, Judge};

/// A way to search.
struct Way {
    name: &'static str,
    sampler: Sampler,
    objectives: &'static [Objective],
    stopping: Stopping,
}

const BOTH: &[Objective] = &[Objective::Error, Objective::Instructions];

fn ways(epochs: usize) -> Vec<Way> {
    // A ninth of the epochs and a third: an early look says little near the peak of the rate.
    let first = (epochs / 9).max(1);
    let stopping = Stopping::Halving {
        first,
        reduction: 3,
    };
    let way = |name, sampler, objectives| Way {
        name,
        sampler,
        objectives,
        stopping,
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
    ]
}

/// A search of a chip, and whether it begins with the configuration of the table's first row.
type Scenario = (&'static str, bool);

const SCENARIOS: [(Chip, &[Scenario]); 2] = [
    (
        Chip::Whole,
        &[("any start", false), ("from the configuration", true)],
    ),
    (Chip::Half, &[("half the instructions", false)]),
];

fn main() {
    let Arguments {
        tables,
        seeds,
        units,
        only,
    } = Arguments::parse();
    if tables.is_empty() {
        println!("no table is given; `cargo xtask search-bench` says how to make one");
        return;
    }
    for path in tables {
        let table = table::Table::read(&path).unwrap_or_else(|problem| {
            eprintln!("{}: {problem}", path.display());
            std::process::exit(2);
        });
        for (chip, scenarios) in SCENARIOS {
            let task = Task::new(&table, chip);
            let judge = Judge::new(&task);
            for (name, from_base) in scenarios {
                println!(
                    "\n{}: {name}, {seeds} seeds, best true error {:.2} %",
                    path.display(),
                    100.0 * judge.least()
                );
                println!("{:<26}{}", "", header(&marks(units)));
                let ways = ways(table.epochs);
                for way in ways.iter().filter(|way| way.name.contains(&*only)) {
                    let figures = |seed| {
                        let trials = replay::search(&task, way, seed, units, *from_base);
                        let at = |mark: f64| judge.figures(&trials, mark);
                        marks(units).into_iter().map(at).collect()
                    };
                    let found: Vec<Vec<Figures>> =
                        (0..seeds).into_par_iter().map(figures).collect();
                    println!("{:<26}{}", way.name, score::line(&found));
                }
            }
        }
    }
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
            "mean",
            "area"
        )
    };
    marks.iter().map(column).collect()
}

struct Arguments {
    tables: Vec<PathBuf>,
    seeds: u64,
    units: usize,
    only: String,
}

impl Arguments {
    fn parse() -> Self {
        let mut found = Self {
            tables: Vec::new(),
            seeds: 20,
            units: 40,
            only: String::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number =
                |usual: usize| words.next().and_then(|w| w.parse().ok()).unwrap_or(usual);
            match word.as_str() {
                "--seeds" => found.seeds = number(20) as u64,
                "--units" => found.units = number(40),
                "--only" => found.only = words.next().unwrap_or_default(),
                // `cargo bench` adds it.
                "--bench" => {}
                path => found.tables.push(path.into()),
            }
        }
        found
    }
}
