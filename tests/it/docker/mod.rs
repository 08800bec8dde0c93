//! The Docker adapter against a real engine and a real image registry.

mod configuration;
mod engine;
pub(crate) mod fixture;
mod instances;
mod log_stream;
mod occupancy;
mod proxy;
mod proxy_host;
mod pull;
mod secret_files;
mod tail;
pub(crate) mod tls;
