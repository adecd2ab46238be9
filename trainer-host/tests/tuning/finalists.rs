//! How are the best trials judged, and what if a study is given more repeats later?

use serde_json::Value;

use crate::bench::{Bench, json};
use crate::{bench, found, search, trainings};

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

/// Nor one of a version that knew no priors: the same command goes on, without them.
#[test]
fn a_study_without_priors_is_gone_on_with_by_the_same_command() {
    let bench = bench();
    let flags = "--epochs 1 --folds 1 --finalists 1 --repeats 1 --storage p.db --json --trials";
    let tune = |trials: &'static str| {
        let words = ["tune", "digits"].into_iter().chain(flags.split(' '));
        json(&bench.succeed(&words.chain([trials]).collect::<Vec<_>>()))
    };
    let priors = |study: &Value| {
        let space = study["definition"]["search"]["space"].as_object().unwrap();
        let settings = space.values();
        settings
            .filter(|setting| setting["prior"] != Value::Null)
            .count()
    };
    assert_eq!(priors(&tune("1")), 2);
    let database = rusqlite::Connection::open(bench.path("p.db")).unwrap();
    let definition: String = database
        .query_row("SELECT definition FROM studies", [], |row| row.get(0))
        .unwrap();
    let mut definition = json(&definition);
    let space = definition["search"]["space"].as_object_mut().unwrap();
    for setting in space.values_mut() {
        setting.as_object_mut().unwrap().remove("prior");
    }
    let update = "UPDATE studies SET definition = ?1";
    database.execute(update, [definition.to_string()]).unwrap();
    drop(database);
    let again = tune("2");
    assert_eq!(priors(&again), 0);
    assert_eq!(again["trials"].as_array().unwrap().len(), 2);
}
