//! Studies on a PostgreSQL server.
//!
//! With `?sslmode=require` the connection is encrypted, and the server's certificate must be for its name and
//! signed by an authority that the system trusts, or that the file which `SSL_CERT_FILE` names holds.

use postgres::config::SslMode;
use postgres::types::{ToSql, Type};
use postgres::{Client, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Cell, Database, DatabaseError, TABLES};

pub(super) struct Postgres {
    client: Client,
    address: String,
    name: String,
}

impl Postgres {
    pub(super) fn open(address: &str) -> Result<Self, DatabaseError> {
        let name = without_password(address);
        let mut client = connect(address)?;
        // Tables that two workers make at once would clash; the number is this program's own.
        let made = client
            .batch_execute(
                "SET client_min_messages = warning; BEGIN; SELECT pg_advisory_xact_lock(5785)",
            )
            .and_then(|()| client.batch_execute(TABLES))
            .and_then(|()| client.batch_execute("COMMIT"));
        made.map_err(|error| cannot_open(address, &error))?;
        Ok(Self {
            client,
            address: address.to_owned(),
            name,
        })
    }

    fn failed(&self, error: &postgres::Error) -> DatabaseError {
        DatabaseError::Statement {
            storage: self.name.clone(),
            problem: in_words(error),
            is_transient: is_transient(error),
        }
    }
}

fn connect(address: &str) -> Result<Client, DatabaseError> {
    let failed = |error: postgres::Error| cannot_open(address, &error);
    let config: Config = address.parse().map_err(failed)?;
    if config.get_ssl_mode() != SslMode::Require {
        return config.connect(NoTls).map_err(failed);
    }
    let (tls, _) = MakeRustlsConnect::with_native_certs().map_err(|errors| DatabaseError::Open {
        storage: without_password(address),
        problem: format!(
            "the system has no certificates to trust; name a file of them by SSL_CERT_FILE {errors:?}"
        ),
        is_transient: false,
    })?;
    config.connect(tls).map_err(failed)
}

fn cannot_open(address: &str, error: &postgres::Error) -> DatabaseError {
    DatabaseError::Open {
        storage: without_password(address),
        problem: in_words(error),
        is_transient: is_transient(error),
    }
}

/// Whether the server cannot be reached now, or ends transactions for reasons of its own.
fn is_transient(error: &postgres::Error) -> bool {
    use std::error::Error;
    let is_io = error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>());
    // Connection lost; deadlock and the like; no room; server going down or coming up.
    const CLASSES: [&str; 4] = ["08", "40", "53", "57"];
    let class = error.code().and_then(|code| code.code().get(..2));
    error.is_closed() || is_io || class.is_some_and(|class| CLASSES.contains(&class))
}

/// The library's own text leaves out what the server said.
fn in_words(error: &postgres::Error) -> String {
    use std::error::Error;
    let cause = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", cause.unwrap_or_default())
}

fn without_password(address: &str) -> String {
    let parts = address.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}@{host}"))
    });
    let address = parts.unwrap_or_else(|| address.to_owned());
    match address.split_once('?') {
        Some((address, parameters)) => {
            let kept = parameters
                .split('&')
                .filter(|p| !p.starts_with("password="));
            let kept: Vec<&str> = kept.collect();
            [address, &kept.join("&")]
                .join("?")
                .trim_end_matches('?')
                .to_owned()
        }
        None => address,
    }
}

impl ToSql for Cell {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> Result<postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(postgres::types::IsNull::Yes),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Real(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::FLOAT8, Type::TEXT].contains(kind)
    }

    postgres::types::to_sql_checked!();
}

/// Of the types that the tables have.
fn cells(row: &Row) -> Result<Vec<Cell>, postgres::Error> {
    let cell = |c: usize| -> Result<Cell, postgres::Error> {
        Ok(match *row.columns()[c].type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(c)?
                .map_or(Cell::Null, Cell::Integer),
            Type::FLOAT8 => row
                .try_get::<_, Option<f64>>(c)?
                .map_or(Cell::Null, Cell::Real),
            _ => row
                .try_get::<_, Option<String>>(c)?
                .map_or(Cell::Null, Cell::Text),
        })
    };
    (0..row.len()).map(cell).collect()
}

fn borrowed(parameters: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    let parameters = parameters.iter();
    parameters.map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

impl Database for Postgres {
    fn reconnect(&mut self) -> Result<(), DatabaseError> {
        if self.client.is_closed() {
            self.client = connect(&self.address)?;
        }
        Ok(())
    }

    fn run(&mut self, statements: &str) -> Result<(), DatabaseError> {
        let done = self.client.batch_execute(statements);
        done.map_err(|error| self.failed(&error))
    }

    fn execute(&mut self, statement: &str, parameters: &[Cell]) -> Result<usize, DatabaseError> {
        let done = self.client.execute(statement, &borrowed(parameters));
        done.map(|rows| rows as usize)
            .map_err(|error| self.failed(&error))
    }

    fn query(
        &mut self,
        statement: &str,
        parameters: &[Cell],
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let rows = self.client.query(statement, &borrowed(parameters));
        rows.and_then(|rows| rows.iter().map(cells).collect())
            .map_err(|error| self.failed(&error))
    }

    fn begin(&mut self, study: &str) -> Result<(), DatabaseError> {
        self.run("BEGIN")?;
        let lock = "SELECT study FROM studies WHERE study = $1 FOR UPDATE";
        self.query(lock, &[study.into()]).map(|_| ())
    }

    fn now(&self) -> &'static str {
        "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn messages_do_not_tell_the_password() {
        for (address, name) in [
            (
                "postgres://me:secret@host:5432/db",
                "postgres://me@host:5432/db",
            ),
            ("postgres://me@host/db", "postgres://me@host/db"),
            ("postgres://host/db", "postgres://host/db"),
            (
                "postgres://me@host/db?password=secret",
                "postgres://me@host/db",
            ),
            (
                "postgres://host/db?a=b&password=secret",
                "postgres://host/db?a=b",
            ),
        ] {
            assert_eq!(without_password(address), name);
        }
    }
}
