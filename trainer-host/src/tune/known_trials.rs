//! The trials of a study as this process knows them, read once.
//!
//! A trial whose own training has ended never changes but for its repeats, and trials end nearly in their order. So a
//! study is read whole once, and from then on only from its first running trial on: what a claim reads does not grow
//! with the study.

use super::database::{Cell, DatabaseError};
use super::plan::Plan;
use super::stored_trial::{StoredTraining, StoredTrial, training_columns};
use super::study::{Study, StudyError};

impl Study {
    /// All trials by number.
    ///
    /// # Errors
    /// What the database says.
    pub fn trials(&mut self) -> Result<Vec<StoredTrial>, StudyError> {
        self.read_news()?;
        Ok(self.known.all.clone())
    }

    /// Trial `number`, if there is one.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn trial(&mut self, number: usize) -> Result<Option<StoredTrial>, StudyError> {
        self.read_news()?;
        Ok(self.known.all.get(number).cloned())
    }

    /// Lends all trials to `look`, without a copy.
    pub(super) fn with_trials<T>(
        &mut self,
        look: impl FnOnce(&mut Self, &[StoredTrial]) -> Result<T, StudyError>,
    ) -> Result<T, StudyError> {
        self.read_news()?;
        let known = std::mem::take(&mut self.known);
        let seen = look(self, &known.all);
        self.known = known;
        seen
    }

    /// Reads what may have changed. A failure leaves the trials that have ended as they were.
    fn read_news(&mut self) -> Result<(), StudyError> {
        let ended = self.known.ended;
        self.known.all.truncate(ended);
        let columns = training_columns(self.database.now());
        let from = "FROM trials WHERE study = $1 AND number >= $2 ORDER BY number";
        let query = format!("SELECT number, point, footprint, {columns} {from}");
        for row in self.rows_from(&query, ended)? {
            let mut trial = StoredTrial::read(&row, self.database.as_ref())?;
            let next = self.known.all.len();
            if trial.number != next {
                return Err(self.content(format!("trial {next} is missing")));
            }
            trial.plan = Plan::of(&self.known.all, &trial.point, &self.definition.search);
            self.known.all.push(trial);
        }
        let epochs = "SELECT number, value FROM epochs WHERE study = $1 AND number >= $2 \
                      ORDER BY number, epoch";
        for row in self.rows_from(epochs, ended)? {
            if let [Cell::Integer(number), Cell::Real(value)] = row.as_slice()
                && let Some(trial) = self.known.all.get_mut(*number as usize)
            {
                trial.values.push(*value);
            }
        }
        self.read_repeats()?;
        let new = &self.known.all[ended..];
        let more = new.iter().position(StoredTrial::is_running);
        self.known.ended += more.unwrap_or(new.len());
        Ok(())
    }

    /// Repeats may change while their trial does not. Only finalists have any.
    fn read_repeats(&mut self) -> Result<(), StudyError> {
        for trial in &mut self.known.all {
            trial.repeats.clear();
        }
        // A worker may make the table while others look.
        if !self.has_repeats {
            self.has_repeats = self.database.has_table("repeats")?;
        }
        if !self.has_repeats {
            return Ok(());
        }
        let columns = training_columns(self.database.now());
        let from = "FROM repeats WHERE study = $1 AND number >= $2 ORDER BY number, repeat";
        let query = format!("SELECT number, repeat, {columns} {from}");
        for row in self.rows_from(&query, 0)? {
            let [Cell::Integer(number), Cell::Integer(repeat), training @ ..] = row.as_slice()
            else {
                continue;
            };
            let training = StoredTraining::read(training, self.database.as_ref())?;
            let Some(trial) = self.known.all.get_mut(*number as usize) else {
                continue;
            };
            if *repeat != trial.repeats.len() as i64 + 1 {
                return Err(self.content(format!("a repeat of trial {number} is missing")));
            }
            trial.repeats.push(training);
        }
        Ok(())
    }

    /// The rows of a query whose parameters are this study and a trial's number.
    fn rows_from(&mut self, query: &str, first: usize) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.database
            .query(query, &[self.name.as_str().into(), first.into()])
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::cost::{Core, Footprint};
    use crate::run::RunConfig;
    use crate::search::{Point, SearchConfig, Value};
    use crate::tune::claim::{Claim, Claimed, Proposal};
    use crate::tune::database::{Database, Storage};
    use crate::tune::process::Process;
    use crate::tune::study::{Definition, End};

    /// Counts the rows that are read.
    struct Counted {
        database: Box<dyn Database>,
        rows: Arc<AtomicUsize>,
    }

    impl Database for Counted {
        fn reconnect(&mut self) -> Result<(), DatabaseError> {
            self.database.reconnect()
        }
        fn run(&mut self, statements: &str) -> Result<(), DatabaseError> {
            self.database.run(statements)
        }
        fn execute(&mut self, statement: &str, cells: &[Cell]) -> Result<usize, DatabaseError> {
            self.database.execute(statement, cells)
        }
        fn query(&mut self, query: &str, cells: &[Cell]) -> Result<Vec<Vec<Cell>>, DatabaseError> {
            let rows = self.database.query(query, cells)?;
            self.rows.fetch_add(rows.len(), Ordering::Relaxed);
            Ok(rows)
        }
        fn begin(&mut self, study: &str) -> Result<(), DatabaseError> {
            self.database.begin(study)
        }
        fn has_table(&mut self, name: &str) -> Result<bool, DatabaseError> {
            self.database.has_table(name)
        }
        fn now(&self) -> &'static str {
            self.database.now()
        }
        fn name(&self) -> &str {
            self.database.name()
        }
    }

    const FOOTPRINT: Footprint = Footprint {
        core: Core::M4,
        instructions: 1,
        estimated_cycles: 1,
        flash_waits: None,
        estimated_seconds: None,
        file_bytes: 0,
        flash_bytes: 1,
        ram_bytes: 1,
        second: None,
        window_steps: None,
    };
    /// Epochs of each trial.
    const EPOCHS: usize = 10;

    fn point(number: usize) -> Point {
        let value = |part: usize| Value::Integer((number * 8 + part) as i64);
        (0..8)
            .map(|part| (format!("key{part}"), value(part)))
            .collect::<BTreeMap<_, _>>()
    }

    fn study(folder: &std::path::Path, rows: &Arc<AtomicUsize>) -> Study {
        let database = Storage::File(folder.join("s.db")).open().unwrap();
        let definition = Definition {
            config: RunConfig {
                source: "digits".into(),
                data: Default::default(),
                train: Default::default(),
            },
            search: SearchConfig {
                trials: 100_000,
                ..SearchConfig::default()
            },
            data_crc: 0,
        };
        let rows = Arc::clone(rows);
        let counted = Box::new(Counted { database, rows });
        Study::begin(counted, "s", definition, 1).unwrap()
    }

    /// Writes trials that have ended, up to `count` of them.
    fn fill(study: &mut Study, count: usize) {
        let first = study.trials().unwrap().len();
        let footprint = serde_json::to_string(&FOOTPRINT).unwrap();
        let mut statements = String::from("BEGIN;");
        for number in first..count {
            let point = serde_json::to_string(&point(number)).unwrap();
            statements += &format!(
                "INSERT INTO trials VALUES ('s', {number}, 'stopped', '{point}', '{footprint}', 'w', 1, 0.0, 0.0, \
                 1.0, 5.0, NULL);"
            );
            for epoch in 1..=EPOCHS {
                statements += &format!("INSERT INTO epochs VALUES ('s', {number}, {epoch}, 0.5);");
            }
        }
        study.database.run(&(statements + "COMMIT;")).unwrap();
    }

    /// The trial after those that `study` knows.
    fn proposal(study: &Study) -> Proposal {
        let (earlier, running) = study.known();
        let number = earlier.len() + running.len();
        Proposal {
            number,
            point: point(number),
            footprint: FOOTPRINT,
        }
    }

    fn ask(study: &mut Study, proposal: Option<&Proposal>) -> Claim {
        let claim = study.claim(&Process::this(), 60.0, proposal);
        claim.unwrap()
    }

    fn claim(study: &mut Study) -> Claimed {
        assert!(matches!(ask(study, None), Claim::Propose));
        let proposal = proposal(study);
        match ask(study, Some(&proposal)) {
            Claim::Training(claimed) => *claimed,
            other => panic!("{other:?}"),
        }
    }

    /// What a trial costs in a study of `count`: rows that are read, and the median time.
    fn cost(study: &mut Study, count: usize, rows: &AtomicUsize) -> (usize, Duration) {
        fill(study, count);
        study.trials().unwrap();
        let mut costs = [(); 9].map(|()| {
            let before = rows.load(Ordering::Relaxed);
            let begun = Instant::now();
            let claimed = claim(study);
            assert_eq!(claimed.attempt.training.trial, claimed.earlier.len() + 3);
            study
                .end(claimed.attempt, &End::Stopped, &[0.5; EPOCHS], 5.0)
                .unwrap();
            let ended = study
                .trial(claimed.attempt.training.trial)
                .unwrap()
                .unwrap();
            assert_eq!(ended.values.len(), EPOCHS);
            (rows.load(Ordering::Relaxed) - before, begun.elapsed())
        });
        costs.sort_unstable();
        costs[costs.len() / 2]
    }

    #[test]
    fn a_trial_costs_as_much_in_a_large_study_as_in_a_small_one() {
        let folder = tempfile::tempdir().unwrap();
        let rows = Arc::default();
        let mut study = study(folder.path(), &rows);
        let (few, _) = cost(&mut study, 100, &rows);
        let (many, time) = cost(&mut study, 2000, &rows);
        println!("claim and end of a trial among 2000: {time:?}, {many} rows");
        assert_eq!(few, many);
        // Another process reads the same from the beginning.
        let again = Study::open(
            Storage::File(folder.path().join("s.db")).open().unwrap(),
            "s",
        );
        let read = |study: &mut Study| -> Vec<_> {
            let trials = study.trials().unwrap().into_iter();
            trials.map(|t| (t.point, t.own.state, t.values)).collect()
        };
        assert_eq!(read(&mut again.unwrap()), read(&mut study));
    }
    /// Two workers think of the same trial at once; one begins it, and the other thinks of the next one.
    #[test]
    fn a_trial_that_another_worker_has_begun_is_not_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut late = study(folder.path(), &Arc::default());
        let storage = Storage::File(folder.path().join("s.db"));
        let mut early = Study::open(storage.open().unwrap(), "s").unwrap();
        assert!(matches!(ask(&mut late, None), Claim::Propose));
        let thought_of = proposal(&late);
        assert_eq!(claim(&mut early).attempt.training.trial, 0);
        assert!(matches!(ask(&mut late, Some(&thought_of)), Claim::Propose));
        assert_eq!(late.trials().unwrap().len(), 1);
        assert_eq!(claim(&mut late).attempt.training.trial, 1);
    }
}
