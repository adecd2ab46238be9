//! Does a study outlive a network that swallows everything without closing a connection?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::bench::{Bench, json};
use crate::server::Server;
use crate::{bench, ended, found, search, spawn, trainings};

/// Between the cut and the first line about it.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// Between Ctrl-C and the end of the process, while the network is cut.
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
/// Far longer than a study of this size, and the server's patience with a lost lock, take.
const ENDED_WITHIN: Duration = Duration::from_secs(120);

/// A network between the workers and the server, which can be cut.
struct Network {
    address: String,
    is_cut: Arc<AtomicBool>,
}

impl Network {
    fn to(server: &Server) -> Self {
        let (before, after) = server.address.split_once('@').unwrap();
        let (host, database) = after.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let is_cut = Arc::new(AtomicBool::new(false));
        let (host, cut) = (host.to_owned(), Arc::clone(&is_cut));
        std::thread::spawn(move || {
            for worker in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&host) else {
                    continue;
                };
                // A connection that has lost a byte stays dead when the network is back.
                let dead = Arc::new(AtomicBool::new(false));
                let ends = [(&worker, &server), (&server, &worker)];
                for (from, to) in
                    ends.map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
                {
                    let (cut, dead) = (Arc::clone(&cut), Arc::clone(&dead));
                    std::thread::spawn(move || carry(from, to, &cut, &dead));
                }
            }
        });
        Self { address, is_cut }
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool, dead: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if cut.load(Ordering::SeqCst) {
            dead.store(true, Ordering::SeqCst);
        }
        if !dead.load(Ordering::SeqCst) && to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    // Even the end of a connection does not pass.
    if !dead.load(Ordering::SeqCst) {
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

/// A study in a process, and the lines that it prints.
struct Worker {
    process: Child,
    lines: Receiver<String>,
    said: String,
}

impl Worker {
    fn begin(bench: &Bench, storage: &str, study: &str) -> Self {
        let arguments = [
            "tune",
            "--config",
            "search.toml",
            "--workers",
            "2",
            "--json",
        ];
        let place = ["--storage", storage, "--study", study];
        let mut process = spawn(bench, &[&arguments[..], &place].concat());
        let errors = BufReader::new(process.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let said = String::new();
        Self {
            process,
            lines,
            said,
        }
    }

    /// Reads on until there is a line with `text`.
    fn says(&mut self, text: &str, within: Duration) {
        let begun = Instant::now();
        while let Some(left) = within.checked_sub(begun.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else {
                break;
            };
            self.said += &format!("{line}\n");
            if line.contains(text) {
                return;
            }
        }
        panic!("no {text:?} within {within:?}: {}", self.said);
    }

    /// Whether it ended well, what it printed, and what it said.
    fn end(mut self, within: Duration) -> (bool, String, String) {
        let begun = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            if begun.elapsed() > within {
                self.process.kill().unwrap();
                panic!("it has not ended within {within:?}: {}", self.said);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = self.process.wait_with_output().unwrap();
        let rest: Vec<String> = self.lines.iter().collect();
        let said = format!("{}{}", self.said, rest.join("\n"));
        let printed = String::from_utf8(output.stdout).unwrap();
        (output.status.success(), printed, said)
    }
}

#[test]
fn a_network_that_swallows_everything_is_reported_and_waited_for() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let alone = search(&bench, "alone.db");
    let network = Network::to(&server);
    let mut worker = Worker::begin(&bench, &network.address, "waits");
    worker.says("trial    1 ", ENDED_WITHIN);
    network.cut(true);
    worker.says("no answer within", TOLD_WITHIN);
    network.cut(false);
    let (is_good, study, said) = worker.end(ENDED_WITHIN);
    assert!(is_good, "{said}");
    assert_eq!(found(&json(&study)), found(&alone), "{said}");
    let mut all = ended(&said);
    let total = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), total, "ended twice: {said}");
    assert!(
        all.iter().all(|one| trainings(&alone).contains(one)),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_workers_that_the_network_keeps_waiting() {
    let Some(server) = Server::start(&[], None) else {
        return;
    };
    let bench = bench();
    let network = Network::to(&server);
    let mut worker = Worker::begin(&bench, &network.address, "stops");
    worker.says("trial    1 ", ENDED_WITHIN);
    network.cut(true);
    worker.says("no answer within", TOLD_WITHIN);
    let id = worker.process.id().to_string();
    let asked = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(asked.success());
    let (is_good, _, said) = worker.end(STOPPED_WITHIN);
    assert!(
        !is_good && said.contains("the same command continues"),
        "{said}"
    );
}
