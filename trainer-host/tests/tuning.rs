//! Studies as their users meet them: the same points on any number of workers, in any storage, and
//! whoever is killed.

mod bench;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench::{Bench, json};
use serde_json::Value;

/// A small study: every trial takes about a tenth of a second. The validation part alone judges.
const SEARCH: &str = r#"
source = "digits"
[train]
epochs = 6
[tune]
trials = 12
startup = 4
folds = 1
stopping = { kind = "halving", first = 2 }
[tune.space]
hidden = { low = 4, high = 16, scale = "log" }
"train.learning_rate" = { low = 1e-3, high = 1e-1, scale = "log" }
"train.peepholes" = { choices = [false, true] }
scheme = { choices = ["w8a16", "w8a8"] }
"#;

/// A study of one trial that is trained once.
const ONE_TRIAL: [&str; 8] = [
    "tune",
    "--config",
    "search.toml",
    "--trials",
    "1",
    "--repeats",
    "1",
    "--json",
];

/// A folder with the small study's configuration.
fn bench() -> Bench {
    bench_with(&[])
}

/// The same, but every trial is trained for three folds.
fn bench_with_folds() -> Bench {
    bench_with(&[("folds = 1", "folds = 3\nfinalists = 1\nrepeats = 2")])
}

/// The same with other settings in place of some.
fn bench_with(changes: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    let search = (changes.iter()).fold(SEARCH.to_owned(), |s, (from, to)| s.replace(from, to));
    bench.file("search.toml", search);
    bench
}

/// A study from its beginning to its end, by one worker that nothing happens to.
fn search(bench: &Bench, storage: &str) -> Value {
    let arguments = ["tune", "--config", "search.toml", "--storage", storage];
    json(&bench.succeed(&[&arguments[..], &["--workers", "1", "--json"]].concat()))
}

/// The same, begun in a process of its own.
fn begin(bench: &Bench, storage: &str, workers: &str) -> Child {
    let arguments = ["tune", "--config", "search.toml", "--storage", storage];
    let flags = ["--workers", workers, "--json"];
    spawn(bench, &[&arguments[..], &flags].concat())
}

/// Starts the program; what it says is kept for [`finish`].
fn spawn(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command(arguments);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a study found, without who found it and when.
fn found(study: &Value) -> Vec<Value> {
    let of_training = ["state", "result", "macs", "problem"];
    let of_trial = ["number", "point", "footprint", "values"];
    let only = |value: &Value, keys: &[&str]| -> Vec<Value> {
        keys.iter().map(|key| value[*key].clone()).collect()
    };
    let trials = study["trials"].as_array().unwrap().iter();
    let trials = trials.map(|trial| {
        let repeats = trial["repeats"].as_array().unwrap().iter();
        let repeats: Vec<_> = repeats.map(|repeat| only(repeat, &of_training)).collect();
        Value::from(vec![
            Value::from(only(trial, &of_trial)),
            Value::from(only(trial, &of_training)),
            Value::from(repeats),
        ])
    });
    trials
        .chain([study["finalists"].clone(), study["best"].clone()])
        .collect()
}

/// Trial and repeat of all trainings of a study, in order.
fn trainings(study: &Value) -> Vec<(usize, usize)> {
    let trials = study["trials"].as_array().unwrap().iter().enumerate();
    let repeats = |trial: &Value| trial["repeats"].as_array().unwrap().len();
    let trainings =
        trials.flat_map(|(n, trial)| (0..=repeats(trial)).map(move |repeat| (n, repeat)));
    trainings.collect()
}

fn finish(child: Child) -> (Value, String) {
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (json(&String::from_utf8_lossy(&output.stdout)), errors)
}

/// Trial and repeat of the trainings that a process has ended, by what it said.
fn ended(errors: &str) -> Vec<(usize, usize)> {
    let words = errors
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ended = words.filter_map(|words| match words.as_slice() {
        ["trial", trial, "finished" | "stopped" | "failed", ..] => Some((trial.parse().ok()?, 0)),
        ["trial", trial, "repeat", repeat, "finished" | "failed", ..] => {
            Some((trial.parse().ok()?, repeat.parse().ok()?))
        }
        _ => None,
    });
    ended.collect()
}

#[test]
fn any_number_of_workers_finds_the_same() {
    let bench = bench_with_folds();
    let alone = search(&bench, "a.db");
    assert_eq!(alone["trials"].as_array().unwrap().len(), 12);
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

/// Each fold is a run that anybody can make, and the trial comes to their mean.
#[test]
fn a_trial_of_folds_is_judged_by_each_of_them() {
    let bench = bench_with_folds();
    let study = search(&bench, "s.db");
    let trials = study["trials"].as_array().unwrap();
    let finished = |trial: &&Value| trial["state"] == "finished";
    for trial in trials.iter().filter(finished) {
        let folds = trial["result"]["folds"].as_array().unwrap();
        assert_eq!(folds.len(), 3);
        for figure in ["error", "accuracy"] {
            let of_folds = folds.iter().map(|fold| fold[figure].as_f64().unwrap());
            let mean = of_folds.sum::<f64>() / 3.0;
            assert!((trial["result"][figure].as_f64().unwrap() - mean).abs() < 1e-12);
        }
    }
    let shown = bench.succeed(&["tune", "show", "--storage", "s.db"]);
    for line in [
        "12 of 12 trials of 3 folds (",
        "judged by 2 trainings of 3 folds each",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let trial = trials.iter().find(finished).unwrap();
    let name = format!(
        "s.db.trials/default/trial-{:04}",
        trial["number"].as_u64().unwrap()
    );
    let values = trial["values"].as_array().unwrap();
    let mut sums = vec![0.0; values.len()];
    let (mut judged, mut all) = (0.0, 0.0);
    for fold in ["1/3", "2/3", "3/3"] {
        let folder = format!("{name}/fold-{}", &fold[..1]);
        let config = format!("{folder}/config.toml");
        let text = std::fs::read_to_string(bench.path(&config)).unwrap();
        assert!(
            text.contains(&format!("validation_fold = {fold:?}")),
            "{text}"
        );
        let again = json(&bench.succeed(&["train", "--config", &config, "--out", fold, "--json"]));
        let sequences = again["validation"]["decisions"].as_f64().unwrap();
        judged += sequences;
        all = again["train_data"]["sequences"].as_f64().unwrap() + sequences;
        let records = std::fs::read_to_string(bench.path(&format!("{fold}/log.jsonl"))).unwrap();
        for (sum, line) in sums.iter_mut().zip(records.lines()) {
            let validation = &json(line)["validation"];
            let loss = validation["loss"].as_f64().unwrap();
            let accuracy = validation["accuracy"].as_f64().unwrap();
            *sum += (1.0 - accuracy + loss / (1.0 + loss) / sequences) / 3.0;
        }
    }
    for (value, sum) in values.iter().zip(sums) {
        assert!((value.as_f64().unwrap() - sum).abs() < 1e-12);
    }
    assert_eq!(judged, all, "each sequence is judged once");
}

/// Whether folds are worth their cost follows from the data, and is decided once.
#[test]
fn folds_are_for_data_whose_validation_part_tells_little() {
    let bench = bench_with(&[("folds = 1\n", "")]);
    let same = ONE_TRIAL;
    let folds = |extra: &[&str]| {
        let study = json(&bench.succeed(&[&same[..], extra].concat()));
        study["definition"]["search"]["folds"].as_u64().unwrap()
    };
    assert_eq!(folds(&["--storage", "few.db"]), 3);
    assert_eq!(folds(&["--storage", "no.db", "--validation-share", "0"]), 3);
    assert_eq!(folds(&["--storage", "two.db", "--folds", "2"]), 2);
    // A study that is there stays as it is where nothing is said.
    assert_eq!(folds(&["--storage", "two.db"]), 2);
    for (arguments, problem) in [
        (["--storage", "two.db", "--folds", "3"], "folds"),
        (["--storage", "x.db", "--folds", "0"], "tune.folds"),
        (
            ["--storage", "x.db", "--folds", "100000"],
            "cannot fill 100000 folds",
        ),
    ] {
        let errors = bench.fail(&[&same[..], &arguments].concat());
        assert!(errors.contains(problem), "{errors}");
    }
    let alone = [
        "--storage",
        "x.db",
        "--folds",
        "1",
        "--validation-share",
        "0",
    ];
    let errors = bench.fail(&[&same[..], &alone].concat());
    assert!(errors.contains("there is no validation part"), "{errors}");
    // Windows of a series are not divided, and nobody asked for it.
    let wave: String = (0..300)
        .map(|t| format!("{t},{}\n", (f64::from(t) / 5.0).sin()))
        .collect();
    bench.file("wave.csv", format!("t,y\n{wave}"));
    let forecast = [
        "tune",
        "wave.csv",
        "--look-back",
        "8",
        "--epochs",
        "2",
        "--trials",
        "1",
        "--json",
    ];
    let study = json(&bench.succeed(&[&forecast[..], &["--storage", "w.db"]].concat()));
    assert_eq!(study["definition"]["search"]["folds"], 1);
    let errors = bench.fail(&[&forecast[..], &["--storage", "v.db", "--folds", "3"]].concat());
    assert!(
        errors.contains("a forecast is not cross-validated"),
        "{errors}"
    );
}

/// A network that trials learn from has seen all folds, be it one that only some of them learn from.
#[test]
fn trials_that_may_learn_from_a_run_have_no_folds() {
    let bench = bench();
    bench.succeed(&["train", "digits", "--epochs", "1", "--out", "teacher"]);
    let teacher = "[tune.space]\n\"train.distillation.teacher\" = { choices = [\"teacher\"] }";
    let search = SEARCH.replace("folds = 1\n", "");
    bench.file("search.toml", search.replace("[tune.space]", teacher));
    let study = ONE_TRIAL;
    let errors = bench.fail(&[&study[..], &["--storage", "x.db", "--folds", "2"]].concat());
    assert!(errors.contains("set --folds 1"), "{errors}");
    let found = json(&bench.succeed(&[&study[..], &["--storage", "s.db"]].concat()));
    assert_eq!(found["definition"]["search"]["folds"], 1);
    assert_eq!(found["trials"][0]["state"], "finished");
    // Nor where the points that a study begins with name one.
    let first = "first = [{ \"train.distillation.teacher\" = \"teacher\" }]\n[tune.space]";
    bench.file("search.toml", search.replace("[tune.space]", first));
    let found = json(&bench.succeed(&[&study[..], &["--storage", "f.db"]].concat()));
    assert_eq!(found["definition"]["search"]["folds"], 1);
}

#[test]
fn a_fold_that_holds_all_of_a_class_is_told() {
    let bench = bench();
    // One class a person: whichever persons judge, the others have not shown theirs.
    let rows = (0..18).flat_map(|series| {
        let person = series % 3;
        (0..4).map(move |t| format!("s{series},{t},{},c{person},p{person}\n", series * t))
    });
    let rows: String = rows.collect();
    bench.file("persons.csv", format!("series_id,t,x,label,group\n{rows}"));
    let settings = "source = \"persons.csv\"\n[train]\nepochs = 2\n";
    bench.file("search.toml", settings);
    let study = ONE_TRIAL;
    let chosen = json(&bench.succeed(&[&study[..], &["--storage", "a.db"]].concat()));
    assert_eq!(chosen["definition"]["search"]["folds"], 1);
    let three = spawn(
        &bench,
        &[&study[..], &["--storage", "b.db", "--folds", "3"]].concat(),
    );
    let (_, told) = finish(three);
    assert!(told.contains("holds all there is of class c"), "{told}");
}

/// Each fold's epochs are counted, be they fewer than another's.
#[test]
fn what_a_trial_took_is_that_of_its_runs() {
    let patience = "epochs = 40\nearly_stopping = { patience = 2 }";
    let bench = bench_with(&[("folds = 1", "folds = 3"), ("epochs = 6", patience)]);
    let study = json(&bench.succeed(&[&ONE_TRIAL[..], &["--storage", "s.db"]].concat()));
    let trial = &study["trials"][0];
    let hidden = trial["point"]["hidden"].as_f64().unwrap();
    let per_step = 3.0 * (4.0 * hidden * (8.0 + hidden) + 10.0 * hidden);
    let mut macs = 0.0;
    let mut epochs = Vec::new();
    for fold in 1..=3 {
        let folder = format!("s.db.trials/default/trial-0000/fold-{fold}");
        let log = std::fs::read_to_string(bench.path(&format!("{folder}/log.jsonl"))).unwrap();
        let metrics = std::fs::read_to_string(bench.path(&format!("{folder}/metrics.json")));
        let sequences = json(&metrics.unwrap())["train_data"]["sequences"].as_f64();
        epochs.push(log.lines().count());
        macs += log.lines().count() as f64 * sequences.unwrap() * 8.0 * per_step;
    }
    assert!(epochs.iter().any(|e| *e != epochs[0]), "{epochs:?}");
    assert_eq!(trial["macs"].as_f64().unwrap(), macs);
}

/// A schedule that follows the validation loss gets a fold to follow where there is no other part.
#[test]
fn the_best_of_folds_is_trained_as_its_schedule_needs() {
    let plateau = "epochs = 4\nvalidation_share = 0.0\nschedule = { kind = \"plateau\" }";
    let bench = bench_with(&[("folds = 1", "folds = 2"), ("epochs = 6", plateau)]);
    let few = ["--trials", "2", "--repeats", "1", "--storage", "s.db"];
    bench.succeed(&[&["tune", "--config", "search.toml"], &few[..]].concat());
    let best = [
        "tune",
        "best",
        "--storage",
        "s.db",
        "--out",
        "best",
        "--json",
    ];
    assert_eq!(json(&bench.succeed(&best))["on_all"], false);
    let config = std::fs::read_to_string(bench.path("best/config.toml")).unwrap();
    assert!(config.contains("validation_fold = \"1/2\""), "{config}");
}

#[test]
fn finalists_are_trained_again_and_judged_by_the_mean() {
    let bench = bench();
    let study = search(&bench, "s.db");
    let finalists = study["finalists"].as_array().unwrap();
    assert!((4..=5).contains(&finalists.len()), "{finalists:?}");
    let begun: Vec<&Value> = (finalists.iter())
        .filter(|finalist| finalist["is_beginning"] == true)
        .collect();
    assert!(begun.len() == 1 && begun[0]["trial"] == 0, "{begun:?}");
    let mut before = 0.0;
    for finalist in finalists {
        let number = finalist["trial"].as_u64().unwrap() as usize;
        let trial = &study["trials"][number];
        let repeats = trial["repeats"].as_array().unwrap();
        assert_eq!(repeats.len(), 2);
        let error = |training: &Value| training["result"]["error"].as_f64().unwrap();
        let errors = [error(trial), error(&repeats[0]), error(&repeats[1])];
        assert!(
            errors[0] != errors[1] && errors[1] != errors[2],
            "{errors:?}"
        );
        let mean = finalist["error"]["mean"].as_f64().unwrap();
        assert!((mean - errors.iter().sum::<f64>() / 3.0).abs() < 1e-12);
        assert!(mean >= before, "{finalists:?}");
        before = mean;
        // Another seed, but the same validation part.
        let folder = format!("s.db.trials/default/trial-{number:04}.repeat-2/config.toml");
        let config = std::fs::read_to_string(bench.path(&folder)).unwrap();
        assert!(config.contains("\nseed = 2\nsplit_seed = 0\n"), "{config}");
    }
    let repeated = trainings(&study)
        .iter()
        .filter(|(_, repeat)| *repeat > 0)
        .count();
    assert_eq!(repeated, 2 * finalists.len());
    what_is_still_to_come_is_told(&bench, finalists[0]["trial"].as_u64().unwrap(), repeated);
}

/// As when a worker was killed before it had come to `trial`, one of the finalists.
fn what_is_still_to_come_is_told(bench: &Bench, trial: u64, repeats: usize) {
    let show = || bench.succeed(&["tune", "show", "--storage", "s.db"]);
    let all = format!("{repeats} of {repeats} repeats");
    assert!(show().contains(&all), "{}", show());
    let arguments = ["tune", "best", "--storage", "s.db", "--out", "best"];
    let remark = || {
        let best = bench.run(&[&arguments[..], &["--print-config"]].concat());
        assert!(best.status.success());
        String::from_utf8(best.stderr).unwrap()
    };
    assert_eq!(remark(), "");
    let database = rusqlite::Connection::open(bench.path("s.db")).unwrap();
    database
        .execute("DELETE FROM repeats WHERE number = ?1", [trial as i64])
        .unwrap();
    let some = format!("{} of {repeats} repeats", repeats - 2);
    assert!(show().contains(&some), "{}", show());
    let outstanding = format!("2 of the finalists' {repeats} repeats are still to come");
    assert!(remark().contains(&outstanding), "{}", remark());
}

/// How often the best are trained is no part of what points follow from, and may change.
#[test]
fn a_study_may_be_given_more_repeats_later() {
    let bench = bench();
    let storage = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "s.db",
        "--json",
    ];
    let repeats = |count| json(&bench.succeed(&[&storage[..], &["--repeats", count]].concat()));
    let once = repeats("1");
    assert_eq!(trainings(&once).len(), 12);
    assert_eq!(once["finalists"].as_array().unwrap().len(), 0);
    assert!(once["repeat_macs"].as_f64().unwrap().is_sign_positive());
    assert!(once["repeats"].is_null());
    let shown = bench.succeed(&["tune", "show", "--storage", "s.db"]);
    assert!(
        !shown.contains("repeats") && !shown.contains("folds"),
        "{shown}"
    );
    assert_eq!(found(&repeats("3")), found(&search(&bench, "other.db")));
    let join = [
        "tune",
        "--join",
        "--storage",
        "s.db",
        "--finalists",
        "1",
        "--repeats",
        "4",
    ];
    let more = json(&bench.succeed(&[&join[..], &["--json"]].concat()));
    let of_first = trainings(&more)
        .iter()
        .filter(|(_, repeat)| *repeat == 3)
        .count();
    assert!(
        (1..=2).contains(&of_first),
        "the first, and what the study began with"
    );
    let errors = bench.fail(&["tune", "--storage", "s.db", "--repeats", "0"]);
    assert!(
        errors.contains("tune.repeats") && errors.contains("at least 1"),
        "{errors}"
    );
}

/// A file of a version that knew no repeats.
#[test]
fn an_earlier_study_is_gone_on_with() {
    let bench = bench();
    let now = search(&bench, "now.db");
    search(&bench, "before.db");
    let database = rusqlite::Connection::open(bench.path("before.db")).unwrap();
    let definition: String = database
        .query_row("SELECT definition FROM studies", [], |row| row.get(0))
        .unwrap();
    let mut definition = json(&definition);
    let search = definition["search"].as_object_mut().unwrap();
    assert!(search.remove("finalists").is_some() && search.remove("repeats").is_some());
    database
        .execute(
            "UPDATE studies SET definition = ?1",
            [definition.to_string()],
        )
        .unwrap();
    database.execute_batch("DROP TABLE repeats").unwrap();
    // Looking changes nothing.
    let shown = json(&bench.succeed(&["tune", "show", "--storage", "before.db", "--json"]));
    assert_eq!(trainings(&shown).len(), 12);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'repeats'";
    let count: i64 = database.query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0);
    drop(database);
    let again = json(&bench.succeed(&["tune", "--storage", "before.db", "--json"]));
    assert_eq!(found(&again), found(&now));
}

#[test]
fn two_processes_share_a_study() {
    let bench = bench_with_folds();
    let alone = search(&bench, "alone.db");
    share(&bench, "shared.db", &alone);
}

/// Two processes work on one study at once; both end with what one alone found, and no trial is ended twice.
fn share(bench: &Bench, storage: &str, alone: &Value) {
    let processes = [begin(bench, storage, "1"), begin(bench, storage, "1")];
    let mut all = Vec::new();
    for process in processes {
        let (study, errors) = finish(process);
        assert_eq!(found(&study), found(alone));
        all.extend(ended(&errors));
    }
    all.sort_unstable();
    assert_eq!(all, trainings(alone));
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
        let told = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), told, "{storage}: a trial was ended twice");
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
fn limits_at_hand_are_of_the_core_at_hand() {
    let bench = bench();
    search(&bench, "s.db");
    let best = [
        "tune",
        "best",
        "--storage",
        "s.db",
        "--out",
        "best",
        "--core",
        "m0",
        "--json",
    ];
    let free = json(&bench.succeed(&best));
    let needed = free["footprint"]["instructions"].as_u64().unwrap();
    assert_eq!(free["footprint"]["core"], "M0");
    let fewer = (needed - 1).to_string();
    let arguments = [&best[..], &["--overwrite", "--max-instructions", &fewer]].concat();
    let smaller = json(&bench.succeed(&arguments));
    assert!(smaller["footprint"]["instructions"].as_u64().unwrap() < needed);
    let errors = bench.fail(&[&best[..], &["--latency", "1us"]].concat());
    assert!(errors.contains("--clock"), "{errors}");
    let errors = bench.fail(&[&best[..], &["--export", "no/such/m.lstm"]].concat());
    assert!(errors.contains("no such folder"), "{errors}");
}

#[test]
fn trials_are_judged_by_the_same_data() {
    let bench = bench();
    for key in [
        "train.seed",
        "train.validation_share",
        "data.seed",
        "train.init",
    ] {
        bench.file(
            "search.toml",
            format!("[tune.space]\n\"{key}\" = {{ low = 1, high = 9 }}\n"),
        );
        let errors = bench.fail(&[
            "tune",
            "digits",
            "--config",
            "search.toml",
            "--storage",
            "x.db",
        ]);
        assert!(errors.contains("cannot be searched"), "{key}: {errors}");
    }
    // Rows of the validation part alone change between two calls.
    let rows = |last: f64| {
        let value = |t: usize| {
            if t < 100 {
                (t as f64 * 0.3).sin()
            } else {
                last + t as f64
            }
        };
        let line = |t: usize| format!("{t},{}\n", value(t));
        "t,x\n".to_owned() + &(0..120).map(line).collect::<String>()
    };
    let data = [
        "tune",
        "series.csv",
        "--look-back",
        "8",
        "--validation-rows",
        "20",
        "--epochs",
        "1",
    ];
    let place = ["--storage", "f.db", "--workers", "1", "--trials"];
    bench.file("series.csv", rows(0.0));
    bench.succeed(&[&data[..], &place, &["1"]].concat());
    bench.file("series.csv", rows(1.0));
    let errors = bench.fail(&[&data[..], &place, &["2"]].concat());
    assert!(errors.contains("another data"), "{errors}");
}

#[test]
fn a_study_keeps_to_its_own_folder() {
    let bench = bench();
    for name in ["../evil", "", "..", "a/b"] {
        let errors = bench.fail(&["tune", "digits", "--study", name]);
        assert!(errors.contains("name"), "{errors}");
    }
    let trial = [
        "tune", "trial", "digits", "--epochs", "1", "--out", "mine", "--point",
    ];
    bench.succeed(&[&trial[..], &["{\"hidden\": 4}"]].concat());
    let errors = bench.fail(&[&trial[..], &["{\"hidden\": 5}"]].concat());
    assert!(errors.contains("--overwrite"), "{errors}");
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
    assert!(errors.contains("the same command goes on"), "{errors}");
    let alone = search(&bench, "alone.db");
    assert_eq!(found(&search(&bench, "s.db")), found(&alone));
    // Without data or configuration, the study that is there is gone on with.
    let again = json(&bench.succeed(&["tune", "--storage", "s.db", "--json"]));
    assert_eq!(found(&again), found(&alone));
}

#[test]
fn what_cannot_fit_is_not_trained() {
    let bench = bench();
    let small = ["--flash", "16K", "--ram", "2K", "--trials", "6", "--json"];
    let arguments = ["tune", "digits", "--epochs", "2", "--storage", "small.db"];
    let study = json(&bench.succeed(&[&arguments[..], &small].concat()));
    assert!(!study["front"].as_array().unwrap().is_empty());
    for trial in study["trials"].as_array().unwrap() {
        assert!(
            trial["footprint"]["flash_bytes"].as_u64().unwrap() <= 16 * 1024,
            "{trial}"
        );
        assert!(
            trial["footprint"]["ram_bytes"].as_u64().unwrap() <= 2 * 1024,
            "{trial}"
        );
    }
    let errors = bench.fail(&["tune", "digits", "--storage", "none.db", "--flash", "8K"]);
    assert!(errors.contains("smallest"), "{errors}");
    assert!(!bench.path("none.db").exists());
    let errors = bench.fail(&["tune", "digits", "--latency", "5ms"]);
    assert!(errors.contains("--clock"), "{errors}");
    let errors = bench.fail(&["tune", "digits", "--chip", "z80"]);
    assert!(errors.contains("nrf52840"), "{errors}");
}

/// What a trial says that its model will need is what the exported model needs, to the byte; a w8a8 model
/// of several layers may need less of an M55.
#[test]
fn costs_before_training_are_those_of_the_exported_model() {
    let bench = bench();
    for (n, (point, target)) in [
        (r#"{"hidden": 7}"#, "m4"),
        (
            r#"{"layers": 2, "hidden.0": 9, "hidden.1": 5, "train.peepholes": false}"#,
            "m0",
        ),
        (r#"{"hidden": 12, "scheme": "w8a8"}"#, "m55"),
        (r#"{"hidden": 12, "scheme": "w4a16"}"#, "m33"),
    ]
    .into_iter()
    .enumerate()
    {
        let run = format!("run-{n}");
        let arguments = [
            "tune", "trial", "digits", "--epochs", "1", "--out", &run, "--point", point,
        ];
        let tried = json(&bench.succeed(&[&arguments[..], &["--core", target, "--json"]].concat()));
        let scheme = json(point)["scheme"].as_str().unwrap_or("w8a16").to_owned();
        bench.succeed(&["quantise", &run, "--scheme", &scheme]);
        bench.succeed(&["export", &run, "--target", target, "-o", "model.lstm"]);
        let core = ["inspect", "model.lstm", "--core", target, "--json"];
        let inspected = json(&bench.succeed(&core));
        assert_eq!(tried["footprint"], inspected["cores"][0], "{point}");
    }
}

#[test]
fn a_trial_is_one_command_with_json_in_and_out() {
    let bench = bench();
    let mut command = bench.command(&[
        "tune", "trial", "digits", "--epochs", "2", "--out", "r", "--json",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let point = br#"{"hidden": 6, "train.learning_rate": 0.02}"#;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), point).unwrap();
    let output = child.wait_with_output().unwrap();
    let tried = json(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(tried["epochs"], 2);
    assert!(tried["error"].as_f64().unwrap() > 0.0 && tried["accuracy"].as_f64().unwrap() < 1.0);
    let tiny = ["tune", "trial", "digits", "--out", "t", "--point"];
    for (point, problem) in [
        ("hidden 6", "JSON object"),
        (r#"{"hidden": "many"}"#, "above 0"),
        (r#"{"train.epoch": 2}"#, "did you mean `epochs`?"),
    ] {
        let errors = bench.fail(&[&tiny[..], &[point]].concat());
        assert!(errors.contains(problem), "{errors}");
    }
    let errors = bench.fail(&[&tiny[..], &["{}", "--ram", "100"]].concat());
    assert!(errors.contains("RAM would be"), "{errors}");
}

#[test]
fn a_trial_of_folds_is_one_command_too() {
    let bench = bench();
    let trial = |point, folds| {
        let arguments = [
            "tune", "trial", "digits", "--epochs", "2", "--out", "t", "--json",
        ];
        [&arguments[..], &["--point", point, "--folds", folds]].concat()
    };
    let (point, other) = (r#"{"hidden": 6}"#, r#"{"hidden": 7}"#);
    let tried = json(&bench.succeed(&trial(point, "2")));
    assert_eq!(tried["folds"].as_array().unwrap().len(), 2);
    // The same again is gone on with; other settings, or other folds, would replace what is there.
    let same = json(&bench.succeed(&trial(point, "2")));
    assert_eq!(same, tried);
    for refused in [trial(other, "2"), trial(point, "3")] {
        let errors = bench.fail(&refused);
        assert!(errors.contains("--overwrite"), "{errors}");
    }
    let errors = bench.fail(&trial(point, "0"));
    assert!(errors.contains("tune.folds is 0"), "{errors}");
    // Nor may runs of several shapes lie in one folder.
    let errors = bench.fail(&trial(point, "1"));
    assert!(errors.contains("--overwrite"), "{errors}");
    let runs = || {
        let folds = [1, 2, 3].map(|fold| format!("t/fold-{fold}"));
        let is_run = |folder: &String| bench.path(&format!("{folder}/config.toml")).is_file();
        std::iter::once("t".to_owned())
            .chain(folds)
            .filter(is_run)
            .count()
    };
    for (folds, count) in [("3", 3), ("2", 2), ("1", 1), ("2", 2)] {
        bench.succeed(&[&trial(point, folds)[..], &["--overwrite"]].concat());
        assert_eq!(runs(), count);
    }
    // A run that cannot be read is replaced no less.
    bench.file("t/fold-1/config.toml", "source = 3");
    let errors = bench.fail(&trial(point, "2"));
    assert!(errors.contains("--overwrite"), "{errors}");
    bench.succeed(&[&trial(point, "2")[..], &["--overwrite"]].concat());
    let one = ["--validation-fold", "1/2"];
    let errors = bench.fail(&[&trial(point, "2")[..], &one].concat());
    assert!(errors.contains("fold 1/2 alone judges"), "{errors}");
    let mut alone = trial(point, "1");
    alone[6] = "alone";
    let alone = json(&bench.succeed(&[&alone[..], &one].concat()));
    assert_eq!(alone["error"], tried["folds"][0]["error"]);
}

#[test]
fn the_best_trial_becomes_a_model_file_and_a_page() {
    let bench = bench();
    let study = search(&bench, "study.db");
    let best = [
        "tune",
        "best",
        "--storage",
        "study.db",
        "--out",
        "best",
        "--export",
        "best.lstm",
    ];
    let trained = json(&bench.succeed(&[&best[..], &["--json"]].concat()));
    // The first of the finalists has the least mean error.
    assert_eq!(trained["trial"], study["finalists"][0]["trial"]);
    assert_eq!(trained["trial"], study["best"]);
    assert_eq!(trained["judgement"]["trainings"], 3);
    let accuracy = trained["test"]["integer"]["accuracy"].as_f64().unwrap();
    let test = json(&bench.succeed(&["eval", "best.lstm", "--data", "digits", "--json"]));
    let text = test.to_string();
    assert!(text.contains(&accuracy.to_string()), "{accuracy} {text}");
    // A limit at hand picks another point of the front.
    let cheapest = (study["trials"].as_array().unwrap().iter())
        .filter(|trial| trial["state"] == "finished")
        .map(|trial| trial["footprint"]["instructions"].as_u64().unwrap())
        .min()
        .unwrap();
    let limit = cheapest.to_string();
    let small = [
        "tune",
        "best",
        "--storage",
        "study.db",
        "--out",
        "small",
        "--max-instructions",
        &limit,
    ];
    let small = json(&bench.succeed(&[&small[..], &["--json"]].concat()));
    assert_eq!(small["footprint"]["instructions"], cheapest);
    let show = [
        "tune",
        "show",
        "--storage",
        "study.db",
        "--html",
        "study.html",
        "--all",
    ];
    let text = bench.succeed(&show);
    assert!(
        text.contains("importance")
            && text.contains("stopped")
            && text.contains("judged by 3 trainings each"),
        "{text}"
    );
    let page = std::fs::read_to_string(bench.path("study.html")).unwrap();
    for section in [
        "Error and cost",
        "Finalists, mean ± deviation of 3 trainings",
        "Settings of all trials",
        "Importance",
        "Learning curves",
        "All trials",
    ] {
        assert!(page.contains(section), "{section}");
    }
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org").count()
    );
    // Another study of the same storage begins with what this one found.
    let warm = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "study.db",
        "--study",
        "warm",
    ];
    let flags = ["--warm-start", "default", "--trials", "3", "--json"];
    let warm = json(&bench.succeed(&[&warm[..], &flags].concat()));
    let first = study["front"][0].as_u64().unwrap() as usize;
    assert_eq!(warm["trials"][0]["point"], study["trials"][first]["point"]);
}

#[test]
fn what_cannot_be_searched_is_refused_with_its_place() {
    let bench = bench();
    for (text, problem) in [
        ("[tune]\ntrails = 3\n", "did you mean `trials`?"),
        (
            "[tune.space]\nhidden = { low = 9, high = 3 }\n",
            "search.toml:2:",
        ),
        (
            "[tune.space]\nunits = { low = 3, high = 9 }\n",
            "units is no setting",
        ),
        (
            "[tune.space]\nhidden = { low = 3, high = 9, when = { x = [1] } }\n",
            "depends on `x`",
        ),
        ("[tune]\nobjectives = [\"flash\"]\n", "begins with"),
        ("[tune.chip]\ncore = \"m5\"\n", "no core is called `m5`"),
        (
            "[tune]\nstopping = { kind = \"halving\", reduction = 1 }\n",
            "at least 2",
        ),
    ] {
        bench.file("search.toml", text);
        let errors = bench.fail(&[
            "tune",
            "digits",
            "--config",
            "search.toml",
            "--storage",
            "x.db",
        ]);
        assert!(errors.contains(problem), "{text}: {errors}");
        assert!(!bench.path("x.db").exists(), "{text}");
    }
    bench.file("no.db", "this is no database, whatever its name says");
    let errors = bench.fail(&["tune", "show", "--storage", "no.db"]);
    assert!(errors.contains("no.db"), "{errors}");
    let errors = bench.fail(&["tune", "show", "--storage", "missing.db"]);
    assert!(errors.contains("there is no such file"), "{errors}");
    let twice = ["--objectives", "error,flash", "--objectives", "error"];
    let errors = bench.fail(&[&["tune", "digits"][..], &twice].concat());
    assert!(errors.contains("cannot be used multiple times"), "{errors}");
    let mut untrusting = bench.command(&["tune", "show", "--storage"]);
    let untrusting = untrusting.arg("postgres://x@127.0.0.1:1/db?sslmode=require");
    let untrusting = untrusting.env("SSL_CERT_FILE", bench.path("no.pem"));
    let output = untrusting.env_remove("SSL_CERT_DIR").output();
    let errors = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(
        errors.contains("name a file of them by SSL_CERT_FILE") && !errors.contains('['),
        "{errors}"
    );
    let errors = bench.fail(&["tune", "digits", "--storage", "mysql://host/db"]);
    assert!(errors.contains("postgres://"), "{errors}");
    let errors = bench.fail(&[
        "tune",
        "digits",
        "--storage",
        "postgres://x:secret@127.0.0.1:1/db",
    ]);
    assert!(
        errors.contains("127.0.0.1") && !errors.contains("secret"),
        "{errors}"
    );
}

#[test]
fn a_study_keeps_its_definition() {
    let bench = bench();
    search(&bench, "s.db");
    let same = ["tune", "--config", "search.toml", "--storage", "s.db"];
    for (extra, what) in [
        (["--learning-rate", "0.5"], "training configuration"),
        (["--sampler", "random"], "search"),
        (["--flash", "20K"], "search"),
        (["--data-seed", "3"], "data"),
    ] {
        let errors = bench.fail(&[&same[..], &extra].concat());
        assert!(
            errors.contains(what) && errors.contains("--study"),
            "{errors}"
        );
    }
    let more = json(&bench.succeed(&[&same[..], &["--trials", "14", "--json"]].concat()));
    assert_eq!(more["trials"].as_array().unwrap().len(), 14);
    // Nothing tells that there were fewer before, but the repeats of those that were finalists then.
    let at_once = ["tune", "--config", "search.toml", "--storage", "at-once.db"];
    let at_once = json(&bench.succeed(&[&at_once[..], &["--trials", "14", "--json"]].concat()));
    for key in ["finalists", "best", "front", "macs", "repeats"] {
        assert_eq!(more[key], at_once[key], "{key}");
    }
}

#[test]
fn workers_share_a_study_on_a_postgresql_server() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let alone = search(&bench, "alone.db");
    share(&bench, &server.address, &alone);
    // One that is killed is gone on with.
    let mut child = begin(
        &bench,
        &format!("{}?application_name=second", server.address),
        "2",
    );
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let again = search(&bench, &server.address);
    assert_eq!(found(&again), found(&alone));
    let encrypted = format!("{}?sslmode=require", server.address);
    let errors = bench.fail(&["tune", "show", "--storage", &encrypted]);
    assert!(errors.contains("server does not support TLS"), "{errors}");
    whoever_may_read_may_look(&bench, &server.address);
}

/// A role with no leave to make tables; where there are none, it is told.
fn whoever_may_read_may_look(bench: &Bench, address: &str) {
    let mut client = postgres::Client::connect(address, postgres::NoTls).unwrap();
    let grants = "CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
                  CREATE DATABASE empty";
    for grant in grants.split(';') {
        client.batch_execute(grant).unwrap();
    }
    let reader = address.replace("lstm@", "reader@");
    bench.succeed(&["tune", "show", "--storage", &reader]);
    let empty = reader.replace("/postgres", "/empty");
    let errors = bench.fail(&["tune", "show", "--storage", &empty]);
    assert!(errors.contains("holds no studies"), "{errors}");
}

/// A server may give up what a worker asks, as for a timeout of its own.
#[test]
fn a_lock_that_is_not_given_ends_no_worker() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let arguments = ["tune", "--config", "search.toml", "--trials", "1"];
    let storage = ["--repeats", "1", "--storage", &server.address];
    let arguments = [&arguments[..], &storage].concat();
    bench.succeed(&arguments);
    let connect = || postgres::Client::connect(&server.address, postgres::NoTls).unwrap();
    let (mut holder, mut canceller) = (connect(), connect());
    let mut held = holder.transaction().unwrap();
    held.query("SELECT study FROM studies FOR UPDATE", &[])
        .unwrap();
    let worker = spawn(&bench, &arguments);
    let cancel =
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    for _ in 0..600 {
        if !canceller.query(cancel, &[]).unwrap().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    held.commit().unwrap();
    let output = worker.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.contains("asked again in"),
        "{errors}"
    );
}

/// Connections are lost at any moment, and workers go on with new ones.
#[test]
fn a_lost_connection_ends_no_worker() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let alone = search(&bench, "alone.db");
    let arguments = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        &server.address,
        "--workers",
        "2",
        "--lost-after",
        "1s",
        "--json",
    ];
    let mut worker = spawn(&bench, &arguments);
    let mut client = postgres::Client::connect(&server.address, postgres::NoTls).unwrap();
    let mut lost = 0;
    while worker.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(120));
        let has_begun = client.query("SELECT number FROM trials", &[]);
        if lost < 8 && has_begun.is_ok_and(|trials| !trials.is_empty()) {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE pid <> pg_backend_pid() AND usename = 'lstm'";
            lost += usize::from(!client.query(others, &[]).unwrap().is_empty());
        }
    }
    let (study, said) = finish(worker);
    assert_eq!(found(&study), found(&alone), "{said}");
    assert!(said.contains("asked again in"), "{lost} times: {said}");
}

#[test]
fn connections_to_a_server_are_encrypted_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(certificate) = certificate(folder.path()) else {
        return;
    };
    // It takes no connection that is not encrypted.
    let settings = [
        "ssl=on",
        "ssl_cert_file=../server.crt",
        "ssl_key_file=../server.key",
    ];
    let Some(server) = Server::start(&settings, Some(folder.path())) else {
        return;
    };
    let bench = bench();
    let errors = bench.fail(&["tune", "digits", "--storage", &server.address]);
    assert!(errors.contains("no encryption"), "{errors}");
    let address = format!("{}?sslmode=require", server.address);
    let tune = [
        "tune",
        "--config",
        "search.toml",
        "--trials",
        "1",
        "--storage",
        &address,
    ];
    let errors = bench.fail(&tune);
    assert!(errors.contains("certificate"), "{errors}");
    let mut trusting = bench.command(&tune);
    let output = trusting.env("SSL_CERT_FILE", certificate).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A server's key and a certificate for loopback in `folder`; `None` where `openssl` is not installed.
fn certificate(folder: &Path) -> Option<PathBuf> {
    let certificate = folder.join("server.crt");
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ])
    .args(["-nodes", "-days", "2", "-subj", "/CN=lstm", "-keyout"])
    .arg(folder.join("server.key"))
    .args(["-addext", "basicConstraints=critical,CA:FALSE"])
    .args(["-addext", "subjectAltName=IP:127.0.0.1", "-out"])
    .arg(&certificate);
    let Ok(made) = make.output() else {
        eprintln!("skipped: there is no openssl to make a certificate");
        return None;
    };
    let errors = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{errors}");
    Some(certificate)
}

/// A PostgreSQL server on loopback, with its data in a folder of its own.
struct Server {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// With these settings, and with key and certificate of a folder, without which it takes no
    /// connections then; `None` where there is no server to start.
    fn start(settings: &[&str], certificate: Option<&Path>) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!(
                "skipped: there is no PostgreSQL server to start; `cargo xtask test` installs one"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for name in ["server.crt", "server.key"] {
            if let Some(from) = certificate {
                std::fs::copy(from.join(name), folder.path().join(name)).unwrap();
            }
        }
        let as_root = is_root();
        if as_root {
            // The server refuses to run as root.
            let mut give = Command::new("chown");
            let given = give.args(["-R", "postgres"]).arg(folder.path()).status();
            assert!(given.unwrap().success(), "the user postgres owns no folder");
        }
        let command = |program: &str| {
            let program = programs.join(program);
            let mut command = Command::new(if as_root {
                "runuser".as_ref()
            } else {
                program.as_os_str()
            });
            if as_root {
                command.args(["-u", "postgres", "--"]).arg(&program);
            }
            command.current_dir("/");
            command
        };
        let mut make = command("initdb");
        make.arg("-D")
            .arg(&data)
            .args(["-U", "lstm", "-A", "trust", "--no-sync"]);
        let made = make.output().unwrap();
        let errors = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{errors}");
        if certificate.is_some() {
            let encrypted = "hostssl all all 127.0.0.1/32 trust\n";
            std::fs::write(data.join("pg_hba.conf"), encrypted).unwrap();
        }
        // A port that is free now.
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        drop(socket);
        let mut serve = command("postgres");
        serve
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port, "-k", ""])
            .args(settings.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Self {
            process: serve.spawn().unwrap(),
            address: format!("postgres://lstm@127.0.0.1:{port}/postgres"),
            _folder: folder,
        };
        for _ in 0..200 {
            let mut ready = command("pg_isready");
            ready
                .args(["-h", "127.0.0.1", "-p", &port])
                .stdout(Stdio::null());
            if ready.status().unwrap().success() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends its own children when it is asked to end.
        let _ = Command::new("pkill")
            .args(["-INT", "-P", &self.process.id().to_string()])
            .status();
        let _ = Command::new("kill")
            .args(["-INT", &self.process.id().to_string()])
            .status();
        let _ = self.process.wait();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where the server's programs are: of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten();
    let installed = found.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let others = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let is_server = |path: &PathBuf| Path::new(path).join("initdb").is_file();
    installed
        .filter(is_server)
        .max()
        .or_else(|| others.into_iter().find(is_server))
}
