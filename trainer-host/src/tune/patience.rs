//! Trying again while a database fails: it is locked, or its server cannot be reached.

use std::time::{Duration, Instant};

use super::study::{Study, StudyError};

/// Pauses between questions.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// The first pause; each one is twice the one before.
    first: Duration,
    /// The longest one.
    longest: Duration,
    /// All pauses together.
    total: Duration,
}

/// The pauses of workers.
const PATIENCE: Patience = Patience {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(10),
    total: Duration::from_secs(120),
};

impl Study {
    /// Asks this study, and tries again while its database fails. `waits` hears of each failure and returns
    /// whether to try again.
    ///
    /// # Errors
    /// An error that will not pass, or has not passed within two minutes.
    pub fn ask<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Result<T, StudyError>,
        waits: impl FnMut(&str) -> bool,
    ) -> Result<T, StudyError> {
        patiently(
            || {
                self.reconnect()?;
                ask(self)
            },
            waits,
        )
    }
}

/// [`Study::ask`] for opening a study.
pub(super) fn patiently<T>(
    ask: impl FnMut() -> Result<T, StudyError>,
    mut waits: impl FnMut(&str) -> bool,
) -> Result<T, StudyError> {
    PATIENCE.ask(ask, |error, pause| {
        let pause = pause.as_secs_f64();
        waits(&format!("{error}; asked again in {pause:.1} s"))
    })
}

impl Patience {
    /// Asks until there is an answer, the failure will not pass, or `waits` returns false. `waits` hears of each
    /// failure and of the pause that follows.
    fn ask<T>(
        self,
        mut ask: impl FnMut() -> Result<T, StudyError>,
        mut waits: impl FnMut(&StudyError, Duration) -> bool,
    ) -> Result<T, StudyError> {
        let begun = Instant::now();
        let mut pause = self.first;
        loop {
            match ask() {
                Err(error)
                    if error.is_transient()
                        && begun.elapsed() + pause <= self.total
                        && waits(&error, pause) =>
                {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(self.longest);
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::DatabaseError;
    use super::*;

    fn failure(is_transient: bool) -> StudyError {
        let (storage, problem) = ("s.db".into(), "locked".into());
        DatabaseError::Statement {
            storage,
            problem,
            is_transient,
        }
        .into()
    }

    const SHORT: Patience = Patience {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        total: Duration::from_millis(200),
    };

    /// The answer to a question that fails so often, and the pauses before it.
    fn ask(failures: usize, is_transient: bool, patient: usize) -> (bool, Vec<u128>) {
        let (mut asked, mut pauses) = (0, Vec::new());
        let answer = SHORT.ask(
            || {
                asked += 1;
                (asked > failures)
                    .then_some(())
                    .ok_or(failure(is_transient))
            },
            |_, pause| {
                pauses.push(pause.as_millis());
                pauses.len() <= patient
            },
        );
        (answer.is_ok(), pauses)
    }

    #[test]
    fn what_passes_is_waited_for_with_growing_pauses() {
        assert_eq!(ask(0, true, 9), (true, vec![]));
        assert_eq!(ask(5, true, 9), (true, vec![1, 2, 4, 4, 4]));
        assert_eq!(ask(1, false, 9), (false, vec![]));
        // Nobody waits after the second failure.
        assert_eq!(ask(5, true, 1), (false, vec![1, 2]));
        let (answered, pauses) = ask(usize::MAX, true, usize::MAX);
        assert!(!answered && pauses.len() < 60, "{pauses:?}");
    }
}
