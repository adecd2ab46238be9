//! Studies as their users meet them: the same points on any number of workers, in any storage, and
//! whoever is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

struct Bench {
    folder: tempfile::TempDir,
}

/// A small study: every trial takes about a tenth of a second.
const SEARCH: &str = r#"
source = "digits"
[train]
epochs = 6
[tune]
trials = 12
startup = 4
stopping = { kind = "halving", first = 2 }
[tune.space]
hidden = { low = 4, high = 16, scale = "log" }
"train.learning_rate" = { low = 1e-3, high = 1e-1, scale = "log" }
"train.peepholes" = { choices = [false, true] }
scheme = { choices = ["w8a16", "w8a8"] }
"#;

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bench.file("search.toml", SEARCH);
        bench
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer-host"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        let status = output.status.code().expect("an exit status, not a signal");
        assert!(
            status == 1 || status == 2,
            "{arguments:?}: status {status}, {errors}"
        );
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
        errors
    }

    /// A study from its beginning to its end, by one worker that nothing happens to.
    fn study(&self, storage: &str) -> Value {
        let arguments = ["tune", "--config", "search.toml", "--storage", storage];
        json(&self.succeed(&[&arguments[..], &["--workers", "1", "--json"]].concat()))
    }

    fn begin(&self, storage: &str, workers: &str) -> Child {
        let arguments = [
            "tune",
            "--config",
            "search.toml",
            "--storage",
            storage,
            "--workers",
            workers,
        ];
        let mut command = self.command(&[&arguments[..], &["--json"]].concat());
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What a study found, without who found it and when.
fn found(study: &Value) -> Vec<Value> {
    let trials = study["trials"].as_array().unwrap();
    let keys = [
        "number",
        "state",
        "point",
        "footprint",
        "result",
        "values",
        "macs",
    ];
    let only = |trial: &Value| keys.iter().map(|key| trial[*key].clone()).collect();
    trials.iter().map(only).collect()
}

fn finish(child: Child) -> (Value, String) {
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (json(&String::from_utf8_lossy(&output.stdout)), errors)
}

/// Numbers of the trials that a process has ended, by what it said.
fn ended(errors: &str) -> Vec<usize> {
    let words = errors
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ended = words.filter_map(|words| match words.as_slice() {
        ["trial", number, "finished" | "stopped" | "failed", ..] => number.parse().ok(),
        _ => None,
    });
    ended.collect()
}

#[test]
fn any_number_of_workers_finds_the_same() {
    let bench = Bench::new();
    let alone = bench.study("a.db");
    assert_eq!(alone["trials"].as_array().unwrap().len(), 12);
    let (together, _) = finish(bench.begin("b.db", "3"));
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
    let bench = Bench::new();
    let alone = bench.study("alone.db");
    share(&bench, "shared.db", &alone);
}

/// Two processes work on one study at once; both end with what one alone found, and no trial is ended twice.
fn share(bench: &Bench, storage: &str, alone: &Value) {
    let processes = [bench.begin(storage, "1"), bench.begin(storage, "1")];
    let mut all = Vec::new();
    for process in processes {
        let (study, errors) = finish(process);
        assert_eq!(found(&study), found(alone));
        all.extend(ended(&errors));
    }
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());
}

/// Workers are killed at any moment, fifty times; whoever comes next goes on.
#[test]
fn killed_workers_lose_nothing() {
    const KILLS: usize = 50;
    let bench = Bench::new();
    let alone = bench.study("alone.db");
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
            let mut child = bench.begin(&storage, "2");
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
        let trials = bench.folder.path().join(trials);
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
    let bench = Bench::new();
    let alone = bench.study("alone.db");
    let arguments = [
        "tune",
        "--config",
        "search.toml",
        "--storage",
        "s.db",
        "--json",
    ];
    let patient = ["--workers", "1", "--lost-after", "1s"];
    let mut sleeper = bench.command(&[&arguments[..], &patient].concat());
    let sleeper = sleeper
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
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
    std::thread::sleep(Duration::from_millis(250));
    signal("-STOP");
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
    assert_eq!(all, (0..12).collect::<Vec<_>>(), "{said}{late}");
}

#[test]
fn limits_at_hand_are_of_the_core_at_hand() {
    let bench = Bench::new();
    bench.study("s.db");
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
    let bench = Bench::new();
    for key in [
        "train.seed",
        "train.validation_share",
        "data.seed",
        "train.init",
    ] {
        bench.file(
            "search.toml",
            &format!("[tune.space]\n\"{key}\" = {{ low = 1, high = 9 }}\n"),
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
    bench.file("series.csv", &rows(0.0));
    bench.succeed(&[&data[..], &place, &["1"]].concat());
    bench.file("series.csv", &rows(1.0));
    let errors = bench.fail(&[&data[..], &place, &["2"]].concat());
    assert!(errors.contains("another data"), "{errors}");
}

#[test]
fn a_study_keeps_to_its_own_folder() {
    let bench = Bench::new();
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
    let bench = Bench::new();
    let child = bench.begin("s.db", "1");
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
    let alone = bench.study("alone.db");
    assert_eq!(found(&bench.study("s.db")), found(&alone));
    // Without data or configuration, the study that is there is gone on with.
    let again = json(&bench.succeed(&["tune", "--storage", "s.db", "--json"]));
    assert_eq!(found(&again), found(&alone));
}

#[test]
fn what_cannot_fit_is_not_trained() {
    let bench = Bench::new();
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
    assert!(!bench.folder.path().join("none.db").exists());
    let errors = bench.fail(&["tune", "digits", "--latency", "5ms"]);
    assert!(errors.contains("--clock"), "{errors}");
    let errors = bench.fail(&["tune", "digits", "--chip", "z80"]);
    assert!(errors.contains("nrf52840"), "{errors}");
}

/// What a trial says that its model will need is what the exported model needs, to the byte.
#[test]
fn costs_before_training_are_those_of_the_exported_model() {
    let bench = Bench::new();
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
    let bench = Bench::new();
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
fn the_best_trial_becomes_a_model_file_and_a_page() {
    let bench = Bench::new();
    let study = bench.study("study.db");
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
    let errors: Vec<f64> = (study["trials"].as_array().unwrap().iter())
        .filter_map(|trial| trial["result"]["error"].as_f64())
        .collect();
    let number = trained["trial"].as_u64().unwrap() as usize;
    let of_best = study["trials"][number]["result"]["error"].as_f64().unwrap();
    assert!(errors.iter().all(|error| of_best <= *error));
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
        text.contains("importance") && text.contains("stopped"),
        "{text}"
    );
    let page = std::fs::read_to_string(bench.folder.path().join("study.html")).unwrap();
    for section in [
        "Error and cost",
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
    let bench = Bench::new();
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
        assert!(!bench.folder.path().join("x.db").exists(), "{text}");
    }
    bench.file("no.db", "this is no database, whatever its name says");
    let errors = bench.fail(&["tune", "show", "--storage", "no.db"]);
    assert!(errors.contains("no.db"), "{errors}");
    let errors = bench.fail(&["tune", "show", "--storage", "missing.db"]);
    assert!(errors.contains("there is no such file"), "{errors}");
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
    let bench = Bench::new();
    bench.study("s.db");
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
}

#[test]
fn workers_share_a_study_on_a_postgresql_server() {
    let Some(server) = Server::start() else {
        eprintln!(
            "skipped: there is no PostgreSQL server to start; `cargo xtask test` installs one"
        );
        return;
    };
    let bench = Bench::new();
    let alone = bench.study("alone.db");
    share(&bench, &server.address, &alone);
    // One that is killed is gone on with.
    let mut child = bench.begin(&format!("{}?application_name=second", server.address), "2");
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let again = bench.study(&server.address);
    assert_eq!(found(&again), found(&alone));
}

/// A PostgreSQL server on loopback, with its data in a folder of its own.
struct Server {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// `None` where there is none to start.
    fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let as_root = is_root();
        if as_root {
            // The server refuses to run as root.
            let user = Command::new("chown")
                .arg("postgres")
                .arg(folder.path())
                .status();
            assert!(user.unwrap().success(), "the user postgres owns no folder");
        }
        let command = |program: &str| {
            let program = programs.join(program);
            if as_root {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            } else {
                Command::new(program)
            }
        };
        let mut make = command("initdb");
        make.arg("-D")
            .arg(&data)
            .args(["-U", "lstm", "-A", "trust", "--no-sync"]);
        let made = make.current_dir("/").output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        // A port that is free now.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut serve = command("postgres");
        serve
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""]);
        let process = serve
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            address: format!("postgres://lstm@127.0.0.1:{port}/postgres"),
            _folder: folder,
        };
        for _ in 0..200 {
            let mut ready = command("pg_isready");
            ready
                .args(["-h", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null());
            if ready.current_dir("/").status().unwrap().success() {
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
