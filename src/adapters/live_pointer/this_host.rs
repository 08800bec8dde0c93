//! This machine as the host of a proxy: its files and commands. The contents of files are not interpreted. Every call
//! has a time limit. A write that exceeds the time limit may still take effect.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::time::timeout;

use super::durable;
use crate::ports::{CommandOutput, Failure, FailureKind, FilePart, ProxyHost, Result};
use crate::sanitize::sanitize;

/// The time limit of one call.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait for the rest of the output after a command has ended. The wait is limited because a child process
/// may keep the pipe open.
const OUTPUT_GRACE: Duration = Duration::from_millis(200);

/// The most bytes of output that are kept. The limit is high because `nginx -T` prints the whole configuration.
pub(super) const MOST_OUTPUT: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, Default)]
pub struct ThisHost;

#[async_trait]
impl ProxyHost for ThisHost {
    fn place(&self) -> String {
        "this host".to_owned()
    }

    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let at = path.to_owned();
        read_blocking("reading", path, move || durable::read(&at)).await
    }

    async fn read_part(&self, path: &Path, from: u64, most: usize) -> Result<Option<FilePart>> {
        let at = path.to_owned();
        read_blocking("reading the end of", path, move || {
            durable::read_part(&at, from, most)
        })
        .await
    }

    async fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let at = directory.to_owned();
        read_blocking("listing the directory", directory, move || {
            durable::list(&at)
        })
        .await
    }

    async fn is_directory(&self, path: &Path) -> Result<bool> {
        let at = path.to_owned();
        read_blocking("checking the directory", path, move || {
            durable::is_directory(&at)
        })
        .await
    }

    async fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let (at, content) = (path.to_owned(), content.to_vec());
        write_blocking("writing", path, move || durable::write(&at, &content)).await
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        let at = path.to_owned();
        write_blocking("removing", path, move || durable::remove(&at)).await
    }

    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        let at = path.to_owned();
        read_blocking("reading the link", path, move || durable::read_link(&at)).await
    }

    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf> {
        let (at, to) = (link.to_owned(), to.to_owned());
        let late = FailureKind::Ambiguous;
        run_blocking(late, "creating a new link for", link, move || {
            durable::stage(&at, &to)
        })
        .await
    }

    async fn put(&self, staged: &Path, link: &Path) -> Result<()> {
        let (from, to) = (staged.to_owned(), link.to_owned());
        write_blocking("replacing the link", link, move || durable::put(&from, &to)).await
    }

    async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        let doing = format!("running {}", sanitize(&command.join(" ")));
        match timeout(DEADLINE, run(command)).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(from_io(error, doing)),
            // Dropping the future kills the command. It is unknown what the command has changed until then.
            Err(_) => Err(too_long(FailureKind::Ambiguous, doing)),
        }
    }

    async fn socket_table(&self, table: &str) -> Result<Option<String>> {
        if !matches!(table, "tcp" | "tcp6" | "unix") {
            return Ok(None);
        }
        let path = Path::new("/proc/net").join(table);
        let at = path.clone();
        let content = read_blocking("reading", &path, move || durable::read(&at)).await?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

async fn run(command: &[String]) -> io::Result<CommandOutput> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the command is empty",
        ));
    };
    // One pipe for both streams keeps the order in which the lines were written.
    let (reader, writer) = io::pipe()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .kill_on_drop(true)
        .spawn()?;
    let mut reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let mut kept = Vec::new();
    let status = tokio::select! {
        status = child.wait() => status?,
        ended = drain(&mut reader, &mut kept) => {
            ended?;
            child.wait().await?
        }
    };
    if let Ok(ended) = timeout(OUTPUT_GRACE, drain(&mut reader, &mut kept)).await {
        ended?;
    }
    let mut output = String::from_utf8_lossy(&kept).into_owned();
    if kept.len() == MOST_OUTPUT {
        output.push('…');
    }
    Ok(CommandOutput {
        code: status.code().map(i64::from),
        output,
    })
}

/// Reads to the end and keeps the first [`MOST_OUTPUT`] bytes. The rest is read too, so that the command never blocks
/// on a full pipe.
async fn drain(reader: &mut pipe::Receiver, kept: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    loop {
        let read = reader.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        let room = MOST_OUTPUT - kept.len();
        kept.extend_from_slice(&chunk[..read.min(room)]);
    }
}

async fn read_blocking<T: Send + 'static>(
    verb: &str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    run_blocking(FailureKind::Unreachable, verb, path, work).await
}

async fn write_blocking(
    verb: &str,
    path: &Path,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<()> {
    run_blocking(FailureKind::Ambiguous, verb, path, work).await
}

async fn run_blocking<T: Send + 'static>(
    when_late: FailureKind,
    verb: &str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let doing = format!("{verb} {}", sanitize(&path.display().to_string()));
    match timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(from_io(error, doing)),
        Ok(Err(broken)) => Err(from_io(io::Error::other(broken), doing)),
        Err(_) => Err(too_long(when_late, doing)),
    }
}

fn too_long(kind: FailureKind, doing: String) -> Failure {
    let message = format!("no result within {} s", DEADLINE.as_secs());
    Failure::new(kind, "this host", doing, message)
}

fn from_io(error: io::Error, doing: String) -> Failure {
    let kind = match error.kind() {
        ErrorKind::NotFound => FailureKind::Missing,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
        _ => FailureKind::Rejected,
    };
    Failure::new(kind, "this host", doing, sanitize(&error.to_string())).caused_by(error)
}
