//! The UCI archive's form of the Japanese vowels: blocks of lines.
//!
//! ```text
//! 1.860936 -0.207383 ... -0.041170      a step: 12 values
//! 1.891651 -0.193249 ... -0.003796
//!                                       an empty line ends a sequence
//! ```
//!
//! `size_ae.train` beside `ae.train` says how many sequences each speaker has, in the order of the blocks.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::read;

/// A long CSV of the blocks in `path`, or of every other one from the first on; the label is the number of the
/// speaker, from 1.
pub(super) fn long_csv(path: &Path, half: bool) -> Result<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let counts_path = path.with_file_name(format!("size_{name}"));
    let counts = read(&counts_path)?;
    let counts: Vec<usize> = (counts.split_whitespace())
        .map(|count| count.parse().context("a count of sequences is no number"))
        .collect::<Result<_>>()
        .with_context(|| counts_path.display().to_string())?;
    let mut speakers = (1..)
        .zip(&counts)
        .flat_map(|(speaker, count)| vec![speaker; *count]);
    let text = read(path)?;
    let mut csv = String::new();
    for (i, block) in blocks(&text).enumerate() {
        let speaker = speakers.next().with_context(|| {
            format!(
                "{}: says fewer sequences than {name} has",
                counts_path.display()
            )
        })?;
        if half && i % 2 == 1 {
            continue;
        }
        for (t, line) in block.iter().enumerate() {
            let values: Vec<&str> = line.split_whitespace().collect();
            if csv.is_empty() {
                let names: Vec<String> = (0..values.len()).map(|j| format!("x{j}")).collect();
                writeln!(csv, "series_id,t,{},label", names.join(","))?;
            }
            writeln!(csv, "{i},{t},{},{speaker}", values.join(","))?;
        }
    }
    ensure!(
        speakers.next().is_none(),
        "{}: says more sequences than {name} has",
        counts_path.display()
    );
    Ok(csv)
}

/// Lines that follow each other without an empty one between them.
fn blocks(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let blocks: Vec<Vec<&str>> = (lines.split(|line| line.is_empty()))
        .filter(|block| !block.is_empty())
        .map(<[&str]>::to_vec)
        .collect();
    blocks.into_iter()
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::*;

    #[test]
    fn blocks_become_series_of_their_speakers() {
        let folder = Folder::new("blocks");
        let path = folder.file("ae.train", "1.5 2 \n3 4 \n\n5 6 \n\n7 8 \n\n");
        folder.file("size_ae.train", "2 1\n");
        assert_eq!(
            long_csv(&path, false).unwrap(),
            "series_id,t,x0,x1,label\n0,0,1.5,2,1\n0,1,3,4,1\n1,0,5,6,1\n2,0,7,8,2\n"
        );
        assert_eq!(long_csv(&path, true).unwrap().lines().count(), 4);
        for (counts, word) in [("2", "fewer"), ("2 2", "more"), ("two", "number")] {
            folder.file("size_ae.train", counts);
            let refused = format!("{:#}", long_csv(&path, false).unwrap_err());
            assert!(refused.contains(word), "{refused}");
        }
    }
}
