//! The adapters: one folder for each outside system that Greenroom uses. Only adapters use the client libraries of
//! these systems. Constructors take plain values, not settings.

pub mod archive;
pub mod command_checks;
mod connect;
mod database_file;
pub mod docker;
pub mod embedded_proxy;
pub mod etcd;
pub mod http;
mod http_server;
pub mod inbound;
pub mod live_pointer;
pub mod nginx;
pub mod notices;
pub mod oci_registry;
pub mod outbound_proxy;
pub mod process;
pub mod secrets;
mod signing_key;
pub mod sqlite;
mod system_authorities;
mod tls_provider;
