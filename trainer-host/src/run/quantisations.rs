//! The quantisations of a run, side by side: `quantised-NAME.safetensors` for each name, which is that of its scheme or a
//! user's.
//!
//! Each file has a number, one more than those of the others when it was written. So the one that was made last is known
//! by the files alone, and making it again gives the same bytes. A run of an earlier version has one file, without name and
//! number.

use std::path::{Path, PathBuf};

use lstm_nostd::artifact::ModelFile;
use lstm_nostd::kernels::Scheme;

use super::error::RunError;
use super::folder::{QUANTISATION_REPORT, QUANTISED, remove_file};
use super::quantised_file::{self, ReadError, Stored};
use crate::network::schemes::Schemes;
use crate::network::{Network, NetworkConfig};

const PREFIX: &str = "quantised-";
const ENDING: &str = ".safetensors";
/// Characters of a name, at most.
const LONGEST: usize = 40;

/// One of a run's quantisations.
#[derive(Clone, Debug)]
pub struct Quantisation {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What the file holds.
    pub stored: Stored,
}

impl Quantisation {
    /// Reads a file of the name, or of an earlier version.
    fn read((name, path): (Option<String>, PathBuf)) -> Result<Self, ReadError> {
        let stored = quantised_file::read_stored(&path)?;
        let schemes: Vec<Scheme> = stored.file.schemes().collect();
        Ok(Self {
            name: name.unwrap_or_else(|| name_of(&schemes)),
            path,
            stored,
        })
    }

    /// Whether its layers have these schemes.
    fn has(&self, schemes: &[Scheme]) -> bool {
        self.stored.file.schemes().eq(schemes.iter().copied())
    }
}

/// Which of a run's quantisations is meant; the one that was made last, if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The last one with this scheme, or with these of its layers.
    pub schemes: Option<Schemes>,
    /// The one with this name.
    pub name: Option<String>,
}

impl Wanted {
    /// Whether something is said.
    pub fn is_said(&self) -> bool {
        *self != Self::default()
    }

    /// The one of `all`, the oldest first, that is meant for a network of this structure.
    pub(super) fn of(
        &self,
        all: Vec<Quantisation>,
        network: &NetworkConfig,
    ) -> Result<Option<Quantisation>, String> {
        let schemes = (self.schemes.as_ref())
            .map(|schemes| schemes.per_layer(network))
            .transpose()
            .map_err(|error| format!("--scheme {error}"))?;
        let fits = |one: &&Quantisation| {
            schemes.as_ref().is_none_or(|schemes| one.has(schemes))
                && self.name.as_ref().is_none_or(|name| *name == one.name)
        };
        let found = all.iter().rfind(fits).cloned();
        if found.is_some() || !self.is_said() {
            return Ok(found);
        }
        let asked = match (&self.name, &self.schemes) {
            (Some(name), _) => format!("of the name {name}"),
            (None, schemes) => format!("of scheme {}", schemes.clone().unwrap_or_default()),
        };
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let there = match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        Err(format!("no quantisation {asked}; there is {there}"))
    }
}

/// The name of a quantisation with these schemes of its layers: `w8a16`, or `w8a8-w8a16-w8a8`.
pub fn name_of(schemes: &[Scheme]) -> String {
    let names: Vec<&str> = schemes.iter().map(|scheme| scheme.name()).collect();
    match names.iter().all(|name| *name == names[0]) && !names.is_empty() {
        true => names[0].to_owned(),
        false => names.join("-"),
    }
}

/// Checks a user's name for a quantisation.
///
/// # Errors
/// When it is too long, has characters that no file system should see, or is the name of a scheme.
pub fn check_name(name: &str) -> Result<String, String> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(is_known) {
        return Err(format!(
            "a name has lower-case letters, digits, - and _, {LONGEST} at most"
        ));
    }
    match name
        .split('-')
        .all(|part| Scheme::from_name(part).is_some())
    {
        true => Err("this is the name of a scheme, which --scheme sets".into()),
        false => Ok(name.to_owned()),
    }
}

/// The file of a quantisation in a run's folder.
pub fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{PREFIX}{name}{ENDING}"))
}

/// The page of a quantisation in a run's folder.
pub fn page_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("quantisation-{name}.html"))
}

/// Names and files, in the order of the names; that of an earlier version first.
fn files(folder: &Path) -> Vec<(Option<String>, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let file = entry.file_name();
        let name = file.to_str()?.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
        Some((Some(name.to_owned()), entry.path()))
    });
    let mut files: Vec<_> = named.collect();
    let before = folder.join(QUANTISED);
    if before.exists() {
        files.push((None, before));
    }
    files.sort();
    files
}

/// All quantisations of the run in `folder`, that which was made last at the end.
///
/// # Errors
/// When a file cannot be read, or is damaged.
pub fn all(folder: &Path) -> Result<Vec<Quantisation>, ReadError> {
    let mut all: Vec<Quantisation> = files(folder)
        .into_iter()
        .map(Quantisation::read)
        .collect::<Result<_, _>>()?;
    all.sort_by_key(|one| one.stored.number);
    // A name that an earlier version's file shares: a process was killed before it could remove that one.
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let is_last = |n: usize| !names[n + 1..].contains(&names[n]);
    let kept = all.into_iter().enumerate().filter(|(n, _)| is_last(*n));
    Ok(kept.map(|(_, one)| one).collect())
}

/// The quantisation of this name alone, whatever the others are.
pub(super) fn named(folder: &Path, name: &str) -> Option<Result<Quantisation, ReadError>> {
    let mut files = files(folder).into_iter();
    let found = files.find(|(found, _)| found.as_deref() == Some(name))?;
    Some(Quantisation::read(found))
}

/// Writes `file`, the integers of `network`, into a run's folder, whose lock the caller has. It takes the place of the one
/// of that name, and is the one that was made last.
///
/// # Errors
/// When a file cannot be written, or that of an earlier version not removed.
pub fn write(
    folder: &Path,
    name: &str,
    file: &ModelFile,
    network: &Network,
) -> Result<PathBuf, RunError> {
    let path = path_of(folder, name);
    let mut others = Vec::new();
    let mut replaced = None;
    for (found, path) in files(folder) {
        let is_before = found.is_none();
        if found.as_deref() == Some(name) {
            continue;
        }
        match Quantisation::read((found, path.clone())) {
            Ok(other) if other.name != name => others.push(other.stored.number),
            // One that nobody can read is made again by this.
            _ if is_before => replaced = Some(path),
            _ => {}
        }
    }
    let number = others.into_iter().max().map_or(1, |most| most + 1);
    quantised_file::write_numbered(&path, file, network, number)?;
    if let Some(before) = replaced {
        remove_file(&before)?;
        remove_file(&folder.join(QUANTISATION_REPORT))?;
    }
    Ok(path)
}

/// Every file of quantisations in a run's folder, pages included.
pub(super) fn files_and_pages(folder: &Path) -> Vec<PathBuf> {
    let of_one = |(name, path): (Option<String>, PathBuf)| {
        let page = match name {
            Some(name) => page_of(folder, &name),
            None => folder.join(QUANTISATION_REPORT),
        };
        [path, page]
    };
    files(folder).into_iter().flat_map(of_one).collect()
}

#[cfg(test)]
mod tests;
