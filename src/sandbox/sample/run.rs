//! Runs the sample application: opens the store, listens, serves until it is stopped, finishes the open requests and
//! stores the last calls.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::answers::{App, routes};
use super::calls::Calls;
use super::listen::{Listening, listen};
use super::migration::Migration;
use super::options::{Fault, InvalidOptions, SampleOptions};
use super::request_log::RequestLog;
use super::store::Store;

/// The limit for open requests at the end, because a client that does not read must not delay the end forever.
const FINISHES_WITHIN: Duration = Duration::from_secs(30);

/// How long a version works before its fault appears, if the fault does not appear at once.
const WELL_FOR: Duration = Duration::from_secs(3);

/// The limit for writing the last log lines.
const WRITES_WITHIN: Duration = Duration::from_secs(1);

/// Why the sample application could not run, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum SampleFailure {
    #[error(transparent)]
    Options(#[from] InvalidOptions),
    #[error("SIGTERM and SIGINT cannot be received: {0}")]
    Signals(io::Error),
    /// The application cannot listen on its address, or an error ended the listening.
    #[error("listening on {address} failed: {source}")]
    Listen {
        /// The address as configured.
        address: String,
        source: io::Error,
    },
    /// The store of calls and starts cannot be opened, read or written.
    #[error("the store of calls in {directory} cannot be used: {source}")]
    Store {
        directory: String,
        source: rusqlite::Error,
    },
    /// The configured fault made the application fail.
    #[error("this version crashes on purpose")]
    Crashed,
}

/// Runs with these arguments and the environment until SIGTERM or SIGINT. If the first argument is `migrate`, only runs
/// a migration. On failure, writes a line to standard error and returns exit code 1.
pub async fn main_from_environment(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    if let Some(("migrate", migration)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        return migrate(migration).await;
    }
    let ended = match SampleOptions::read(arguments, |name| std::env::var(name).ok()) {
        Ok(options) => until_signalled(options).await,
        Err(error) => Err(error.into()),
    };
    let Err(failure) = ended else {
        return ExitCode::SUCCESS;
    };
    let line = format!("sample application: {failure}\n");
    // A failure to write to standard error cannot be reported anywhere.
    drop(io::Write::write_all(&mut io::stderr(), line.as_bytes()));
    ExitCode::FAILURE
}

async fn migrate(arguments: &[String]) -> ExitCode {
    let migration = match Migration::read(arguments) {
        Ok(migration) => migration,
        Err(usage) => {
            drop(io::Write::write_all(&mut io::stderr(), usage.as_bytes()));
            return ExitCode::FAILURE;
        }
    };
    let data = std::env::var_os("SAMPLE_DATA").map(PathBuf::from);
    let migrating = tokio::task::spawn_blocking(move || migration.run(data.as_ref()));
    migrating.await.unwrap_or(ExitCode::FAILURE)
}

async fn until_signalled(options: SampleOptions) -> Result<(), SampleFailure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(SampleFailure::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(SampleFailure::Signals)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let listener = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    });
    let ended = serve(options, stop).await;
    listener.abort();
    ended
}

/// Serves until `stop`, then finishes the open requests and stores the last calls.
pub async fn serve(options: SampleOptions, stop: CancellationToken) -> Result<(), SampleFailure> {
    let (log, all_written) = RequestLog::start();
    let served = serve_logged(options, stop, log).await;
    // The wait is limited: standard output may be read slowly, and a connection that did not end keeps the log open.
    drop(timeout(WRITES_WITHIN, all_written).await);
    served
}

async fn serve_logged(
    options: SampleOptions,
    stop: CancellationToken,
    log: RequestLog,
) -> Result<(), SampleFailure> {
    if options.fault == Fault::Crash {
        log.warn(format_args!("{} cannot read its settings", options.version));
        return Err(SampleFailure::Crashed);
    }

    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let calls = open_calls(&options, &host)?;
    let listen_error = |source| SampleFailure::Listen {
        address: options.address.to_string(),
        source,
    };
    let listening = listen(&options.address).await.map_err(listen_error)?;
    let address = match &listening {
        Listening::Tcp(listener) => listener.local_addr().map_err(listen_error)?.to_string(),
        Listening::Unix(..) => options.address.to_string(),
    };
    log.info(format_args!("{} listens on {address}", options.version));

    let flush_log = log.clone();
    let flushing = tokio::spawn(calls.clone().keep_flushing(move |error| {
        flush_log.warn(format_args!("calls are not stored: {error}"));
    }));
    let app = Arc::new(App {
        version_header: HeaderValue::from_str(&options.version)
            .unwrap_or_else(|_| HeaderValue::from_static("unprintable")),
        host,
        started: Instant::now(),
        calls: calls.clone(),
        log: log.clone(),
        options: options.clone(),
    });
    let served = tokio::select! {
        served = serve_on(listening, app, stop) => served.map_err(listen_error),
        crashed = break_later(options.fault, &log) => Err(crashed),
    };

    flushing.abort();
    // The clone of the log in the flushing task must be dropped before waiting for the writer.
    drop(flushing.await);
    if let Err(error) = calls.flush().await {
        log.warn(format_args!("the last calls are lost: {error}"));
    }
    log.info(format_args!("{} has ended", options.version));
    served
}

/// Waits [`WELL_FOR`], and then makes a fault appear: for [`Fault::ShortLived`], returns the failure; for
/// [`Fault::Greedy`], uses more and more memory and never returns. For any other fault, waits forever.
async fn break_later(fault: Fault, log: &RequestLog) -> SampleFailure {
    if !matches!(fault, Fault::ShortLived | Fault::Greedy) {
        return std::future::pending().await;
    }
    sleep(WELL_FOR).await;
    if fault == Fault::ShortLived {
        log.warn(format_args!("the cache is corrupt"));
        return SampleFailure::Crashed;
    }
    let mut cached = Vec::new();
    loop {
        log.warn(format_args!("{} MiB are cached", cached.len()));
        // The memory is filled, because otherwise the kernel would only reserve it.
        cached.push(vec![1_u8; 1 << 20]);
        sleep(Duration::from_millis(5)).await;
    }
}

fn open_calls(options: &SampleOptions, host: &str) -> Result<Calls, SampleFailure> {
    let open = || {
        let store = Store::open(options.data.as_deref())?;
        let slot = options.slot.map(crate::inventory::Slot::as_str);
        store.record_start(&options.version, slot, host)?;
        Calls::new(store)
    };
    open().map_err(|source| SampleFailure::Store {
        directory: options
            .data
            .as_ref()
            .map_or_else(|| "memory".to_owned(), |path| path.display().to_string()),
        source,
    })
}

async fn serve_on(listening: Listening, app: Arc<App>, stop: CancellationToken) -> io::Result<()> {
    let routes = routes(app);
    let stopped = stop.clone().cancelled_owned();
    let (serving, socket) = match listening {
        Listening::Tcp(listener) => {
            let serving = axum::serve(listener, routes).with_graceful_shutdown(stopped);
            (tokio::spawn(serving.into_future()), None)
        }
        Listening::Unix(listener, socket) => {
            let serving = axum::serve(listener, routes).with_graceful_shutdown(stopped);
            (tokio::spawn(serving.into_future()), Some(socket))
        }
    };
    let abort = serving.abort_handle();
    let finished = async {
        stop.cancelled().await;
        sleep(FINISHES_WITHIN).await;
    };
    let ended = tokio::select! {
        ended = serving => ended.unwrap_or_else(|error| Err(io::Error::other(error))),
        () = finished => {
            abort.abort();
            Ok(())
        }
    };
    drop(socket);
    ended
}
