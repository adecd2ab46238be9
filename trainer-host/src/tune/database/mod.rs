//! Storage of studies: an SQLite file, or a PostgreSQL server that machines share.
//!
//! The few statements that [`study`](super::study) needs are written once, in SQL that both databases understand. Their
//! parameters are `$1`, `$2` and so on.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::PathBuf;

/// One field of a row, or one parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// BIGINT
    Integer(i64),
    /// DOUBLE PRECISION
    Real(f64),
    /// TEXT
    Text(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Integer(number as i64)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

/// Why a database failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("{storage}: cannot be opened: {problem}")]
    Open {
        /// What was named.
        storage: String,
        /// What the database said.
        problem: String,
        /// Whether it may go another time: it is locked, or its server cannot be reached.
        is_transient: bool,
    },
    /// A statement failed.
    #[error("{storage}: {problem}")]
    Statement {
        /// What was named.
        storage: String,
        /// What the database said.
        problem: String,
        /// Whether it may go another time: it is locked, or its server cannot be reached.
        is_transient: bool,
    },
    /// This program did not write its content.
    #[error("{storage}: {problem}; was it written by another version of trainer-host?")]
    Content {
        /// What was named.
        storage: String,
        /// What is wrong.
        problem: String,
    },
}

impl DatabaseError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { is_transient, .. } | Self::Statement { is_transient, .. } => *is_transient,
            Self::Content { .. } => false,
        }
    }
}

/// A connection.
pub trait Database: Send {
    /// Connects again if the connection was lost.
    ///
    /// # Errors
    /// [`DatabaseError::Open`]
    fn reconnect(&mut self) -> Result<(), DatabaseError>;

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// What the database says.
    fn run(&mut self, statements: &str) -> Result<(), DatabaseError>;

    /// Runs one statement and returns the number of rows that it changed.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&mut self, statement: &str, parameters: &[Cell]) -> Result<usize, DatabaseError>;

    /// The rows of a query.
    ///
    /// # Errors
    /// What the database says.
    fn query(
        &mut self,
        statement: &str,
        parameters: &[Cell],
    ) -> Result<Vec<Vec<Cell>>, DatabaseError>;

    /// Begins a transaction that excludes all others of the same study. If that fails, none is left open.
    ///
    /// # Errors
    /// What the database says.
    fn begin(&mut self, study: &str) -> Result<(), DatabaseError>;

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// What the database says.
    fn has_table(&mut self, name: &str) -> Result<bool, DatabaseError>;

    /// The seconds since 1970 by the database's clock, in its own words.
    fn now(&self) -> &'static str;

    /// What was named, for messages; without a password.
    fn name(&self) -> &str;
}

/// Where a study lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A file.
    File(PathBuf),
    /// A server: `postgres://user:password@host:port/database`.
    Server(String),
}

impl std::str::FromStr for Storage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Server(text.to_owned()));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!(
                "{scheme}:// is not known; name a file, or a server as postgres://user:password@host/database"
            ));
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

impl Storage {
    /// Connects; makes the tables if there are none.
    ///
    /// # Errors
    /// [`DatabaseError::Open`]
    pub fn open(&self) -> Result<Box<dyn Database>, DatabaseError> {
        self.connect(Tables::MakeMissing)
    }

    /// Connects to a storage that already holds studies. Makes no tables, so permission to read is enough.
    ///
    /// # Errors
    /// [`DatabaseError::Open`]
    pub fn open_existing(&self) -> Result<Box<dyn Database>, DatabaseError> {
        self.connect(Tables::Leave)
    }

    fn connect(&self, tables: Tables) -> Result<Box<dyn Database>, DatabaseError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::File(path) => Ok(match tables {
                Tables::MakeMissing => Box::new(sqlite::Sqlite::open(path)?),
                Tables::Leave => Box::new(sqlite::Sqlite::open_existing(path)?),
            }),
            #[cfg(not(feature = "sqlite"))]
            Self::File(path) => Err(left_out(path.display(), tables, "SQLite", "sqlite")),
            #[cfg(feature = "postgres")]
            Self::Server(address) => Ok(match tables {
                Tables::MakeMissing => Box::new(postgres::Postgres::open(address)?),
                Tables::Leave => Box::new(postgres::Postgres::open_existing(address)?),
            }),
            #[cfg(not(feature = "postgres"))]
            Self::Server(_) => Err(left_out("the server", tables, "PostgreSQL", "postgres")),
        }
    }
}

/// What to do about tables that a storage lacks.
#[derive(Clone, Copy)]
enum Tables {
    MakeMissing,
    Leave,
}

/// This build cannot use such a storage.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn left_out(
    storage: impl std::fmt::Display,
    _: Tables,
    database: &str,
    feature: &str,
) -> DatabaseError {
    DatabaseError::Open {
        storage: storage.to_string(),
        problem: format!(
            "this build has no {database}; build trainer-host with the feature `{feature}`"
        ),
        is_transient: false,
    }
}

/// The tables of studies, of their trials, and of the trials' repeats and epochs. A study of a version without repeats
/// gets that table when a worker opens it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS studies (
    study TEXT PRIMARY KEY,
    definition TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS trials (
    study TEXT NOT NULL REFERENCES studies (study),
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    point TEXT NOT NULL,
    footprint TEXT NOT NULL,
    worker TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    heartbeat DOUBLE PRECISION NOT NULL,
    began DOUBLE PRECISION NOT NULL,
    ended DOUBLE PRECISION,
    macs DOUBLE PRECISION NOT NULL,
    result TEXT,
    PRIMARY KEY (study, number)
);
CREATE TABLE IF NOT EXISTS repeats (
    study TEXT NOT NULL,
    number BIGINT NOT NULL,
    repeat BIGINT NOT NULL,
    state TEXT NOT NULL,
    worker TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    heartbeat DOUBLE PRECISION NOT NULL,
    began DOUBLE PRECISION NOT NULL,
    ended DOUBLE PRECISION,
    macs DOUBLE PRECISION NOT NULL,
    result TEXT,
    PRIMARY KEY (study, number, repeat),
    FOREIGN KEY (study, number) REFERENCES trials (study, number)
);
CREATE TABLE IF NOT EXISTS epochs (
    study TEXT NOT NULL,
    number BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (study, number, epoch),
    FOREIGN KEY (study, number) REFERENCES trials (study, number)
);
";
