//! Listens on a TCP address or a Unix socket. A socket file that is in use or that belongs to another user is never
//! removed.

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

/// Listens on an address. Any TCP port is allowed, including 0.
pub(super) async fn listen(address: &Endpoint) -> io::Result<Listening> {
    match address {
        Endpoint::Tcp(address) => Ok(Listening::Tcp(TcpListener::bind(address).await?)),
        Endpoint::Unix(path) => {
            remove_stale(path)?;
            let listener = UnixListener::bind(path)?;
            // The proxy may run as another user, so every user may connect.
            fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
            let socket = OwnSocket::of(path)?;
            Ok(Listening::Unix(listener, socket))
        }
    }
}

/// The socket file that this process has created.
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
    /// Removes the file unless a later process has replaced it.
    fn drop(&mut self) {
        let Ok(file) = fs::symlink_metadata(&self.path) else {
            return;
        };
        if (file.dev(), file.ino()) == self.identity {
            // A destructor cannot report an error. The next start removes a stale socket.
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
        return Err(address_in_use(path, "exists and is not a socket"));
    }
    if file.uid() != rustix::process::geteuid().as_raw() {
        return Err(address_in_use(path, "belongs to another user"));
    }
    match BlockingUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("{} cannot be tested: {error}", path.display()),
        )),
        Ok(_) => Err(address_in_use(path, "is in use")),
    }
}

fn address_in_use(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("{} {why}", path.display()),
    )
}
