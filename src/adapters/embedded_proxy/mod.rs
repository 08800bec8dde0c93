//! A reverse proxy inside Greenroom, for the sandbox and for machines without one: plain HTTP/1.1,
//! a public and a preview listener for each target, and one answer listener that says what the proxy
//! does. It reads the live pointer at every request, as the nginx configuration does, so that a
//! switch is one rename and no request is lost. Knows the pointer and the ports; not what a release is.
//!
//! Each request goes to its slot over a connection of its own: there is none in store that the
//! instance could be closing at that moment. A request that needs another protocol, such as WebSocket,
//! is refused with 501.

mod answer;
mod connections;
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

/// What is read of an embedded proxy at most.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "embedded proxy",
    answer: "its answer about the route",
    bytes: answer::LONGEST as u64,
    time: TimeLimit::Within(answer::DEADLINE),
}];

pub use router::EmbeddedRouter;
pub use serve::{EmbeddedProxy, Limits};
pub use site::Site;
