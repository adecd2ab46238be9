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
    longest: Duration::from_secs(30),
    total: Duration::from_secs(3600),
};
/// How often a pause looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits for `pause`, or until `is_to_stop`. Returns whether to go on.
pub(super) fn wait(pause: Duration, is_to_stop: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !is_to_stop() {
        let left = pause.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(LOOK_EVERY));
    }
    false
}

impl Study {
    /// Asks this study, and tries again while its database fails. `tell` hears of each failure. If `is_to_stop`,
    /// no more is asked.
    ///
    /// # Errors
    /// An error that will not pass, or has not passed within an hour.
    pub fn ask<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Result<T, StudyError>,
        tell: impl FnMut(String),
        is_to_stop: impl Fn() -> bool,
    ) -> Result<T, StudyError> {
        patiently(
            || {
                self.reconnect()?;
                ask(self)
            },
            tell,
            is_to_stop,
        )
    }
}

/// [`Study::ask`] for opening a study.
pub(super) fn patiently<T>(
    ask: impl FnMut() -> Result<T, StudyError>,
    mut tell: impl FnMut(String),
    is_to_stop: impl Fn() -> bool,
) -> Result<T, StudyError> {
    PATIENCE.ask(ask, |error, pause| {
        let seconds = pause.as_secs_f64();
        tell(format!("{error}; asked again in {seconds:.1} s"));
        wait(pause, &is_to_stop)
    })
}

impl Patience {
    /// Asks until there is an answer, the failure will not pass, or `waits` returns false. `waits` hears of each
    /// failure and waits for the pause.
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
                wait(pause, || false) && pauses.len() <= patient
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

    #[test]
    fn a_pause_ends_when_it_is_to_stop() {
        let begun = Instant::now();
        let looks = std::cell::Cell::new(0);
        let is_to_stop = || looks.replace(looks.get() + 1) >= 2;
        assert!(!wait(Duration::from_secs(60), is_to_stop));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
