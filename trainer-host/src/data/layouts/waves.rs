//! Recordings of sound or vibration: WAV files, whose features are the channels.
//!
//! Samples are whole numbers of 8 to 32 bits or f32. They become 16 bits: `round(x · 2^(16 − bits))`, clamped; of several
//! channels, the rounded mean or the chosen one. Features come from the integers of the chip, a recording at a time.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;

use hound::{SampleFormat, WavReader};
use lstm_nostd::front_end::Tables;
use ndarray::Array2;
use rayon::prelude::*;

use super::super::error::{DataError, Place, Problem};
use super::super::front_end::{FrontEnd, channel_names};
use super::super::records::{Labels, Record, Records, Target};
use super::super::sound_problem::SoundProblem;
use super::listing::{Listed, Part};
use super::long_csv::Named;
use super::recordings::names;
use super::{Halves, Reading};

/// How recordings become features.
#[derive(Clone, Copy, Debug)]
pub(in crate::data) enum Hearing<'a> {
    /// As a configuration says.
    Settings(&'a FrontEnd),
    /// As a model does, which hears this channel of several, or their mean.
    Model(&'a Tables, Option<u16>),
}

/// Reads a folder of WAV files, or one file.
pub(super) fn read(
    path: &Path,
    files: &[Listed],
    reading: &Reading<'_>,
) -> Result<Halves, DataError> {
    let place = Place::file(path);
    let Some(first) = files.first() else {
        return Err(place.refuse(Problem::NoRecordings));
    };
    let ear = match reading.hearing {
        None => {
            return Err(place.refuse(Problem::Setting {
                key: "front_end",
                found: "left out".to_owned(),
                needed: "said for WAV files: --front-end mfcc, log-mel or spectrum",
            }));
        }
        Some(Hearing::Model(tables, channel)) => Ear {
            tables: tables.clone(),
            channel,
            front_end: None,
        },
        Some(Hearing::Settings(front_end)) => {
            let rate = match front_end.rate {
                Some(rate) => rate,
                None => open(&first.path)?.spec().sample_rate,
            };
            let front_end = front_end.of_rate(rate);
            let refused = |error| place.clone().refuse(SoundProblem::FrontEnd(error).into());
            Ear {
                tables: front_end.tables().map_err(refused)?,
                channel: front_end.channel,
                front_end: Some(front_end),
            }
        }
    };
    let part = |part: Part| -> Result<Option<Records>, DataError> {
        let files: Vec<&Listed> = files.iter().filter(|file| file.part == part).collect();
        match files.is_empty() {
            true => Ok(None),
            false => ear
                .records(&place, &files, reading.wanted.unlabelled)
                .map(Some),
        }
    };
    Ok(Halves {
        train: part(Part::Train)?,
        test: part(Part::Test)?,
    })
}

/// What all recordings are heard with.
struct Ear {
    tables: Tables,
    channel: Option<u16>,
    /// Of a configuration, with every setting.
    front_end: Option<FrontEnd>,
}

impl Ear {
    fn records(
        &self,
        folder: &Place,
        files: &[&Listed],
        unlabelled: bool,
    ) -> Result<Records, DataError> {
        // A recording alone has no class by its name.
        let named = match (unlabelled, names(folder, files)) {
            (true, Err(_)) => vec![Named::default(); files.len()],
            (_, named) => named?,
        };
        // The first refusal in the order of files, whichever thread meets one first.
        let heard: Vec<Result<Array2<f32>, DataError>> = files
            .par_iter()
            .map(|file| self.features(&file.path))
            .collect();
        let mut records = Records {
            channels: channel_names(&self.tables),
            front_end: self.front_end,
            ..Records::default()
        };
        for ((file, named), steps) in files.iter().zip(named).zip(heard) {
            let place = Place::file(&file.path);
            let target = target(
                &mut records.labels,
                named.label.as_deref().filter(|_| !unlabelled),
            );
            let target = target.map_err(|problem| place.clone().refuse(problem))?;
            let mut record = Record::new(place, steps?, None, target);
            let parts = [&file.folders[..], std::slice::from_ref(&file.stem)].concat();
            record.name = Some(parts.join("/"));
            record.group = named.group;
            records.records.push(record);
        }
        Ok(records)
    }

    /// Features of a file, `[T, I]`: whole numbers, as the chip has them.
    fn features(&self, path: &Path) -> Result<Array2<f32>, DataError> {
        let place = Place::file(path);
        let mut reader = open(path)?;
        let front_end = self.tables.view();
        let found = reader.spec().sample_rate;
        if found != front_end.rate() {
            let expected = front_end.rate();
            return Err(place.refuse(SoundProblem::OtherRate { expected, found }.into()));
        }
        if reader.spec().bits_per_sample == 24 && sample_bytes(path) == Some(4) {
            return Err(place.refuse(bad_wav(
                "24 bits in four bytes a sample, which may stand at either end".into(),
            )));
        }
        let samples = samples(&mut reader, self.channel);
        let samples = samples.map_err(|problem| place.clone().refuse(problem))?;
        if samples.is_empty() {
            return Err(place.refuse(Problem::ZeroLength));
        }
        let features = front_end.recording(&samples);
        let shape = (features.len() / front_end.features(), front_end.features());
        let values = features.into_iter().map(|value| value as f32).collect();
        Ok(Array2::from_shape_vec(shape, values).expect("whole frames"))
    }
}

fn target(labels: &mut Labels, label: Option<&str>) -> Result<Target, Problem> {
    match label {
        Some(label) => Ok(Target::Label(labels.number(label)?)),
        None => Ok(Target::Values(Vec::new())),
    }
}

fn open(path: &Path) -> Result<WavReader<BufReader<File>>, DataError> {
    WavReader::open(path).map_err(|error| {
        Place::file(path).refuse(match error {
            // `Other` is hound's word for a file that ends too soon.
            hound::Error::IoError(error)
                if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::Other) =>
            {
                Problem::Unreadable(error)
            }
            error => not_wav(&error),
        })
    })
}

/// Bytes of a sample of one channel, as the file's chunk `fmt ` says; `None` if its first 4 KB have no such chunk.
fn sample_bytes(path: &Path) -> Option<u16> {
    let mut head = Vec::new();
    File::open(path)
        .ok()?
        .take(4096)
        .read_to_end(&mut head)
        .ok()?;
    let at = head.windows(4).position(|name| name == b"fmt ")? + 8;
    let word = |at: usize| Some(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
    let (channels, block) = (word(at + 2)?, word(at + 12)?);
    block.checked_div(channels)
}

fn not_wav(error: &hound::Error) -> Problem {
    bad_wav(error.to_string())
}

fn bad_wav(what: String) -> Problem {
    Problem::Syntax {
        format: "WAV (whole numbers of 8 to 32 bits, or f32)",
        detail: format!("{what}; record or convert it again"),
    }
}

/// A sample of f32 may be so many times full scale, and is clamped then. More is another unit.
const MOST_BEYOND: f64 = 16.0;

/// All samples as 16 bits.
fn samples(
    reader: &mut WavReader<BufReader<File>>,
    channel: Option<u16>,
) -> Result<Vec<i16>, Problem> {
    let spec = reader.spec();
    if let Some(channel) = channel.filter(|channel| *channel >= spec.channels) {
        return Err(Problem::Setting {
            key: "front_end.channel",
            found: channel.to_string(),
            needed: "a channel that every recording has, from 0",
        });
    }
    let all: Result<Vec<f64>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => {
            let samples = reader.samples::<f32>();
            samples.map(|x| Ok(f64::from(x?) * 32_768.0)).collect()
        }
        SampleFormat::Int => {
            let unit = 2f64.powi(16 - i32::from(spec.bits_per_sample));
            let samples = reader.samples::<i32>();
            samples.map(|x| Ok(f64::from(x?) * unit)).collect()
        }
    };
    let all = all.map_err(|error| not_wav(&error))?;
    if let Some(x) = all.iter().find(|x| !x.is_finite()) {
        return Err(bad_wav(format!("a sample is {x}")));
    }
    if let Some(x) = all.iter().find(|x| x.abs() > MOST_BEYOND * 32_768.0) {
        let x = x / 32_768.0;
        return Err(bad_wav(format!(
            "a sample of f32 is {x}, and full scale is 1, so that values of 16 bits must be divided by 32768"
        )));
    }
    let moments = all.chunks_exact(usize::from(spec.channels.max(1)));
    let heard = moments.map(|moment| match channel {
        Some(channel) => moment[usize::from(channel)],
        None => moment.iter().sum::<f64>() / moment.len() as f64,
    });
    // Casts clamp.
    Ok(heard.map(|x| x.round() as i16).collect())
}
