//! The log of a run, `log.jsonl`: one line an epoch.

use std::path::Path;

use crate::run::error::RunError;
use crate::run::folder::LOG;
use crate::train::EpochRecord;

/// Reads a run's log, a record for each epoch.
///
/// # Errors
/// When it is missing, a line of it is no record, or an epoch is not there.
pub fn read_log(folder: &Path) -> Result<Vec<EpochRecord>, RunError> {
    let path = folder.join(LOG);
    let text = std::fs::read_to_string(&path).map_err(|source| RunError::Unreadable {
        path: path.clone(),
        source,
    })?;
    let mut history: Vec<EpochRecord> = Vec::new();
    for (line, record) in text.lines().enumerate() {
        let problem = match serde_json::from_str::<EpochRecord>(record) {
            Ok(record) if record.epoch == line + 1 => {
                history.push(record);
                continue;
            }
            Ok(record) => format!("it is of epoch {}", record.epoch),
            Err(error) => error.to_string(),
        };
        return Err(RunError::Log {
            path,
            line: line + 1,
            problem,
            folder: folder.to_owned(),
        });
    }
    Ok(history)
}
