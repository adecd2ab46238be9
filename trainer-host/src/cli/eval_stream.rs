//! `eval --stream`: a part as endless streams, with a reset before each sequence and without.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;

use super::model_source::ModelSource;
use super::table::{percent, table};

use crate::data::Dataset;
use crate::evaluate::{StreamScore, Streams};
use crate::files::atomic;
use crate::integers::endless::run_streams;
use crate::passes::activation_format::ActivationFormats;
use crate::recogniser::{ClassEvents, Detections, RecogniserFile, judge, recorded_events};
use crate::report::stream_page;
use crate::run::Run;
use lstm_nostd::Model;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct StreamArgs {
    /// Also run the sequences end to end without a reset, as one stream for each group, in the order of the data.
    /// A stream is judged where each sequence ends.
    #[arg(long)]
    stream: bool,
    /// With --stream: write a page that draws the cells and the decisions over the stream; of several runs one
    /// page each, with the run's name.
    #[arg(long, value_name = "FILE", requires = "stream")]
    html: Option<PathBuf>,
    /// With --stream: from the integers' answers to events by the settings in this TOML or JSON file; reports
    /// detections, misses and false alarms an hour. docs/recognition.md has the settings.
    #[arg(long, value_name = "FILE", requires = "stream")]
    recogniser: Option<PathBuf>,
}

/// What the streams give.
#[derive(Debug, Serialize)]
pub(super) struct StreamResult {
    /// Number of streams.
    streams: usize,
    /// Sequences of the longest one.
    longest: usize,
    /// Of the f32 network.
    float: Option<StreamScore>,
    /// Of the integers.
    integer: Option<StreamScore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<PathBuf>,
    /// The events of a recogniser.
    #[serde(skip_serializing_if = "Option::is_none")]
    recogniser: Option<Detections>,
}

impl StreamArgs {
    /// Refuses an endless stream for a network that answers for whole windows or sequences alone.
    pub(super) fn refuse(&self, source: &ModelSource) -> anyhow::Result<()> {
        if !self.stream {
            return Ok(());
        }
        if source.is_of_windows()? {
            bail!(
                "--stream: the network has a layer that runs backwards over a whole window, so that it has no time step; \
                 evaluate it without --stream, window by window"
            );
        }
        if source.reads_the_mean()? {
            bail!(
                "--stream: the network reads the mean over a sequence (pooling = \"mean\"), and an endless stream has no \
                 end to take a mean up to; train with --pooling last for streams, or judge single windows by `eval` \
                 without --stream"
            );
        }
        Ok(())
    }

    /// The same for one of several runs: its page has the run's name in its own.
    pub(super) fn of_run(&self, run: &Path) -> Self {
        let named = |html: &PathBuf| {
            let [stem, ending] =
                [html.file_stem(), html.extension()].map(Option::unwrap_or_default);
            let run = run.file_name().unwrap_or_default();
            let [stem, run, ending] = [stem, run, ending].map(|part| part.to_string_lossy());
            match ending.is_empty() {
                true => html.with_file_name(format!("{stem}-{run}")),
                false => html.with_file_name(format!("{stem}-{run}.{ending}")),
            }
        };
        Self {
            html: self.html.as_ref().map(named),
            ..self.clone()
        }
    }

    /// Runs the sequences of `data`, in real units, if `--stream` is given; `name` says which data they are.
    pub(super) fn evaluate(
        &self,
        (run, model): (Option<&Run>, Option<&Model<'_>>),
        (name, data): (&str, &Dataset),
    ) -> anyhow::Result<Option<StreamResult>> {
        if !self.stream {
            return Ok(None);
        }
        let streams = Streams::of(data);
        // First, since a mistake in its file is found at once.
        let recogniser = (self.recogniser.as_deref())
            .map(|path| recognise(path, model, (data, &streams)))
            .transpose()?;
        let ways = [&Streams::reset_at_each(data.len()), &streams];
        let float = run.map(|run| {
            let sequences = run.fitted.normalised_inputs(data);
            let formats = ActivationFormats::default();
            let parts = ways.map(|way| {
                let mut parts = way.run(&run.network, &formats, &sequences);
                for part in &mut parts {
                    run.fitted.invert_targets(&mut part.outputs);
                }
                parts
            });
            StreamScore::of(data, &streams, parts)
        });
        let integer = model.map(|model| {
            let recordings = data.recordings();
            let parts = ways.map(|way| run_streams(model, way, &recordings));
            StreamScore::of(data, &streams, parts)
        });
        if let Some(path) = &self.html {
            let scores = [("f32", &float), ("integers", &integer)];
            let page = stream_page(name, &scores);
            atomic::write(path, page.as_bytes())?;
        }
        Ok(Some(StreamResult {
            streams: streams.count(),
            longest: streams.longest(),
            float,
            integer,
            html: self.html.clone(),
            recogniser,
        }))
    }
}

/// The events in the streams by the settings in the file at `path`.
fn recognise(
    path: &Path,
    model: Option<&Model<'_>>,
    (data, streams): (&Dataset, &Streams),
) -> anyhow::Result<Detections> {
    let file = RecogniserFile::read(path)?;
    let model = model.context(
        "--recogniser: the run has no integers to recognise with; run `trainer-host quantise` first",
    )?;
    let settings = file.settings(model)?;
    let events = recorded_events(model, settings, streams, &data.recordings())
        .map_err(|error| file.at_field(&error))?;
    judge(
        (data, streams),
        &events,
        &settings,
        file.judge(),
        file.rate_hz(),
    )
    .context("--recogniser: the data has values in place of classes")
}

impl StreamResult {
    /// In words.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "streams     {}, up to {} sequences end to end, judged at the end of each\n",
            self.streams, self.longest
        );
        for (name, score) in [("f32", &self.float), ("integers", &self.integer)] {
            if let Some(score) = score {
                text += &format!("{name}\n{}", score.to_text());
            }
        }
        if let Some(path) = &self.html {
            text += &format!("page        {}\n", path.display());
        }
        if let Some(detections) = &self.recogniser {
            text += &detections_text(detections);
        }
        text
    }
}

/// Events in words: a row for each class, and one for all.
fn detections_text(detections: &Detections) -> String {
    let row = |class: &ClassEvents| {
        let share = class.detected as f64 / class.occurrences.max(1) as f64;
        vec![
            class.name.clone(),
            class.occurrences.to_string(),
            class.detected.to_string(),
            percent(share),
            class.missed.to_string(),
            class.repeats.to_string(),
            class.false_alarms.to_string(),
            format!("{:.2}", class.false_alarms_per_hour),
            class
                .delay_s
                .map_or_else(String::new, |delay| format!("{delay:.2} s")),
        ]
    };
    let classes = detections.classes.iter().chain([&detections.total]);
    format!(
        "recogniser  {} events in {:.3} hours\n{}",
        detections.events.len(),
        detections.hours,
        table(
            &[
                "events of",
                "occurrences",
                "detected",
                "share",
                "missed",
                "repeats",
                "false alarms",
                "an hour",
                "delay",
            ],
            &classes.map(row).collect::<Vec<_>>(),
        )
    )
}
