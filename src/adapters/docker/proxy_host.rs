//! A proxy inside a running container: files and commands through Docker's exec. The container needs only the tools of
//! busybox or coreutils. A shell gets only fixed scripts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use ulid::Ulid;

use super::Engine;
use super::connection::TooLarge;
use super::failure::{Act, oversized};
use super::names::is_container_name;
use crate::ports::{CommandOutput, FailureKind, ProxyHost, Result, STAGED};
use crate::sanitize::sanitize;

/// The time limit of a command.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// The most bytes of output that are kept.
pub(super) const LONGEST: usize = 4 * 1024 * 1024;
/// How many times Greenroom asks for the exit code after the output has ended.
const MOST_CHECKS: u32 = 100;
/// The pause between two requests for the exit code.
const PAUSE: Duration = Duration::from_millis(20);

/// Writes the first `$2` bytes of the input to a temporary file next to `$1`, syncs the file and renames it to `$1`.
/// The script gets the number of bytes, because some connections to Docker cannot close only their sending side. The
/// script checks the length, because a broken connection looks like the end of the input.
const WRITE: &str = r#"set -e
d=$(dirname -- "$1"); mkdir -p -- "$d"; t="$1.greenroom.$$"
trap 'rm -f -- "$t"' EXIT
head -c "$2" > "$t"
[ "$(wc -c < "$t")" -eq "$2" ]
sync "$t" 2>/dev/null || sync
mv -T -- "$t" "$1"
sync "$d" 2>/dev/null || sync"#;

/// Creates the staged link `$1` with the target `$2`, and removes links that were staged earlier.
const STAGE: &str = r#"set -e
d=$(dirname -- "$1"); mkdir -p -- "$d"
for t in "$d"/.staged-*; do [ ! -L "$t" ] || rm -f -- "$t"; done
ln -s -- "$2" "$1""#;

/// Renames the staged link `$1` to `$2`, which replaces the live link in one step.
const PUT: &str = r#"set -e
mv -T -- "$1" "$2"
d=$(dirname -- "$2"); sync "$d" 2>/dev/null || sync"#;

/// The file system and processes of a running container.
#[derive(Debug, Clone)]
pub struct ContainerHost {
    engine: Arc<Engine>,
    container: String,
}

/// The result of a command: its exit code, its standard output, and its standard output together with its standard
/// error.
#[derive(Default)]
struct ExecResult {
    code: Option<i64>,
    out: Vec<u8>,
    both: Vec<u8>,
    /// Whether there was more output than `LONGEST`.
    is_cut: bool,
}

impl ExecResult {
    fn succeeded(&self) -> bool {
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
    fn text(&self) -> String {
        let end = if self.is_cut { "…" } else { "" };
        format!("{}{end}", String::from_utf8_lossy(&self.both))
    }
}

impl ContainerHost {
    /// The container with this name or id.
    pub fn new(engine: Arc<Engine>, container: impl Into<String>) -> Self {
        Self {
            engine,
            container: container.into(),
        }
    }

    async fn execute(
        &self,
        act: Act,
        doing: &str,
        argv: &[&str],
        input: Option<&[u8]>,
    ) -> Result<ExecResult> {
        if !is_container_name(&self.container) {
            let message = format!(
                "{:?} is not a valid container name: correct it in the configuration",
                sanitize(&self.container)
            );
            return Err(self.engine.refuse(FailureKind::Rejected, doing, message));
        }
        let docker = self.engine.docker().await?;
        let call = || self.exec(docker, argv, input);
        let ended = self.engine.within(DEADLINE, act, doing, call).await;
        ended
            .map_err(|mut failure| {
                if failure.kind == FailureKind::Conflict {
                    // Docker answers with this status if the container is stopped or paused.
                    failure.kind = FailureKind::Unreachable;
                    failure.hint = "check that the container is running".into();
                }
                failure
            })?
            .whole(act, self.engine.target(), doing)
    }

    async fn exec(
        &self,
        docker: &Docker,
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
        let exec = docker.create_exec(&self.container, config).await?.id;
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

    /// Runs a fixed script. If it fails, its output becomes part of the failure.
    async fn script(
        &self,
        doing: &str,
        script: &str,
        arguments: [&str; 2],
        input: Option<&[u8]>,
    ) -> Result<()> {
        let [first, second] = arguments;
        let argv = ["sh", "-c", script, "sh", first, second];
        let ended = self.execute(Act::Write, doing, &argv, input).await?;
        if ended.succeeded() {
            Ok(())
        } else {
            Err(self.failed(doing, &ended))
        }
    }

    fn failed(&self, doing: &str, ended: &ExecResult) -> crate::ports::Failure {
        let output = sanitize(&String::from_utf8_lossy(&ended.both));
        let code = ended
            .code
            .map_or("no exit code".to_owned(), |c| format!("exit code {c}"));
        let message = format!("the command ended with {code}: {output}");
        self.engine
            .refuse(FailureKind::Rejected, doing, message.trim_end_matches(": "))
    }

    fn path_text<'a>(&self, path: &'a Path, doing: &str) -> Result<&'a str> {
        let text = path
            .to_str()
            .filter(|t| t.starts_with('/') && !t.contains('\0'));
        text.ok_or_else(|| {
            let message = "the path must be absolute and in UTF-8";
            self.engine.refuse(FailureKind::Rejected, doing, message)
        })
    }

    fn doing(&self, verb: &str, path: &Path) -> String {
        sanitize(&format!(
            "{verb} {} in container {}",
            path.display(),
            self.container
        ))
    }
}

#[async_trait]
impl ProxyHost for ContainerHost {
    fn place(&self) -> String {
        format!("container {}", sanitize(&self.container))
    }

    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let doing = self.doing("reading", path);
        let path = self.path_text(path, &doing)?;
        let ended = self
            .execute(Act::Read, &doing, &["cat", path], None)
            .await?;
        if ended.succeeded() {
            return Ok(Some(ended.out));
        }
        let test = self
            .execute(Act::Read, &doing, &["test", "-e", path], None)
            .await?;
        if test.code == Some(1) {
            Ok(None)
        } else {
            Err(self.failed(&doing, &ended))
        }
    }

    async fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let doing = self.doing("listing", directory);
        let path = self.path_text(directory, &doing)?;
        let ended = self
            .execute(Act::Read, &doing, &["ls", "-1A", path], None)
            .await?;
        if ended.succeeded() {
            let text = String::from_utf8_lossy(&ended.out);
            return Ok(text.lines().map(str::to_owned).collect());
        }
        let test = self
            .execute(Act::Read, &doing, &["test", "-e", path], None)
            .await?;
        if test.code == Some(1) {
            Ok(Vec::new())
        } else {
            Err(self.failed(&doing, &ended))
        }
    }

    async fn is_directory(&self, path: &Path) -> Result<bool> {
        let doing = self.doing("checking the directory", path);
        let path = self.path_text(path, &doing)?;
        for (test, answer) in [("-d", Ok(true)), ("-e", Err("the path is not a directory"))] {
            let ended = self
                .execute(Act::Read, &doing, &["test", test, path], None)
                .await?;
            match (ended.code, answer) {
                (Some(0), Ok(answer)) => return Ok(answer),
                (Some(0), Err(message)) => {
                    return Err(self.engine.refuse(FailureKind::Rejected, doing, message));
                }
                (Some(1), _) => {}
                _ => return Err(self.failed(&doing, &ended)),
            }
        }
        Ok(false)
    }

    async fn write(&self, path: &Path, content: &[u8]) -> Result<()> {
        let doing = self.doing("writing", path);
        let path = self.path_text(path, &doing)?;
        let length = content.len().to_string();
        self.script(&doing, WRITE, [path, &length], Some(content))
            .await
    }

    async fn remove(&self, path: &Path) -> Result<()> {
        let doing = self.doing("removing", path);
        let path = self.path_text(path, &doing)?;
        let ended = self
            .execute(Act::Write, &doing, &["rm", "-f", path], None)
            .await?;
        if ended.succeeded() {
            Ok(())
        } else {
            Err(self.failed(&doing, &ended))
        }
    }

    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>> {
        let doing = self.doing("reading the link", path);
        let path = self.path_text(path, &doing)?;
        let ended = self
            .execute(Act::Read, &doing, &["readlink", path], None)
            .await?;
        match ended.code {
            Some(0) => {
                let text = String::from_utf8_lossy(&ended.out);
                Ok(Some(PathBuf::from(text.trim_end_matches('\n'))))
            }
            Some(1) => Ok(None),
            _ => Err(self.failed(&doing, &ended)),
        }
    }

    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf> {
        let doing = self.doing("staging the link", link);
        let staged = link.with_file_name(format!("{STAGED}{}", Ulid::generate()));
        let at = self.path_text(&staged, &doing)?;
        let Some(to) = to.to_str() else {
            let message = "the target of the link is not in UTF-8";
            return Err(self.engine.refuse(FailureKind::Rejected, doing, message));
        };
        self.script(&doing, STAGE, [at, to], None).await?;
        Ok(staged)
    }

    async fn put(&self, staged: &Path, link: &Path) -> Result<()> {
        let doing = self.doing("replacing the link", link);
        let (from, to) = (
            self.path_text(staged, &doing)?,
            self.path_text(link, &doing)?,
        );
        self.script(&doing, PUT, [from, to], None).await
    }

    async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        let argv: Vec<&str> = command.iter().map(String::as_str).collect();
        let program = argv.first().copied().unwrap_or_default();
        let doing = sanitize(&format!(
            "running {program} in container {}",
            self.container
        ));
        let ended = self.execute(Act::Write, &doing, &argv, None).await?;
        Ok(CommandOutput {
            code: ended.code,
            output: ended.text(),
        })
    }

    async fn socket_table(&self, table: &str) -> Result<Option<String>> {
        if !matches!(table, "tcp" | "tcp6") {
            return Ok(None);
        }
        let doing = format!(
            "reading the connections of container {}",
            sanitize(&self.container)
        );
        let path = format!("/proc/net/{table}");
        let ended = self
            .execute(Act::Read, &doing, &["cat", &path], None)
            .await?;
        let text = || String::from_utf8_lossy(&ended.out).into_owned();
        Ok(ended.succeeded().then(text))
    }
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
