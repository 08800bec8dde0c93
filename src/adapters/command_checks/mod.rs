//! Runs the commands of checks as child processes.
//!
//! A shell around the command watches a pipe that only Greenroom has open. When the pipe closes, because the check is
//! over, was cancelled, or because Greenroom died, the shell kills the whole process group. So a command leaves nothing
//! running, whatever it has started in its group.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use ulid::Ulid;

use crate::checks::{
    Case, CaseReport, CommandCase, CommandEnd, CommandOutcome, LARGEST_REPORT, OutputMask,
    TestReport, judge_command, no_report, read_report,
};
use crate::inventory::{EnvironmentValue, Mask};
use crate::ports::{CheckOutput, CheckedCandidate, CommandChecks, OutputRecorder, Secrets};
use crate::private_files;

/// Runs `"$@"`, and kills the process group when descriptor 3, the pipe, is closed at its other end. Standard output and
/// error output are one pipe, so that they are read in the order in which they were written.
const WRAPPER: &str =
    r#"exec 3<&0 </dev/null 2>&1; (cat <&3; kill -KILL 0) >/dev/null 2>&1 & "$@" 3<&-"#;
/// The variables of the environment of Greenroom that a command gets.
const PASSED_ON: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER"];
/// How long the rest of the output is read after the command has ended. A process that it has left running may keep the
/// output open.
const REST_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs commands on this machine.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct LocalCommands {
    secrets: Arc<dyn Secrets>,
}

impl LocalCommands {
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets }
    }

    async fn outcome(
        &self,
        case: &Case,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        mask: BoxFuture<'_, OutputMask>,
        output: &CheckOutput,
    ) -> (CommandOutcome, Mask) {
        let began = Instant::now();
        let run = self.run_to_end(case, command, candidate, output).await;
        let took = began.elapsed();
        let mask = mask.await;
        let outcome = match run {
            Err(why) => CommandOutcome::not_started(&why, took, &mask.mask),
            Ok(Ended {
                end,
                output,
                report,
            }) => CommandOutcome {
                end,
                took,
                output: output.end(&mask),
                report: match report {
                    Some(report) => Some(report.read(&mask.mask).await),
                    None => None,
                },
            },
        };
        (outcome, mask.mask)
    }

    /// Runs the command until it ends or its timeout has passed. The error says why it was not started.
    async fn run_to_end(
        &self,
        case: &Case,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        output: &CheckOutput,
    ) -> Result<Ended, String> {
        let report = ReportFile::create(command.junit)
            .map_err(|error| format!("no directory for its report: {error}"))?;
        let mut child = self.start(command, candidate, report.as_ref()).await?;
        // Waiting for a child closes the pipe that the child still has.
        let pipe = child.stdin.take();
        let mut output = output.recorder(&case.name);
        let (end, left) = match timeout(case.timeout, until_end(&mut child, &mut output)).await {
            Ok(Ok(status)) => (ended(status), Duration::ZERO),
            Ok(Err(error)) => return Err(format!("waiting for it failed: {error}")),
            Err(_) => (CommandEnd::TimedOut, REST_TIMEOUT),
        };
        // Closing the pipe kills what is left of the process group.
        drop(pipe);
        let _ = timeout(left, child.wait()).await;
        Ok(Ended {
            end,
            output,
            report,
        })
    }

    async fn start(
        &self,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        report: Option<&ReportFile>,
    ) -> Result<Child, String> {
        let mut child = Command::new("/bin/sh");
        child
            .args(["-c", WRAPPER, "check"])
            .args(&command.command)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            // The environment of Greenroom contains credentials that are not for the command.
            .env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                child.env(name, value);
            }
        }
        for (name, value) in &command.environment {
            match value {
                EnvironmentValue::Plain(text) => child.env(name, text),
                EnvironmentValue::Secret(source) => {
                    let secret = self.secrets.kept(source).await;
                    let secret = secret.map_err(|failure| failure.to_string())?;
                    child.env(name, secret.expose_secret())
                }
            };
        }
        child.envs(candidate.variables());
        if let Some(report) = report {
            child.env("GREENROOM_REPORT", &report.file);
        }
        let program = command.command.first().map_or("", String::as_str);
        child
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))
    }
}

#[async_trait]
impl CommandChecks for LocalCommands {
    async fn run(
        &self,
        case: &Case,
        command: &CommandCase,
        candidate: &CheckedCandidate,
        mask: BoxFuture<'_, OutputMask>,
        output: &CheckOutput,
    ) -> CaseReport {
        let outcome = self.outcome(case, command, candidate, mask, output);
        let (outcome, mask) = outcome.await;
        let report = judge_command(case, outcome);
        CaseReport {
            request: mask.hide(&report.request),
            ..report
        }
    }
}

/// A command that has ended. Its output and its report are not masked yet.
struct Ended {
    end: CommandEnd,
    output: OutputRecorder,
    report: Option<ReportFile>,
}

fn ended(status: ExitStatus) -> CommandEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => CommandEnd::Exited(code),
        (None, signal) => CommandEnd::Killed(signal.unwrap_or_default()),
    }
}

/// Reads the output of a command until it ends.
async fn until_end(child: &mut Child, output: &mut OutputRecorder) -> std::io::Result<ExitStatus> {
    let mut source = child.stdout.take();
    let mut block = [0; 4096];
    let status = loop {
        tokio::select! {
            read = read(source.as_mut(), &mut block) => match read {
                0 => source = None,
                read => output.take(&block[..read]),
            },
            ended = child.wait() => break ended?,
        }
    };
    let _ = timeout(REST_TIMEOUT, rest(source, output)).await;
    Ok(status)
}

async fn rest(source: Option<impl AsyncRead + Unpin>, output: &mut OutputRecorder) {
    let Some(mut source) = source else { return };
    let mut block = [0; 4096];
    loop {
        match read(Some(&mut source), &mut block).await {
            0 => return,
            read => output.take(&block[..read]),
        }
    }
}

/// Reads some bytes. 0 at the end or after an error. Never returns if there is no source.
async fn read(source: Option<&mut (impl AsyncRead + Unpin)>, block: &mut [u8]) -> usize {
    match source {
        Some(source) => source.read(block).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// The file for the JUnit report of a command, in a directory of its own that is removed at the end.
struct ReportFile {
    directory: PathBuf,
    file: PathBuf,
}

impl ReportFile {
    fn create(is_wanted: bool) -> std::io::Result<Option<Self>> {
        if !is_wanted {
            return Ok(None);
        }
        let name = format!("greenroom-check-{}", Ulid::generate());
        let directory = std::env::temp_dir().join(name.to_lowercase());
        private_files::create_directory(&directory)?;
        let file = directory.join("report.xml");
        Ok(Some(Self { directory, file }))
    }

    async fn read(&self, mask: &Mask) -> Result<Vec<TestReport>, String> {
        let bytes = bytes_of(&self.file).await.map_err(no_report)?;
        let mask = mask.clone();
        let parsing = move || read_report(&bytes, &mask);
        let parsed = tokio::task::spawn_blocking(parsing).await;
        parsed.unwrap_or_else(|error| Err(format!("its JUnit report cannot be read: {error}")))
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            let directory = self.directory.display();
            tracing::warn!("the directory {directory} of a report was not removed: {error}");
        }
    }
}

async fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(LARGEST_REPORT + 1)
        .read_to_end(&mut bytes)
        .await?;
    Ok(bytes)
}
