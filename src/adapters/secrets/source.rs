//! Reads one source once. The length of a file or of a command's output is limited. The caller limits the time. A
//! command leads a process group, and the whole group is killed if the command fails, prints too much, or takes too
//! long.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::inventory::SecretSource;
use crate::ports::FailureKind;

/// The most bytes of a file or of a command's output, including a final newline. A longer secret is refused, because a
/// part of a secret is useless.
pub(super) const LONGEST: u64 = 64 * 1024;

/// The secret, or the kind of failure and its description. The kind is `Garbled` if something was read that cannot be a
/// secret.
pub(super) type Read = Result<SecretString, (FailureKind, String)>;

/// The process group of a running command.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may have exited already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads a source. Dropping the future kills a command that is still running.
pub(super) async fn read(source: &SecretSource) -> Read {
    match source {
        SecretSource::Env(name) => from_variable(name),
        SecretSource::File(path) => from_file(path).await,
        SecretSource::Command(argv) => from_command(argv).await,
    }
}

fn from_variable(name: &str) -> Read {
    match std::env::var(name) {
        Ok(value) => secret(value.into_bytes()),
        Err(std::env::VarError::NotPresent) => {
            Err((FailureKind::Missing, "the variable is not set".into()))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err(not_text()),
    }
}

/// Reads a file in a separate thread. A thread of the runtime would delay the exit of the program if the file is on a
/// hanging server, or is a pipe without a writer.
async fn from_file(path: &Path) -> Read {
    let (sender, receiver) = oneshot::channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path);
        let read = file.and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        let _ = sender.send(read.map(|_| bytes));
    });
    let bytes = match receiver.await {
        Ok(read) => read.map_err(|error| io(&error))?,
        Err(_) => return Err((FailureKind::Unreachable, "the read failed".into())),
    };
    secret(short_enough(bytes)?)
}

async fn from_command(argv: &[String]) -> Read {
    let Some((program, arguments)) = argv.split_first() else {
        return Err((FailureKind::Rejected, "the command is empty".into()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // The error output of the command may contain the secret.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| io(&e))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group(pid.and_then(Pid::from_raw));
    let Some(output) = child.stdout.take() else {
        return Err((
            FailureKind::Garbled,
            "the output of the command cannot be read".into(),
        ));
    };
    let printed = limited(output).await?;
    let status = child.wait().await.map_err(|e| io(&e))?;
    if !status.success() {
        return Err((
            FailureKind::Rejected,
            format!("the command failed with {status}"),
        ));
    }
    // Processes that the command left running on purpose, such as a key agent, are not killed. A process that keeps
    // standard output open is killed: the read above does not end before the caller's time limit.
    group.0 = None;
    secret(printed)
}

async fn limited(source: impl AsyncRead + Unpin) -> Result<Vec<u8>, (FailureKind, String)> {
    let mut bytes = Vec::new();
    let mut limited = source.take(LONGEST + 1);
    limited.read_to_end(&mut bytes).await.map_err(|e| io(&e))?;
    short_enough(bytes)
}

fn short_enough(bytes: Vec<u8>) -> Result<Vec<u8>, (FailureKind, String)> {
    if bytes.len() as u64 > LONGEST {
        let message = format!("the secret is longer than {} KiB", LONGEST / 1024);
        return Err((FailureKind::Garbled, message));
    }
    Ok(bytes)
}

/// The text without one final newline, which editors and `echo` add.
fn secret(mut bytes: Vec<u8>) -> Read {
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    if bytes.is_empty() {
        return Err((FailureKind::Garbled, "the secret is empty".into()));
    }
    if bytes.contains(&0) {
        // A process's environment cannot contain a NUL byte.
        return Err((
            FailureKind::Garbled,
            "the secret contains a NUL byte".into(),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_text())?;
    Ok(SecretString::from(text))
}

fn not_text() -> (FailureKind, String) {
    (FailureKind::Garbled, "the secret is not UTF-8 text".into())
}

fn io(error: &std::io::Error) -> (FailureKind, String) {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FailureKind::Missing,
        std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
        _ => FailureKind::Unreachable,
    };
    (kind, error.to_string())
}
