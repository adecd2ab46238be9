//! The published data sets that have a configuration, the forms in which they are read, and the choice among them.
//!
//! Most are read by `trainer-host` as their publishers give them. Some need a step before that, which this floor does:
//! recordings of speech become MFCC (`mfcc.rs`) or lie in folders of parts and classes (`recordings.rs`), blocks of lines
//! become a long CSV (`blocks.rs`), and a series is cut to its first rows. `spoken_stream.rs` makes a long recording of short ones.

mod blocks;
mod mfcc;
mod recordings;
pub mod spoken_stream;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A data set that has a configuration.
#[derive(Clone, Copy)]
pub struct DataSet {
    /// Name of the configuration and of the folder for runs.
    pub name: &'static str,
    /// Steps in a second, where its publishers say; of sound, samples.
    pub rate: Option<f64>,
    /// The forms that can be read, the first that is there is taken.
    forms: &'static [Form],
}

/// A form in which a data set lies in the folder of data sets.
#[derive(Clone, Copy)]
struct Form {
    /// Path of the data, or of its training part.
    path: &'static str,
    /// Path of the test part, if it has one of its own.
    test: Option<&'static str>,
    step: Step,
    /// What `trainer-host` has to be told of it.
    flags: &'static [&'static str],
}

/// What is done before `trainer-host` reads it.
#[derive(Clone, Copy)]
enum Step {
    Nothing,
    /// Keeps so many rows below the header.
    FirstRows(usize),
    /// Computes MFCC from recordings.
    Mfcc,
    /// Copies recordings into folders of parts and classes.
    Sounds,
    /// Makes a long CSV from blocks of lines, whose counts a file beside each part says.
    Blocks,
}

const fn as_it_is(path: &'static str) -> Form {
    Form {
        path,
        test: None,
        step: Step::Nothing,
        flags: &[],
    }
}

const fn in_two(path: &'static str, test: &'static str) -> Form {
    Form {
        test: Some(test),
        ..as_it_is(path)
    }
}

const fn made_by(step: Step, path: &'static str) -> Form {
    Form {
        step,
        ..as_it_is(path)
    }
}

/// Spoken digits.
pub const FSDD: DataSet = DataSet {
    name: "fsdd",
    rate: Some(62.5),
    forms: &[
        as_it_is("fsdd/fsdd_mfcc13.npz"),
        made_by(Step::Mfcc, "free-spoken-digit-dataset/recordings"),
    ],
};
/// The same, from the recordings.
pub const FSDD_SOUND: DataSet = DataSet {
    name: "fsdd_sound",
    rate: Some(8000.0),
    forms: &[
        as_it_is("fsdd/wav"),
        made_by(Step::Sounds, "free-spoken-digit-dataset/recordings"),
    ],
};
/// Speakers of two vowels.
pub const JAPANESE_VOWELS: DataSet = DataSet {
    name: "japanese_vowels",
    rate: None,
    forms: &[
        as_it_is("japanese_vowels/japanese_vowels.npz"),
        in_two(
            "JapaneseVowels/JapaneseVowels_TRAIN.ts",
            "JapaneseVowels/JapaneseVowels_TEST.ts",
        ),
        Form {
            test: Some("japanese+vowels/ae.test"),
            ..made_by(Step::Blocks, "japanese+vowels/ae.train")
        },
    ],
};
/// Heartbeats.
pub const ECG5000: DataSet = DataSet {
    name: "ecg5000",
    rate: None,
    forms: &[
        as_it_is("ecg5000/ecg5000.npz"),
        in_two("ECG5000/ECG5000_TRAIN.tsv", "ECG5000/ECG5000_TEST.tsv"),
        in_two("ECG5000/ECG5000_TRAIN.ts", "ECG5000/ECG5000_TEST.ts"),
        in_two("ECG5000/ECG5000_TRAIN.txt", "ECG5000/ECG5000_TEST.txt"),
    ],
};
/// Activities of persons.
pub const UCI_HAR: DataSet = DataSet {
    name: "uci_har",
    rate: Some(50.0),
    forms: &[
        as_it_is("uci_har/uci_har_subset.npz"),
        as_it_is("UCI HAR Dataset"),
    ],
};
/// The same, with statistics of short frames in place of the samples.
pub const UCI_HAR_STATISTICS: DataSet = DataSet {
    name: "uci_har_statistics",
    forms: &[
        // The archive has no names of channels, which would say what the axes of a magnitude are.
        Form {
            flags: &[
                "--set",
                "data.front_end.magnitudes=[[\"x0\",\"x1\",\"x2\"],[\"x3\",\"x4\",\"x5\"],[\"x6\",\"x7\",\"x8\"]]",
            ],
            ..as_it_is("uci_har/uci_har_subset.npz")
        },
        as_it_is("UCI HAR Dataset"),
    ],
    ..UCI_HAR
};
/// Temperatures of a transformer, to forecast.
pub const ETTH1: DataSet = DataSet {
    name: "etth1",
    rate: None,
    forms: &[
        as_it_is("etth1/ETTh1_first_14400.csv"),
        made_by(Step::FirstRows(14_400), "ETT-small/ETTh1.csv"),
    ],
};

/// Files that `trainer-host` reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    data: PathBuf,
    test: Option<PathBuf>,
    flags: &'static [&'static str],
}

impl Source {
    /// The arguments that name them.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![self.data.to_string_lossy().into_owned()];
        if let Some(test) = &self.test {
            arguments.extend(["--test".to_owned(), test.to_string_lossy().into_owned()]);
        }
        arguments.extend(self.flags.iter().map(|flag| (*flag).to_owned()));
        arguments
    }
}

impl DataSet {
    /// The form that lies in `folder`.
    ///
    /// # Errors
    /// When none does; the message names them all.
    fn form(&self, folder: &Path) -> Result<&'static Form> {
        let is_there = |path: &str| folder.join(path).exists();
        let found =
            (self.forms.iter()).find(|form| is_there(form.path) && form.test.is_none_or(is_there));
        found.with_context(|| {
            let paths: Vec<String> = self.forms.iter().map(Form::describe).collect();
            format!(
                "{}: there is no {}; docs/data-sets.md says where the data sets come from",
                folder.display(),
                paths.join(", and no ")
            )
        })
    }

    /// The files to read, from what lies in `folder`. What has to be made of them first goes to the folder `made`.
    /// With `half`, the test part is the half that the published figures come from, where a rule gives that.
    ///
    /// # Errors
    /// When the data is not there, or is not what its publishers give.
    pub fn source(&self, folder: &Path, made: &Path, half: bool) -> Result<Source> {
        let form = self.form(folder)?;
        let data = folder.join(form.path);
        let test = form.test.map(|test| folder.join(test));
        std::fs::create_dir_all(made)
            .with_context(|| format!("{} cannot be made", made.display()))?;
        let (data, test) = match form.step {
            Step::Nothing => match test {
                Some(test) if half => {
                    let name = test.file_name().unwrap_or_default().to_string_lossy();
                    (data, Some(write(made, &name, &half_of(&read(&test)?))?))
                }
                test => (data, test),
            },
            Step::FirstRows(rows) => (
                write(made, "first_rows.csv", &first_rows(&data, rows)?)?,
                None,
            ),
            Step::Mfcc => {
                let [train, test] = mfcc::long_csv(&data, half)?;
                let test = write(made, "test.csv", &test)?;
                (write(made, "train.csv", &train)?, Some(test))
            }
            Step::Sounds => {
                let sounds = made.join("recordings");
                recordings::copy(&data, &sounds, half)?;
                (sounds, None)
            }
            Step::Blocks => {
                let test = test.context("blocks come in two parts")?;
                let test = write(made, "test.csv", &blocks::long_csv(&test, half)?)?;
                let train = blocks::long_csv(&data, false)?;
                (write(made, "train.csv", &train)?, Some(test))
            }
        };
        let flags = form.flags;
        Ok(Source { data, test, flags })
    }
}

impl Form {
    fn describe(&self) -> String {
        match self.test {
            Some(test) => format!("{} with {test}", self.path),
            None => self.path.to_owned(),
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The header and the first `rows` rows of a table.
fn first_rows(path: &Path, rows: usize) -> Result<String> {
    let text = read(path)?;
    let kept: Vec<&str> = text.lines().take(rows + 1).collect();
    if kept.len() <= rows {
        bail!("{}: has fewer than {rows} rows", path.display());
    }
    Ok(kept.join("\n") + "\n")
}

/// Every other series of a file of the archive, from the first on, where they are ordered by their labels. Lines of a
/// header stay.
fn half_of(text: &str) -> String {
    let is_header = |line: &&str| line.trim().is_empty() || line.starts_with(['#', '%', '@']);
    let (header, series): (Vec<&str>, Vec<&str>) = text.lines().partition(is_header);
    let label = |line: &str| {
        let label = match line.rsplit_once(':') {
            Some((_, label)) => label,
            None => line
                .split([' ', '\t', ','])
                .find(|field| !field.is_empty())
                .unwrap_or(""),
        };
        label.trim().parse::<f64>().unwrap_or_default()
    };
    let mut ordered: Vec<usize> = (0..series.len()).collect();
    ordered.sort_by(|a, b| label(series[*a]).total_cmp(&label(series[*b])));
    let mut kept: Vec<usize> = ordered.into_iter().step_by(2).collect();
    kept.sort_unstable();
    let lines = header
        .into_iter()
        .chain(kept.into_iter().map(|i| series[i]));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The folder of data sets in canonical form, since kept runs are found by this path.
///
/// # Errors
/// When it cannot be read.
pub fn folder(given: &Path) -> Result<PathBuf> {
    (given.canonicalize()).with_context(|| {
        format!(
            "--data {} cannot be read; docs/data-sets.md says where the data sets come from",
            given.display()
        )
    })
}

/// The data sets of `known` that `only` names, or all if `only` is empty. Each must lie in `folder` in one of its
/// forms.
///
/// # Errors
/// When a name is unknown or a data set is missing.
pub fn wanted(known: &[DataSet], only: &[String], folder: &Path) -> Result<Vec<DataSet>> {
    let names: Vec<&str> = known.iter().map(|set| set.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!(
            "{unknown}: no such experiment; there are {}",
            names.join(", ")
        );
    }
    let is_wanted = |set: &&DataSet| only.is_empty() || only.iter().any(|name| name == set.name);
    let wanted: Vec<DataSet> = known.iter().filter(is_wanted).copied().collect();
    for set in &wanted {
        set.form(folder)?;
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that vanishes with it.
    pub(super) struct Folder(pub(super) PathBuf);

    impl Folder {
        pub(super) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_first_form_that_is_whole_is_taken() {
        let folder = Folder::new("forms");
        let refused = ECG5000.form(&folder.0).map(|form| form.path).unwrap_err();
        assert!(
            refused.to_string().contains("ECG5000_TRAIN.txt with"),
            "{refused}"
        );
        // A training part without its test part is none.
        folder.file("ECG5000/ECG5000_TRAIN.tsv", "1\t0\n");
        folder.file("ECG5000/ECG5000_TRAIN.ts", "@data\n");
        folder.file("ECG5000/ECG5000_TEST.ts", "@data\n");
        let found = ECG5000
            .source(&folder.0, &folder.0, false)
            .unwrap()
            .arguments();
        assert!(
            found[0].ends_with("ECG5000_TRAIN.ts") && found[1] == "--test",
            "{found:?}"
        );
        folder.file("ecg5000/ecg5000.npz", "PK");
        let found = ECG5000
            .source(&folder.0, &folder.0, false)
            .unwrap()
            .arguments();
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_half_has_every_other_series_of_the_classes_in_their_order() {
        let ts = "#about\n@data\n1:2\n2:1\n3:10\n4:1\n5:1\n6:2\n";
        // By class: 2, 4, 5 of class 1, then 1, 6 of class 2, then 3 of class 10.
        assert_eq!(half_of(ts), "#about\n@data\n2:1\n5:1\n6:2\n");
        assert_eq!(half_of("2\t1\n1\t2\n1\t3\n"), "2\t1\n1\t2\n");
        assert_eq!(half_of("  1.0 5\n"), "  1.0 5\n");
    }

    #[test]
    fn the_usual_rows_of_a_longer_series_are_taken() {
        let folder = Folder::new("rows");
        let rows: String = (0..20).map(|row| format!("{row},{row}\r\n")).collect();
        let path = folder.file("a.csv", format!("date,OT\r\n{rows}"));
        assert_eq!(first_rows(&path, 2).unwrap(), "date,OT\n0,0\n1,1\n");
        assert!(first_rows(&path, 21).is_err());
    }
}
