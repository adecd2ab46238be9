//! Studies in an SQLite file.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, params_from_iter};

use super::{Cell, Database, DatabaseError, TABLES};

/// How long a statement waits for other workers.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Sqlite {
    connection: Connection,
    name: String,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let name = path.display().to_string();
        let failed = |error: rusqlite::Error| DatabaseError::Open {
            storage: name.clone(),
            problem: error.to_string(),
            is_transient: is_locked(&error),
        };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        // The rollback journal keeps a study in one file, and every commit waits for the disk.
        let statements = format!("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; {TABLES} COMMIT;");
        connection.execute_batch(&statements).map_err(failed)?;
        Ok(Self { connection, name })
    }

    /// A file that holds studies already.
    pub(super) fn open_existing(path: &Path) -> Result<Self, DatabaseError> {
        let name = path.display().to_string();
        let failed = |problem: String| DatabaseError::Open {
            storage: name.clone(),
            problem,
            is_transient: false,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| failed(error.to_string()))?;
        let prepared = connection.busy_timeout(PATIENCE).and_then(|()| {
            let columns = "SELECT count(*) FROM pragma_table_info('studies') WHERE name IN ('study', 'definition')";
            connection.query_row(columns, [], |row| row.get::<_, i64>(0))
        });
        match prepared {
            Ok(2) => {}
            Ok(_) => return Err(failed("it holds no studies".into())),
            Err(error) => return Err(failed(error.to_string())),
        }
        Ok(Self { connection, name })
    }

    fn failed(&self, error: &rusqlite::Error) -> DatabaseError {
        DatabaseError::Statement {
            storage: self.name.clone(),
            problem: error.to_string(),
            is_transient: is_locked(error),
        }
    }
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// SQLite's numbered parameters begin with a question mark.
fn in_sqlite(statement: &str) -> String {
    statement.replace('$', "?")
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::Integer(*number),
        Cell::Real(number) => Value::Real(*number),
        Cell::Text(text) => Value::Text(text.clone()),
    }
}

impl Database for Sqlite {
    fn reconnect(&mut self) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn run(&mut self, statements: &str) -> Result<(), DatabaseError> {
        let done = self.connection.execute_batch(statements);
        done.map_err(|error| self.failed(&error))
    }

    fn execute(&mut self, statement: &str, parameters: &[Cell]) -> Result<usize, DatabaseError> {
        let values = params_from_iter(parameters.iter().map(value));
        let done = self.connection.execute(&in_sqlite(statement), values);
        done.map_err(|error| self.failed(&error))
    }

    fn query(
        &mut self,
        statement: &str,
        parameters: &[Cell],
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let read = || -> rusqlite::Result<Vec<Vec<Cell>>> {
            let mut prepared = self.connection.prepare(&in_sqlite(statement))?;
            let columns = prepared.column_count();
            let mut rows = prepared.query(params_from_iter(parameters.iter().map(value)))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let cell = |c| -> rusqlite::Result<Cell> {
                    Ok(match row.get_ref(c)? {
                        ValueRef::Null | ValueRef::Blob(_) => Cell::Null,
                        ValueRef::Integer(number) => Cell::Integer(number),
                        ValueRef::Real(number) => Cell::Real(number),
                        ValueRef::Text(text) => {
                            Cell::Text(String::from_utf8_lossy(text).into_owned())
                        }
                    })
                };
                found.push((0..columns).map(cell).collect::<rusqlite::Result<_>>()?);
            }
            Ok(found)
        };
        read().map_err(|error| self.failed(&error))
    }

    fn begin(&mut self, _: &str) -> Result<(), DatabaseError> {
        self.run("BEGIN IMMEDIATE")
    }

    fn has_table(&mut self, name: &str) -> Result<bool, DatabaseError> {
        let found = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1";
        Ok(!self.query(found, &[name.into()])?.is_empty())
    }

    fn now(&self) -> &'static str {
        "((julianday('now') - 2440587.5) * 86400.0)"
    }

    fn name(&self) -> &str {
        &self.name
    }
}
