//! Runs commands inside a running container, through Docker's exec.

use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::Engine;
use super::connection::TooLarge;
use super::failure::{Act, oversized};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// The time limit of a command.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// The most bytes of output that are kept.
pub(super) const LONGEST: usize = 4 * 1024 * 1024;
/// How many times Greenroom asks for the exit code after the output has ended.
const MOST_CHECKS: u32 = 100;
/// The pause between two requests for the exit code.
const PAUSE: Duration = Duration::from_millis(20);

/// The result of a command: its exit code, its standard output, and its standard output together with its standard
/// error.
#[derive(Default)]
pub(super) struct ExecResult {
    pub(super) code: Option<i64>,
    pub(super) out: Vec<u8>,
    both: Vec<u8>,
    /// Whether there was more output than `LONGEST`.
    is_cut: bool,
}

impl ExecResult {
    pub(super) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// Adds output, up to its limit.
    fn keep(&mut self, frame: &LogOutput) {
        let bytes = frame.as_ref();
        let room = LONGEST.saturating_sub(self.both.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        if matches!(frame, LogOutput::StdOut { .. }) {
            self.out.extend_from_slice(kept);
        }
        self.both.extend_from_slice(kept);
        self.is_cut |= kept.len() < bytes.len();
    }

    /// Refuses cut output of a call that reads: a part of a file or a list would be a wrong answer.
    fn whole(self, act: Act, target: String, doing: &str) -> Result<Self> {
        if self.is_cut && act == Act::Read {
            return Err(oversized(
                TooLarge::over(LONGEST as u64),
                act,
                target,
                doing,
            ));
        }
        Ok(self)
    }

    /// The output of a command as text. Cut output ends with `…`.
    pub(super) fn text(&self) -> String {
        let end = if self.is_cut { "…" } else { "" };
        format!("{}{end}", String::from_utf8_lossy(&self.both))
    }
}

impl Engine {
    /// Runs a command in a container and waits for its end. `input` is its standard input.
    pub(super) async fn run_in(
        &self,
        container: &str,
        (act, doing): (Act, &str),
        argv: &[&str],
        input: Option<&[u8]>,
    ) -> Result<ExecResult> {
        let docker = self.docker().await?;
        let call = || exec(docker, container, argv, input);
        let ended = self.within(DEADLINE, act, doing, call).await;
        ended
            .map_err(|mut failure| {
                if failure.kind == FailureKind::Conflict {
                    // Docker answers with this status if the container is stopped or paused.
                    failure.kind = FailureKind::Unreachable;
                    failure.hint = "check that the container is running".into();
                }
                failure
            })?
            .whole(act, self.target(), doing)
    }

    /// The failure of a command that ended with another exit code than 0.
    pub(super) fn command_failed(&self, doing: &str, ended: &ExecResult) -> Failure {
        let output = sanitize(&String::from_utf8_lossy(&ended.both));
        let code = ended
            .code
            .map_or("no exit code".to_owned(), |c| format!("exit code {c}"));
        let message = format!("the command ended with {code}: {output}");
        self.refuse(FailureKind::Rejected, doing, message.trim_end_matches(": "))
    }
}

async fn exec(
    docker: &Docker,
    container: &str,
    argv: &[&str],
    input: Option<&[u8]>,
) -> std::result::Result<ExecResult, Error> {
    let config = ExecConfig {
        attach_stdin: Some(input.is_some()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(argv.iter().map(|&a| a.to_owned()).collect()),
        ..Default::default()
    };
    let exec = docker.create_exec(container, config).await?.id;
    let started = docker.start_exec(&exec, None::<StartExecOptions>).await?;
    let mut ended = ExecResult::default();
    if let StartExecResults::Attached {
        mut output,
        input: mut stdin,
    } = started
    {
        if let Some(bytes) = input {
            // The error is ignored: a command that exits without reading its input reports the reason in its exit
            // code.
            let _ = stdin.write_all(bytes).await;
            let _ = stdin.flush().await;
        }
        while let Some(frame) = output.next().await {
            ended.keep(&frame?);
        }
    }
    for _ in 0..MOST_CHECKS {
        let state = docker.inspect_exec(&exec).await?;
        if state.running != Some(true) {
            ended.code = state.exit_code;
            return Ok(ended);
        }
        sleep(PAUSE).await;
    }
    Err(Error::RequestTimeoutError)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(output: &[usize]) -> ExecResult {
        let mut result = ExecResult::default();
        for length in output {
            result.keep(&LogOutput::StdOut {
                message: vec![b'x'; *length].into(),
            });
        }
        result
    }

    #[test]
    fn a_file_above_the_limit_is_an_error_that_names_the_limit() {
        let read = |output: &[usize]| {
            with(output)
                .whole(Act::Read, "docker".into(), "reading /etc/a")
                .map(|result| result.out.len())
        };
        assert_eq!(read(&[LONGEST]).expect("within the limit"), LONGEST);
        let failure = read(&[LONGEST, 1]).expect_err("above the limit");
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("more than 4 MiB"), "{failure}");
    }

    #[test]
    fn cut_output_of_a_command_is_marked() {
        let command = with(&[LONGEST, 1]).whole(Act::Write, "docker".into(), "running nginx");
        let text = command.expect("the command has run").text();
        assert!(text.ends_with("x…"), "{}", text.len());
        assert!(!with(&[LONGEST]).text().ends_with('…'));
    }
}
