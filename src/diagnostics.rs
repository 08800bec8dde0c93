//! What the program says about itself: tracing into a log file and into the console's diagnostics
//! pane, panics into the log before the terminal is given back. Never to standard output, and
//! never a client library's bodies, which may hold secrets.

mod daily_file;

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::watch;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use self::daily_file::DailyFile;
use crate::private_files;

/// The variable that says what is logged: `target=level` words with commas between.
const LOG_VARIABLE: &str = "GREENROOM_LOG";

/// The targets of Greenroom's own events: the crate, and the two that name what they are about.
const OWN: [&str; 3] = ["greenroom", "release", "repair"];

/// How many lines may wait for the disk; more are left out of the file. Room for each is taken from
/// the first moment on: the library's own number would cost four megabytes.
const LINES_WAITING: usize = 4096;

/// Keeps the writer of the log alive until [`close`].
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// The first reason why a line is not in the file.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Whether there is a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFile {
    /// It is made when the first line is written.
    Wanted,
    /// Only where the variable says what is logged: the command is to leave nothing behind.
    IfAskedFor,
    /// There is none.
    Unwanted,
}

/// Installs the TLS provider, the log (a file only where one is wanted), and the reports of panics.
/// Once, first thing in `main`.
pub(crate) fn install(file: LogFile) -> color_eyre::Result<()> {
    // A second provider would make the Docker client panic; the first one to install wins.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("a TLS provider was installed already");
    }
    color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .install()?;
    let filter = filter();
    let is_wanted = match file {
        LogFile::Wanted => true,
        LogFile::IfAskedFor => std::env::var_os(LOG_VARIABLE).is_some(),
        LogFile::Unwanted => false,
    };
    let file = is_wanted.then(|| {
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING)
            .finish(LateFile::default());
        *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
        fmt::layer().with_ansi(false).with_writer(writer)
    });
    // The pane's layer puts every event it gets into words: without a filter of its own, each frame
    // that a client library tells of at trace would cost that and then be thrown away.
    tracing_subscriber::registry()
        .with(file.with_filter(filter.clone()))
        .with(tui_logger::TuiTracingSubscriberLayer.with_filter(filter.clone()))
        .with(Bell(said_sender()).with_filter(filter.clone()))
        .try_init()?;
    tracing::debug!("greenroom {} started", env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// Writes what still waits for the disk, and ends the log. Why lines are missing in the file, if any are.
pub(crate) fn close() -> Option<&'static str> {
    let guard = WRITER.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(guard);
    UNWRITTEN.get().map(String::as_str)
}

/// The log file, made when the first line is written.
#[derive(Default)]
struct LateFile(Option<DailyFile>);

impl LateFile {
    fn append(&mut self, line: &[u8]) -> io::Result<usize> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(make()?),
        };
        file.write(
            &jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            line,
        )
    }
}

fn make() -> io::Result<DailyFile> {
    let directory = log_directory()
        .ok_or_else(|| io::Error::other("there is no directory for it: set HOME"))?;
    let said = |error: &dyn Display| io::Error::other(format!("{}: {error}", directory.display()));
    private_files::create_directory(&directory).map_err(|error| said(&error))?;
    private_files::close(&directory).map_err(|error| said(&error))?;
    Ok(DailyFile::new(directory))
}

impl io::Write for LateFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.append(line);
        if let Err(error) = &written {
            // The first is the reason; the rest follows from it.
            let _ = UNWRITTEN.set(error.to_string());
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), DailyFile::flush)
    }
}

/// What is logged: Greenroom's own events at the level that the variable asks for (`info` without one), and warnings of
/// the libraries. Spans and fields cannot be chosen by: that would compile regular expressions whenever the program starts.
fn filter() -> Targets {
    let asked = std::env::var(LOG_VARIABLE).unwrap_or_default();
    filter_for(&asked)
}

/// A client library that logs in detail writes whole requests, with the environment of a container or a password in
/// them. So no level that is asked for lets a library say more than warnings.
fn filter_for(asked: &str) -> Targets {
    let words = if asked.trim().is_empty() {
        "info"
    } else {
        asked
    };
    let asked: Targets = words
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let default = asked.default_level().unwrap_or(LevelFilter::INFO);
    let of_libraries = |level: LevelFilter| level.min(LevelFilter::WARN);
    let mut filter = Targets::new()
        .with_default(of_libraries(default))
        .with_targets(OWN.map(|own| (own, default)));
    for (target, level) in &asked {
        let level = if is_own(target) {
            level
        } else {
            of_libraries(level)
        };
        filter = filter.with_target(target, level);
    }
    filter
}

fn is_own(target: &str) -> bool {
    let (of, _) = target.split_once("::").unwrap_or((target, ""));
    OWN.contains(&of)
}

/// Changes whenever something is said.
pub(crate) fn said() -> watch::Receiver<()> {
    said_sender().subscribe()
}

fn said_sender() -> &'static watch::Sender<()> {
    static SAID: OnceLock<watch::Sender<()>> = OnceLock::new();
    SAID.get_or_init(|| watch::channel(()).0)
}

/// Rings when something is said, for whoever shows it.
struct Bell(&'static watch::Sender<()>);

impl<S: tracing::Subscriber> Layer<S> for Bell {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.send_replace(());
    }
}

/// Where the log is: the user's state directory. None when it would depend on the working directory.
pub(crate) fn log_directory() -> Option<PathBuf> {
    let directories = directories::ProjectDirs::from("", "", "greenroom")?;
    let state = directories.state_dir();
    let state = state.unwrap_or_else(|| directories.data_local_dir());
    state.is_absolute().then(|| state.join("log"))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_library_logs_warnings_only_whatever_is_asked_for() {
        for asked in [
            "trace",
            "debug",
            "bollard=trace",
            "greenroom=info,hyper=debug",
            "h2=trace,trace",
            "",
        ] {
            let filter = filter_for(asked);
            for library in [
                "bollard",
                "bollard::docker",
                "hyper::proto",
                "h2",
                "reqwest",
            ] {
                assert!(
                    !filter.would_enable(library, &Level::INFO),
                    "{asked}: {library}"
                );
            }
            assert!(filter.would_enable("tower", &Level::WARN), "{asked}");
        }
    }

    #[test]
    fn our_own_events_are_logged_as_asked_for() {
        let enables = |asked: &str, target: &str, level: &Level| {
            filter_for(asked).would_enable(target, level)
        };
        for own in ["greenroom", "greenroom::release", "release", "repair"] {
            assert!(enables("", own, &Level::INFO), "{own}");
            assert!(!enables("", own, &Level::DEBUG), "{own}");
            assert!(enables("debug", own, &Level::DEBUG), "{own}");
            assert!(!enables("warn", own, &Level::INFO), "{own}");
            assert!(enables("not a level", own, &Level::INFO), "{own}");
        }
        assert!(enables(
            "greenroom::adapters=trace",
            "greenroom::adapters::etcd",
            &Level::TRACE
        ));
        assert!(!enables("off", "greenroom", &Level::ERROR));
    }
}
