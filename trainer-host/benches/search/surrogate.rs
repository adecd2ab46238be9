//! What a training of any point would give, from those of a table.
//!
//! ```text
//! ln error(x) = (trees(x) + process(x)) / 2
//! ln value_t  = ln error(x) + curve_t(x),     curve_t the mean of ln value_t − ln error in the trees' leaves
//! observed    = ln error(x) + z · sd_point,   values besides + z_t · sd_epoch
//! fold f      = observed + ln (k w_f / Σ w),  w_f = exp(z_f · sd_fold); what is observed is the mean of the k folds
//! ```
//!
//! The trees are extremely randomised (Geurts, Ernst and Wehenkel 2006), the process is the trainer's Gaussian one. A
//! surrogate of a process alone would favour the sampler that believes in one.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use trainer_host::search::{Domain, Point, Space, in_one_line};
use trainer_numerics::gaussian_process::{Observed, Places, Process};

use crate::table::Table;

const TREES: usize = 60;
/// k
pub(crate) const FOLDS: usize = 3;
/// Rows of a node that is not divided.
const LEAF: usize = 4;

pub(crate) struct Surrogate<'a> {
    table: &'a Table,
    trees: Vec<Node>,
    process: Process,
}

/// What a training gives.
pub(crate) struct Training {
    /// Of all folds.
    pub(crate) error: f64,
    /// The mean over the folds after each epoch.
    pub(crate) values: Vec<f64>,
    /// The error of each fold.
    pub(crate) folds: [f64; FOLDS],
    /// The values of the first fold.
    pub(crate) first_values: Vec<f64>,
}

enum Node {
    Leaf(Vec<usize>),
    Split {
        coordinate: usize,
        at: f64,
        halves: Box<[Node; 2]>,
    },
}

impl<'a> Surrogate<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        let places: Vec<Vec<f64>> = table
            .rows
            .iter()
            .map(|row| place(&table.space, &row.point))
            .collect();
        let errors: Vec<f64> = table.rows.iter().map(|row| row.error).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let all: Vec<usize> = (0..errors.len()).collect();
        let trees = (0..TREES)
            .map(|_| grow(all.clone(), &places, &errors, &mut rng))
            .collect();
        let process = process(&places, errors);
        Self {
            table,
            trees,
            process: process.expect("20 rows or more have a process"),
        }
    }

    /// ln of the true error.
    pub(crate) fn error(&self, point: &Point) -> f64 {
        let at = place(&self.table.space, point);
        let (process, _) = self.process.at(&at);
        let leaves = self
            .trees
            .iter()
            .map(|tree| mean(tree.leaf(&at), |n| self.table.rows[n].error));
        (process + leaves.sum::<f64>() / TREES as f64) / 2.0
    }

    /// The luck of a training. `repeat` counts the trainings of a finalist.
    pub(crate) fn train(&self, point: &Point, seed: u64, repeat: u64) -> Training {
        let at = place(&self.table.space, point);
        let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
        let mut rng = ChaCha8Rng::seed_from_u64(crc.checksum(in_one_line(point).as_bytes()));
        rng.set_stream(seed + (repeat << 32));
        let mut luck =
            |deviation: f64| deviation * Distribution::<f64>::sample(&StandardNormal, &mut rng);
        let error = self.error(point) + luck(self.table.head.sd_point);
        let values = (0..self.table.epochs).map(|epoch| {
            let rest = |n: usize| self.table.rows[n].values[epoch] - self.table.rows[n].error;
            let curve = self
                .trees
                .iter()
                .map(|tree| mean(tree.leaf(&at), rest))
                .sum::<f64>()
                / TREES as f64;
            (error + curve + luck(self.table.head.sd_epoch)).exp()
        });
        let values: Vec<f64> = values.collect();
        let head = &self.table.head;
        let weights = [(); FOLDS].map(|()| luck(head.sd_fold).exp());
        let sum: f64 = weights.iter().sum();
        let folds = weights.map(|weight| FOLDS as f64 * weight / sum);
        // With what the mean has, a fold's values scatter by √k as much.
        let more = head.sd_epoch * (FOLDS as f64 - 1.0).sqrt();
        Training {
            first_values: (values.iter())
                .map(|value| value * folds[0] * luck(more).exp())
                .collect(),
            folds: folds.map(|fold| error.exp() * fold),
            error: error.exp(),
            values,
        }
    }
}

fn mean(rows: &[usize], of: impl Fn(usize) -> f64) -> f64 {
    rows.iter().map(|n| of(*n)).sum::<f64>() / rows.len() as f64
}

/// The process of values at places, each with the same coordinates.
fn process(places: &[Vec<f64>], values: Vec<f64>) -> Option<Process> {
    Process::fit(Observed {
        places: Places {
            groups: (0..places.first()?.len()).collect(),
            coordinates: places.concat(),
        },
        known_noise: vec![0.0; values.len()],
        values,
    })
}

/// A point's coordinates, each from 0 to 1; a choice has one for each of its values.
fn place(space: &Space, point: &Point) -> Vec<f64> {
    let mut all = Vec::new();
    for (name, parameter) in &space.parameters {
        let value = point.get(name);
        match &parameter.domain {
            Domain::Choices(choices) => all.extend(
                choices
                    .iter()
                    .map(|choice| f64::from(u8::from(Some(choice) == value))),
            ),
            domain => all.push(value.and_then(|value| domain.nearest(value)).unwrap_or(0.5)),
        }
    }
    all
}

fn grow(rows: Vec<usize>, places: &[Vec<f64>], errors: &[f64], rng: &mut impl Rng) -> Node {
    if rows.len() <= LEAF {
        return Node::Leaf(rows);
    }
    let spread = |part: &[usize]| {
        let middle = mean(part, |n| errors[n]);
        part.iter()
            .map(|n| (errors[*n] - middle).powi(2))
            .sum::<f64>()
    };
    // One random place to divide for each coordinate; the best of them divides.
    let mut division = |coordinate: usize| -> Option<Division> {
        let value = |n: &usize| places[*n][coordinate];
        let low = rows.iter().map(value).fold(f64::INFINITY, f64::min);
        let high = rows.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        let at = low + (high - low) * rng.random::<f64>();
        let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().partition(|n| value(n) <= at);
        (!left.is_empty() && !right.is_empty()).then(|| Division {
            rest: spread(&left) + spread(&right),
            coordinate,
            at,
            halves: [left, right],
        })
    };
    let coordinates = places.first().map_or(0, Vec::len);
    let divisions = (0..coordinates).filter_map(&mut division);
    let best = divisions.min_by(|a, b| a.rest.total_cmp(&b.rest));
    match best {
        None => Node::Leaf(rows),
        Some(best) => Node::Split {
            coordinate: best.coordinate,
            at: best.at,
            halves: Box::new(best.halves.map(|half| grow(half, places, errors, rng))),
        },
    }
}

/// A way to divide rows.
struct Division {
    /// Squared deviations of both halves.
    rest: f64,
    coordinate: usize,
    at: f64,
    halves: [Vec<usize>; 2],
}

impl Node {
    fn leaf(&self, place: &[f64]) -> &[usize] {
        match self {
            Self::Leaf(rows) => rows,
            Self::Split {
                coordinate,
                at,
                halves,
            } => halves[usize::from(place[*coordinate] > *at)].leaf(place),
        }
    }
}
