//! `mutate TARGET --seconds N` or `mutate TARGET --executions N`: attacks a target with mutations, without coverage.
//!
//! Says how many executions it made, in libFuzzer's words. A finding ends it.

use std::cell::Cell;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use lstm_fuzz::{Target, mutation};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let read = match words.as_slice() {
        [name, end, number] => (lstm_fuzz::target(name))
            .zip(number.parse().ok())
            .map(|(target, number)| (target, *end, number)),
        _ => None,
    };
    let holds = match read {
        Some((target, "--seconds", seconds)) => {
            let (begun, time) = (Instant::now(), Duration::from_secs(seconds));
            holds(&target, |_| begun.elapsed() < time)
        }
        Some((target, "--executions", executions)) => holds(&target, |done| done < executions),
        _ => {
            let names: Vec<_> = (lstm_fuzz::TARGETS.iter())
                .map(|target| target.name)
                .collect();
            let names = names.join(", ");
            eprintln!("usage: mutate TARGET --seconds N, or --executions N; targets: {names}");
            false
        }
    };
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Attacks a target as long as `goes_on` with the number of executions. An input that breaks it is kept.
fn holds(target: &Target, goes_on: impl Fn(u64) -> bool) -> bool {
    // Each attack goes other ways.
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = seed.map_or(0, |time| time.as_nanos() as u64);
    let inputs = target.inputs();
    let executions = Cell::new(0);
    let counted = |done| {
        executions.set(done);
        goes_on(done)
    };
    let attack = || mutation::attack(target, &inputs, seed, counted);
    let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack)).is_ok();
    eprintln!("stat::number_of_executed_units: {}", executions.get());
    if !holds {
        let kept = target.corpus().join(format!("finding-{seed}"));
        let written = std::fs::create_dir_all(target.corpus())
            .and_then(|()| std::fs::write(&kept, mutation::last_input()));
        match written {
            Ok(()) => eprintln!("a finding, kept as {}", kept.display()),
            Err(error) => eprintln!("a finding; {}: {error}", kept.display()),
        }
    }
    holds
}
