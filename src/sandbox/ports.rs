//! Free ports of the loopback interface, in a row, so that addresses can be told by their numbers.

use std::net::{Ipv4Addr, TcpListener};

use super::SandboxTrouble;

/// How many rows are tried.
const TRIES: u32 = 200;
/// Below are ports that well-known programs use.
const LOWEST: u16 = 20_000;
/// Where Linux takes ports for outgoing connections from, when it does not say.
const EPHEMERAL: u16 = 32_768;

/// A row of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    first: u16,
}

impl Ports {
    /// Finds `count` ports that nobody listens on at this moment. Not among those that the system
    /// gives to outgoing connections: a slot that is free now would be taken by any client then.
    pub fn find(count: u16) -> Result<Self, SandboxTrouble> {
        let below = ephemeral().max(LOWEST.saturating_add(count).saturating_add(1));
        let room = u32::from(below - LOWEST - count).max(1);
        // Two that start at one moment look in different places.
        let mut random = ulid::Ulid::generate().random();
        for _ in 0..TRIES {
            let offset = u16::try_from(random % u128::from(room)).unwrap_or_default();
            let first = LOWEST + offset;
            if is_free(first, count) {
                return Ok(Self { first });
            }
            random = random.rotate_right(7).wrapping_add(u128::from(count));
        }
        Err(SandboxTrouble::NoPorts {
            wanted: count,
            below,
        })
    }

    /// The port at a place of the row.
    pub fn at(self, place: u16) -> u16 {
        self.first + place
    }
}

fn is_free(first: u16, count: u16) -> bool {
    // All at once: each has to be free while the others are.
    let held: Result<Vec<TcpListener>, _> = (first..first + count)
        .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .collect();
    held.is_ok()
}

fn ephemeral() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(EPHEMERAL)
}
