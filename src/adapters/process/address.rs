//! Whether somebody has an address already.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tokio::net::TcpSocket;

use crate::inventory::Endpoint;

/// What is in the way of listening at an address, in words; none when nothing is.
pub(super) fn taken(endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        // The only question that is answered as the program's own attempt will be. Let go at once.
        Endpoint::Tcp(address) => match bind(*address) {
            Ok(()) => None,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Some(format!("something else listens on {address}"))
            }
            Err(error) => Some(format!("nothing can listen on {address}: {error}")),
        },
        Endpoint::Unix(path) => in_the_way(path),
    }
}

/// Takes an address as a server does, short of listening: a child that another thread is just starting has
/// a copy of whatever is open here until it runs its program, and a listener would be in the way with it.
fn bind(address: SocketAddr) -> std::io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_in_the_way_and_who_only_asks_is_not() {
        let asks = TcpSocket::new_v4().expect("a socket");
        asks.set_reuseaddr(true).expect("as every server does");
        asks.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = asks.local_addr().expect("its address");
        assert_eq!(taken(&Endpoint::Tcp(address)), None);
        let listens = std::net::TcpListener::bind(address).expect("nobody listens");
        let said = taken(&Endpoint::Tcp(address)).expect("somebody listens");
        assert_eq!(said, format!("something else listens on {address}"));
        drop(listens);
        assert_eq!(taken(&Endpoint::Tcp(address)), None);
    }
}
