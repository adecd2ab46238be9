//! Studies on a PostgreSQL server.
//!
//! [`connection`] bounds how long a server may be silent, [`encryption`] says what `sslmode` means, and [`password`]
//! finds a password that the address does not hold.

mod connection;
mod encryption;
mod password;

use std::io::ErrorKind;

use connection::{Connection, NoAnswer};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use tokio_postgres::{Config, NoTls, Row};

use super::{Cell, Database, DatabaseError, TABLES};

pub(super) struct Postgres {
    connection: Connection,
    address: String,
    name: String,
}

impl Postgres {
    pub(super) fn open(address: &str) -> Result<Self, DatabaseError> {
        let mut opened = Self::connected(address)?;
        // Tables that two workers make at once would clash; the number is this program's own.
        let connection = &mut opened.connection;
        let made = connection
            .run("BEGIN; SELECT pg_advisory_xact_lock(5785)")
            .and_then(|()| connection.run(TABLES))
            .and_then(|()| connection.run("COMMIT"));
        made.map_err(|error| cannot_open(address, &error))?;
        Ok(opened)
    }

    /// A server that already holds studies.
    pub(super) fn open_existing(address: &str) -> Result<Self, DatabaseError> {
        let mut opened = Self::connected(address)?;
        if opened.has_table("studies")? {
            return Ok(opened);
        }
        Err(DatabaseError::Open {
            storage: opened.name,
            problem: "it holds no studies".into(),
            is_transient: false,
        })
    }

    fn connected(address: &str) -> Result<Self, DatabaseError> {
        Ok(Self {
            connection: connect(address)?,
            address: address.to_owned(),
            name: without_password(address),
        })
    }

    fn failed(&self, error: &NoAnswer) -> DatabaseError {
        DatabaseError::Statement {
            storage: self.name.clone(),
            problem: in_words(error),
            is_transient: is_transient(error),
        }
    }
}

fn connect(address: &str) -> Result<Connection, DatabaseError> {
    let failed = |error: NoAnswer| cannot_open(address, &error);
    let for_good = |problem| DatabaseError::Open {
        storage: without_password(address),
        problem,
        is_transient: false,
    };
    let mut config: Config = address
        .parse()
        .map_err(|error| not_understood(address, error))?;
    password::complete(&mut config).map_err(for_good)?;
    match config.get_ssl_mode() {
        SslMode::Disable => Connection::open(&config, NoTls).map_err(failed),
        SslMode::Require => {
            let tls = encryption::checked().map_err(for_good)?;
            Connection::open(&config, tls).map_err(failed)
        }
        _ => Connection::open(&config, encryption::unchecked()).or_else(|error| {
            if !is_of_encryption(&error) {
                return Err(failed(error));
            }
            // If it does not go without encryption either, the first error counts.
            let plain = config.ssl_mode(SslMode::Disable);
            Connection::open(plain, NoTls).map_err(|_| failed(error))
        }),
    }
}

/// Whether a server that refused an encrypted connection may accept one that is not encrypted.
fn is_of_encryption(error: &NoAnswer) -> bool {
    let NoAnswer::Refused(error) = error else {
        return false;
    };
    let is_unwanted = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    is_unwanted || io_error(error).is_some_and(|io| io.kind() == ErrorKind::InvalidData)
}

fn io_error(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    use std::error::Error;
    error.source()?.downcast_ref()
}

/// An address with a mistake.
fn not_understood(address: &str, error: tokio_postgres::Error) -> DatabaseError {
    let mut problem = in_words(&NoAnswer::Refused(error));
    if problem.contains("`sslmode`") {
        problem +=
            "; it is `disable`, `prefer` or `require`, which checks certificate and name as well";
    }
    DatabaseError::Open {
        storage: without_password(address),
        problem,
        is_transient: false,
    }
}

fn cannot_open(address: &str, error: &NoAnswer) -> DatabaseError {
    DatabaseError::Open {
        storage: without_password(address),
        problem: in_words(error),
        is_transient: is_transient(error),
    }
}

/// Whether the server cannot be reached now, or has cancelled the transaction.
fn is_transient(error: &NoAnswer) -> bool {
    let NoAnswer::Refused(error) = error else {
        return true;
    };
    // What TLS does not accept, a certificate for one, arrives as invalid data, and will the next time.
    let is_io = io_error(error).is_some_and(|io| io.kind() != ErrorKind::InvalidData);
    // Connection lost; deadlock and the like; no room; locked; server going down or coming up.
    const CODES: [&str; 5] = ["08", "40", "53", "55P03", "57"];
    let has = |code: &SqlState| CODES.iter().any(|known| code.code().starts_with(known));
    error.is_closed() || is_io || error.code().is_some_and(has)
}

/// The library's own text omits the server's message.
fn in_words(error: &NoAnswer) -> String {
    use std::error::Error;
    match error {
        NoAnswer::Silence(time) => {
            let seconds = time.as_secs_f64();
            format!("no answer within {seconds} s; is the network up, and does the server run?")
        }
        NoAnswer::Refused(error) => {
            let cause = error.source().map(|source| format!(": {source}"));
            let problem = format!("{error}{}", cause.unwrap_or_default());
            let advice = match encryption::advice(error) {
                None if problem.contains("password missing") => Some(password::ADVICE.into()),
                advice => advice,
            };
            advice.map_or(problem.clone(), |advice| format!("{problem}; {advice}"))
        }
    }
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
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(kind, out),
            Self::Real(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::INT8, Type::FLOAT8, Type::TEXT].contains(kind)
    }

    to_sql_checked!();
}

/// Of the types that the tables have.
fn cells(row: &Row) -> Result<Vec<Cell>, tokio_postgres::Error> {
    let cell = |c: usize| -> Result<Cell, tokio_postgres::Error> {
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
        if self.connection.is_closed() {
            self.connection = connect(&self.address)?;
        }
        Ok(())
    }

    fn run(&mut self, statements: &str) -> Result<(), DatabaseError> {
        let done = self.connection.run(statements);
        done.map_err(|error| self.failed(&error))
    }

    fn execute(&mut self, statement: &str, parameters: &[Cell]) -> Result<usize, DatabaseError> {
        let done = self.connection.execute(statement, &borrowed(parameters));
        done.map(|rows| rows as usize)
            .map_err(|error| self.failed(&error))
    }

    fn query(
        &mut self,
        statement: &str,
        parameters: &[Cell],
    ) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        let rows = self.connection.query(statement, &borrowed(parameters));
        let rows = rows.and_then(|rows| Ok(rows.iter().map(cells).collect::<Result<_, _>>()?));
        rows.map_err(|error| self.failed(&error))
    }

    fn begin(&mut self, study: &str) -> Result<(), DatabaseError> {
        self.run("BEGIN")?;
        let lock = "SELECT study FROM studies WHERE study = $1 FOR UPDATE";
        let locked = self.query(lock, &[study.into()]);
        if locked.is_err() {
            // What went wrong first is the better thing to tell.
            let _ = self.run("ROLLBACK");
        }
        locked.map(|_| ())
    }

    fn has_table(&mut self, name: &str) -> Result<bool, DatabaseError> {
        let found = "SELECT relname::text FROM pg_class WHERE oid = to_regclass($1)";
        Ok(!self.query(found, &[name.into()])?.is_empty())
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
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::{Postgres, without_password};
    use crate::tune::database::DatabaseError;

    /// What becomes of a connection to a server that answers with `answer` and hangs up.
    fn refused(answer: &'static [u8], flags: &str) -> DatabaseError {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("postgres://x@{}/db{flags}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // What a client says first has less than this.
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(answer).unwrap();
        });
        let opened = Postgres::open(&address);
        server.join().unwrap();
        opened.err().unwrap()
    }

    #[test]
    fn what_tls_refuses_does_not_pass_and_a_lost_connection_does() {
        let lost = refused(b"", "?sslmode=disable");
        assert!(lost.is_transient(), "{lost}");
        // It takes up encryption (S), and then says what is no TLS.
        let refused = refused(b"Sno greeting of a server", "?sslmode=require");
        assert!(!refused.is_transient(), "{refused}");
    }

    #[test]
    fn an_unknown_sslmode_is_told_of_the_known_ones() {
        let error = Postgres::open("postgres://x:secret@127.0.0.1:1/db?sslmode=verify-full");
        let error = error.err().unwrap().to_string();
        assert!(
            error.contains("`require`") && !error.contains("secret"),
            "{error}"
        );
    }

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
