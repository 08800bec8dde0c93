//! The host of a proxy: its file system and its commands, on this machine or inside a container. The proxy's adapter
//! works on either kind of host through this trait.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ulid::Ulid;

use super::{Failure, FailureKind, Result};

/// The number of bytes that are written to test a directory. An empty file would prove nothing, because it can be
/// created even on a full disk.
const TEST_SIZE: usize = 16 * 1024;

/// The result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutput {
    /// The exit code; none if a signal ended the command or the code is unknown.
    pub code: Option<i64>,
    /// Standard output and standard error together. The text is untrusted.
    pub output: String,
}

/// A part of a file that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// Identifies the file. A later file under the same name has another number.
    pub file: u64,
    /// The length of the whole file in bytes.
    pub length: u64,
    /// The content of this part. It is untrusted.
    pub bytes: Vec<u8>,
}

/// Where [`ProxyHost::try_writing`] could write a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writable {
    /// The directory exists, and files can be written in it.
    Here,
    /// The directory does not exist, but can be created below this existing parent.
    In(PathBuf),
}

/// The name prefix of links that [`ProxyHost::stage`] creates.
pub const STAGED: &str = ".staged-";

/// The file system of a proxy, and its commands. Paths are as the proxy sees them.
#[async_trait]
pub trait ProxyHost: Send + Sync {
    /// The name of the host in messages: `this host`, `container edge`.
    fn place(&self) -> String;

    /// The content of a file; none if the file does not exist.
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>>;

    /// At most `most` bytes of a file, starting at `from`; no bytes if the file is shorter. None if the file does not
    /// exist. The failure is [`FailureKind::Unsupported`] if the host can read only whole files.
    async fn read_part(&self, path: &Path, _from: u64, _most: usize) -> Result<Option<FilePart>> {
        let doing = format!("following {}", path.display());
        let message = "a growing file on this host cannot be followed";
        Err(Failure::new(
            FailureKind::Unsupported,
            self.place(),
            doing,
            message,
        ))
    }

    /// The names in a directory; empty if the directory does not exist.
    async fn list(&self, directory: &Path) -> Result<Vec<String>>;

    /// Whether the directory exists. It is a failure if the path names something else.
    async fn is_directory(&self, path: &Path) -> Result<bool>;

    /// Tests that files can be written in a directory, by writing one and removing it again. If the directory does not
    /// exist, its nearest existing parent is tested. The call never creates a directory.
    async fn try_writing(&self, directory: &Path) -> Result<Writable> {
        for at in directory.ancestors() {
            if self.is_directory(at).await? {
                let file = at.join(format!(".greenroom-doctor-{}", Ulid::generate()));
                let written = self.write(&file, &[b'-'; TEST_SIZE]).await;
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
        let message = "the directory and all its parent directories do not exist";
        let kind = FailureKind::Missing;
        Err(Failure::new(kind, self.place(), doing, message))
    }

    /// Replaces a file in one step. The change is durable when the call returns. Creates the directory if it is
    /// missing.
    async fn write(&self, path: &Path, content: &[u8]) -> Result<()>;

    /// Removes a file. It is no error if the file does not exist.
    async fn remove(&self, path: &Path) -> Result<()>;

    /// The target of a symbolic link; none if the path does not exist or is not a link.
    async fn read_link(&self, path: &Path) -> Result<Option<PathBuf>>;

    /// Creates a symbolic link to `to` under a new name in the directory of `link`, ready for [`ProxyHost::put`], and
    /// returns its path. Creates the directory if it is missing. Removes all other staged links in that directory. If
    /// another call is about to `put` one of the removed links, that `put` fails and changes nothing.
    async fn stage(&self, link: &Path, to: &Path) -> Result<PathBuf>;

    /// Replaces `link` by the staged link with one `rename(2)`. The change is durable when the call returns. Fails
    /// without a change if another link has been staged after `staged`.
    async fn put(&self, staged: &Path, link: &Path) -> Result<()>;

    /// Runs a command without a shell. The adapter sets the deadline.
    async fn run(&self, command: &[String]) -> Result<CommandOutput>;

    /// The content of `/proc/net/{table}` (`tcp`, `tcp6`, `unix`) in the proxy's network namespace; none if it
    /// cannot be read.
    async fn socket_table(&self, table: &str) -> Result<Option<String>>;
}
