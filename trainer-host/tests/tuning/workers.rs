//! Do any workers find the same, however many there are and whoever is stopped or killed?

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bench::{Bench, json};
use crate::{begin, bench, bench_with_folds, ended, finish, found, search, spawn, trainings};

#[test]
fn any_number_of_workers_finds_the_same() {
    let bench = bench_with_folds();
    let alone = search(&bench, "a.db");
    let mut trials = alone["trials"].as_array().unwrap().iter();
    assert!(trials.any(|trial| trial["plan"]["continues"].is_u64()));
    let (together, _) = finish(begin(&bench, "b.db", "3"));
    assert_eq!(found(&together), found(&alone));
    // Some were stopped, and the front is of finished ones.
    let states: Vec<&str> = (alone["trials"].as_array().unwrap().iter())
        .map(|trial| trial["state"].as_str().unwrap())
        .collect();
    assert!(
        states.contains(&"stopped") && states.contains(&"finished"),
        "{states:?}"
    );
    for number in alone["front"].as_array().unwrap() {
        assert_eq!(states[number.as_u64().unwrap() as usize], "finished");
    }
}

#[test]
fn two_processes_share_a_study() {
    let bench = bench_with_folds();
    let alone = search(&bench, "alone.db");
    share(&bench, "shared.db", &["1", "1"], &alone);
}

/// Starts a process for each entry of `workers`, with that many workers. All end with what one worker alone found, and no
/// trial is ended twice. Returns what each process says on its way.
pub(crate) fn share(bench: &Bench, storage: &str, workers: &[&str], alone: &Value) -> Vec<String> {
    let processes: Vec<_> = (workers.iter())
        .map(|workers| begin(bench, storage, workers))
        .collect();
    let (mut all, mut said) = (Vec::new(), Vec::new());
    for process in processes {
        let (study, errors) = finish(process);
        assert_eq!(found(&study), found(alone));
        all.extend(ended(&errors));
        said.push(errors);
    }
    all.sort_unstable();
    assert_eq!(all, trainings(alone));
    said
}

/// Workers are killed at any moment, fifty times; whoever comes next goes on.
#[test]
fn killed_workers_lose_nothing() {
    const KILLS: usize = 50;
    let bench = bench_with_folds();
    let alone = search(&bench, "alone.db");
    let mut kills = 0;
    // Moments that are spread evenly, without a clock's or a generator's help.
    let moments = |n: usize| Duration::from_millis(20 + (n * 89 % 150) as u64);
    let mut studies = 0;
    while kills < KILLS {
        studies += 1;
        let storage = format!("killed-{studies}.db");
        let mut all = Vec::new();
        let mut last = None;
        while last.is_none() {
            let mut child = begin(&bench, &storage, "2");
            std::thread::sleep(moments(kills));
            let is_over = child.try_wait().unwrap().is_some();
            if kills < KILLS && !is_over {
                child.kill().unwrap();
                kills += 1;
                let output = child.wait_with_output().unwrap();
                all.extend(ended(&String::from_utf8_lossy(&output.stderr)));
            } else {
                let (study, errors) = finish(child);
                all.extend(ended(&errors));
                last = Some(study);
            }
        }
        assert_eq!(found(&last.unwrap()), found(&alone), "{storage}");
        // A process can be killed after it has ended a trial and before it says so, but never says so twice.
        let total = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), total, "{storage}: a trial was ended twice");
        let trials = format!("{storage}.trials/default");
        let trials = bench.path(&trials);
        for entry in std::fs::read_dir(trials).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains("attempt"), "{name} is left");
        }
    }
}

/// A worker that sleeps for longer than the others wait has lost its trial, and gives way when it wakes.
#[cfg(unix)]
#[test]
fn a_worker_that_wakes_late_gives_way() {
    let bench = bench();
    let alone = search(&bench, "alone.db");
    let arguments = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "s.db",
        "--json",
    ];
    let patient = ["--workers", "1", "--lost-after", "1s"];
    let sleeper = spawn(&bench, &[&arguments[..], &patient].concat());
    let signal = |name: &str| {
        let id = sleeper.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    };
    // While it sleeps it must not hold the study, which nobody could take from it.
    let is_free = || {
        let study = rusqlite::Connection::open(bench.path("s.db")).unwrap();
        study.busy_timeout(Duration::from_millis(50)).unwrap();
        study.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    };
    std::thread::sleep(Duration::from_millis(250));
    signal("-STOP");
    while !is_free() {
        signal("-CONT");
        std::thread::sleep(Duration::from_millis(20));
        signal("-STOP");
    }
    let output = bench.run(&[&arguments[..], &patient].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    signal("-CONT");
    assert!(output.status.success(), "{said}");
    assert_eq!(
        found(&json(&String::from_utf8_lossy(&output.stdout))),
        found(&alone)
    );
    let (study, late) = finish(sleeper);
    assert_eq!(found(&study), found(&alone));
    let mut all = [ended(&said), ended(&late)].concat();
    all.sort_unstable();
    assert_eq!(all, trainings(&alone), "{said}{late}");
}

#[test]
fn a_stopped_study_says_how_to_go_on() {
    let bench = bench();
    let child = begin(&bench, "s.db", "1");
    std::thread::sleep(Duration::from_millis(400));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return; // The machine was faster.
    }
    assert!(errors.contains("the same command continues"), "{errors}");
    assert_eq!(output.status.code(), Some(130));
    let alone = search(&bench, "alone.db");
    assert_eq!(found(&search(&bench, "s.db")), found(&alone));
    // Without data or configuration, the study that is there is gone on with.
    let again = json(&bench.succeed(&["tune", "--storage", "s.db", "--json"]));
    assert_eq!(found(&again), found(&alone));
}
