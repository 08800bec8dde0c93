//! The log and the panic reports of this program. Events go to a log file and to the console's diagnostics pane. A
//! panic is reported on standard error. Nothing goes to standard output. The bodies of a client library's requests are
//! never logged, because they may contain secrets.

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

/// The variable that selects what is logged: `target=level` words separated by commas.
const LOG_VARIABLE: &str = "GREENROOM_LOG";

/// The log targets of Greenroom's own events: the crate, and the subjects `release` and `repair`.
const OWN: [&str; 3] = ["greenroom", "release", "repair"];

/// How many lines may wait for the disk. Further lines are left out of the file. The queue is allocated at the start,
/// and the library's default size would take four megabytes.
const LINES_WAITING: usize = 4096;

/// Keeps the writer of the log alive until [`close`].
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// The first reason why a line could not be written to the file.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Whether to write a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFile {
    /// The file is created with the first line.
    Wanted,
    /// The file is created only if [`LOG_VARIABLE`] is set, because the command must not leave files behind.
    OnRequest,
    Unwanted,
}

/// Installs the log and the panic reports. Must be called once, at the start of `main`.
pub(crate) fn install(file: LogFile) -> color_eyre::Result<()> {
    color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .install()?;
    let filter = filter();
    let is_wanted = match file {
        LogFile::Wanted => true,
        LogFile::OnRequest => std::env::var_os(LOG_VARIABLE).is_some(),
        LogFile::Unwanted => false,
    };
    let file = is_wanted.then(|| {
        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING)
            .finish(LateFile::default());
        *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
        fmt::layer().with_ansi(false).with_writer(writer)
    });
    // The pane's layer formats every event that it gets. Without a filter of its own, the layer would format each trace
    // event of a client library, and the pane would not show it.
    tracing_subscriber::registry()
        .with(file.with_filter(filter.clone()))
        .with(tui_logger::TuiTracingSubscriberLayer.with_filter(filter.clone()))
        .with(Bell(event_sender()).with_filter(filter.clone()))
        .try_init()?;
    tracing::debug!("greenroom {} started", env!("CARGO_PKG_VERSION"));
    Ok(())
}

/// Writes the lines that still wait for the disk and closes the log. Returns the error of the first line that could not
/// be written to the file, if there was one.
pub(crate) fn close() -> Option<&'static str> {
    let guard = WRITER.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(guard);
    UNWRITTEN.get().map(String::as_str)
}

/// The log file, created with the first line.
#[derive(Default)]
struct LateFile(Option<DailyFile>);

impl LateFile {
    fn append(&mut self, line: &[u8]) -> io::Result<usize> {
        let file = match &mut self.0 {
            Some(file) => file,
            none => none.insert(create()?),
        };
        file.write(
            &jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            line,
        )
    }
}

fn create() -> io::Result<DailyFile> {
    let directory = log_directory().ok_or_else(|| {
        io::Error::other("the directory of the log is not known: set HOME to an absolute path")
    })?;
    let with_path =
        |error: &dyn Display| io::Error::other(format!("{}: {error}", directory.display()));
    private_files::create_directory(&directory).map_err(|error| with_path(&error))?;
    private_files::remove_access_of_others(&directory).map_err(|error| with_path(&error))?;
    Ok(DailyFile::new(directory))
}

impl io::Write for LateFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.append(line);
        if let Err(error) = &written {
            // The first error is the reason. Later errors follow from it.
            let _ = UNWRITTEN.set(error.to_string());
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), DailyFile::flush)
    }
}

/// Selects what is logged: Greenroom's own events at the level in the variable (`info` without one), and warnings of
/// the libraries. Spans and fields cannot be selected: a filter for them would compile regular expressions at every
/// start.
fn filter() -> Targets {
    let selection = std::env::var(LOG_VARIABLE).unwrap_or_default();
    filter_for(&selection)
}

/// The filter for the text of the variable. Libraries log warnings at most, whatever level the text names: in detailed
/// logs, a client library writes whole requests, which may contain a container's environment or a password.
fn filter_for(selection: &str) -> Targets {
    let directives = if selection.trim().is_empty() {
        "info"
    } else {
        selection
    };
    let selection: Targets = directives
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let default = selection.default_level().unwrap_or(LevelFilter::INFO);
    let limited = |level: LevelFilter| level.min(LevelFilter::WARN);
    let mut filter = Targets::new()
        .with_default(limited(default))
        .with_targets(OWN.map(|own| (own, default)));
    for (target, level) in &selection {
        let level = if is_own(target) {
            level
        } else {
            limited(level)
        };
        filter = filter.with_target(target, level);
    }
    filter
}

fn is_own(target: &str) -> bool {
    let (of, _) = target.split_once("::").unwrap_or((target, ""));
    OWN.contains(&of)
}

/// A receiver that changes with each logged event.
pub(crate) fn logged_events() -> watch::Receiver<()> {
    event_sender().subscribe()
}

fn event_sender() -> &'static watch::Sender<()> {
    static SENDER: OnceLock<watch::Sender<()>> = OnceLock::new();
    SENDER.get_or_init(|| watch::channel(()).0)
}

/// Notifies the receivers of [`logged_events`] of each event.
struct Bell(&'static watch::Sender<()>);

impl<S: tracing::Subscriber> Layer<S> for Bell {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.0.send_replace(());
    }
}

/// The directory of the log, in the user's state directory. None if there is no home directory, or if the path would be
/// relative.
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
    fn a_library_logs_only_warnings_at_every_level() {
        for selection in [
            "trace",
            "debug",
            "bollard=trace",
            "greenroom=info,hyper=debug",
            "h2=trace,trace",
            "",
        ] {
            let filter = filter_for(selection);
            for library in [
                "bollard",
                "bollard::docker",
                "hyper::proto",
                "h2",
                "reqwest",
            ] {
                assert!(
                    !filter.would_enable(library, &Level::INFO),
                    "{selection}: {library}"
                );
            }
            assert!(filter.would_enable("tower", &Level::WARN), "{selection}");
        }
    }

    #[test]
    fn own_events_are_logged_at_the_selected_level() {
        let enables = |selection: &str, target: &str, level: &Level| {
            filter_for(selection).would_enable(target, level)
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
