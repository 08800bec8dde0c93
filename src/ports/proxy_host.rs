//! Where a proxy's files are and where its commands run: on this machine, or inside a container.
//! The proxy's adapter works on both through this trait.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ulid::Ulid;

use super::{Failure, FailureKind, Result};

/// How many bytes are written to test whether a file can be written.
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
    /// Identifies this file: a later file under the same name has another number.
    pub file: u64,
    /// How long the file is, in bytes.
    pub length: u64,
    /// The part, untrusted.
    pub bytes: Vec<u8>,
}

/// Where a file can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writable {
    /// In the directory itself.
    Here,
    /// The directory does not exist and can be created in this one.
    In(PathBuf),
}

/// The prefix of the names of staged links.
pub const STAGED: &str = ".staged-";

/// A file system and a way to run commands. Paths are as the proxy sees them.
#[async_trait]
pub trait ProxyHost: Send + Sync {
    /// The name of this place in messages: `this host`, `container edge`.
    fn place(&self) -> String;

    /// The content of a file; none if it does not exist.
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// At most `most` bytes of a file, starting at `from`; no bytes if the file is shorter. None if it
    /// does not exist. [`FailureKind::Unsupported`] where only whole files can be read.
    async fn read_part(&self, path: &Path, _from: u64, _most: usize) -> Result<Option<FilePart>> {
        let doing = format!("following {}", path.display());
        let said = "files in this place cannot be followed";
        Err(Failure::new(
            FailureKind::Unsupported,
            self.place(),
            doing,
            said,
        ))
    }

    /// The names in a directory; empty if it does not exist.
    async fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// Whether the directory exists. It is a failure if the name is not a directory.
    async fn is_directory(&self, path: &Path) -> Result<bool>;

    /// Tests that files can be written in a directory: writes one and removes it again. A directory that
    /// does not exist is not created. Instead the nearest existing parent is tested.
    async fn try_writing(&self, directory: &Path) -> Result<Writable> {
        for at in directory.ancestors() {
            if self.is_directory(at).await? {
                let file = at.join(format!(".greenroom-doctor-{}", Ulid::generate()));
                // An empty file can be created on a full disk.
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
        let doing = format!("looking for the directory {}", directory.display());
        let said = "none of its parent directories exists";
        let kind = FailureKind::Missing;
        Err(Failure::new(kind, self.place(), doing, said))
    }

    /// Replaces a file in one step, durable when it returns. Creates its directory.
    async fn write(&self, path: &Path, content: &[u8]) -> Result<()>;

    /// Removes a file; it is no error if it does not exist.
    async fn remove(&self, path: &Path) -> Result<()>;

    /// The target of a symbolic link; none if the link does not exist.
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>>;

    /// Creates a symbolic link under a new name in the directory of `link`, ready to replace it, and removes
    /// all other staged links there: a [`ProxyHost::put`] of one of them that is still in progress
    /// no longer changes anything. Creates the directory.
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf>;

    /// Replaces `link` by the staged link with one `rename(2)`, durable when it returns. Fails
    /// without a change if another link was staged since.
    async fn put(&self, staged: &Path, link: &Path) -> Result<()>;

    /// Runs a command without a shell. The adapter sets the deadline.
    async fn run(&self, command: &[String]) -> Result<CommandOutput>;

    /// The content of `/proc/net/{table}` (`tcp`, `tcp6`, `unix`) in the proxy's network namespace; none if it
    /// cannot be read.
    async fn socket_table(&self, table: &str) -> Result<Option<String>>;
}
