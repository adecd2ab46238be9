//! Builds the images, starts them in QEMU, and counts.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{self, AtomicUsize};

use anyhow::{Context, Result, bail};
use lstm_nostd::Model;
use lstm_nostd::artifact::{LayerKind, RandomModel};
use lstm_nostd::kernels::{Order, Scheme};
use lstm_nostd::model::{scratch_bytes, state_bytes};

use super::cycles::{Class, Executed, estimate, is_long};
use super::image::Image;
use super::table::{Engine, Flash, Parts, Shape, Step};
use crate::boards::Board;
use crate::firmware::{self, Application};
use crate::{command, qemu};

/// Outputs of the models without and with peepholes.
const OUTPUTS: [usize; 2] = [10, 2];
/// Steps of each kind, as in `firmware/src/bin/bench.rs`.
const STEPS: usize = 8;
/// Further steps with extreme data, as there.
const EXTREMES: usize = 16;

/// The function that a program calls where counting begins and ends.
pub(super) const MARK: &str = "lstm_bench_mark";

/// What to measure in an image.
#[derive(Clone, Copy)]
struct Case {
    scheme: Scheme,
    equal_shifts: bool,
    shape: Shape,
    layer: Layer,
    /// Whether outputs are those of the mean over time.
    mean: bool,
}

/// The kind of a case's layer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Layer {
    Lstm {
        peepholes: bool,
    },
    Gru,
    Coupled {
        peepholes: bool,
    },
    GruBefore,
    /// With [`super::projection`] outputs.
    Projected,
}

impl Layer {
    /// Those of the table.
    pub(super) const ALL: [Self; 6] = [
        Self::Lstm { peepholes: false },
        Self::Lstm { peepholes: true },
        Self::Gru,
        Self::Coupled { peepholes: false },
        Self::Coupled { peepholes: true },
        Self::GruBefore,
    ];

    fn has_peepholes(self) -> bool {
        matches!(
            self,
            Self::Lstm { peepholes: true } | Self::Coupled { peepholes: true }
        )
    }

    pub(super) fn kind(self) -> LayerKind {
        match self {
            Self::Lstm { .. } => LayerKind::Lstm,
            Self::Gru => LayerKind::Gru,
            Self::Coupled { .. } => LayerKind::Coupled,
            Self::GruBefore => LayerKind::GruBefore,
            Self::Projected => LayerKind::Projected,
        }
    }
}

/// An image, ready for measuring.
pub(super) struct Ready {
    pub(super) board: &'static Board,
    path: PathBuf,
    mark: u64,
    model_address: u64,
    image: Image,
}

/// Runs every shape on each board, in every scheme, as each of the layers, whose last hidden state or mean over time is read.
pub(super) fn steps(
    boards: &[&'static Board],
    shapes: &[Shape],
    (layers, mean): (&[Layer], bool),
) -> Result<Vec<Step>> {
    let plugin = plugin()?;
    let mut ready = Vec::new();
    for board in boards {
        eprintln!("building for {}", board.core);
        ready.push(ready_image(board)?);
    }
    let cases = cases(&ready, shapes, (layers, mean));
    let folder = command::target_root().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let results: Vec<Mutex<Option<Result<Step>>>> =
        cases.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, atomic::Ordering::Relaxed);
                    let Some((ready, case)) = cases.get(index) else {
                        return;
                    };
                    let step = measured(ready, &plugin, &folder, *case);
                    if let Ok(mut result) = results[index].lock() {
                        *result = Some(step);
                    }
                }
            });
        }
    });
    let steps = results.into_iter().zip(&cases).map(|(result, case)| {
        let result = result.into_inner().ok().flatten();
        let (ready, Case { shape, .. }) = case;
        result
            .unwrap_or_else(|| bail!("was not measured"))
            .with_context(|| {
                format!(
                    "({}, {}) on {}",
                    shape.inputs, shape.hidden, ready.board.core
                )
            })
    });
    steps.collect()
}

/// What to measure in each image.
fn cases<'r>(
    ready: &'r [Ready],
    shapes: &[Shape],
    (layers, mean): (&[Layer], bool),
) -> Vec<(&'r Ready, Case)> {
    let mut cases = Vec::new();
    for ready in ready {
        for (scheme, equal_shifts) in schemes(ready.board) {
            for &shape in shapes {
                cases.extend(layers.iter().map(|&layer| {
                    let case = Case {
                        scheme,
                        equal_shifts,
                        shape,
                        layer,
                        mean,
                    };
                    (ready, case)
                }));
            }
        }
    }
    cases
}

/// Every scheme. If the kernels have a row of their own for equal shifts, also w8a8 with equal shifts.
fn schemes(board: &Board) -> Vec<(Scheme, bool)> {
    let mut schemes: Vec<_> = Scheme::ALL.map(|scheme| (scheme, false)).into();
    if board.order() == Order::Grouped {
        schemes.push((Scheme::W8a8, true));
    }
    schemes
}

/// Builds QEMU's plugin.
pub(super) fn plugin() -> Result<PathBuf> {
    command::run(command::cargo().current_dir(command::root()).args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "instruction-counter",
    ]))?;
    let name = format!(
        "{}instruction_counter{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    Ok(command::target_root().join("release").join(name))
}

pub(super) fn ready_image(board: &'static Board) -> Result<Ready> {
    let path = firmware::Image::of(board, Application::Bench).build()?;
    let image = Image::read(&path)?;
    Ok(Ready {
        board,
        mark: image.address(MARK)?,
        model_address: image.model_address()?,
        path,
        image,
    })
}

/// Flash of an engine on a board's core. `model` is the one that [`firmware::Engine::ForModel`] is built for.
pub(super) fn flash(
    board: &'static Board,
    engine: firmware::Engine,
    model: Option<&Path>,
) -> Result<Flash> {
    let image = firmware::Image {
        engine,
        model,
        ..firmware::Image::of(board, Application::NoPanic)
    };
    Image::read(&image.build()?)?.engine(engine)
}

/// Flash of the smallest engine and of the whole one on a board's core.
pub(super) fn engine(board: &'static Board) -> Result<Engine> {
    Ok(Engine {
        core: board.core_name().to_owned(),
        w8a16: flash(board, firmware::Engine::With(&[]), None)?,
        every_scheme: flash(board, firmware::Engine::Whole, None)?,
    })
}

impl Case {
    /// A model of this case, with random weights.
    fn model(self) -> RandomModel {
        RandomModel {
            inputs: self.shape.inputs,
            directions: Vec::new(),
            hidden: vec![self.shape.hidden],
            kinds: vec![self.layer.kind()],
            dense: vec![],
            outputs: OUTPUTS[usize::from(self.layer.has_peepholes())],
            peepholes: self.layer.has_peepholes(),
            projection: Some(super::projection(self.shape.hidden)),
            mean: self.mean,
            schemes: vec![self.scheme],
            conv: None,
            shifts: Some(if self.equal_shifts {
                Ordering::Equal
            } else {
                Ordering::Greater
            }),
            seed: 1,
        }
    }

    /// Name of its files, without the ending.
    fn file_name(self, core: &str) -> String {
        let Shape { inputs, hidden } = self.shape;
        let equal = if self.equal_shifts { "-equal" } else { "" };
        let layer = match self.layer {
            Layer::Lstm { peepholes: false } => "",
            Layer::Lstm { peepholes: true } => "-peepholes",
            Layer::Gru => "-gru",
            Layer::Coupled { peepholes: false } => "-coupled",
            Layer::Coupled { peepholes: true } => "-coupled-peepholes",
            Layer::GruBefore => "-gru-before",
            Layer::Projected => "-projected",
        };
        let mean = if self.mean { "-mean" } else { "" };
        format!(
            "{core}-{}-{inputs}-{hidden}{equal}{layer}{mean}",
            self.scheme
        )
    }
}

/// Runs one model.
fn measured(ready: &Ready, plugin: &Path, folder: &Path, case: Case) -> Result<Step> {
    let bytes = case.model().build().to_bytes_in(ready.board.order())?;
    let model = Model::parse(&bytes)?;
    let core = ready.board.core_name();
    let name = case.file_name(core);
    let run = ready.run((plugin, folder), &name, &bytes)?;
    let means = means(&ready.image, core, &run.counts)?;
    Ok(Step {
        core: core.to_owned(),
        scheme: case.scheme.to_string(),
        equal_shifts: case.equal_shifts,
        shape: case.shape,
        layer: case.layer.kind().name().to_owned(),
        peepholes: case.layer.has_peepholes(),
        instructions: means.parts.total(),
        parts: means.parts,
        estimated_cycles: means.estimated_cycles,
        outputs: model.outputs(),
        model_instructions: means.model_instructions,
        range: means.range,
        estimated_model_cycles: means.estimated_model_cycles,
        state_bytes: state_bytes(model.cell_blocks(), model.hidden_blocks()),
        scratch_bytes: scratch_bytes(model.scratch_blocks()),
        stack_bytes: run.stack_bytes,
    })
}

/// What an image's run left.
pub(super) struct Counted {
    /// The plugin's lines.
    pub(super) counts: String,
    /// The deepest stack that the image found.
    pub(super) stack_bytes: usize,
}

impl Ready {
    /// Runs the image with the model file `bytes` in flash; its files in `folder` are called `name`.
    pub(super) fn run(
        &self,
        (plugin, folder): (&Path, &Path),
        name: &str,
        bytes: &[u8],
    ) -> Result<Counted> {
        let file = folder.join(format!("{name}.lstm"));
        let counts = folder.join(format!("{name}.counts"));
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        let mut qemu = qemu::counting(self.board, plugin, self.mark, &counts);
        qemu.arg(&self.path).arg("-device").arg(format!(
            "loader,file={},addr={:#x},force-raw=on",
            file.display(),
            self.model_address
        ));
        let printed = command::printed(&mut qemu)?;
        let stack = printed.lines().find_map(|line| line.strip_prefix("stack "));
        let stack_bytes = stack.and_then(|bytes| bytes.trim().parse().ok());
        Ok(Counted {
            counts: fs::read_to_string(&counts)
                .with_context(|| format!("QEMU's plugin left no {}", counts.display()))?,
            stack_bytes: stack_bytes
                .with_context(|| format!("the image printed no stack: {printed}"))?,
        })
    }
}

/// Instructions of each interval, without those of the marks.
pub(super) fn intervals(counts: &str) -> Result<Vec<u64>> {
    let mut sums: Vec<u64> = Vec::new();
    for line in counts.lines() {
        let (interval, count) =
            count(line).with_context(|| format!("QEMU's plugin wrote `{line}`"))?;
        sums.resize(sums.len().max(interval + 1), 0);
        sums[interval] += count.executed;
    }
    match sums.split_first() {
        Some((marks, own)) => Ok(own.iter().map(|sum| sum - marks).collect()),
        None => bail!("QEMU's plugin counted nothing"),
    }
}

/// Means of a step.
struct Means {
    parts: Parts,
    model_instructions: u64,
    /// The least and the most of one model step, extreme data included.
    range: [u64; 2],
    estimated_cycles: u64,
    estimated_model_cycles: u64,
}

/// The layer's parts and the whole model's instructions, from the plugin's lines.
///
/// The first interval is empty, so its count is the cost of the marks.
fn means(image: &Image, core: &str, counts: &str) -> Result<Means> {
    let mut marks = Vec::new();
    let mut layer = Vec::new();
    let mut model = Vec::new();
    let mut intervals = 0;
    let mut of_steps = [0; STEPS + EXTREMES];
    for line in counts.lines() {
        let (interval, count) =
            count(line).with_context(|| format!("QEMU's plugin wrote `{line}`"))?;
        intervals = intervals.max(interval + 1);
        if let Some(sum) = (interval.checked_sub(1 + STEPS)).and_then(|step| of_steps.get_mut(step))
        {
            *sum += count.executed;
        }
        match interval {
            0 => marks.push(count),
            i if i <= STEPS => layer.push(count),
            i if i <= 2 * STEPS => model.push(count),
            _ => {}
        }
    }
    if intervals != 1 + 2 * STEPS + EXTREMES {
        bail!("QEMU's plugin counted {intervals} intervals");
    }
    let steps = STEPS as u64;
    let mean = |sum: u64| (sum + steps / 2) / steps;
    let total = |counts: &[Count]| counts.iter().map(|count| count.executed).sum::<u64>();
    let mut parts = Parts::default();
    for count in &layer {
        *image.part(count.address).count(&mut parts) += count.executed;
    }
    let cycles = |counts: &[Count]| estimate(core, executed(image, counts).into_iter());
    let mean_cycles = |counts: &[Count]| {
        let mean = cycles(counts) / steps as f64 - cycles(&marks);
        mean.round() as u64
    };
    Ok(Means {
        parts: Parts {
            products: mean(parts.products),
            activations: mean(parts.activations),
            rest: mean(parts.rest) - total(&marks),
        },
        model_instructions: mean(total(&model)) - total(&marks),
        range: [of_steps.iter().min(), of_steps.iter().max()]
            .map(|count| count.copied().unwrap_or(0) - total(&marks)),
        estimated_cycles: mean_cycles(&layer),
        estimated_model_cycles: mean_cycles(&model),
    })
}

/// The executed instructions with their classes.
fn executed(image: &Image, counts: &[Count]) -> Vec<Executed> {
    let class = |address| {
        let half_words = image.half_words(address);
        half_words.map_or(Class::Simple, Class::of)
    };
    let before = |address: u64| {
        // The instruction before it has four bytes, unless the half-word before is an instruction of two bytes.
        let long = image.half_words(address.wrapping_sub(4));
        match long {
            Some(halves) if is_long(halves[0]) => Class::of(halves),
            _ => class(address.wrapping_sub(2)),
        }
    };
    let counts = counts.iter().map(|count| Executed {
        class: class(count.address),
        part: image.part(count.address),
        before: before(count.address),
        count: count.executed,
        branched: count.branched,
    });
    counts.collect()
}

/// How often an instruction was executed, and how often it branched.
struct Count {
    address: u64,
    executed: u64,
    branched: u64,
}

/// A line of the plugin's output: the interval and a count.
fn count(line: &str) -> Option<(usize, Count)> {
    let mut words = line.split(' ');
    let interval = words.next()?.parse().ok()?;
    let count = Count {
        address: u64::from_str_radix(words.next()?, 16).ok()?,
        executed: words.next()?.parse().ok()?,
        branched: words.next()?.parse().ok()?,
    };
    Some((interval, count))
}
