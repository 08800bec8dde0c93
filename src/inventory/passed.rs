//! A request that a proxy passed on, as its log has it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Slot;

/// Which way a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// Where the world comes in, to the slot with the traffic.
    Public,
    /// Where the slot without traffic is looked at.
    Preview,
}

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedRequest {
    /// When it was over.
    pub at: Timestamp,
    /// Which way it came.
    pub door: Door,
    /// Which slot it was given to; none when no slot was there to have it.
    pub slot: Option<Slot>,
    /// Its method, untrusted.
    pub method: String,
    /// Path and query, untrusted, perhaps cut.
    pub path: String,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
}

impl PassedRequest {
    /// Whether it counts as an error: the answer was one of the server's failures, or there was none.
    pub fn failed(&self) -> bool {
        self.status >= 500 || self.status == 0
    }
}

impl fmt::Display for PassedRequest {
    /// `GET /orders 200 12ms blue`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_millis();
        write!(f, "{} {} ", self.method, self.path)?;
        match self.status {
            0 => f.write_str("without an answer")?,
            status => write!(f, "{status}")?,
        }
        write!(f, " {millis}ms")?;
        match self.slot {
            Some(slot) => write!(f, " {slot}")?,
            None => f.write_str(" no slot")?,
        }
        match self.door {
            Door::Public => Ok(()),
            Door::Preview => f.write_str(" preview"),
        }
    }
}
