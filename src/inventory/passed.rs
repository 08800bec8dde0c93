//! Requests that a proxy passed on, from the log of the proxy.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Slot;

/// The address of the proxy at which a request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// The public address, which leads to the slot with the traffic.
    Public,
    /// The preview address, which leads to the slot without traffic.
    Preview,
}

/// One request, and the answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedRequest {
    /// When the request ended.
    pub at: Timestamp,
    pub door: Door,
    /// The slot that got the request; none if the proxy had no slot for it.
    pub slot: Option<Slot>,
    /// The method as the client sent it, not sanitized.
    pub method: String,
    /// Path and query as the client sent them, not sanitized and possibly cut.
    pub path: String,
    /// The status of the answer; 0 if there was no answer.
    pub status: u16,
    /// The time from the first byte of the request to the last byte of the answer.
    pub took: Duration,
}

impl PassedRequest {
    /// Whether the request counts as an error: the status is 500 or above, or there was no answer.
    pub fn failed(&self) -> bool {
        self.status >= 500 || self.status == 0
    }
}

impl fmt::Display for PassedRequest {
    /// Shows the request as `GET /orders 200 12ms blue`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.took.as_millis();
        write!(f, "{} {} ", self.method, self.path)?;
        match self.status {
            0 => f.write_str("no answer")?,
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
