//! Reading data: MB of file a second of one core's time, and the peak of memory against the values as f32.
//!
//! ```text
//! cargo bench -p trainer-host --bench reading [MB of each file, 200 without it]
//! ```
//!
//! The files are written to a temporary folder first. Linux counts the time that the thread was on a core, and the
//! process's resident memory; elsewhere the time is that of a clock, and the last column is empty. No file may take more than [`MOST_MEMORY`] times its values.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainer_host::data::{Options, Parts, open};

/// The peak against the values as f32.
const MOST_MEMORY: f64 = 3.5;

/// Writes a file of about so many bytes.
type Fill = fn(&mut Out, usize);

const FILES: [(&str, &str, Fill); 5] = [
    ("series of 8 channels", "series.csv", series),
    ("one recording, labels", "recording.csv", recording),
    ("decimal commas", "commas.csv", commas),
    ("one channel, values", "channel.csv", channel),
    ("long lines of .tsv", "lines.tsv", lines),
];

fn main() {
    let given = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse::<usize>().ok());
    let bytes = given.unwrap_or(200) * 1_000_000;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    println!("file                        MB    MB/s   peak / values as f32");
    let mut is_within = true;
    for (name, file, write) in FILES {
        let path = folder.path().join(file);
        Out::to(&path, |out| write(out, bytes));
        let size = path.metadata().expect("the file was written").len() as f64;
        let (seconds, share) = measured(&path);
        let share_text = share.map_or(String::new(), |share| format!("{share:.2}"));
        println!(
            "{name:<24} {:>5.0} {:>7.1}   {share_text}",
            size / 1e6,
            size / 1e6 / seconds
        );
        is_within &= share.is_none_or(|share| share <= MOST_MEMORY);
        std::fs::remove_file(&path).expect("the file can be removed");
    }
    assert!(
        is_within,
        "a file takes more than {MOST_MEMORY} times its values"
    );
}

/// Seconds to read a file, and the peak of memory against its values.
fn measured(path: &Path) -> (f64, Option<f64>) {
    // Writing 5 sets the peak back to what is resident now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = resident("VmRSS:");
    let (from, on_core) = (Instant::now(), seconds_on_core());
    let parts = open(path.to_str().expect("a path of ASCII"), &Options::default());
    let seconds = (on_core.zip(seconds_on_core()))
        .map_or(from.elapsed().as_secs_f64(), |(before, after)| {
            after - before
        });
    let peak = resident("VmHWM:");
    let parts = parts.unwrap_or_else(|error| panic!("{error}"));
    let values = 4.0 * values(&parts);
    let share = before
        .zip(peak)
        .map(|(before, peak)| (peak - before) / values);
    (seconds, share)
}

/// Inputs, and one target for each step where there are such.
fn values(parts: &Parts) -> f64 {
    let train = &parts.train;
    let inputs = train
        .sequences
        .iter()
        .map(|steps| steps.len())
        .sum::<usize>();
    let steps = train
        .sequences
        .iter()
        .map(|steps| steps.nrows())
        .sum::<usize>();
    (inputs
        + if train.targets.task().is_per_step() {
            steps
        } else {
            0
        }) as f64
}

/// What this thread had of a core so far.
fn seconds_on_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Bytes of a line of Linux's account of this process.
fn resident(key: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(1024.0 * kilobytes)
}

/// A file that counts its bytes, and numbers to write into it.
struct Out {
    file: BufWriter<File>,
    bytes: usize,
    random: ChaCha8Rng,
}

impl Out {
    fn to(path: &Path, write: impl FnOnce(&mut Self)) {
        let file = File::create(path).expect("a file can be made");
        let mut out = Self {
            file: BufWriter::new(file),
            bytes: 0,
            random: ChaCha8Rng::seed_from_u64(0),
        };
        write(&mut out);
        out.file.flush().expect("the file can be written");
    }

    fn put(&mut self, text: &str) {
        self.bytes += text.len();
        self.file
            .write_all(text.as_bytes())
            .expect("the file can be written");
    }

    fn value(&mut self) -> f64 {
        self.random.random_range(-100.0..100.0)
    }
}

fn series(out: &mut Out, bytes: usize) {
    out.put("series_id,t,x0,x1,x2,x3,x4,x5,x6,x7,label\n");
    for row in 0.. {
        if out.bytes >= bytes && row % 500 == 0 {
            return;
        }
        out.put(&format!("s{},{}", row / 500, row % 500));
        for _ in 0..8 {
            let value = out.value();
            out.put(&format!(",{value:.6}"));
        }
        out.put(&format!(",class{}\n", row / 500 % 6));
    }
}

fn recording(out: &mut Out, bytes: usize) {
    out.put("timestamp,x,y,z,label\n");
    for row in 0.. {
        if out.bytes >= bytes {
            return;
        }
        out.put(&format!("{}", 20 * row));
        for _ in 0..3 {
            let value = out.value();
            out.put(&format!(",{value:.4}"));
        }
        out.put(&format!(",{}\n", ["rest", "walk"][row / 1000 % 2]));
    }
}

fn commas(out: &mut Out, bytes: usize) {
    out.put("timestamp;x;y;z;label\n");
    for row in 0.. {
        if out.bytes >= bytes {
            return;
        }
        out.put(&format!("{}", 20 * row));
        for _ in 0..3 {
            let value = out.value();
            out.put(&format!(";{value:.4}").replace('.', ","));
        }
        out.put(&format!(";{}\n", ["rest", "walk"][row / 1000 % 2]));
    }
}

fn channel(out: &mut Out, bytes: usize) {
    out.put("timestamp,x,label\n");
    for row in 0.. {
        if out.bytes >= bytes {
            return;
        }
        let value = out.value();
        out.put(&format!("{},{value:.3},{}\n", 20 * row, row / 1000 % 2));
    }
}

/// Two lines, for one has one class.
fn lines(out: &mut Out, bytes: usize) {
    for label in [1, 2] {
        out.put(&format!("{label}"));
        for _ in 0..bytes / 19 {
            let value = out.value();
            out.put(&format!("\t{value:.5}"));
        }
        out.put("\n");
    }
}
