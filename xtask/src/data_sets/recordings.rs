//! Recordings of spoken digits in their official parts.
//!
//! A recording is a `digit_speaker_index.wav` of 8 kHz, 16 bits, mono. The official split tests on the indices 0 to 4.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Recordings with a lower index are the test part.
const TESTED: usize = 5;

/// A recording.
pub(super) struct Recording {
    pub(super) path: PathBuf,
    /// Its name without the ending.
    pub(super) name: String,
    pub(super) digit: u8,
}

/// The training and the test part of the recordings in `folder`, by name. With `half`, every other recording of each
/// digit is tested: from the first on of an even digit, from the second on of an odd one.
pub(super) fn parts(folder: &Path, half: bool) -> Result<[Vec<Recording>; 2]> {
    let unreadable = || format!("{} cannot be read", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "wav") {
            paths.push(path);
        }
    }
    ensure!(!paths.is_empty(), "{}: holds no .wav", folder.display());
    paths.sort();
    let mut parts = [Vec::new(), Vec::new()];
    let mut tested = [0u8; 256];
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.into_owned();
        let (digit, index) = (|| {
            let mut words = name.split('_');
            let (digit, _, index) = (words.next()?, words.next()?, words.next()?);
            Some((digit.parse::<u8>().ok()?, index.parse::<usize>().ok()?))
        })()
        .with_context(|| format!("{}: is not called digit_speaker_index.wav", path.display()))?;
        let is_tested = index < TESTED;
        if is_tested {
            let turn = &mut tested[usize::from(digit)];
            *turn = turn.wrapping_add(1);
            if half && turn.wrapping_add(digit) % 2 == 0 {
                continue;
            }
        }
        parts[usize::from(is_tested)].push(Recording { path, name, digit });
    }
    Ok(parts)
}

/// Copies the recordings of `folder` into `made`, as `train/7/7_theo_12.wav` and `test/7/7_theo_3.wav`.
pub(super) fn copy(folder: &Path, made: &Path, half: bool) -> Result<()> {
    for (part, recordings) in ["train", "test"].into_iter().zip(parts(folder, half)?) {
        let to = made.join(part);
        // A part that was made with the other rule goes.
        if to.exists() {
            std::fs::remove_dir_all(&to).with_context(|| format!("{} stays", to.display()))?;
        }
        for recording in recordings {
            let class = to.join(recording.digit.to_string());
            let copied = std::fs::create_dir_all(&class).and_then(|()| {
                std::fs::copy(
                    &recording.path,
                    class.join(format!("{}.wav", recording.name)),
                )
            });
            copied.with_context(|| format!("{} cannot be copied", recording.path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;

    #[test]
    fn copies_lie_in_folders_of_parts_and_classes() {
        let folder = Folder::new("copies");
        for name in ["3_a_0", "3_a_1", "3_a_2", "3_a_7", "4_a_0"] {
            folder.file(&format!("all/{name}.wav"), name);
        }
        let made = folder.0.join("made");
        for half in [false, true] {
            copy(&folder.0.join("all"), &made, half).unwrap();
            let is_there = |path: &str| made.join(path).exists();
            assert!(is_there("train/3/3_a_7.wav") && is_there("test/4/4_a_0.wav"));
            assert!(is_there("test/3/3_a_1.wav"));
            assert_eq!(is_there("test/3/3_a_0.wav"), !half);
        }
    }
}
