//! `cargo xtask mutants`: changes the code in one place at a time, and looks whether a test notices.
//!
//! `cargo mutants` makes the changes; `mutants/parts.rs` names the modules that matter most, where a wrong result would
//! look like a right one. `.cargo/mutants.toml` lists changes that change no result, each with the reason.
//!
//! Two passes keep a change at a few seconds. The first one runs only the quick tests of each part, built without
//! optimisation. The second one runs all tests of the package, on what the first one missed. Both work on a copy of the
//! repository in `target/mutants`, which stays, as does what was built of it.

mod copy;
mod parts;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::copy::Copy;
use self::parts::{PARTS, Part};
use crate::command;

/// Cases of a property in the first pass: most of what any case notices, few notice.
const CASES: &str = "16";
/// The first pass gives the tests at least this long.
const SHORTEST_LIMIT: Duration = Duration::from_secs(15);
const FAILS_ANYWAY: &str = "the tests do not build, or fail, without any change";

/// What to change.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Only files with this in their path, for example `requant` or `lstm-nostd`
    #[arg(long)]
    only: Option<String>,
    /// A part of the changes, for example `0/8`; eight calls with 0/8 to 7/8 make all
    #[arg(long, default_value = "0/1")]
    shard: String,
    /// Only list the changes
    #[arg(long)]
    list: bool,
    /// Only run the quick tests; other tests may notice what they miss
    #[arg(long)]
    quick: bool,
}

/// Makes the changes, part by part.
///
/// # Errors
/// When `cargo mutants` is not installed or fails, and when no test notices a change.
pub fn run(arguments: &Arguments) -> Result<()> {
    if command::find_program("cargo-mutants").is_none() {
        bail!("cargo-mutants is not installed; `cargo install --locked cargo-mutants` installs it");
    }
    let chosen = chosen(arguments.only.as_deref())?;
    let copy = Copy::make()?;
    let mut all = Vec::new();
    for (part, files) in &chosen {
        if arguments.list {
            let mut list = changes(&copy, part, files, &arguments.shard);
            command::run(list.arg("--list"))?;
            continue;
        }
        let found = run_part(&copy, part, files, arguments)?;
        println!("{}: {}", part.name, found.in_words());
        for name in &found.hung {
            println!("hangs: {name}");
        }
        for name in &found.missed {
            println!("survives: {name}");
        }
        all.push((part.name, found));
    }
    let missed: Vec<&str> = (all.iter().flat_map(|(_, found)| &found.missed))
        .map(String::as_str)
        .collect();
    for (part, found) in &all {
        println!("{part}: {}", found.in_words());
    }
    if !missed.is_empty() {
        let tests = if arguments.quick {
            "quick test"
        } else {
            "test"
        };
        bail!("no {tests} notices these changes:\n{}", missed.join("\n"));
    }
    Ok(())
}

/// The parts with files that have `only` in their path, and these files.
fn chosen(only: Option<&str>) -> Result<Vec<(&'static Part, Vec<String>)>> {
    let files = PARTS.iter().map(|part| (part, part.files(only)));
    let chosen: Vec<_> = files.filter(|(_, files)| !files.is_empty()).collect();
    if chosen.is_empty() {
        bail!(
            "none of the files that are changed has {:?} in its path; `cargo xtask mutants --list` shows them",
            only.unwrap_or_default()
        );
    }
    Ok(chosen)
}

/// What became of the changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    noticed: usize,
    /// Their names: tests took many times as long as without the change.
    hung: Vec<String>,
    not_compiled: usize,
    /// Their names.
    missed: Vec<String>,
}

impl Found {
    /// Reads the lists that `cargo mutants` leaves in `folder`.
    fn read(folder: &Path) -> Result<Self> {
        let lines = |name: &str| -> Result<Vec<String>> {
            let path = folder.join("mutants.out").join(name);
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        let found = Self {
            noticed: lines("caught.txt")?.len(),
            hung: lines("timeout.txt")?,
            not_compiled: lines("unviable.txt")?.len(),
            missed: lines("missed.txt")?,
        };
        // A change whose build or tests were killed is in no list.
        let all = lines("mutants.json")?.join("\n");
        let all: Vec<serde_json::Value> =
            serde_json::from_str(&all).context("mutants.json of cargo mutants")?;
        if found.all() != all.len() {
            bail!(
                "cargo mutants says what became of {} of {} changes; see {}",
                found.all(),
                all.len(),
                folder.join("mutants.out/log").display()
            );
        }
        Ok(found)
    }

    fn all(&self) -> usize {
        self.noticed + self.hung.len() + self.not_compiled + self.missed.len()
    }

    /// What both passes found, where `second` looked at what this one missed.
    fn then(self, second: Self) -> Self {
        Self {
            noticed: self.noticed + second.noticed,
            hung: [self.hung, second.hung].concat(),
            not_compiled: self.not_compiled + second.not_compiled,
            missed: second.missed,
        }
    }

    fn in_words(&self) -> String {
        format!(
            "{} changes; tests notice {}, {} make them hang, {} do not compile, {} survive",
            self.all(),
            self.noticed,
            self.hung.len(),
            self.not_compiled,
            self.missed.len()
        )
    }
}

/// Both passes over the files of `part`.
fn run_part(copy: &Copy, part: &Part, files: &[String], arguments: &Arguments) -> Result<Found> {
    let shard = &arguments.shard;
    let of = [shard, arguments.only.as_deref().unwrap_or("all")].join("-of-");
    let folder = |pass: &str| {
        let folder = copy.results().join(part.name).join(pass);
        folder.join(of.replace(['/', '\\'], "-"))
    };
    let mut first = changes(copy, part, files, shard);
    quick_tests(copy, &mut first, part)?;
    let found = finish(&mut first, &folder("quick"))?;
    if arguments.quick || found.missed.is_empty() {
        // Those of an earlier call would say that some survive.
        clear(&folder("all"))?;
        return Ok(found);
    }
    let mut second = changes(copy, part, files, "0/1");
    for name in &found.missed {
        second.arg("--re").arg(exactly(name));
    }
    second.args(["--cargo-arg=--lib", "--cargo-arg=--tests"]);
    let second = finish(&mut second, &folder("all"))?;
    if second.all() < found.missed.len() {
        bail!(
            "of {} changes that the quick tests missed, cargo mutants finds {}",
            found.missed.len(),
            second.all()
        );
    }
    Ok(found.then(second))
}

/// Cargo in the copy, building as little as it can.
fn cargo(copy: &Copy, part: &Part, command: &str) -> Command {
    let mut cargo = command::cargo();
    cargo
        .current_dir(copy.tree())
        .env("CARGO_TARGET_DIR", copy.build())
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // What one change made fail would be tried first with the next one, which the repository's tests would not do.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        // That a case fails is enough; a smaller one says no more.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .arg(command);
    for feature in part.features {
        cargo.args(["--features", feature]);
    }
    cargo
}

/// `cargo mutants` over `files`.
fn changes(copy: &Copy, part: &Part, files: &[String], shard: &str) -> Command {
    let mut mutants = cargo(copy, part, "mutants");
    mutants
        .args(["--in-place", "--package", part.package])
        .args(["--shard", shard]);
    for file in files {
        mutants.arg("--file").arg(file);
    }
    mutants
}

/// Only the part's quick tests, built quickly. They must pass without any change first.
fn quick_tests(copy: &Copy, mutants: &mut Command, part: &Part) -> Result<()> {
    let tested = match part.alone {
        Some(module) => copy::package_of(module),
        None => part.package.to_owned(),
    };
    let unoptimised = format!("profile.dev.package.{tested}.opt-level=0");
    // `cargo mutants` would build the package of the files, and not the one that is tested.
    let unchanged = |no_run: &[&str]| {
        let mut tests = cargo(copy, part, "test");
        tests
            .args(["--quiet", "--package", &tested, "--config", &unoptimised])
            .args(part.quick)
            .args(no_run)
            .arg("--")
            .args(part.filters)
            .env("PROPTEST_CASES", CASES);
        command::run(&mut tests).context(FAILS_ANYWAY)
    };
    unchanged(&["--no-run"])?;
    let start = Instant::now();
    unchanged(&[])?;
    // A change that makes a loop endless is found by the time that the tests take.
    let limit = (5 * start.elapsed()).max(SHORTEST_LIMIT).as_secs();
    mutants
        .args(["--baseline", "skip", "--timeout", &limit.to_string()])
        .arg(format!("--test-package={tested}"))
        .arg("--cargo-arg=--config")
        .arg(format!("--cargo-arg={unoptimised}"))
        .args((part.quick.iter()).map(|argument| format!("--cargo-arg={argument}")))
        .env("PROPTEST_CASES", CASES);
    if !part.filters.is_empty() {
        mutants.args(["--", "--"]).args(part.filters);
    }
    Ok(())
}

/// Runs `cargo mutants`, with what it finds in `folder`.
fn finish(mutants: &mut Command, folder: &Path) -> Result<Found> {
    // Where no change is found, it writes no lists; those of an earlier call are not its.
    clear(folder)?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let lists = folder.join("mutants.out");
    // Before `--`, behind which the arguments of the tests begin.
    mutants.env("CARGO_MUTANTS_OUTPUT", folder);
    let status = mutants
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{}` cannot be started", command::shown(mutants)))?;
    match status.code() {
        // 2: no test noticed some changes; 3: some made tests hang.
        Some(0 | 2 | 3) if lists.exists() => Found::read(folder),
        Some(0) => Ok(Found::default()),
        Some(4) => bail!("{FAILS_ANYWAY}; see {}", lists.join("log").display()),
        _ => bail!("`{}` failed with {status}", command::shown(mutants)),
    }
}

/// Removes what an earlier call left in `folder`.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(())
}

/// A pattern that fits this name alone.
fn exactly(name: &str) -> String {
    let mut pattern = String::from("^");
    for sign in name.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(sign) {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern + "$"
}

/// The files below `path`, or itself.
fn walk(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        walk(&entry.path(), files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_pattern_of_itself() {
        assert_eq!(
            exactly("a/b.rs:1:2: replace f -> Option<[T; 2]> with None"),
            r"^a/b\.rs:1:2: replace f \-> Option<\[T; 2\]> with None$"
        );
    }

    #[test]
    fn a_word_that_no_file_has_is_refused() {
        assert!(chosen(Some("no such file")).is_err());
        assert!(!chosen(Some("requant")).unwrap().is_empty());
        assert_eq!(chosen(None).unwrap().len(), PARTS.len());
    }

    /// A change that no list has was killed, or the disk was full.
    #[test]
    fn each_change_is_in_a_list() {
        let folder = std::env::temp_dir().join(format!("xtask-mutants-{}", std::process::id()));
        let lists = folder.join("mutants.out");
        std::fs::create_dir_all(&lists).unwrap();
        for (name, text) in [
            ("caught.txt", "a\nb\n"),
            ("timeout.txt", ""),
            ("unviable.txt", "c\n"),
            ("missed.txt", "d\n"),
        ] {
            std::fs::write(lists.join(name), text).unwrap();
        }
        let read = |all: &str| {
            std::fs::write(lists.join("mutants.json"), all).unwrap();
            Found::read(&folder).map(|found| found.in_words())
        };
        let whole = read("[{}, {}, {}, {}]").unwrap();
        assert!(whole.starts_with("4 changes; tests notice 2,"), "{whole}");
        let part = read("[{}, {}, {}, {}, {}]").unwrap_err().to_string();
        assert!(part.contains("4 of 5 changes"), "{part}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_the_first_pass_missed_is_counted_by_the_second() {
        let found = |noticed, missed: &[&str]| Found {
            noticed,
            hung: vec!["d".into()],
            not_compiled: 0,
            missed: missed.iter().map(|name| (*name).to_owned()).collect(),
        };
        let both = found(5, &["a", "b", "c"]).then(found(1, &["b"]));
        assert_eq!(
            both.in_words(),
            "9 changes; tests notice 6, 2 make them hang, 0 do not compile, 1 survive"
        );
    }
}
