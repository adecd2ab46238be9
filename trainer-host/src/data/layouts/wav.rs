//! The samples of a WAV file as 16 bits: `round(x · 2^(16 − bits))`, clamped; of several channels, the rounded mean or
//! the chosen one. Samples in the file are whole numbers of 8 to 32 bits or f32.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::super::error::{DataError, Place, Problem};
use super::super::sound_problem::SoundProblem;

/// Samples a second of a file.
pub(super) fn rate(path: &Path) -> Result<u32, DataError> {
    Ok(open(path)?.spec().sample_rate)
}

/// All samples of a file, at least one, of the rate that is expected.
pub(super) fn samples(
    path: &Path,
    expected: u32,
    channel: Option<u16>,
) -> Result<Vec<i16>, DataError> {
    let place = Place::file(path);
    let mut reader = open(path)?;
    let found = reader.spec().sample_rate;
    if found != expected {
        return Err(place.refuse(SoundProblem::OtherRate { expected, found }.into()));
    }
    if reader.spec().bits_per_sample == 24 && sample_bytes(path) == Some(4) {
        return Err(place.refuse(bad_wav(
            "24 bits in four bytes a sample, which may stand at either end".into(),
        )));
    }
    let samples = all(&mut reader, channel).map_err(|problem| place.clone().refuse(problem))?;
    match samples.is_empty() {
        true => Err(place.refuse(Problem::ZeroLength)),
        false => Ok(samples),
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
fn all(reader: &mut WavReader<BufReader<File>>, channel: Option<u16>) -> Result<Vec<i16>, Problem> {
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
