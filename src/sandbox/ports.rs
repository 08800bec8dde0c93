//! Consecutive free ports of the loopback interface, so that addresses can be recognised by their numbers. Rows start
//! at fixed ports. The first port of a row serves nothing: the sandbox that listens on it owns the row. Without this
//! first port, another sandbox could take the port of an empty slot, because nothing listens on that port.

use std::net::{Ipv4Addr, TcpListener};

use super::SandboxError;
use crate::port_check::{self, OutgoingPorts};

/// How many rows are tried.
const TRIES: u32 = 200;
/// The lowest port of a row. Well-known programs use lower ports.
const LOWEST: u16 = 20_000;
/// The distance between the starts of two rows.
const ROW: u16 = 32;

/// A row of ports. Other sandboxes cannot take the row until this value is dropped.
#[derive(Debug)]
pub struct Ports {
    first: u16,
    _claim: TcpListener,
}

impl Ports {
    /// Finds `count` consecutive free ports, which must be fewer than a row has. Searches below the ports that the
    /// system uses for outgoing connections, because any client could take such a port while its slot is empty. The
    /// first row is always a candidate, even if the system uses its ports for outgoing connections.
    pub fn find(count: u16) -> Result<Self, SandboxError> {
        let outgoing = OutgoingPorts::of_this_machine();
        let below = (*outgoing.range().start()).max(LOWEST + ROW);
        let rows = u128::from((below - LOWEST) / ROW);
        // Two sandboxes that start at the same time search in different places.
        let mut random = ulid::Ulid::generate().random();
        for _ in 0..TRIES {
            let row = u16::try_from(random % rows).unwrap_or_default();
            if count < ROW
                && let Some(ports) = Self::claim(LOWEST + row * ROW, count)
            {
                return Ok(ports);
            }
            random = random.rotate_right(7).wrapping_add(u128::from(count));
        }
        Err(SandboxError::NoPorts {
            wanted: count,
            below,
        })
    }

    /// The row that starts at port `at`, if no sandbox owns it and all of its ports are free.
    fn claim(at: u16, count: u16) -> Option<Self> {
        let claim = TcpListener::bind((Ipv4Addr::LOCALHOST, at)).ok()?;
        let first = at + 1;
        is_free(first, count).then_some(Self {
            first,
            _claim: claim,
        })
    }

    /// The port with this number in the row.
    pub fn at(&self, place: u16) -> u16 {
        self.first + place
    }
}

fn is_free(first: u16, count: u16) -> bool {
    (first..first + count).all(|port| port_check::check((Ipv4Addr::LOCALHOST, port).into()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_reserved_without_listeners_on_its_ports() {
        let row = Ports::find(21).expect("a row");
        let start = row.first - 1;
        assert!(Ports::claim(start, 21).is_none());
        drop(row);
        assert!(Ports::claim(start, 21).is_some());
    }

    #[test]
    fn more_than_a_row_has_is_not_found() {
        let refused = Ports::find(ROW).expect_err("too many").to_string();
        assert!(
            refused.contains("no 32 consecutive free ports"),
            "{refused}"
        );
    }
}
