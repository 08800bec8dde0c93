//! The application: this test program, in a container. Version `1.7.0` reads and writes the names of people in the column
//! `name_7`, and knows no other column.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

use super::column;

/// Set in the containers.
pub(super) const VARIABLE: &str = "GREENROOM_TEST_APPLICATION";
/// How many requests use the database at the same time.
const SESSIONS: usize = 4;

/// A connection to the database that stays open.
pub(super) struct Session {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _psql: Child,
}

impl Session {
    pub(super) fn open() -> Self {
        let mut psql = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("psql");
        let output = psql.stdout.take().expect("its output");
        Self {
            input: psql.stdin.take().expect("its input"),
            output: BufReader::new(output).lines(),
            _psql: psql,
        }
    }

    /// The one row of a statement; nothing after an error, which psql prints to the log.
    pub(super) async fn row(&mut self, sql: &str) -> Option<String> {
        let line = format!("{sql};\n");
        self.input.write_all(line.as_bytes()).await.ok()?;
        self.output.next_line().await.ok()?
    }
}

struct App {
    fault: String,
    sql: String,
    sessions: Vec<Mutex<Session>>,
    next: AtomicUsize,
}

/// Counts in the first row, adds a person with that number, and reads the newest people. Only after all this the answer
/// is good.
fn sql(version: &str) -> String {
    let name = column(version);
    format!(
        "WITH counted AS (UPDATE people SET {name} = ({name}::int + 1)::text WHERE id = 0 RETURNING {name}), \
         added AS (INSERT INTO people ({name}) SELECT '{version} ' || {name} FROM counted RETURNING id) \
         SELECT (SELECT count(*) FROM added), count({name}) \
         FROM (SELECT {name} FROM people ORDER BY id DESC LIMIT 20) AS newest"
    )
}

async fn index(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let session = app.next.fetch_add(1, Ordering::Relaxed) % SESSIONS;
    let row = app.sessions[session].lock().await.row(&app.sql).await;
    let is_good = row.as_deref() == Some("1|20");
    let row = row.unwrap_or_else(|| "the database has not answered".to_owned());
    if is_good {
        (StatusCode::OK, row)
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, row)
    }
}

async fn orders(State(app): State<Arc<App>>) -> StatusCode {
    match app.fault.as_str() {
        "failing-checks" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    }
}

/// Serves the version of this container until it is stopped.
pub(super) async fn serve() {
    let variable = |name| std::env::var(name).expect("a variable");
    let mut terminate = signal(SignalKind::terminate()).expect("a signal");
    let app = Arc::new(App {
        fault: variable("SAMPLE_FAULT"),
        sql: sql(&variable("SAMPLE_VERSION")),
        sessions: std::iter::repeat_with(|| Mutex::new(Session::open()))
            .take(SESSIONS)
            .collect(),
        next: AtomicUsize::new(0),
    });
    let routes = Router::new()
        .route("/", get(index))
        .route("/orders", get(orders))
        .route("/health", get(async || "ok\n"))
        .route("/version", get(async || "ok\n"))
        .with_state(app);
    let listener = TcpListener::bind(variable("SAMPLE_ADDRESS")).await;
    let serving = axum::serve(listener.expect("the address"), routes);
    let stopped = async move {
        terminate.recv().await;
    };
    let served = serving.with_graceful_shutdown(stopped).await;
    served.expect("it serves");
}
