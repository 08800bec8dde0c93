//! Where a proxy's files live and its commands run: this machine, or the inside of a container.
//! The proxy's adapter works through this, so that it need not know which.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ulid::Ulid;

use super::{Failure, FailureKind, Result};

/// How many bytes are written where it is tried whether a file can be.
const TRIED: usize = 16 * 1024;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i64>,
    /// Standard output and standard error together, untrusted.
    pub output: String,
}

/// A part of a file that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// What tells this file from another one under the same name, later.
    pub file: u64,
    /// How long the file is, in bytes.
    pub length: u64,
    /// The part, untrusted.
    pub bytes: Vec<u8>,
}

/// Where a file could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writable {
    /// In the directory itself.
    Here,
    /// The directory does not exist, and can be made in this one.
    In(PathBuf),
}

/// What the names of staged links begin with.
pub const STAGED: &str = ".staged-";

/// A file system and a way to run commands. Paths are the proxy's own.
#[async_trait]
pub trait ProxyHost: Send + Sync {
    /// How to say where this is: `this host`, `container edge`.
    fn place(&self) -> String;

    /// A file's content; none when there is no such file.
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// At most `most` bytes of a file, from `from` on; none of them where it is shorter. None when
    /// there is no such file. [`FailureKind::Unsupported`] where only whole files can be read.
    async fn read_part(&self, path: &Path, _from: u64, _most: usize) -> Result<Option<FilePart>> {
        let doing = format!("reading along {}", path.display());
        let said = "a log cannot be followed there";
        Err(Failure::new(
            FailureKind::Unsupported,
            self.place(),
            doing,
            said,
        ))
    }

    /// The names in a directory; empty when there is none.
    async fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// Whether there is a directory. Something else under that name is a failure.
    async fn is_directory(&self, path: &Path) -> Result<bool>;

    /// Proves that files can be written to a directory: writes one and removes it again. A directory that
    /// does not exist is not made; then the nearest one above it is tried, where it would be made.
    async fn try_writing(&self, directory: &Path) -> Result<Writable> {
        for at in directory.ancestors() {
            if self.is_directory(at).await? {
                let file = at.join(format!(".greenroom-doctor-{}", Ulid::generate()));
                // An empty file can be made on a full disk.
                let written = self.write(&file, &[b'-'; TRIED]).await;
                self.remove(&file).await?;
                written?;
                return Ok(if at == directory {
                    Writable::Here
                } else {
                    Writable::In(at.to_owned())
                });
            }
        }
        let doing = format!("looking for {}", directory.display());
        let said = "there is no directory above it";
        let kind = FailureKind::Missing;
        Err(Failure::new(kind, self.place(), doing, said))
    }

    /// Replaces a file in one step, durable when it returns. Makes its directory.
    async fn write(&self, path: &Path, content: &[u8]) -> Result<()>;

    /// Removes a file; one that is gone stays so.
    async fn remove(&self, path: &Path) -> Result<()>;

    /// Where a symbolic link points; none when there is none.
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>>;

    /// Makes a symbolic link under a new name beside `link`, ready to be put in its place, and removes
    /// every other one that was made so: a [`ProxyHost::put`] of those which is still on its way
    /// changes nothing any more. Makes the directory.
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf>;

    /// Puts what was staged in the place of `link` by one `rename(2)`, durable when it returns. Fails,
    /// and changes nothing, when another one was staged since.
    async fn put(&self, staged: &Path, link: &Path) -> Result<()>;

    /// Runs a command without a shell, with a deadline of its own.
    async fn run(&self, command: &[String]) -> Result<CommandOutput>;

    /// The content of `/proc/net/{table}` (`tcp`, `tcp6`, `unix`) as the proxy's network namespace sees it;
    /// none where that cannot be had.
    async fn socket_table(&self, table: &str) -> Result<Option<String>>;
}
