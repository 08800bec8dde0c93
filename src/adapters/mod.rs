//! How Greenroom talks to the world: one folder per outside system, each confining its client
//! library, none importing another. Constructors take plain values.

pub mod archive;
pub mod docker;
pub mod embedded_proxy;
pub mod etcd;
pub mod http;
pub mod live_pointer;
pub mod nginx;
pub mod oci_registry;
pub mod outbound_proxy;
pub mod process;
pub mod secrets;
pub mod sqlite;
pub mod webhook;
