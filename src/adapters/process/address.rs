//! Whether somebody has an address already.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::inventory::Endpoint;
use crate::port_check;

/// What is in the way of listening at an address, in words; none when nothing is.
pub(super) fn taken(endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        // The only question that is answered as the program's own attempt will be.
        Endpoint::Tcp(address) => match port_check::check(*address) {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Some(format!("something else listens on {address}"))
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
        _ => Some(format!("something else listens on {}", path.display())),
    }
}

/// Makes room for a unix socket: its directory, and a socket that was left behind and that nobody
/// listens on is removed.
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
