//! `mutate SECONDS [TARGET …]`: attacks targets with mutations, without coverage, and prints what was done.
//!
//! `mutate --write FOLDER` writes all inputs to `FOLDER/TARGET`, for a fuzzer to begin with.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use lstm_fuzz::{TARGETS, Target, mutation};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["--write", folder] => write_inputs(Path::new(folder)),
        [seconds, names @ ..] if seconds.parse::<u64>().is_ok() => {
            let seconds = seconds.parse().unwrap_or(1);
            attack_all(Duration::from_secs(seconds), names)
        }
        _ => {
            eprintln!("usage: mutate SECONDS [TARGET …], or mutate --write FOLDER");
            ExitCode::FAILURE
        }
    }
}

fn write_inputs(folder: &Path) -> ExitCode {
    for target in TARGETS {
        let folder = folder.join(target.name);
        let written = std::fs::create_dir_all(&folder).and_then(|()| {
            let mut inputs = target.inputs().into_iter().enumerate();
            inputs.try_for_each(|(n, input)| std::fs::write(folder.join(format!("{n:04}")), input))
        });
        if let Err(error) = written {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn attack_all(time: Duration, names: &[&str]) -> ExitCode {
    let mut found = false;
    for target in TARGETS {
        if names.is_empty() || names.contains(&target.name) {
            found |= !holds(&target, time);
        }
    }
    if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Attacks one target for so long. An input that breaks it is kept.
fn holds(target: &Target, time: Duration) -> bool {
    let begun = Instant::now();
    // Each run goes other ways.
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = seed.map_or(0, |time| time.as_nanos() as u64);
    let inputs = target.inputs();
    let attack = || mutation::attack(target, &inputs, seed, |_| begun.elapsed() < time);
    match std::panic::catch_unwind(attack) {
        Ok(done) => {
            println!("{:<10} {done:>12} runs, 0 findings", target.name);
            true
        }
        Err(_) => {
            let kept = target.corpus().join(format!("finding-{seed}"));
            let written = std::fs::create_dir_all(target.corpus())
                .and_then(|()| std::fs::write(&kept, mutation::last_input()));
            match written {
                Ok(()) => println!("{:<10} a finding, kept as {}", target.name, kept.display()),
                Err(error) => {
                    println!("{:<10} a finding; {}: {error}", target.name, kept.display())
                }
            }
            false
        }
    }
}
