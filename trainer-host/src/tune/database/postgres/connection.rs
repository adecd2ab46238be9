//! A connection that cannot hang: whoever asks gets an answer, or hears within a known time that there is none.
//!
//! A network that is cut without a word leaves the connection open, and so does a machine that stops. The operating
//! system may not notice for hours. So this side bounds the time until a connection stands, and the time between two
//! pieces of an answer; an answer as such may take as long as it needs. A connection that has been silent for too long
//! is given up. The server gives up its own side in the same way, so that a lock of a worker that is gone is free
//! again.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row, Socket};

/// Until a connection stands, name look-up, encryption and password included.
const CONNECTED_WITHIN: Duration = Duration::from_secs(6);
/// Between a question and the first piece of its answer, and between two pieces.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
/// The operating system asks for a sign of life after this much silence, and again after this much.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// So many signs of life may be missing.
const KEEP_ALIVES: u32 = 3;
/// Bytes that were sent may be without a receipt for this long.
const RECEIVED_WITHIN: Duration = Duration::from_secs(10);

/// What the server is to do on its side, unless its user or its administrator has said otherwise. Other workers hold
/// a study for milliseconds, so who waits longer for it asks again later.
const SERVER_SETTINGS: &str = "
SET client_min_messages = warning;
SELECT set_config(known.name, wanted.setting, false)
FROM pg_settings AS known JOIN (VALUES
    ('lock_timeout', '5s'),
    ('statement_timeout', '60s'),
    ('idle_in_transaction_session_timeout', '20s'),
    ('tcp_keepalives_idle', '5'),
    ('tcp_keepalives_interval', '5'),
    ('tcp_keepalives_count', '3'),
    ('tcp_user_timeout', '15000')
) AS wanted (name, setting) ON known.name = wanted.name
WHERE known.source = 'default'
";

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The server or the library says why.
    Refused(tokio_postgres::Error),
    /// Nothing came for so long. The connection is given up.
    Silence(Duration),
}

impl From<tokio_postgres::Error> for NoAnswer {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Refused(error)
    }
}

/// An open connection.
pub(super) struct Connection {
    /// `None` once the connection was given up.
    client: Option<Client>,
    /// It drives the connection while this thread waits. `None` while it is dropped.
    runtime: Option<Runtime>,
}

impl Connection {
    /// Connects as `config` says.
    pub(super) fn open<T>(config: &Config, tls: T) -> Result<Self, NoAnswer>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let mut config = config.clone();
        config
            .keepalives_idle(KEEP_ALIVE)
            .keepalives_interval(KEEP_ALIVE)
            .keepalives_retries(KEEP_ALIVES)
            .tcp_user_timeout(RECEIVED_WITHIN);
        let within = config.get_connect_timeout().copied();
        let within = within.unwrap_or(CONNECTED_WITHIN);
        // A thread and the system's timers are all that it needs; both are there, or nothing else works either.
        let runtime =
            (Builder::new_current_thread().enable_all().build()).expect("a runtime on this thread");
        let connected: Result<Client, NoAnswer> = runtime.block_on(async {
            let connecting = tokio::time::timeout(within, config.connect(tls)).await;
            let (client, connection) = connecting.map_err(|_| NoAnswer::Silence(within))??;
            // Whichever question is under way reports what goes wrong here.
            tokio::spawn(async move { connection.await.is_ok() });
            Ok(client)
        });
        let mut opened = Self {
            client: None,
            runtime: Some(runtime),
        };
        opened.client = Some(connected?);
        opened.run(SERVER_SETTINGS)?;
        Ok(opened)
    }

    /// Whether it was given up or lost.
    pub(super) fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// Runs statements without parameters.
    pub(super) fn run(&mut self, statements: &str) -> Result<(), NoAnswer> {
        self.ask(async |client| in_time(client.batch_execute(statements)).await)
    }

    /// Runs one statement and returns the number of rows that it changed.
    pub(super) fn execute(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, NoAnswer> {
        self.ask(async |client| in_time(client.execute(statement, parameters)).await)
    }

    /// The rows of a query.
    pub(super) fn query(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, NoAnswer> {
        self.ask(async |client| {
            let rows = client.query_raw(statement, parameters.iter().copied());
            let mut rows = pin!(in_time(rows).await?);
            let mut all = Vec::new();
            while let Some(row) = in_time(rows.try_next()).await? {
                all.push(row);
            }
            Ok(all)
        })
    }

    /// Gives the connection up if it does not answer: whatever came later would answer another question.
    fn ask<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, NoAnswer>,
    ) -> Result<T, NoAnswer> {
        let (Some(client), Some(runtime)) = (&self.client, &self.runtime) else {
            return Err(NoAnswer::Silence(ANSWERED_WITHIN));
        };
        let answer = runtime.block_on(ask(client));
        if let Err(NoAnswer::Silence(_)) = answer {
            self.client = None;
        }
        answer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.client = None;
        // A name look-up that hangs must not hang this thread as well.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the server says to a question, if it says anything.
async fn in_time<T>(
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, NoAnswer> {
    let answer = tokio::time::timeout(ANSWERED_WITHIN, answer).await;
    Ok(answer.map_err(|_| NoAnswer::Silence(ANSWERED_WITHIN))??)
}
