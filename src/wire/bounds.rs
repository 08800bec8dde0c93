//! Collects the read limits of all adapters.

use crate::adapters::{
    docker, embedded_proxy, etcd, http, inbound, live_pointer, nginx, notices, oci_registry,
    process, secrets, sqlite,
};
use crate::ports::Bound;

/// All read limits, in the order in which they are shown.
pub fn bounds() -> Vec<Bound> {
    let bounds: [&[Bound]; 12] = [
        &docker::BOUNDS,
        &process::BOUNDS,
        &etcd::BOUNDS,
        &sqlite::BOUNDS,
        &oci_registry::BOUNDS,
        &http::BOUNDS,
        &nginx::BOUNDS,
        &embedded_proxy::BOUNDS,
        &live_pointer::BOUNDS,
        &secrets::BOUNDS,
        &notices::BOUNDS,
        &inbound::BOUNDS,
    ];
    bounds.concat()
}
