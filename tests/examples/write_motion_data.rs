//! Writes the recordings that the model of `firmware/src/bin/motion.rs` was trained on. The model is made by:
//!
//! ```text
//! cargo run -p lstm-tests --example write_motion_data -- motion.csv
//! trainer-host train motion.csv --out runs/motion --hidden 8 --epochs 100
//! trainer-host quantise runs/motion
//! trainer-host export runs/motion -o firmware/motion/motion.lstm
//! ```

use std::fmt::Write as _;
use std::path::PathBuf;

use lstm_sensors::magnitude::with_quick_magnitude;
use lstm_sensors::moved::{Motion, Moved};

/// Recordings of each motion.
const RECORDINGS: u32 = 200;
/// Samples of a recording.
const SAMPLES: u32 = 32;
/// Less than half of a recording may be of the motion before: a stream changes from one to the other.
const MOST_BEFORE: u32 = 15;

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("name the file to write"));
    };
    std::fs::write(&path, recordings())?;
    println!("wrote {}", path.display());
    Ok(())
}

fn recordings() -> String {
    let mut text = "series_id,t,x,y,z,magnitude,label\n".to_owned();
    for number in 0..3 * RECORDINGS {
        let motion = Motion::ALL[number as usize % 3];
        let before = Motion::ALL[number as usize / 3 % 3];
        let mut moved = Moved::new(before, 1000 + number);
        // A recording begins anywhere in a period.
        for _ in 0..number % 41 {
            moved.sample();
        }
        let change = number / 9 % (MOST_BEFORE + 1);
        for t in 0..SAMPLES {
            if t == change {
                moved.to(motion);
            }
            let [x, y, z, magnitude] = with_quick_magnitude(moved.sample());
            let label = motion.name();
            let _ = writeln!(text, "{number},{t},{x},{y},{z},{magnitude},{label}");
        }
    }
    text
}
