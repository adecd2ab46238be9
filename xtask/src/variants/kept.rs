//! Results of the trainer that outlive the command, so that it can be stopped and continued.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::command;
use crate::trainer::Trainer;

/// The trainer, and what it has said.
pub(super) struct Kept {
    trainer: Trainer,
    folder: PathBuf,
    /// Results by command lines.
    results: Map<String, Value>,
}

impl Kept {
    /// Builds the trainer. Results of another trainer are forgotten.
    pub(super) fn open(name: &str) -> Result<Self> {
        let trainer = Trainer::build()?;
        let program = fs::read(trainer.program())
            .with_context(|| format!("{} cannot be read", trainer.program().display()))?;
        let folder = command::target_root()
            .join(name)
            .join(format!("{:016x}", hash(&program)));
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let results = match fs::read(folder.join("results.json")) {
            // A file that was cut is measured anew.
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Map::new(),
        };
        Ok(Self {
            trainer,
            folder,
            results,
        })
    }

    /// Where data goes that has to be made first.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the runs of the training `arguments` go: those of other arguments lie elsewhere.
    pub(super) fn folder_of(&self, arguments: &[&str]) -> String {
        let name = format!("{:016x}", hash(&arguments));
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// What a command of the trainer says, from `answer` of its JSON.
    ///
    /// # Errors
    /// When it fails, or its results cannot be kept.
    pub(super) fn run(
        &mut self,
        arguments: &[&str],
        answer: impl Fn(&Value) -> Result<Value>,
    ) -> Result<Value> {
        let line = arguments.join(" ");
        if let Some(result) = self.results.get(&line) {
            return Ok(result.clone());
        }
        let result = answer(&self.trainer.run(arguments)?)?;
        self.results.insert(line, result.clone());
        let path = self.folder.join("results.json");
        // A command that is stopped here leaves the results before this one.
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&self.results)?)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(result)
    }
}

fn hash(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
