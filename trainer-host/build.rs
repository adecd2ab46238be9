//! Carries the engine's source, for `trainer-host new-firmware`: it writes `engine.rs` with the path and the bytes of
//! each file, and `versions.rs` with the lock file of its projects. A package without the repository around it carries
//! none.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The versions that projects begin with.
const VERSIONS: &str = "../firmware/projects/Cargo.lock";
/// Where the engine lies in the repository.
const ENGINE: &str = "../lstm-nostd";
/// Its files beside `Cargo.toml`, and its folder of sources.
const FILES: [&str; 5] = [
    "build.rs",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "src",
];
/// The tables of its manifest that a build of the library needs.
const TABLES: [&str; 3] = ["package", "features", "dependencies"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut list = String::from("&[\n");
    let manifest = Path::new(ENGINE).join("Cargo.toml");
    if manifest.exists() {
        let workspace = Path::new("../Cargo.toml");
        for watched in [manifest.as_path(), workspace] {
            println!("cargo::rerun-if-changed={}", watched.display());
        }
        let alone = out.join("engine.toml");
        write(&alone, &standalone(&read(&manifest), &read(workspace)));
        add(&mut list, "Cargo.toml", &alone);
        for name in FILES {
            println!("cargo::rerun-if-changed={ENGINE}/{name}");
            add_all(&mut list, name, &Path::new(ENGINE).join(name));
        }
    }
    list.push(']');
    write(&out.join("engine.rs"), &list);
    let versions = match Path::new(VERSIONS).canonicalize() {
        Ok(path) => format!("Some(include_str!({path:?}))"),
        Err(_) => "None".to_owned(),
    };
    write(&out.join("versions.rs"), &versions);
}

/// Appends a file, or the files below a folder, in the order of their names.
fn add_all(list: &mut String, name: &str, path: &Path) {
    if !path.is_dir() {
        return add(list, name, path);
    }
    let entries = fs::read_dir(path).expect("the engine's folders can be read");
    let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let file = entry.file_name().expect("an entry has a name");
        add_all(list, &format!("{name}/{}", file.to_string_lossy()), &entry);
    }
}

/// Appends one file.
fn add(list: &mut String, name: &str, path: &Path) {
    let path = path.canonicalize().expect("the file exists");
    writeln!(list, "({name:?}, include_bytes!({path:?}) as &[u8]),").expect("a string grows");
}

/// The engine's manifest for a place outside of its workspace: what it takes from there stands in it, and it has the
/// library alone.
fn standalone(manifest: &str, workspace: &str) -> String {
    let mut shared = BTreeMap::new();
    for (table, line) in lines(workspace) {
        let name = table.strip_prefix("workspace.");
        if let (Some(name), Some((key, _))) = (name, line.split_once(" = ")) {
            shared.insert((name, key), line);
        }
    }
    let mut text = String::new();
    let mut current = "";
    for (table, line) in lines(manifest) {
        if !TABLES.contains(&table) {
            continue;
        }
        if table != current {
            writeln!(text, "\n[{table}]").expect("a string grows");
            current = table;
        }
        let inherited = line.strip_suffix(".workspace = true");
        let line = inherited.map_or(line, |key| {
            let found = shared.get(&(table, key));
            found.unwrap_or_else(|| panic!("the workspace has no {key} for [{table}]"))
        });
        writeln!(text, "{line}").expect("a string grows");
    }
    text.trim_start().to_owned()
}

/// Every line that holds a key or a comment, with the name of its table.
fn lines(manifest: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut table = "";
    manifest.lines().filter_map(move |line| {
        match line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(name) => {
                table = name.trim_matches(['[', ']']);
                None
            }
            None => (!line.is_empty()).then_some((table, line)),
        }
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
