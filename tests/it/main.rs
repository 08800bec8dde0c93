//! Greenroom's integration tests: one binary, with modules named after their subject. The servers
//! are real; `tests/run` starts them and passes their addresses in the environment.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod agent;
mod architecture;
mod archive;
mod command_checks;
mod console;
mod docker;
mod embedded_proxy;
mod endless;
mod etcd;
mod file_only;
mod first_environment;
mod freeze_zones;
mod going_back;
mod handover;
mod holding;
mod hostile;
mod http;
mod inbound;
mod interlocks;
mod json;
mod model;
mod nginx;
mod notices;
mod oci_registry;
mod other_users;
mod over_tls;
mod planning;
mod planted;
mod process;
mod queueing;
mod readme;
mod recording;
mod registry_access;
mod registry_tokens;
mod release;
mod release_notices;
mod repair;
mod resume;
mod sample;
mod sandbox;
mod settings;
mod silent_servers;
mod standby;
mod store;
mod stories;
mod support;
mod surroundings;
mod unproven;
mod unreadable_passwords;
