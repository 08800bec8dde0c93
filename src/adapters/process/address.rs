//! Checks whether an address is in use, and prepares the path of a unix socket.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::inventory::Endpoint;
use crate::port_check;

/// Why no process can listen at an address. None if the address is free.
pub(super) fn taken(endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        // Binding is the only reliable test, because the program will do the same.
        Endpoint::Tcp(address) => match port_check::check(*address) {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Some(format!("another process listens on {address}"))
            }
            Err(error) => Some(format!("no process can listen on {address}: {error}")),
        },
        Endpoint::Unix(path) => path_taken(path),
    }
}

fn path_taken(path: &Path) -> Option<String> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return None;
    };
    if !metadata.file_type().is_socket() {
        return Some(format!("{} exists and is not a socket", path.display()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
        _ => Some(format!(
            "another process may be listening on {}",
            path.display()
        )),
    }
}

/// Prepares the path of a unix socket: creates its directory, and removes the file at the path. The caller has checked
/// with [`taken`] that no process listens on the path. Does nothing for a TCP address.
pub(super) fn prepare_socket(endpoint: &Endpoint) -> std::io::Result<()> {
    let Endpoint::Unix(path) = endpoint else {
        return Ok(());
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
