//! A proxy inside a running container: files and commands through Docker's exec. The container needs only the tools of
//! busybox or coreutils. A shell gets only fixed scripts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ulid::Ulid;

use super::Engine;
use super::exec::ExecResult;
use super::failure::Act;
use super::names::is_container_name;
use crate::ports::{CommandOutput, FailureKind, ProxyHost, Result, STAGED};
use crate::sanitize::sanitize;

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
        self.engine
            .run_in(&self.container, (act, doing), argv, input)
            .await
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
            Err(self.engine.command_failed(doing, &ended))
        }
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
            Err(self.engine.command_failed(&doing, &ended))
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
            Err(self.engine.command_failed(&doing, &ended))
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
                _ => return Err(self.engine.command_failed(&doing, &ended)),
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
            Err(self.engine.command_failed(&doing, &ended))
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
            _ => Err(self.engine.command_failed(&doing, &ended)),
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
