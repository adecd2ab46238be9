//! Do workers share a study on a PostgreSQL server, whatever happens to their connections?

use std::time::Duration;

use crate::bench::Bench;
use crate::server::{Server, certificate};
use crate::workers::share;
use crate::{ONE_TRIAL, begin, bench, finish, found, search, spawn};

#[test]
fn workers_share_a_study_on_a_postgresql_server() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let alone = search(&bench, "alone.db");
    share(&bench, &server.address, &["1", "1"], &alone);
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

/// A role that may not make tables. Where there are none, the error says so.
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
    let plain = format!("{}?sslmode=disable", server.address);
    let errors = bench.fail(&["tune", "digits", "--storage", &plain]);
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
    assert!(
        errors.contains("name that file by SSL_CERT_FILE"),
        "{errors}"
    );
    let mut trusting = bench.command(&tune);
    let output = trusting.env("SSL_CERT_FILE", certificate).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The usual mode encrypts as well, and checks no certificate.
    for address in [
        &server.address,
        &format!("{}?sslmode=prefer", server.address),
    ] {
        bench.succeed(&["tune", "show", "--storage", address]);
    }
}

#[test]
fn a_password_stands_in_the_surroundings() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    bench.succeed(&[&ONE_TRIAL[..], &["--storage", &server.address]].concat());
    let mut client = postgres::Client::connect(&server.address, postgres::NoTls).unwrap();
    let rules: String = client.query_one("SHOW hba_file", &[]).unwrap().get(0);
    std::fs::write(rules, "host all all 127.0.0.1/32 scram-sha-256\n").unwrap();
    let demand = "ALTER ROLE lstm PASSWORD 'a:b'; SELECT pg_reload_conf()";
    client.batch_execute(demand).unwrap();
    let show = |variables: &[(&str, &str)]| {
        let mut show = bench.command(&["tune", "show", "--storage", &server.address]);
        show.env("HOME", bench.path("nobody"));
        let output = show.envs(variables.iter().copied()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), errors)
    };
    let mut none = show(&[]);
    // The server reads its rules when it gets round to it.
    while none.0 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        none = show(&[]);
    }
    assert!(none.1.contains("PGPASSWORD"), "{}", none.1);
    assert!(show(&[("PGPASSWORD", "a:b")]).0);
    let wrong = show(&[("PGPASSWORD", "wrong")]);
    assert!(
        !wrong.0 && wrong.1.contains("password authentication failed"),
        "{}",
        wrong.1
    );
    let file = bench.file("passwords", "127.0.0.1:*:postgres:lstm:a\\:b\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let by_file = show(&[("PGPASSFILE", file.to_str().unwrap())]);
    assert!(by_file.0, "{}", by_file.1);
    let missing = show(&[("PGPASSFILE", "no/such/file")]);
    assert!(
        !missing.0 && missing.1.contains("no/such/file"),
        "{}",
        missing.1
    );
}
