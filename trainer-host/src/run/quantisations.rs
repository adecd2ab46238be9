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
use crate::network::schemes::{SchemeCount, Schemes};
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

/// A file of a quantisation that nobody can read.
#[derive(Debug)]
pub struct Unreadable {
    /// The name that the file has; none of that of an earlier version.
    pub name: Option<String>,
    /// Why.
    pub error: ReadError,
}

/// The quantisations in a run's folder.
#[derive(Debug, Default)]
pub struct Quantisations {
    /// Those that can be read: that which was made last at the end.
    pub readable: Vec<Quantisation>,
    /// The others, in the order of their names.
    pub unreadable: Vec<Unreadable>,
}

/// Why there is none that is wanted.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    /// No network of this structure has so many schemes.
    #[error("--scheme {0}")]
    Count(#[from] SchemeCount),
    /// There are others.
    #[error("{0}")]
    Others(String),
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

    /// The one that is meant for a network of this structure.
    pub(super) fn of(
        &self,
        all: &Quantisations,
        network: &NetworkConfig,
    ) -> Result<Option<Quantisation>, NotFound> {
        let schemes = (self.schemes.as_ref())
            .map(|schemes| schemes.per_layer(network))
            .transpose()?;
        let fits = |one: &&Quantisation| {
            schemes.as_ref().is_none_or(|schemes| one.has(schemes))
                && self.name.as_ref().is_none_or(|name| *name == one.name)
        };
        let found = all.readable.iter().rfind(fits).cloned();
        if found.is_some() || !self.is_said() {
            return Ok(found);
        }
        let asked = match (&self.name, &self.schemes) {
            (Some(name), _) => format!("of the name {name}"),
            (None, schemes) => format!("of scheme {}", schemes.clone().unwrap_or_default()),
        };
        let there = all.names();
        Err(NotFound::Others(format!(
            "no quantisation {asked}; there is {there}"
        )))
    }

    /// The command that makes what is wanted of the run in `folder`.
    pub(super) fn command(&self, folder: &Path, network: &NetworkConfig) -> String {
        match (&self.name, &self.schemes) {
            (Some(name), _) => command(folder, network, Some(name), None),
            (None, Some(schemes)) => {
                format!(
                    "trainer-host quantise {} --scheme {schemes}",
                    folder.display()
                )
            }
            (None, None) => command(folder, network, None, None),
        }
    }
}

impl Quantisations {
    /// What there is, in words.
    fn names(&self) -> String {
        let readable = self.readable.iter().map(|one| one.name.clone());
        let unreadable = self.unreadable.iter().map(|one| {
            let name = one.name.as_deref().unwrap_or(QUANTISED);
            format!("{name}, which cannot be read")
        });
        let names: Vec<String> = readable.chain(unreadable).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    }
}

/// The command that makes a quantisation of the run in `folder`: of the name that its file has, and with these schemes of its
/// layers. SCHEME stands in it for schemes that nobody knows. A file of an earlier version that cannot be read has no name,
/// and gives way to whatever is made.
pub(super) fn command(
    folder: &Path,
    network: &NetworkConfig,
    name: Option<&str>,
    schemes: Option<&[Scheme]>,
) -> String {
    let line = format!("trainer-host quantise {}", folder.display());
    let Some(name) = name else { return line };
    let of_name = schemes_of(name);
    let schemes = of_name.as_deref().or(schemes);
    let schemes = schemes.and_then(|schemes| Schemes::of_layers(schemes, network));
    let schemes = schemes.map_or("SCHEME".to_owned(), |schemes| schemes.to_string());
    match of_name.is_some() {
        true => format!("{line} --scheme {schemes}"),
        false => format!("{line} --scheme {schemes} --name {name}"),
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

/// The schemes of a name that [`name_of`] made; `None` of a user's.
fn schemes_of(name: &str) -> Option<Vec<Scheme>> {
    name.split('-').map(Scheme::from_name).collect()
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
    match schemes_of(name).is_some() {
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

/// All quantisations of the run in `folder`. One that cannot be read is in the way of no other.
pub fn all(folder: &Path) -> Quantisations {
    let (mut all, mut unreadable) = (Vec::new(), Vec::new());
    for (name, path) in files(folder) {
        match Quantisation::read((name.clone(), path)) {
            Ok(one) => all.push(one),
            Err(error) => unreadable.push(Unreadable { name, error }),
        }
    }
    all.sort_by_key(|one: &Quantisation| one.stored.number);
    // A name that an earlier version's file shares: a process was killed before it could remove that one.
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let is_last = |n: usize| !names[n + 1..].contains(&names[n]);
    let kept = all.into_iter().enumerate().filter(|(n, _)| is_last(*n));
    Quantisations {
        readable: kept.map(|(_, one)| one).collect(),
        unreadable,
    }
}

/// The quantisation of this name alone, whatever the others are.
pub(super) fn named(folder: &Path, name: &str) -> Option<Result<Quantisation, Unreadable>> {
    let mut files = files(folder).into_iter();
    let found = files.find(|(found, _)| found.as_deref() == Some(name))?;
    let name = found.0.clone();
    Some(Quantisation::read(found).map_err(|error| Unreadable { name, error }))
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
    let (mut most, mut replaced) = (0, None);
    for (found, path) in files(folder) {
        match found {
            Some(found) if found == name => {}
            Some(_) => most = most.max(quantised_file::number_of(&path).unwrap_or(0)),
            // A file of an earlier version is named by its schemes. One that nobody can read is made again by this.
            None => {
                let read = Quantisation::read((None, path.clone()));
                let is_other = read.is_ok_and(|other| other.name != name);
                replaced = (!is_other).then_some(path);
            }
        }
    }
    let number = most + 1;
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
