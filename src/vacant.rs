//! Whether an address is free to be listened on, found out as the program itself will.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Binds an address as a server does, short of listening, and lets it go: a child that another thread is just starting has
/// a copy of whatever is open here until it runs its program, and a listener would be in the way with it.
/// Whoever only asks is in nobody's way.
///
/// # Errors
///
/// What the system says: [`AddrInUse`](io::ErrorKind::AddrInUse) where somebody listens.
pub fn check(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_in_the_way_and_who_only_asks_is_not() {
        let asks = TcpSocket::new_v4().expect("a socket");
        asks.set_reuseaddr(true).expect("as every server does");
        asks.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = asks.local_addr().expect("its address");
        check(address).expect("nobody listens");
        let listens = TcpListener::bind(address).expect("nobody listens");
        let taken = check(address).expect_err("somebody listens");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(listens);
        check(address).expect("nobody listens any more");
    }
}
