//! Counts the connections to an endpoint in the kernel's socket tables.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// `ESTABLISHED` in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
/// `SS_CONNECTED` in `/proc/net/unix`.
const CONNECTED: &str = "03";
/// `__SO_ACCEPTCON` in the flags of `/proc/net/unix`.
const LISTENS: u32 = 0x1_0000;
const UNPARSED: &str = "a line of the socket table cannot be parsed";

/// The number of established connections to `remote` in a TCP table. The error says what cannot be parsed.
pub(super) fn tcp_to(table: &str, remote: SocketAddr) -> Result<u64, String> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    if !head.contains("rem_address") && !head.contains("remote_address") {
        return Err("the socket table has no header".to_owned());
    }
    let mut count = 0;
    for line in lines {
        let Some((other, state)) = remote_and_state(line) else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(UNPARSED.to_owned());
        };
        // The table of a busy proxy has tens of thousands of closed connections, so they are skipped before their
        // addresses are parsed.
        if state != ESTABLISHED {
            continue;
        }
        let other = socket_address(other).ok_or(UNPARSED)?;
        if other.port() == remote.port() {
            count += u64::from(other.ip().to_canonical() == remote.ip().to_canonical());
        }
    }
    Ok(count)
}

/// The remote address and the state in `   7: 0100007F:1F90 0100007F:C350 01 …`.
fn remote_and_state(line: &str) -> Option<(&str, &str)> {
    let (_, fields) = line.split_once(": ")?;
    let mut fields = fields.split(' ').skip(1);
    Some((fields.next()?, fields.next()?))
}

/// The number of connections to a unix socket. Each accepted connection has the path of its listener in the table, as
/// the server wrote it when it started to listen. None if the table has no listener with exactly this path, because its
/// connections then cannot be found.
pub(super) fn unix_to(table: &str, path: &Path) -> Option<u64> {
    let mut listener = false;
    let mut count = 0;
    for line in table.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let (flags, state) = (fields.nth(3), fields.nth(1));
        if fields.nth(1).map(Path::new) != Some(path) {
            continue;
        }
        let flags = flags.and_then(|f| u32::from_str_radix(f, 16).ok());
        if flags.is_some_and(|f| f & LISTENS != 0) {
            listener = true;
        } else if state == Some(CONNECTED) {
            count += 1;
        }
    }
    listener.then_some(count)
}

/// Parses an address such as `0100007F:1F90`. It consists of groups of four bytes, each a number in the byte order of
/// this machine.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |from: usize| {
        let digits = address.get(from..from + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for part in 0..4 {
                bytes[part * 4..part * 4 + 4].copy_from_slice(&word(part * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(address: SocketAddr) -> String {
        let bytes = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = bytes.chunks(4).map(|w| {
            let word: [u8; 4] = w.try_into().unwrap();
            format!("{:08X}", u32::from_ne_bytes(word))
        });
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    }

    fn table(lines: &[(&str, &str, &str)]) -> String {
        let mut text = "  sl  local_address rem_address   st tx_queue rx_queue\n".to_owned();
        for (n, (local, remote, state)) in lines.iter().enumerate() {
            let (local, remote) = (hex(local.parse().unwrap()), hex(remote.parse().unwrap()));
            let line = format!("{n:4}: {local} {remote} {state} 00000000:00000000\n");
            text.push_str(&line);
        }
        text
    }

    #[test]
    fn only_established_connections_to_the_endpoint_count() {
        let text = table(&[
            ("127.0.0.1:8080", "0.0.0.0:0", "0A"),
            ("127.0.0.1:50000", "127.0.0.1:8080", "01"),
            ("127.0.0.1:8080", "127.0.0.1:50000", "01"),
            ("127.0.0.1:50001", "127.0.0.1:8080", "06"),
            ("127.0.0.1:50002", "127.0.0.1:8081", "01"),
            ("127.0.0.1:50003", "127.0.0.2:8080", "01"),
        ]);
        assert_eq!(tcp_to(&text, "127.0.0.1:8080".parse().unwrap()), Ok(1));
    }

    #[test]
    fn a_mapped_ipv4_address_equals_the_ipv4_address() {
        let text = table(&[
            ("[::1]:50000", "[::1]:8080", "01"),
            ("[::ffff:127.0.0.1]:5", "[::ffff:127.0.0.1]:8080", "01"),
        ]);
        assert_eq!(tcp_to(&text, "[::1]:8080".parse().unwrap()), Ok(1));
        assert_eq!(tcp_to(&text, "127.0.0.1:8080".parse().unwrap()), Ok(1));
    }

    #[test]
    fn garbage_is_an_error_and_not_zero() {
        let at = "127.0.0.1:80".parse().unwrap();
        for garbage in [
            "",
            "x",
            "sl local_address rem_address st\n 0: x",
            " rem_address\n a b é:é 01",
        ] {
            assert!(tcp_to(garbage, at).is_err(), "{garbage:?}");
        }
    }

    #[test]
    fn a_unix_socket_is_counted_only_if_its_listener_is_in_the_table() {
        let head = "Num       RefCount Protocol Flags    Type St Inode Path\n";
        let listener = "0000: 00000002 00000000 00010000 0001 01 100 /run/blue.sock\n";
        let ends = "0000: 00000003 00000000 00000000 0001 03 101 /run/blue.sock\n\
                    0000: 00000003 00000000 00000000 0001 03 102\n\
                    0000: 00000003 00000000 00000000 0001 03 103 /run/green.sock\n";
        let path = Path::new("/run/blue.sock");
        assert_eq!(unix_to(&format!("{head}{listener}{ends}"), path), Some(1));
        assert_eq!(unix_to(&format!("{head}{ends}"), path), None);
        assert_eq!(unix_to("", path), None);
    }
}
