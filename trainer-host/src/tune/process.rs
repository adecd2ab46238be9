//! Which process works on a trial, and whether it still runs.

use std::fs;

/// A process: host, number, and its start time if the system tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    host: String,
    id: u32,
    began: String,
}

impl Process {
    /// This one.
    pub(super) fn this() -> Self {
        let id = std::process::id();
        Self {
            host: host(),
            id,
            began: began(id).unwrap_or_default(),
        }
    }

    /// The name of its worker in a study.
    pub(super) fn name(&self) -> String {
        format!("{}/{}/{}", self.host, self.id, self.began)
    }

    /// Whether the process of this name ran on this host and has ended. Unknown for a process of another host.
    pub(super) fn has_ended(&self, name: &str) -> bool {
        let mut parts = name.rsplitn(3, '/');
        let (Some(began_then), Some(id), Some(host)) = (parts.next(), parts.next(), parts.next())
        else {
            return false;
        };
        let Ok(id) = id.parse::<u32>() else {
            return false;
        };
        // Without a start time, two processes with one number look the same.
        host == self.host
            && !self.began.is_empty()
            && began(id).is_none_or(|began| began != began_then)
    }
}

fn host() -> String {
    let read = |path| fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname").or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.map_or_else(|| "localhost".into(), |name| name.trim().to_owned());
    // Machines and containers may share a name; processes are only known within one boot and one
    // namespace of process numbers.
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{name} {} {}", boot.trim(), namespace.display())
}

/// The start time of a running process, in the system's own unit. `None` if there is no such process, or no `/proc`. A
/// zombie counts as ended.
fn began(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything; fields are counted after it.
    let (_, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let state = fields.first()?;
    (*state != "Z").then(|| fields.get(19).map(|began| (*began).to_owned()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_others_are_not_judged() {
        let this = Process::this();
        assert!(!this.has_ended(&this.name()));
        for name in ["", "elsewhere/1/2", "no process", "a/b/c"] {
            assert!(!this.has_ended(name), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_killed_process_has_ended() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let this = Process::this();
        let name = Process {
            host: this.host.clone(),
            id: child.id(),
            began: began(child.id()).unwrap(),
        }
        .name();
        assert!(!this.has_ended(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(this.has_ended(&name));
    }
}
