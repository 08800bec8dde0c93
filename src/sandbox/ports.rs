//! Free ports of the loopback interface, in a row, so that addresses can be told by their numbers. Rows
//! begin at fixed places and have a port that nothing is served on: whoever listens on it has the row.
//! A slot that holds nothing is free at any moment, and would else be taken by the next sandbox.

use std::net::{Ipv4Addr, TcpListener};

use super::SandboxError;
use crate::port_check::{self, OutgoingPorts};

/// How many rows are tried.
const TRIES: u32 = 200;
/// Below are ports that well-known programs use.
const LOWEST: u16 = 20_000;
/// How far one row's beginning is from the next one's.
const ROW: u16 = 32;

/// A row of ports. It is kept from other sandboxes until this is dropped.
#[derive(Debug)]
pub struct Ports {
    first: u16,
    _claim: TcpListener,
}

impl Ports {
    /// Finds `count` ports, fewer than a row has, that nobody listens on at this moment. Not among those
    /// that the system gives to outgoing connections: a slot that is free now would be taken by any
    /// client then.
    pub fn find(count: u16) -> Result<Self, SandboxError> {
        let outgoing = OutgoingPorts::of_this_machine();
        let below = (*outgoing.range().start()).max(LOWEST + ROW);
        let rows = u128::from((below - LOWEST) / ROW);
        // Two that start at one moment look in different places.
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

    /// The row that begins there, if nobody has it and all of its ports are free.
    fn claim(at: u16, count: u16) -> Option<Self> {
        let claim = TcpListener::bind((Ipv4Addr::LOCALHOST, at)).ok()?;
        let first = at + 1;
        is_free(first, count).then_some(Self {
            first,
            _claim: claim,
        })
    }

    /// The port at a place of the row.
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
    fn a_row_is_kept_from_others_though_nobody_listens_on_its_ports() {
        let row = Ports::find(21).expect("a row");
        let begin = row.first - 1;
        assert!(Ports::claim(begin, 21).is_none());
        drop(row);
        assert!(Ports::claim(begin, 21).is_some());
    }

    #[test]
    fn more_than_a_row_has_is_not_found() {
        let refused = Ports::find(ROW).expect_err("too many").to_string();
        assert!(refused.contains("no 32 free ports"), "{refused}");
    }
}
