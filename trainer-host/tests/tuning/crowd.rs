//! Do sixty-four workers share one study, and what do they ask of the database?

use std::collections::BTreeSet;

use crate::server::Server;
use crate::workers::share;
use crate::{bench_with, search, trainings};

/// Eight processes of eight workers, as on eight machines. `lag` lets each of them have a trial.
#[test]
#[ignore = "long: 64 workers train 128 trials"]
fn sixty_four_workers_share_a_study() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench_with(&[("trials = 12", "trials = 128\nlag = 64")]);
    let alone = search(&bench, "alone.db");
    let trials = alone["trials"].as_array().unwrap();
    let points: BTreeSet<String> = (trials.iter())
        .map(|trial| trial["point"].to_string())
        .collect();
    assert_eq!(points.len(), 128, "a point was taken twice");
    for said in share(&bench, &server.address, &["8"; 8], &alone) {
        assert!(!said.contains("asked again"), "{said}");
    }
    let mut client = postgres::Client::connect(&server.address, postgres::NoTls).unwrap();
    // Connections report when they end.
    let others = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while !client.query(others, &[]).unwrap().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let load = "SELECT xact_commit, xact_rollback, deadlocks, tup_returned + tup_fetched,
                tup_inserted + tup_updated + tup_deleted
                FROM pg_stat_database WHERE datname = 'postgres'";
    let load = client.query_one(load, &[]).unwrap();
    let [committed, given_up, deadlocks, read, written] =
        std::array::from_fn(|column| load.get::<_, i64>(column));
    let trainings = trainings(&alone).len();
    let each = |count: i64| count as f64 / trainings as f64;
    println!(
        "{trainings} trainings: {:.1} transactions each, {given_up} rolled back, {deadlocks} deadlocks; \
         {:.0} rows read and {:.1} written each",
        each(committed),
        each(read),
        each(written),
    );
    assert_eq!((given_up, deadlocks), (0, 0));
    assert!(each(committed) < 100.0, "{committed} transactions");
}
