//! A reverse proxy inside Greenroom, for the sandbox and for machines without a proxy. It supports plain HTTP/1.1. Each
//! target has a public and a preview listener, and one answer listener reports how the proxy routes each target. Like
//! the nginx configuration, the proxy reads the live pointer at every request, so a switch is one rename and loses no
//! request. This module depends on `live_pointer` and the ports, and knows nothing about releases.
//!
//! Each request gets a new connection to the slot, because an instance may close a reused connection just when a
//! request arrives. A request that needs another protocol, such as WebSocket, is refused with 501.

mod answer;
mod count;
mod descriptors;
mod follow;
mod forward;
mod recent;
mod request_body;
mod router;
mod serve;
mod site;

use crate::ports::{Bound, TimeLimit};

/// The limits for reading from an embedded proxy.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "embedded proxy",
    answer: "the report on a target",
    bytes: answer::LONGEST as u64,
    time: TimeLimit::Within(answer::DEADLINE),
}];

pub use router::EmbeddedRouter;
pub use serve::{EmbeddedProxy, Limits};
pub use site::Site;
