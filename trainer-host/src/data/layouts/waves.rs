//! Recordings of sound or vibration: WAV files, whose features are the channels.
//!
//! Features come from the integers of the chip, a recording at a time. `wav.rs` has the samples, and
//! `data/signal_variants.rs` the variants that training recordings get.

use std::path::Path;

use lstm_nostd::front_end::{FrontEnd as View, Tables};
use ndarray::Array2;
use rayon::prelude::*;

use super::super::error::{DataError, Place, Problem};
use super::super::front_end::{FrontEnd, channel_names, features_of};
use super::super::records::{Labels, Record, Records, Target};
use super::super::signal_variants::SignalVariants;
use super::super::sound_problem::SoundProblem;
use super::listing::{Listed, Part};
use super::long_csv::Named;
use super::recordings::names;
use super::{Halves, Reading, listing, wav};

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
    let ear = Ear::new(reading.hearing, first, &place)?;
    let varying = (reading.variants)
        .map(|variants| Varying::new(variants, &ear))
        .transpose()?;
    let part = |part: Part| -> Result<Option<Records>, DataError> {
        let files: Vec<&Listed> = files.iter().filter(|file| file.part == part).collect();
        if files.is_empty() {
            return Ok(None);
        }
        let varying = varying.as_ref().filter(|_| part == Part::Train);
        ear.records(&place, &files, reading.wanted.unlabelled, varying)
            .map(Some)
    };
    Ok(Halves {
        train: part(Part::Train)?,
        test: part(Part::Test)?,
    })
}

/// What all recordings are heard with.
struct Ear {
    tables: Tables,
    /// Samples a second.
    rate: u32,
    channel: Option<u16>,
    /// Of a configuration, with every setting.
    front_end: Option<FrontEnd>,
}

impl Ear {
    fn new(hearing: Option<Hearing<'_>>, first: &Listed, place: &Place) -> Result<Self, DataError> {
        let refuse = |problem| Err(place.clone().refuse(problem));
        match hearing {
            None => refuse(Problem::Setting {
                key: "front_end",
                found: "left out".to_owned(),
                needed: "said for WAV files: --front-end mfcc, log-mel or spectrum",
            }),
            Some(Hearing::Model(tables, channel)) => match tables.view() {
                View::Sound(sound) => Ok(Self {
                    tables: tables.clone(),
                    rate: sound.rate(),
                    channel,
                    front_end: None,
                }),
                View::Statistics(_) => refuse(SoundProblem::StatisticsOfSound.into()),
            },
            Some(Hearing::Settings(front_end)) => Self::of_settings(front_end, first, place),
        }
    }

    fn of_settings(front_end: &FrontEnd, first: &Listed, place: &Place) -> Result<Self, DataError> {
        let refuse = |problem| place.clone().refuse(problem);
        let is_whole =
            |rate: f64| rate.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&rate);
        let rate = match front_end.rate {
            Some(rate) if is_whole(rate) => rate as u32,
            Some(rate) => {
                return Err(refuse(Problem::Setting {
                    key: "front_end.rate",
                    found: rate.to_string(),
                    needed: "a whole number for WAV files",
                }));
            }
            None => wav::rate(&first.path)?,
        };
        let Some(kind) = front_end.kind.of_sound() else {
            return Err(refuse(SoundProblem::StatisticsOfSound.into()));
        };
        let front_end = front_end.of_rate(kind, rate);
        Ok(Self {
            tables: front_end.tables_for(place)?,
            rate,
            channel: front_end.channel,
            front_end: Some(front_end),
        })
    }

    fn records(
        &self,
        folder: &Place,
        files: &[&Listed],
        unlabelled: bool,
        varying: Option<&Varying<'_>>,
    ) -> Result<Records, DataError> {
        // A recording alone has no class by its name.
        let named = match (unlabelled, names(folder, files)) {
            (true, Err(_)) => vec![Named::default(); files.len()],
            (_, named) => named?,
        };
        // The first refusal in the order of files, whichever thread meets one first.
        let heard: Vec<Result<_, DataError>> = files
            .par_iter()
            .enumerate()
            .map(|(number, file)| {
                let samples = wav::samples(&file.path, self.rate, self.channel)?;
                let variants = varying.map(|varying| varying.of(&samples, number, self));
                let variants = variants.unwrap_or_default();
                Ok((self.features(&samples), variants, samples.len()))
            })
            .collect();
        let mut records = Records {
            channels: channel_names(&self.tables, &[]),
            front_end: self.front_end.clone(),
            ..Records::default()
        };
        let mut lengths = Vec::new();
        for ((file, named), heard) in files.iter().zip(named).zip(heard) {
            let place = Place::file(&file.path);
            let target = target(
                &mut records.labels,
                named.label.as_deref().filter(|_| !unlabelled),
            );
            let target = target.map_err(|problem| place.clone().refuse(problem))?;
            let (steps, variants, length) = heard?;
            lengths.push(length);
            let mut record = Record::new(place, steps, None, target);
            record.variants = variants;
            let parts = [&file.folders[..], std::slice::from_ref(&file.stem)].concat();
            record.name = Some(parts.join("/"));
            record.group = named.group;
            records.records.push(record);
        }
        if let Some(varying) = varying.filter(|varying| varying.variants.background) {
            varying.add_background(&mut records, lengths, self, folder)?;
        }
        Ok(records)
    }

    /// Features of a recording, `[T, I]`.
    fn features(&self, samples: &[i16]) -> Array2<f32> {
        features_of(&self.tables.view(), samples)
    }
}

/// The class of pieces of noise.
const BACKGROUND: &str = "background";

/// The variants that training recordings get.
struct Varying<'a> {
    variants: &'a SignalVariants,
    /// Recordings of noise.
    noises: Vec<Vec<i16>>,
}

impl<'a> Varying<'a> {
    fn new(variants: &'a SignalVariants, ear: &Ear) -> Result<Self, DataError> {
        let Some(path) = &variants.noise else {
            let noises = Vec::new();
            return Ok(Self { variants, noises });
        };
        let place = Place::file(path);
        if !path.exists() {
            let missing = std::io::ErrorKind::NotFound.into();
            return Err(place.refuse(Problem::Unreadable(missing)));
        }
        let files = listing::waves(path)?;
        if files.is_empty() {
            return Err(place.refuse(SoundProblem::NoNoise.into()));
        }
        // A part to test by is left for that.
        let files = files.iter().filter(|file| file.part == Part::Train);
        let noises = files.map(|file| wav::samples(&file.path, ear.rate, ear.channel));
        let noises = noises.collect::<Result<_, _>>()?;
        Ok(Self { variants, noises })
    }

    /// Adds pieces of noise as recordings of a class of their own, as long as the median of `lengths`: as many as other
    /// classes have in the mean, or as many as there are. No two of them overlap, so that each may be in any part.
    fn add_background(
        &self,
        records: &mut Records,
        mut lengths: Vec<usize>,
        ear: &Ear,
        folder: &Place,
    ) -> Result<(), DataError> {
        lengths.sort_unstable();
        let length = lengths[lengths.len() / 2];
        let has_groups = records.records.iter().all(|record| record.group.is_some());
        let wanted = lengths.len().div_ceil(records.labels.len().max(1));
        let pieces = (self.noises.iter().enumerate())
            .flat_map(|(from, noise)| noise.chunks_exact(length).map(move |piece| (from, piece)));
        let pieces: Vec<_> = pieces.collect();
        if pieces.is_empty() {
            return Err(folder
                .clone()
                .refuse(SoundProblem::ShortNoise { length }.into()));
        }
        if pieces.len() < wanted {
            records.notes.push(format!(
                "{} pieces of noise are of the class {BACKGROUND}, where other classes have {wanted}; record more noise",
                pieces.len()
            ));
        }
        let label = records.labels.number(BACKGROUND);
        let label = label.map_err(|problem| folder.clone().refuse(problem))?;
        let count = wanted.min(pieces.len());
        // Evenly over all of the noise.
        let chosen = (0..count).map(|n| pieces[n * pieces.len() / count]);
        let heard: Vec<_> = chosen
            .enumerate()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(n, (from, samples))| {
                let variants = self.of(samples, lengths.len() + n, ear);
                (from, ear.features(samples), variants)
            })
            .collect();
        for (n, (from, steps, variants)) in heard.into_iter().enumerate() {
            let mut record = Record::new(folder.clone(), steps, None, Target::Label(label));
            record.variants = variants;
            record.name = Some(format!("{BACKGROUND}/{n}"));
            record.group = has_groups.then(|| format!("{BACKGROUND} {from}"));
            records.records.push(record);
        }
        Ok(())
    }

    /// Features of all variants of training recording `number`.
    fn of(&self, samples: &[i16], number: usize, ear: &Ear) -> Vec<Array2<f32>> {
        let count = self.variants.count;
        let seeds = (0..count).map(|variant| (number * count + variant) as u64);
        seeds
            .map(|seed| self.variants.variant(samples, ear.rate, &self.noises, seed))
            .map(|varied| ear.features(&varied))
            .collect()
    }
}

fn target(labels: &mut Labels, label: Option<&str>) -> Result<Target, Problem> {
    match label {
        Some(label) => Ok(Target::Label(labels.number(label)?)),
        None => Ok(Target::Values(Vec::new())),
    }
}
