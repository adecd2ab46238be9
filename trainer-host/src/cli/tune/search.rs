//! `trainer-host tune DATA`: begins or continues a study.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use anyhow::{anyhow, bail};

use super::limits::LimitArgs;
use super::place::PlaceArgs;
use super::show::Overview;
use super::watch::Watch;
use crate::cli::data_args::print_notes;
use crate::cli::settings::{Settings, with_data, with_known_split};
use crate::cli::table::percent;
use crate::cli::training::print_later_steps;
use crate::cli::{Printer, interrupt};
use crate::cost::Limits;
use crate::cost::quantity::Seconds;
use crate::run::RunConfig;
use crate::run::config_file::ConfigFile;
use crate::search::taught::{self, lacks, taught};
use crate::search::{Objective, Observation, Point, Sampler, SearchConfig, Stopping, in_one_line};
use crate::tune::base_point::base_point;
use crate::tune::best::front;
use crate::tune::default_space::{
    FEWEST, FEWEST_ON_A_SMALL_CHIP, default_space, fine_tuning_space,
};
use crate::tune::feasible::{footprint_that_fits, share_that_fits, useless_int8};
use crate::tune::stored_trial::observations;
use crate::tune::study::{Definition, Study};
use crate::tune::trial_data::TrialData;
use crate::tune::worker::{Event, Workplace, work};

/// Where less of the default space fits the chip, smaller networks are searched too.
const ENOUGH: f64 = 0.02;

#[derive(Debug, clap::Args)]
pub(super) struct StudyArgs {
    #[command(flatten)]
    flags: StudyFlags,
    #[command(flatten)]
    settings: Settings,
}

/// All but the settings of a run.
#[derive(Debug, clap::Args)]
struct StudyFlags {
    /// Join an existing study as another worker. DATA then says where its data lies on this machine.
    #[arg(long)]
    join: bool,
    #[command(flatten)]
    place: PlaceArgs,
    /// Folder for the trials' runs [default: beside the storage].
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Trials to run at once, each on one thread; at most the study's `lag` [default: one for each core].
    #[arg(long, value_name = "COUNT")]
    workers: Option<NonZeroUsize>,
    /// Take over a trial whose worker has been silent for this long.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = patience)]
    lost_after: Seconds,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

/// How to search. These flags override the table `[tune]` of the configuration file.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Search")]
struct SearchArgs {
    /// Number of trials of all folds [default: 40].
    #[arg(long, value_name = "COUNT")]
    trials: Option<usize>,
    /// Begin no trial once training has taken this many multiply-accumulates, for example 2e12. The
    /// finalists' repeats come on top.
    #[arg(long, value_name = "MACS")]
    compute: Option<f64>,
    /// How to choose settings [default: gaussian].
    #[arg(long, value_enum)]
    sampler: Option<Sampler>,
    /// Seed for choosing settings [default: 0].
    #[arg(long, value_name = "SEED")]
    search_seed: Option<u64>,
    /// Rule for stopping trials early [default: halving].
    #[arg(long, value_enum)]
    stopping: Option<StoppingKind>,
    /// Number of folds that judge each trial; 1 for the validation part alone [default: 3 if that part has few
    /// decisions or groups, else 1].
    #[arg(long, value_name = "COUNT")]
    folds: Option<usize>,
    /// Number of the best trials to train again when the search is over [default: 4].
    #[arg(long, value_name = "COUNT")]
    finalists: Option<usize>,
    /// Trainings of each finalist, each with another seed; 1 for no further training [default: 3].
    #[arg(long, value_name = "COUNT")]
    repeats: Option<usize>,
    /// What to minimise, separated by commas, error first [default: error,instructions].
    #[arg(long, value_enum, value_delimiter = ',', action = clap::ArgAction::Set)]
    objectives: Vec<Objective>,
    /// Begin with the best points of another study in the same storage, and learn from its trials.
    #[arg(long, value_name = "STUDY")]
    warm_start: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum StoppingKind {
    None,
    Halving,
    Median,
}

/// A time after which a worker is lost.
fn patience(text: &str) -> Result<Seconds, String> {
    let time: Seconds = text.parse()?;
    if (1.0..=86_400.0).contains(&time.0) {
        Ok(time)
    } else {
        Err("must be between 1s and 86400s".into())
    }
}

impl SearchArgs {
    /// Whether there is a flag that an existing study cannot accept.
    fn changes_the_search(&self) -> bool {
        self.sampler.is_some()
            || self.search_seed.is_some()
            || self.stopping.is_some()
            || self.folds.is_some()
            || !self.objectives.is_empty()
            || self.warm_start.is_some()
    }

    /// Applies the amounts of work, which an existing study accepts.
    fn apply_amounts(&self, search: &mut SearchConfig) {
        let set = |amount: &mut usize, flag: Option<usize>| *amount = flag.unwrap_or(*amount);
        set(&mut search.trials, self.trials);
        set(&mut search.finalists, self.finalists);
        set(&mut search.repeats, self.repeats);
        search.compute = self.compute.or(search.compute);
    }

    fn apply(&self, search: &mut SearchConfig) {
        self.apply_amounts(search);
        search.sampler = self.sampler.unwrap_or(search.sampler);
        search.seed = self.search_seed.unwrap_or(search.seed);
        search.folds = self.folds.or(search.folds);
        if let Some(kind) = self.stopping {
            let (first, reduction) = search.stopping.constants();
            search.stopping = match kind {
                StoppingKind::None => Stopping::None,
                StoppingKind::Halving => Stopping::Halving { first, reduction },
                StoppingKind::Median => Stopping::Median { first },
            };
        }
        if !self.objectives.is_empty() {
            search.objectives.clone_from(&self.objectives);
        }
    }
}

pub(super) fn run(args: StudyArgs, printer: Printer) -> anyhow::Result<()> {
    let stop = interrupt::flag()?;
    let settings = args.settings.effective()?;
    let args = args.flags;
    let (mut study, data) = if args.join || settings.source.is_none() {
        go_on(&args, &settings)?
    } else {
        begin(&args, settings)?
    };
    let place = Workplace {
        storage: args.place.storage().clone(),
        study: args.place.study.clone(),
        folder: args.place.folder(args.out.as_deref()),
        workers: args
            .workers
            .map_or_else(cores, NonZeroUsize::get)
            .min(study.definition.search.lag),
        lost_after: Duration::from_secs_f64(args.lost_after.0),
    };
    say!("{}", data.train().summary());
    let trials = study.trials()?;
    let mut watch = Watch::new(&study, &trials, &place);
    let worked = watched(&mut watch, |sender| {
        work(&place, &study.definition, &data, sender, &stop)
    });
    watch.finish();
    let is_to_stop = || stop.load(Ordering::Relaxed);
    if worked.is_err() {
        // The study may not answer; its page says at least that nothing goes on.
        watch.last_page_of_known();
    }
    worked.map_err(|error| match is_to_stop() {
        true => anyhow!(interrupt::Stopped(format!(
            "stopped while the study did not answer; the same command continues ({error})"
        ))),
        false => error.into(),
    })?;
    let tell = |problem| say!("{problem}");
    let trials = study.ask(Study::trials, tell, is_to_stop)?;
    if let Some(page) = watch.last_page(&trials) {
        say!("page: {}", page.display());
    }
    let overview = Overview::new(&study, &trials);
    if is_to_stop() {
        bail!(interrupt::Stopped(format!(
            "stopped after {}; the same command continues",
            overview.ended()
        )));
    }
    printer.print(&overview, Overview::text)
}

/// Shows the events of `work` until it ends.
fn watched<T: Send>(watch: &mut Watch, work: impl FnOnce(&Sender<Event>) -> T + Send) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            // The channel ends with the work.
            let sender = sender;
            work(&sender)
        });
        for event in receiver {
            watch.take(event);
        }
        working
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Opens the existing study, and extends it if flags say so.
fn go_on(args: &StudyFlags, settings: &ConfigFile) -> anyhow::Result<(Study, TrialData)> {
    let mut study = args.place.open()?;
    let untouched = ConfigFile {
        source: settings.source.clone(),
        ..ConfigFile::default()
    };
    if *settings != untouched || args.search.changes_the_search() || args.limits.are_given() {
        bail!(
            "an existing study keeps its settings: omit all flags but --trials, --compute, --finalists, --repeats, \
             --workers, --out and --lost-after, or name DATA and a new --study to begin another one"
        );
    }
    let mut search = study.definition.search.clone();
    args.search.apply_amounts(&mut search);
    search.validate()?;
    study.extend(&search)?;
    if let Some(source) = &settings.source {
        study.definition.config.source.clone_from(source);
    }
    let data = data_of(&study)?;
    print_notes(&data.all().notes());
    Ok((study, data))
}

/// The data of a study that is there; refuses what is no longer what it began with.
pub(super) fn data_of(study: &Study) -> anyhow::Result<TrialData> {
    let data = TrialData::open(&study.definition.config)?;
    if data.checksum() != study.definition.data_crc {
        bail!(
            "{}: is not the data that study {:?} began with; bring that back, or name it by its new path",
            study.definition.config.source,
            study.name()
        );
    }
    Ok(data)
}

/// Whether a trial may have a layer that runs backwards.
fn may_run_backwards(config: &RunConfig, search: &SearchConfig) -> bool {
    let is_searched = search.space.parameters.contains_key("train.direction");
    is_searched || config.train.direction.need_windows()
}

/// The study of these settings: a new one, or the existing one.
fn begin(args: &StudyFlags, mut settings: ConfigFile) -> anyhow::Result<(Study, TrialData)> {
    let mut search = settings.tune.take().unwrap_or_default();
    args.search.apply(&mut search);
    search.chip = args.limits.limits().or(search.chip);
    let by_default = search.space.parameters.is_empty();
    let is_fresh = settings.train.init.is_none();
    if by_default {
        search.space = match is_fresh {
            true => default_space(FEWEST),
            false => fine_tuning_space(),
        };
    }
    let earlier = Earlier::of(args)?;
    if let Some(earlier) = &earlier {
        search.first = earlier.best.clone();
    }
    search.validate()?;
    search.space.validate()?;
    search.chip.validate().map_err(|problem| anyhow!(problem))?;
    let config = with_known_split(with_data(settings)?)?.with_initial_structure()?;
    let data = TrialData::open(&config)?;
    print_notes(&data.all().notes());
    print_later_steps(may_run_backwards(&config, &search), data.train());
    let mut definition = Definition {
        data_crc: data.checksum(),
        config,
        search,
    };
    let mut share = share_that_fits(&definition, &data);
    if by_default && is_fresh && !share.as_ref().is_ok_and(|share| *share >= ENOUGH) {
        definition.search.space = default_space(FEWEST_ON_A_SMALL_CHIP);
        share = share_that_fits(&definition, &data);
    }
    let share = share?;
    if let Some(earlier) = &earlier {
        earlier.teach(&mut definition.search);
    }
    begin_with_what_fits(&mut definition, &data);
    if definition.search.chip != Limits::default() {
        say!("{} of the search space fits the chip", percent(share));
    }
    if let Some(line) = useless_int8(&definition, &data) {
        say!("{line} `scheme` in [tune.space] may leave it out.");
    }
    let search = &definition.search;
    let folds = search.folds.unwrap_or_else(|| data.suited_folds(search));
    data.check_folds(folds, search)?;
    let database = args.place.storage().open()?;
    let study = Study::begin(database, &args.place.study, definition, folds)?;
    Ok((study, data))
}

/// Says which of the first points do not fit. Without any, the search begins with the configuration itself.
fn begin_with_what_fits(definition: &mut Definition, data: &TrialData) {
    let fits = |point: &Point| footprint_that_fits(definition, data, point).is_some();
    let first = &definition.search.first;
    for point in first.iter().filter(|point| !fits(point)) {
        say!(
            "left out, because it does not fit the chip: {}",
            in_one_line(point)
        );
    }
    if first.is_empty() {
        let space = &definition.search.space;
        let base = base_point(&definition.config, data.train(), space, fits);
        definition.search.first.extend(base);
    }
}

/// A study that a new one begins with.
struct Earlier {
    name: String,
    /// Its best points.
    best: Vec<Point>,
    observations: Vec<Observation>,
}

impl Earlier {
    /// The one that the flags name.
    fn of(args: &StudyFlags) -> anyhow::Result<Option<Self>> {
        let Some(name) = &args.search.warm_start else {
            return Ok(None);
        };
        Self::read(args.place.named(name).open()?).map(Some)
    }

    fn read(mut study: Study) -> anyhow::Result<Self> {
        let trials = study.trials()?;
        let search = &study.definition.search;
        let best = front(&trials, search).into_iter().take(taught::FIRST);
        let best: Vec<Point> = best.map(|trial| trial.point.clone()).collect();
        if best.is_empty() {
            bail!(
                "study {:?} has no finished trial to begin with",
                study.name()
            );
        }
        Ok(Self {
            observations: observations(&trials, search),
            name: study.name().to_owned(),
            best,
        })
    }

    /// Its trials teach a search by the process.
    fn teach(&self, search: &mut SearchConfig) {
        if search.sampler != Sampler::Gaussian {
            return;
        }
        search.taught = taught(&self.observations, &search.space);
        let mut finished = (self.observations.iter()).filter(|o| o.is_finished());
        let lacking = finished.find_map(|o| lacks(&search.space, &o.point));
        let why_not = lacking.map_or(String::new(), |name| {
            format!("; some do not, since they lack `{name}`, or have a value of it that this space does not have")
        });
        say!(
            "finished trials of study {:?} that teach this one: {}{why_not}",
            self.name,
            search.taught.len()
        );
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
