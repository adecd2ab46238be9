//! `eval --stream`: a part as endless streams, with a reset before each sequence and without.

use std::path::PathBuf;

use serde::Serialize;

use crate::data::Dataset;
use crate::evaluate::{StreamScore, Streams};
use crate::files::atomic;
use crate::integers::endless::run_streams;
use crate::passes::activation_format::ActivationFormats;
use crate::report::stream_page;
use crate::run::Run;
use lstm_nostd::Model;

#[derive(Debug, clap::Args)]
pub(super) struct StreamArgs {
    /// Also run the sequences end to end without a reset, as one stream for each group, in the order of the data.
    /// A stream is judged where each sequence ends.
    #[arg(long)]
    stream: bool,
    /// With --stream: write a page that draws the cells and the decisions over the stream.
    #[arg(long, value_name = "FILE", requires = "stream")]
    html: Option<PathBuf>,
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
}

impl StreamArgs {
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
        }))
    }
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
        text
    }
}
