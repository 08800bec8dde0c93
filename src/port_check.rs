//! Tests whether an address is free to listen on, and says which ports any program on this machine may take at any
//! moment. The test uses the address as a server will use it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use tokio::net::TcpSocket;

/// Binds the address as a server does, and closes the socket again. The socket never listens, because a listening copy
/// could block the address: another thread may be starting a child process, which has a copy of every open socket until
/// it runs its program.
///
/// # Errors
///
/// What the system reports: [`AddrInUse`](io::ErrorKind::AddrInUse) if another socket listens there.
pub fn check(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

/// The Linux setting that lists the ports that are not used for outgoing connections.
pub const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

/// The ports that Linux uses for outgoing connections. Such a connection may take the port of an empty slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPorts {
    range: RangeInclusive<u16>,
    reserved: BTreeSet<u16>,
}

impl Default for OutgoingPorts {
    fn default() -> Self {
        Self {
            range: 32_768..=60_999,
            reserved: BTreeSet::new(),
        }
    }
}

impl OutgoingPorts {
    /// The ports of this machine, or the defaults of Linux if the settings cannot be read.
    pub fn of_this_machine() -> Self {
        let read = |name| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
        let range = read("ip_local_port_range").unwrap_or_default();
        let reserved = read("ip_local_reserved_ports").unwrap_or_default();
        Self::parse(&range, &reserved)
    }

    /// Parses the texts of `ip_local_port_range` and `ip_local_reserved_ports`. A range that cannot be read becomes the
    /// default of Linux.
    pub fn parse(range: &str, reserved: &str) -> Self {
        let mut ends = range.split_whitespace().map_while(|end| end.parse().ok());
        let range = match (ends.next(), ends.next()) {
            (Some(first), Some(last)) => first..=last,
            _ => Self::default().range,
        };
        let rows = reserved.trim().split(',').filter_map(|row| {
            let (first, last) = row.split_once('-').unwrap_or((row, row));
            Some(first.parse().ok()?..=last.parse::<u16>().ok()?)
        });
        Self {
            range,
            reserved: rows.flatten().collect(),
        }
    }

    /// The first and the last port that Linux uses for outgoing connections, without regard to reserved ports.
    pub fn range(&self) -> &RangeInclusive<u16> {
        &self.range
    }

    /// Whether an outgoing connection may take this port.
    pub fn may_take(&self, port: u16) -> bool {
        self.range.contains(&port) && !self.reserved.contains(&port)
    }

    /// The value of [`RESERVED`] that reserves `ports` in addition to the ports that are already reserved.
    pub fn reserving(&self, ports: &BTreeSet<u16>) -> String {
        let reserved: BTreeSet<u16> = self.reserved.union(ports).copied().collect();
        let mut rows: Vec<(u16, u16)> = Vec::new();
        for port in reserved {
            match rows.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
                _ => rows.push((port, port)),
            }
        }
        let rows: Vec<String> = rows
            .into_iter()
            .map(|(first, last)| match last - first {
                0 => first.to_string(),
                _ => format!("{first}-{last}"),
            })
            .collect();
        rows.join(",")
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_reserved_port_is_not_taken_for_outgoing_connections() {
        let ports = OutgoingPorts::parse("32768\t60999\n", "32771-32772,40000\n");
        for (port, may_take) in [
            (32_767, false),
            (32_768, true),
            (32_771, false),
            (60_999, true),
        ] {
            assert_eq!(ports.may_take(port), may_take, "{port}");
        }
        let wanted = BTreeSet::from([32_773, 50_000]);
        assert_eq!(ports.reserving(&wanted), "32771-32773,40000,50000");
        assert_eq!(OutgoingPorts::parse("", ""), OutgoingPorts::default());
        assert_eq!(OutgoingPorts::default().reserving(&wanted), "32773,50000");
    }

    #[test]
    fn only_a_listening_socket_takes_a_port() {
        let checked = TcpSocket::new_v4().expect("a socket");
        checked.set_reuseaddr(true).expect("as every server does");
        checked.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = checked.local_addr().expect("its address");
        check(address).expect("free");
        let listens = TcpListener::bind(address).expect("free");
        let taken = check(address).expect_err("in use");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(listens);
        check(address).expect("free again");
    }
}
