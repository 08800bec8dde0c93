//! Reads secrets from where the configuration says they are: a variable of the environment, a file, or what a command
//! prints. The secret is the whole text less one final newline. Must not keep, log or describe a value.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::harmless::harmless;
use crate::inventory::SecretSource;
use crate::ports::{Failure, FailureKind, Result, Secrets};

/// How long a file or a command may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many bytes a secret may have. A longer one is refused: a part of a secret is not a secret.
const LONGEST: u64 = 64 * 1024;

/// Reads each kind of source on this machine.
#[derive(Debug, Clone, Copy)]
pub struct LocalSecrets {
    deadline: Duration,
}

impl Default for LocalSecrets {
    fn default() -> Self {
        Self { deadline: DEADLINE }
    }
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn read(&self, source: &SecretSource) -> Result<SecretString> {
        let work = async {
            match source {
                SecretSource::Env(name) => from_variable(name),
                SecretSource::File(path) => from_file(path).await,
                SecretSource::Command(argv) => from_command(argv).await,
            }
        };
        // Dropping a command that is too slow kills it.
        let text = timeout(self.deadline, work).await.unwrap_or_else(|_| {
            Err((
                FailureKind::Unreachable,
                format!("not within {} s", self.deadline.as_secs()),
            ))
        });
        text.map_err(|(kind, said)| Failure::new(kind, name(source), "reading the secret", said))
    }
}

type Read = std::result::Result<SecretString, (FailureKind, String)>;

/// How a source is called in a failure. Of a command only the program: its arguments may be secret.
fn name(source: &SecretSource) -> String {
    let name = match source {
        SecretSource::Env(name) => format!("environment variable {name}"),
        SecretSource::File(path) => format!("file {}", path.display()),
        SecretSource::Command(argv) => match argv.first() {
            Some(program) => format!("command {program}"),
            None => "command".to_owned(),
        },
    };
    harmless(&name)
}

fn from_variable(name: &str) -> Read {
    match std::env::var(name) {
        Ok(value) => secret(value.into_bytes()),
        Err(std::env::VarError::NotPresent) => Err((FailureKind::Missing, "it is not set".into())),
        Err(std::env::VarError::NotUnicode(_)) => Err(not_text()),
    }
}

async fn from_file(path: &Path) -> Read {
    let file = tokio::fs::File::open(path).await.map_err(|e| io(&e))?;
    secret(limited(file).await?)
}

async fn from_command(argv: &[String]) -> Read {
    let Some((program, arguments)) = argv.split_first() else {
        return Err((FailureKind::Rejected, "it is empty".into()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it complains may quote the secret.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| io(&e))?;
    let Some(output) = child.stdout.take() else {
        return Err((FailureKind::Garbled, "its output cannot be read".into()));
    };
    let printed = limited(output).await?;
    let status = child.wait().await.map_err(|e| io(&e))?;
    if !status.success() {
        return Err((FailureKind::Rejected, format!("it ended with {status}")));
    }
    secret(printed)
}

async fn limited(
    source: impl AsyncRead + Unpin,
) -> std::result::Result<Vec<u8>, (FailureKind, String)> {
    let mut bytes = Vec::new();
    let mut limited = source.take(LONGEST + 1);
    limited.read_to_end(&mut bytes).await.map_err(|e| io(&e))?;
    if bytes.len() as u64 > LONGEST {
        let said = format!("it is longer than {} KiB", LONGEST / 1024);
        return Err((FailureKind::Rejected, said));
    }
    Ok(bytes)
}

/// The whole text less one final newline, which editors and `echo` add.
fn secret(mut bytes: Vec<u8>) -> Read {
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    if bytes.is_empty() {
        return Err((FailureKind::Missing, "it is empty".into()));
    }
    if bytes.contains(&0) {
        // No variable of a process can carry one.
        return Err((FailureKind::Garbled, "it has a NUL byte in it".into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_text())?;
    Ok(SecretString::from(text))
}

fn not_text() -> (FailureKind, String) {
    (FailureKind::Garbled, "it is not UTF-8 text".into())
}

fn io(error: &std::io::Error) -> (FailureKind, String) {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FailureKind::Missing,
        std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
        _ => FailureKind::Unreachable,
    };
    (kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    async fn read(source: SecretSource) -> Result<String> {
        let secret = LocalSecrets::default().read(&source).await?;
        Ok(secret.expose_secret().to_owned())
    }

    fn command(argv: &[&str]) -> SecretSource {
        SecretSource::Command(argv.iter().map(|&a| a.to_owned()).collect())
    }

    #[tokio::test]
    async fn the_secret_is_the_whole_text_less_one_final_newline() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (written, secret) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            ("hunter2\n\n", "hunter2\n"),
            (" p w \n", " p w "),
            ("\nsecond\n", "\nsecond"),
            (
                "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n",
                "-----BEGIN KEY-----\nAAAA\n-----END KEY-----",
            ),
        ] {
            std::fs::write(file.path(), written).expect("written");
            let from_file = read(SecretSource::File(file.path().into())).await;
            assert_eq!(from_file.expect("a secret"), secret, "{written:?}");
            let from_command = read(command(&["printf", "%s", written])).await;
            assert_eq!(from_command.expect("a secret"), secret, "{written:?}");
        }
        let from_env = read(SecretSource::Env("PATH".into())).await;
        assert_eq!(from_env.ok(), std::env::var("PATH").ok());
    }

    #[tokio::test]
    async fn a_text_that_cannot_be_a_whole_secret_is_refused() {
        let long = "x".repeat(64 * 1024 + 1);
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (written, said) in [
            (long.as_bytes(), "64 KiB"),
            (b"hunter\0two", "NUL"),
            (b"hunter\xff", "UTF-8"),
            (b"\n", "empty"),
        ] {
            std::fs::write(file.path(), written).expect("written");
            let failure = read(SecretSource::File(file.path().into())).await;
            let failure = failure.expect_err("refused");
            assert!(failure.said.contains(said), "{failure}");
            assert!(!failure.to_string().contains("hunter"), "{failure}");
        }
        let endless = read(command(&["yes"])).await.expect_err("refused");
        assert!(endless.said.contains("64 KiB"), "{endless}");
    }

    #[tokio::test]
    async fn a_command_is_not_given_to_a_shell() {
        let printed = read(command(&["echo", "$HOME; id"])).await;
        assert_eq!(printed.expect("a secret"), "$HOME; id");
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let missing = [
            (
                SecretSource::Env("GREENROOM_NO_SUCH".into()),
                "GREENROOM_NO_SUCH",
            ),
            (SecretSource::File("/no/such/file".into()), "/no/such/file"),
            (command(&["/no/such/program"]), "/no/such/program"),
            (command(&["true"]), "command true"),
        ];
        for (source, named) in missing {
            let failure = read(source).await.expect_err("a failure");
            assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
            assert!(failure.to_string().contains(named), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_failing_command_shows_neither_its_output_nor_its_arguments() {
        let failing = command(&["sh", "-c", "echo hunter2; echo hunter3 >&2; exit 3"]);
        let failure = read(failing).await.expect_err("a failure");
        assert!(
            !format!("{failure} {failure:?}").contains("hunter"),
            "{failure:?}"
        );
        assert!(failure.said.contains('3'), "{failure}");
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_given_up() {
        let secrets = LocalSecrets {
            deadline: Duration::from_millis(100),
        };
        let Err(failure) = secrets.read(&command(&["sleep", "60"])).await else {
            panic!("it did not hang");
        };
        assert_eq!(failure.kind, FailureKind::Unreachable);
    }
}
