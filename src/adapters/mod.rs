//! How Greenroom uses outside systems: one folder for each. Only that folder uses the client library of the system.
//! Constructors take plain values, not settings.

pub mod archive;
mod connect;
mod database_file;
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
mod system_authorities;
pub mod webhook;
