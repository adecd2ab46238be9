//! Is the JSON of every command what docs/json.md says?
//!
//! The page has a table for each command and each type. A type is `text`, `number`, `whole`, `bool`, `any`, another
//! table's heading, `[T]` for a list, `{T}` for an object with keys of its own, `A or B`, and `T?` for what may be null
//! or left out.

use std::collections::BTreeMap;

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/json.md");

type Tables = BTreeMap<String, Vec<(String, String)>>;

/// Each heading with its keys and their types.
pub(crate) fn tables() -> Tables {
    let mut tables = Tables::new();
    let mut heading = String::new();
    for line in PAGE.lines() {
        if let Some(found) = line.strip_prefix("## ") {
            heading = found.replace('`', "");
        }
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(key), Some(kind)) = (cells.next(), cells.next()) else {
            continue;
        };
        if let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`')) {
            let rows = tables.entry(heading.clone()).or_default();
            rows.push((key.to_owned(), kind.trim_matches('`').to_owned()));
        }
    }
    tables
}

/// What of `value` is not of this type, with its place.
fn problem(tables: &Tables, kind: &str, value: &Value, at: &str) -> Option<String> {
    let wrong = || Some(format!("{at}: not {kind}: {value}"));
    if let Some(kind) = kind.strip_suffix('?') {
        return match value {
            Value::Null => None,
            value => problem(tables, kind, value, at),
        };
    }
    if kind.contains(" or ") {
        let mut found = kind
            .split(" or ")
            .map(|kind| problem(tables, kind, value, at));
        return match found.clone().any(|problem| problem.is_none()) {
            true => None,
            false => found.next().flatten(),
        };
    }
    let inside = |open, close| kind.strip_prefix(open)?.strip_suffix(close);
    if let Some(kind) = inside('[', ']') {
        let Some(values) = value.as_array() else {
            return wrong();
        };
        let mut all = values.iter().enumerate();
        return all.find_map(|(n, value)| problem(tables, kind, value, &format!("{at}[{n}]")));
    }
    if let Some(kind) = inside('{', '}') {
        let Some(values) = value.as_object() else {
            return wrong();
        };
        let mut all = values.iter();
        return all.find_map(|(key, value)| problem(tables, kind, value, &format!("{at}.{key}")));
    }
    let fits = match kind {
        "any" => true,
        "text" => value.is_string(),
        "number" => value.is_number(),
        "whole" => value.is_i64() || value.is_u64(),
        "bool" => value.is_boolean(),
        table => return of_table(tables, table, value, at),
    };
    if fits { None } else { wrong() }
}

fn of_table(tables: &Tables, table: &str, value: &Value, at: &str) -> Option<String> {
    let Some(rows) = tables.get(table) else {
        return Some(format!("{at}: docs/json.md has no table {table}"));
    };
    let Some(object) = value.as_object() else {
        return Some(format!("{at}: not {table}: {value}"));
    };
    let unknown = object
        .keys()
        .find(|key| !rows.iter().any(|(known, _)| known == *key));
    if let Some(key) = unknown {
        return Some(format!("{at}.{key}: not in table {table}"));
    }
    rows.iter().find_map(|(key, kind)| match object.get(key) {
        Some(value) => problem(tables, kind, value, &format!("{at}.{key}")),
        None if kind.ends_with('?') => None,
        None => Some(format!("{at}.{key}: missing, and in table {table}")),
    })
}

/// The table of what `arguments` print.
fn table_of(arguments: &[&str], output: &Value) -> Option<String> {
    let commands = tables();
    let at = arguments
        .iter()
        .position(|word| commands.contains_key(*word))?;
    let (command, next) = (arguments[at], arguments.get(at + 1).copied());
    let has = |flag| arguments.contains(&flag);
    Some(match command {
        "train" if has("--seeds") => "train --seeds".into(),
        "train" if has("--folds") => "train --folds".into(),
        "eval" | "inspect" | "diagnose" if output.get("runs").is_some() => {
            format!("{command} of several runs")
        }
        "inspect" if output.get("training").is_some() => "inspect of a run".into(),
        "tune" => match next {
            Some(below @ ("best" | "trial")) => format!("tune {below}"),
            _ => command.into(),
        },
        _ => command.into(),
    })
}

/// Holds what `arguments` printed, if that is JSON by docs/json.md, to its table.
#[track_caller]
pub(crate) fn check_printed(arguments: &[&str], printed: &str) {
    if !arguments.contains(&"--json") || arguments.contains(&"--print-config") {
        return;
    }
    let output = super::json(printed);
    if let Some(table) = table_of(arguments, &output) {
        check(&table, &output);
    }
}

/// Holds the output of a command to its table.
#[track_caller]
pub(crate) fn check(table: &str, output: &Value) {
    assert_eq!(output["schema"], 1, "{table}");
    if let Some(problem) = problem(&tables(), table, output, table) {
        panic!("{problem}");
    }
}
