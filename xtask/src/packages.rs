//! Installs Debian packages. It asks `apt-get` first what it would do, says so, and never removes a package.

use std::io::IsTerminal;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{command, logged};

/// On a terminal, time to stop before anything is installed.
const TIME_TO_STOP: Duration = Duration::from_secs(5);
const ALONE: &str = "--no-install-recommends";

/// What `apt-get` would do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Packages that would go.
    removed: Vec<String>,
    /// Packages that would come, those that others need included.
    count: usize,
    /// To download, with its unit.
    download: String,
    /// On the disk afterwards, with its unit.
    disk: String,
}

impl Plan {
    /// From what `apt-get --assume-no install` says in English.
    fn read(said: &str) -> Self {
        let mut plan = Self::default();
        let mut lines = said.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("The following packages will be REMOVED") {
                while let Some(names) = lines.next_if(|line| line.starts_with(' ')) {
                    plan.removed
                        .extend(names.split_whitespace().map(str::to_owned));
                }
            } else if line.contains(" newly installed, ") {
                let counts = line.split(", ").filter_map(|part| {
                    let (count, what) = part.split_once(' ')?;
                    Some((count.parse::<usize>().ok()?, what))
                });
                let comes = |what: &str| what == "upgraded" || what == "newly installed";
                plan.count = counts
                    .filter(|(_, w)| comes(w))
                    .map(|(count, _)| count)
                    .sum();
            } else if let Some(size) = line.strip_prefix("Need to get ") {
                let size = size.split(" of archives").next().unwrap_or_default();
                // "12 MB/46 MB" where a part is there already.
                size.split('/')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut plan.download);
            } else if let Some(size) = line.strip_prefix("After this operation, ") {
                let size = size.split(" of additional").next().unwrap_or_default();
                size.clone_into(&mut plan.disk);
            }
        }
        plan
    }
}

/// Installs Debian packages as root, or else through `sudo` if it needs no password.
///
/// # Errors
/// Without `apt-get`, without the rights, when another package would have to go, and when `apt-get` fails. The message
/// has the command for a person to run.
pub fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let by_hand = format!("sudo apt-get update && sudo apt-get install {ALONE} {names}");
    if command::find_program("apt-get").is_none() {
        bail!("there is no apt-get here to install {names} with");
    }
    let id = command::output(Command::new("id").arg("-u"));
    let is_root = id.as_deref() == Some("0");
    if !is_root && command::output(Command::new("sudo").args(["-n", "true"])).is_none() {
        bail!("packages are missing, and only an administrator can install them; run\n  {by_hand}");
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "env" } else { "sudo" });
        if !is_root {
            command.args(["-n", "env"]);
        }
        command
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "LC_ALL=C",
                "apt-get",
                "-q",
            ])
            .args(arguments)
            .args(["-o", "APT::Status-Fd=1"]);
        command
    };
    let log = logged::log("set-up");
    println!("Looking up {names} (log: {})", log.display());
    logged::run(&mut apt_get(&["update"]), &log, status)?;
    let mut asked = apt_get(&["--assume-no", "install", ALONE]);
    let output = asked
        .args(packages)
        .output()
        .context("apt-get cannot be started")?;
    let plan = Plan::read(&String::from_utf8_lossy(&output.stdout));
    if !plan.removed.is_empty() {
        bail!(
            "{names} cannot be installed beside {}, which apt-get would remove; nothing was changed. If that is right, run\n  {by_hand}",
            plan.removed.join(", ")
        );
    }
    announce(packages, &plan);
    let mut installs = apt_get(&["-y", "--no-remove", "install", ALONE]);
    logged::run(installs.args(packages), &log, status)
        .with_context(|| format!("by hand it would be\n  {by_hand}"))
}

/// Says what will be installed; on a terminal, waits for an objection.
fn announce(packages: &[&str], plan: &Plan) {
    let others = match plan.count.saturating_sub(packages.len()) {
        0 => String::new(),
        count => format!(" and {count} packages that they need"),
    };
    let sizes = match (plan.download.as_str(), plan.disk.as_str()) {
        ("", _) | (_, "") => String::new(),
        (download, disk) => format!(": {download} to download, {disk} on disk"),
    };
    println!("Installing {}{others}{sizes}", packages.join(", "));
    if std::io::stdout().is_terminal() {
        println!("Ctrl-C within {} seconds stops it.", TIME_TO_STOP.as_secs());
        thread::sleep(TIME_TO_STOP);
    }
}

/// What apt's status lines say: `dlstatus:3:40.1:Retrieving file 3 of 7`.
fn status(line: &str) -> Option<String> {
    let mut parts = line.splitn(4, ':');
    let kind = parts.next()?;
    if !["dlstatus", "pmstatus"].contains(&kind) {
        return None;
    }
    let (_, percent, what) = (parts.next()?, parts.next()?, parts.next()?);
    let percent: f64 = percent.parse().ok()?;
    Some(format!("{percent:3.0} %  {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Reading package lists...
The following additional packages will be installed:
  libone libtwo
The following packages will be REMOVED:
  old older
  oldest
The following NEW packages will be installed:
  libone libtwo new
1 upgraded, 3 newly installed, 3 to remove and 63 not upgraded.
Need to get 12.5 MB/46.2 MB of archives.
After this operation, 236 MB of additional disk space will be used.
Do you want to continue? [Y/n] N
Abort.
";

    #[test]
    fn what_apt_would_do_is_read() {
        let plan = Plan::read(SAID);
        assert_eq!(plan.removed, ["old", "older", "oldest"]);
        assert_eq!(
            (plan.count, plan.download.as_str(), plan.disk.as_str()),
            (4, "12.5 MB", "236 MB")
        );
        assert_eq!(Plan::read("Reading package lists..."), Plan::default());
    }

    #[test]
    fn status_lines_become_progress() {
        let shown = status("pmstatus:libllvm22:33.3333:Unpacking libllvm22 (amd64)");
        assert_eq!(shown.unwrap(), " 33 %  Unpacking libllvm22 (amd64)");
        assert_eq!(status("Setting up libllvm22"), None);
    }
}
