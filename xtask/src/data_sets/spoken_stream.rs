//! `cargo xtask spoken-stream`: a long recording of words and noise, with marks, made from short recordings.
//!
//! Every word is said once or several times, in a random order, and pauses of random lengths between the words fill the
//! time. Noise is heard throughout. Its colour and its level change every few seconds: white or brown noise or a hum,
//! 60 to 34 dB below full scale. The same seed gives the same stream.
//!
//! | file | content |
//! | --- | --- |
//! | `stream.wav` | 16 bits, mono |
//! | `stream.txt` | a line for each word: begin and end in seconds, and the class, as programs for sound show them |
//! | `noise/N.wav` | other noise of the same kinds, to train a class `background` with |
//! | `stream.csv` | with `--model`: the features that the model's front end makes of the whole stream, cut where words begin and end, for `trainer-host eval --stream` |

use std::f64::consts::TAU;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;

use super::mfcc::{RATE, samples};

/// The class of what is no word.
pub const BACKGROUND: &str = "background";
/// Files of noise to train with, and seconds of each.
const NOISES: (u64, usize) = (6, 20);
/// The shortest pause between two words, in samples.
const PAUSE: usize = RATE as usize / 2;

/// What is made.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Recordings of 8 kHz, 16 bits, mono: a folder for each class
    #[arg(long)]
    pub recordings: PathBuf,
    /// Folder to write
    #[arg(long)]
    pub out: PathBuf,
    /// Length of the stream
    #[arg(long, default_value_t = 10)]
    pub minutes: usize,
    /// Same seed, same stream
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A model file with a front end, for its features of the stream
    #[arg(long)]
    pub model: Option<PathBuf>,
}

/// A word in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its samples.
    pub samples: Range<usize>,
    /// Its class.
    pub class: String,
}

/// Samples at 8 kHz, and the words in them, which ascend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// What is heard.
    pub samples: Vec<i16>,
    /// Where words are.
    pub marks: Vec<Mark>,
}

/// Writes the files.
pub fn run(arguments: &Arguments) -> Result<()> {
    let stream = write(arguments)?;
    println!(
        "{}: {} words in {} seconds",
        arguments.out.join("stream.wav").display(),
        stream.marks.len(),
        stream.samples.len() / RATE as usize
    );
    Ok(())
}

/// Writes the files, and returns the stream.
pub fn write(arguments: &Arguments) -> Result<Stream> {
    let words = words(&arguments.recordings)?;
    let length = arguments.minutes * 60 * RATE as usize;
    let stream = Stream::of(&words, length, arguments.seed)?;
    let noise = arguments.out.join("noise");
    std::fs::create_dir_all(&noise).with_context(|| noise.display().to_string())?;
    let put = |path: PathBuf, bytes: &[u8]| {
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())
    };
    put(arguments.out.join("stream.wav"), &wav(&stream.samples))?;
    put(arguments.out.join("stream.txt"), stream.track().as_bytes())?;
    for n in 0..NOISES.0 {
        let mut random = Random(arguments.seed ^ (n + 1) << 32);
        let samples = noise_of(NOISES.1 * RATE as usize, &mut random);
        let samples: Vec<i16> = samples.into_iter().map(clamped).collect();
        put(noise.join(format!("{n}.wav")), &wav(&samples))?;
    }
    if let Some(path) = &arguments.model {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let file = AlignedBytes::from(&bytes[..]);
        let model = Model::parse(&file).with_context(|| path.display().to_string())?;
        let csv = stream
            .csv(&model)
            .with_context(|| path.display().to_string())?;
        put(arguments.out.join("stream.csv"), csv.as_bytes())?;
    }
    Ok(stream)
}

/// Class and samples of each recording below `folder`, sorted by their paths.
fn words(folder: &Path) -> Result<Vec<(String, Vec<i16>)>> {
    let listed = |folder: &Path| -> Result<Vec<PathBuf>> {
        let unreadable = || format!("{} cannot be read", folder.display());
        let entries = std::fs::read_dir(folder).with_context(unreadable)?;
        let paths = entries.map(|entry| Ok(entry.with_context(unreadable)?.path()));
        let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
        paths.sort();
        Ok(paths)
    };
    let mut words = Vec::new();
    for class in listed(folder)?.iter().filter(|path| path.is_dir()) {
        let name = class.file_name().unwrap_or_default().to_string_lossy();
        for path in listed(class)? {
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let samples = samples(&bytes).with_context(|| path.display().to_string())?;
            words.push((name.clone().into_owned(), samples));
        }
    }
    ensure!(
        !words.is_empty(),
        "{}: holds no folder of recordings for a class",
        folder.display()
    );
    Ok(words)
}

impl Stream {
    /// Of `length` samples, in which each of `words` is said once, or all of them as often as there is room for.
    fn of(words: &[(String, Vec<i16>)], length: usize, seed: u64) -> Result<Self> {
        let mut random = Random(seed);
        let all: usize = words.iter().map(|(_, samples)| samples.len() + PAUSE).sum();
        let times = length / (all + words.len() * PAUSE).max(1);
        ensure!(
            times > 0,
            "{} words with their pauses do not fit into {} seconds; say more --minutes",
            words.len(),
            length / RATE as usize
        );
        let mut order: Vec<usize> = (0..times * words.len()).map(|n| n % words.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        // What is left of the time, divided among all pauses by chance.
        let left = length - times * all;
        let mut shares: Vec<usize> = order.iter().map(|_| random.below(left)).collect();
        shares.sort_unstable();
        let mut samples = noise_of(length, &mut random);
        let (mut marks, mut said) = (Vec::new(), 0);
        for (word, share) in order.iter().zip(shares) {
            let (class, heard) = &words[*word];
            let from = said + PAUSE + share;
            for (sum, x) in samples[from..].iter_mut().zip(heard) {
                *sum += f64::from(*x);
            }
            said += PAUSE + heard.len();
            marks.push(Mark {
                samples: from..from + heard.len(),
                class: class.clone(),
            });
        }
        Ok(Self {
            samples: samples.into_iter().map(clamped).collect(),
            marks,
        })
    }

    /// The track of labels: begin, end, class.
    fn track(&self) -> String {
        let seconds = |sample: usize| sample as f64 / f64::from(RATE);
        let mut text = String::new();
        for Mark { samples, class } in &self.marks {
            let [begin, end] = [samples.start, samples.end].map(seconds);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{begin:.6}\t{end:.6}\t{class}");
        }
        text
    }

    /// The class of each frame of `frame` samples that begin every `hop`: that of the word in which its middle lies.
    pub fn labels(&self, frame: usize, hop: usize) -> Vec<&str> {
        let count = (self.samples.len() + hop).saturating_sub(frame) / hop;
        let mut marks = self.marks.iter().peekable();
        (0..count)
            .map(|n| {
                let middle = n * hop + frame / 2;
                while marks.next_if(|mark| mark.samples.end <= middle).is_some() {}
                let within = marks.peek().filter(|mark| mark.samples.contains(&middle));
                within.map_or(BACKGROUND, |mark| &mark.class)
            })
            .collect()
    }
}

impl Stream {
    /// The features of `model`'s front end, a row a frame, and a series for each stretch of frames of one class.
    fn csv(&self, model: &Model<'_>) -> Result<String> {
        let front_end = model.front_end().context("the model takes no samples")?;
        ensure!(
            front_end.rate_mhz() == 1000 * u64::from(RATE),
            "the model does not take {RATE} samples a second"
        );
        let names: Vec<&str> = model.input_names().collect();
        let mut text = format!("series_id,t,group,label,{}\n", names.join(","));
        let labels = self.labels(front_end.frame(), front_end.hop());
        let features = front_end.recording(&self.samples);
        let frames = features.chunks_exact(front_end.features());
        let (mut series, mut before) = (0, labels.first());
        for (t, (label, frame)) in labels.iter().zip(frames).enumerate() {
            series += usize::from(before != Some(label));
            before = Some(label);
            write!(text, "{series},{t},stream,{label}")?;
            for value in frame {
                write!(text, ",{value}")?;
            }
            text.push('\n');
        }
        Ok(text)
    }
}

/// Noise whose colour and level change every few seconds.
fn noise_of(length: usize, random: &mut Random) -> Vec<f64> {
    let mut noise = Vec::with_capacity(length);
    while noise.len() < length {
        let kind = random.below(3);
        let steps = RATE as usize * (2 + random.below(6));
        // RMS: 60 to 34 dB below full scale.
        let level = 32_768.0 * 10f64.powf(-(34.0 + 26.0 * random.share()) / 20.0);
        let hertz = 50.0 + 150.0 * random.share();
        let mut brown = 0.0;
        for step in 0..steps.min(length - noise.len()) {
            // Uniform, of deviation 1.
            let white = 12f64.sqrt() * (random.share() - 0.5);
            brown = 0.95 * brown + (1.0f64 - 0.95 * 0.95).sqrt() * white;
            let angle = TAU * hertz * step as f64 / f64::from(RATE);
            let hum = 0.8 * (angle.sin() + 0.7 * (3.0 * angle).sin()) + 0.4 * white;
            noise.push(level * [white, brown, hum][kind]);
        }
    }
    noise
}

fn clamped(x: f64) -> i16 {
    x.round() as i16
}

/// A WAV file.
fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = 2 * samples.len() as u32;
    let mut file = Vec::with_capacity(44 + 2 * samples.len());
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    // PCM, one channel.
    file.extend([1, 0, 1, 0]);
    file.extend(RATE.to_le_bytes());
    file.extend((2 * RATE).to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    file
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to 1, without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `count`, or 0.
    fn below(&mut self, count: usize) -> usize {
        (self.share() * count as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_said_as_often_as_there_is_room_for_and_stands_at_its_mark() {
        let words: Vec<(String, Vec<i16>)> = [("a", 3000), ("b", 2000), ("c", 4000)]
            .map(|(class, length)| (class.to_owned(), vec![i16::MAX; length]))
            .into();
        let length = 20 * RATE as usize;
        let stream = Stream::of(&words, length, 7).unwrap();
        assert_eq!(stream, Stream::of(&words, length, 7).unwrap());
        assert_ne!(stream, Stream::of(&words, length, 8).unwrap());
        assert_eq!(stream.samples.len(), length);
        // 9,000 samples of words and 24,000 of pauses at least: four times in 160,000.
        assert_eq!(stream.marks.len(), 12);
        let mut end = 0;
        for mark in &stream.marks {
            assert!(mark.samples.start >= end + PAUSE, "{mark:?}");
            end = mark.samples.end;
            // Louder than any noise, whatever noise is added.
            assert!(
                stream.samples[mark.samples.clone()]
                    .iter()
                    .all(|x| *x > 20_000)
            );
        }
        let loud = stream.samples.iter().filter(|x| **x > 20_000).count();
        assert_eq!(loud, 4 * 9000);
        // A frame has the class of its middle.
        let labels = stream.labels(256, 128);
        assert_eq!(labels.len(), (length - 256) / 128 + 1);
        for (n, label) in labels.iter().enumerate() {
            let middle = stream.samples[128 * n + 128];
            assert_eq!(*label != BACKGROUND, middle > 20_000, "{n}");
        }
        assert_eq!(samples(&wav(&stream.samples)).unwrap(), stream.samples);
        assert!(Stream::of(&words, 10_000, 0).is_err());
    }
}
