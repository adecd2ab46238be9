//! Does docs/json.md know every command and every type, and is an error JSON too? Each JSON output of all tests is held to
//! its table where it is made, in `Bench::succeed`.

use serde_json::Value;

use crate::bench::Bench;
use crate::bench::schema::{check, tables};

#[test]
fn every_type_has_a_table_and_every_command_is_there() {
    let tables = tables();
    for (table, rows) in &tables {
        for (key, kind) in rows {
            let words = kind.split(|c: char| !c.is_alphanumeric() && c != ' ' && c != '-');
            for word in words
                .flat_map(|words| words.split(" or "))
                .filter(|word| !word.is_empty())
            {
                let known = ["any", "text", "number", "whole", "bool"].contains(&word);
                assert!(known || tables.contains_key(word), "{table}.{key}: {word}");
            }
        }
    }
    let help = Bench::new().succeed(&["-h"]);
    let commands = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    for line in commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
    {
        let command = line.split_whitespace().next().unwrap();
        // What writes a script for a shell, and clap's own.
        if !["completions", "help"].contains(&command) {
            assert!(tables.contains_key(command), "{command}");
        }
    }
}

#[test]
fn an_error_is_an_object_too() {
    let bench = Bench::new();
    for (arguments, status) in [
        (&["inspect", "nothing", "--json"][..], 1),
        (&["train", "--json", "--epochs", "x"], 2),
    ] {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(status));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        check("error", &found);
        assert_eq!(found["error"]["status"], status);
        let message = found["error"]["message"].as_str().unwrap();
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(message),
            "{message}"
        );
    }
    assert!(bench.run(&["inspect", "nothing"]).stdout.is_empty());
    // What is missing stands in further lines of the text.
    let missing = bench.run(&["quantise", "--json"]);
    let found: Value = serde_json::from_slice(&missing.stdout).unwrap();
    let message = found["error"]["message"].as_str().unwrap();
    assert!(message.contains("<RUN>"), "{message}");
}
