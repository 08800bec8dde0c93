//! How much every adapter reads at most, in one table.

use crate::adapters::{
    docker, embedded_proxy, etcd, http, live_pointer, nginx, oci_registry, process, secrets,
    sqlite, webhook,
};
use crate::ports::Bound;

/// All bounds, in the order in which they are shown.
pub fn bounds() -> Vec<Bound> {
    let all: [&[Bound]; 11] = [
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
        &webhook::BOUNDS,
    ];
    all.concat()
}
