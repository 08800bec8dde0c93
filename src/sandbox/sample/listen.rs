//! Listening on a TCP address or a unix socket. A socket file that somebody answers on, or that
//! belongs to somebody else, is never touched.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use crate::inventory::Endpoint;

pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener, OwnSocket),
}

/// Binds. A TCP port may be any number, also 0.
pub(super) async fn listen(address: &Endpoint) -> io::Result<Listening> {
    match address {
        Endpoint::Tcp(address) => Ok(Listening::Tcp(TcpListener::bind(address).await?)),
        Endpoint::Unix(path) => {
            remove_stale(path)?;
            let listener = UnixListener::bind(path)?;
            // The proxy connects as a user of its own.
            fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
            let socket = OwnSocket::of(path)?;
            Ok(Listening::Unix(listener, socket))
        }
    }
}

/// The socket file that this process has made.
pub(super) struct OwnSocket {
    path: PathBuf,
    identity: (u64, u64),
}

impl OwnSocket {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            identity: (file.dev(), file.ino()),
        })
    }
}

impl Drop for OwnSocket {
    /// Removes the file unless a successor has put its own in this place.
    fn drop(&mut self) {
        let Ok(file) = fs::symlink_metadata(&self.path) else {
            return;
        };
        if (file.dev(), file.ino()) == self.identity {
            // Nobody is left to tell; a stale socket is removed by the next start.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        return Err(in_the_way(path, "is there and is no socket"));
    }
    if file.uid() != rustix::process::geteuid().as_raw() {
        return Err(in_the_way(path, "belongs to another user"));
    }
    match BlockingUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(in_the_way(path, "is in use")),
    }
}

fn in_the_way(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("{} {why}", path.display()),
    )
}
