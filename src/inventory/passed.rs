//! A request that a proxy passed on, from its log.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Slot;

/// The address at which a request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// The public address, which leads to the slot with the traffic.
    Public,
    /// The preview address, which leads to the slot without traffic.
    Preview,
}

/// One request and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedRequest {
    /// When it ended.
    pub at: Timestamp,
    /// The address at which it arrived.
    pub door: Door,
    /// The slot that it was passed to; none if there was no slot for it.
    pub slot: Option<Slot>,
    /// Its method, untrusted.
    pub method: String,
    /// Path and query, untrusted, perhaps cut.
    pub path: String,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
}

impl PassedRequest {
    /// Whether it counts as an error: the status is 500 or above, or there was no answer.
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
