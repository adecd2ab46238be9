//! Where a project takes the engine from.

use std::path::PathBuf;
use std::str::FromStr;

/// The engine's files: path from its folder, and content. None in a package without the repository around it.
pub(super) const SOURCE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/engine.rs"));

/// The folder of a project that the carried source goes to.
pub(super) const FOLDER: &str = "lstm-nostd";

/// Where the engine comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// This program's own source, written into the project.
    Carried,
    /// A folder with the crate, absolute.
    Path(PathBuf),
    /// A version of the registry.
    Version(String),
}

impl Default for Engine {
    fn default() -> Self {
        match SOURCE {
            [] => Self::Version(env!("CARGO_PKG_VERSION").to_owned()),
            _ => Self::Carried,
        }
    }
}

impl FromStr for Engine {
    type Err = String;

    /// A folder that holds a `Cargo.toml`, or a version such as `0.1`.
    fn from_str(given: &str) -> Result<Self, String> {
        let path = PathBuf::from(given);
        if !given.is_empty() && path.join("Cargo.toml").is_file() {
            let path = path.canonicalize();
            return path.map(Self::Path).map_err(|error| error.to_string());
        }
        let is_number = |part: &str| part.parse::<u32>().is_ok();
        if given.split('.').all(is_number) && given.split('.').count() <= 3 {
            return Ok(Self::Version(given.to_owned()));
        }
        Err(format!(
            "`{given}` is neither a folder with the Cargo.toml of lstm-nostd nor a version such as 0.1"
        ))
    }
}

impl Engine {
    /// The beginning of its line in `[dependencies]`.
    pub fn dependency(&self) -> String {
        match self {
            Self::Carried => format!("path = {FOLDER:?}"),
            Self::Path(path) => format!("path = {:?}", path.display().to_string()),
            Self::Version(version) => format!("version = {version:?}"),
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::Carried => format!("its source, in {FOLDER}/"),
            Self::Path(path) => path.display().to_string(),
            Self::Version(version) => format!("version {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_versions_are_told_apart() {
        let own = env!("CARGO_MANIFEST_DIR");
        assert!(matches!(own.parse(), Ok(Engine::Path(_))));
        assert_eq!("0.1".parse(), Ok(Engine::Version("0.1".into())));
        for wrong in ["no/such/folder", "new", "1.2.3.4", ""] {
            let refusal = wrong.parse::<Engine>().unwrap_err();
            assert!(refusal.contains("Cargo.toml"), "{refusal}");
        }
    }

    #[test]
    fn the_carried_manifest_needs_no_workspace() {
        let find = |name| SOURCE.iter().find(|(path, _)| *path == name).unwrap().1;
        let manifest: toml::Table =
            toml::from_str(std::str::from_utf8(find("Cargo.toml")).unwrap()).unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("lstm-nostd"));
        assert_eq!(
            manifest["package"]["version"].as_str(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert!(!format!("{manifest:?}").contains("workspace"));
        assert!(manifest.contains_key("features") && !manifest.contains_key("dev-dependencies"));
        let of_repository = concat!(env!("CARGO_MANIFEST_DIR"), "/../lstm-nostd/src/lib.rs");
        assert_eq!(find("src/lib.rs"), std::fs::read(of_repository).unwrap());
    }
}
