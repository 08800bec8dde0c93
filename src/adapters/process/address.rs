//! Whether an address is already in use.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::inventory::Endpoint;
use crate::port_check;

/// What prevents listening at an address, as a text. None when nothing does.
pub(super) fn taken(endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        // Binding is the only reliable test: it gives the same result as the program's own attempt.
        Endpoint::Tcp(address) => match port_check::check(*address) {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Some(format!("another process listens on {address}"))
            }
            Err(error) => Some(format!("nothing can listen on {address}: {error}")),
        },
        Endpoint::Unix(path) => in_the_way(path),
    }
}

fn in_the_way(path: &Path) -> Option<String> {
    let Ok(is) = fs::symlink_metadata(path) else {
        return None;
    };
    if !is.file_type().is_socket() {
        return Some(format!("{} is not a socket", path.display()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
        _ => Some(format!("another process listens on {}", path.display())),
    }
}

/// Prepares the path of a unix socket: creates its directory, and removes a stale socket without a
/// listener.
pub(super) fn make_room(endpoint: &Endpoint) -> std::io::Result<()> {
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
