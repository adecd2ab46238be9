//! Attacks on the workers of a study in a file.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::attempt::{Ended, Folder, moment, run};
use super::{Kind, Outcome, quiet};

/// Six trials of a fraction of a second each.
const SEARCH: &str = r#"
source = "digits"
[train]
epochs = 4
[tune]
trials = 6
startup = 3
folds = 1
finalists = 1
repeats = 2
[tune.space]
hidden = { low = 4, high = 8 }
"train.learning_rate" = { low = 1e-3, high = 1e-1, scale = "log" }
"#;

fn tune(program: &Path, folder: &Path, study: &str) -> Command {
    let arguments = ["tune", "--config", "search.toml", "--storage", "study.db"];
    let flags = ["--workers", "2", "--json", "--study", study];
    quiet(program, folder, &[&arguments[..], &flags].concat())
}

/// What a study found, without who found it and when.
fn found(program: &Path, folder: &Path, study: &str) -> Result<Vec<Value>> {
    let ended = run(tune(program, folder, study).stdout(Stdio::piped()), None)?;
    ensure!(ended.is_good(), "{}", ended.in_words());
    let Ended::Itself(output) = ended else {
        return Ok(Vec::new());
    };
    let study: Value = serde_json::from_slice(&output.stdout)?;
    let trials = study["trials"]
        .as_array()
        .context("a study without trials")?;
    let of_trial = |trial: &Value| {
        let keys = ["number", "point", "values", "state", "result"];
        let repeats = trial["repeats"].as_array().map(|repeats| {
            repeats
                .iter()
                .map(|repeat| repeat["result"].clone())
                .collect::<Value>()
        });
        keys.map(|key| trial[key].clone())
            .into_iter()
            .chain(repeats)
            .collect()
    };
    Ok(trials
        .iter()
        .map(of_trial)
        .chain([study["best"].clone()])
        .collect())
}

/// SIGKILL of a process with two workers, three times for each study, which another process then ends.
pub(super) fn kills(program: &Path, times: u32) -> Result<Outcome> {
    let folder = Folder::new()?;
    std::fs::write(folder.path().join("search.toml"), SEARCH)?;
    let begun = Instant::now();
    let alone = found(program, folder.path(), "alone")?;
    let life = begun.elapsed();
    let mut outcome = Outcome::new("kills of a study's workers");
    for n in 0..times {
        let study = format!("study-{}", n / 3);
        let mut tune = tune(program, folder.path(), &study);
        let ended = run(&mut tune, Some(moment(n, life)))?;
        let failed = matches!(&ended, Ended::Itself(output) if !output.status.success());
        outcome.add(&format!("kill {n}"), failed.then(|| ended.finding()));
        if n % 3 == 2 || n + 1 == times {
            let finding = match found(program, folder.path(), &study) {
                Ok(same) if same == alone => None,
                Ok(_) => Some((Kind::Wrong, "it found something else".into())),
                Err(error) => Some((Kind::Lost, format!("{error:#}"))),
            };
            outcome.add(&study, finding);
        }
    }
    Ok(outcome)
}
