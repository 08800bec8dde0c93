//! Collisions: addresses, host names, directories and files, container names, and keys of a store that
//! two targets or two servers would share. Every message names both keys.

mod addresses;
mod directories;
mod hosts;
mod names;
mod stores;

use std::path::{Component, Path, PathBuf};

use super::super::model::{EnvironmentSection, ProxyKind, Root, RuntimeKind};
use super::super::problem::dotted;
use super::Checker;
use crate::inventory::Address;

/// The machine that Greenroom runs on.
pub(super) const THIS_MACHINE: &str = "here";

/// The parts of a key.
type Key = Vec<String>;

impl Checker<'_> {
    pub(super) fn collisions(&mut self, root: &Root) {
        self.addresses(root);
        self.hosts(root);
        self.directories(root);
        self.container_names(root);
        self.stores(root);
    }

    /// A key with its origin, for a message about another key.
    fn place_of(&self, key: &[String]) -> String {
        format!("{} ({})", dotted(key), self.tree.origin_at(key))
    }

    fn error_at(&mut self, key: &[String], says: impl AsRef<str>) {
        let parts: Vec<&str> = key.iter().map(String::as_str).collect();
        self.error(&parts, says);
    }

    fn warning_at(&mut self, key: &[String], says: impl AsRef<str>) {
        let parts: Vec<&str> = key.iter().map(String::as_str).collect();
        self.warning(&parts, says);
    }
}

fn key(parts: &[&str]) -> Key {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A key below a service in an environment.
fn of_target(service: &str, environment: &str, below: &[&str]) -> Key {
    key(&[&["services", service, "environments", environment], below].concat())
}

/// Whether the proxy listens on ports of this machine.
pub(super) fn is_local(section: &EnvironmentSection) -> bool {
    match section.proxy_kind() {
        Some(ProxyKind::Nginx) => section
            .nginx
            .as_ref()
            .is_some_and(|nginx| nginx.container.is_none()),
        Some(ProxyKind::Embedded) => true,
        None => false,
    }
}

/// The machine that the addresses of slots belong to. The same loopback address on two machines is two addresses.
pub(super) fn host_of(section: &EnvironmentSection) -> String {
    let address = section.docker_address();
    match section.runtime {
        RuntimeKind::Docker if address.starts_with("tcp:") => {
            // The address is parsed and written again, so that two spellings of an address are one machine.
            let authority = address.strip_prefix("tcp://").map(str::parse::<Address>);
            match authority {
                Some(Ok(endpoint)) => endpoint.to_string(),
                _ => address,
            }
        }
        // Unix sockets and processes belong to this machine.
        RuntimeKind::Docker | RuntimeKind::Process => THIS_MACHINE.into(),
    }
}

/// A proxy. Environments that describe the same proxy share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Proxy {
    /// The machine or container that the addresses and files of the proxy belong to.
    machine: String,
    /// Distinguishes the proxy from other proxies on that machine.
    identity: String,
    /// Whether this is the embedded proxy, which distinguishes servers only by their addresses.
    is_embedded: bool,
}

/// The proxy of an environment, if it has one.
fn proxy_of(section: &EnvironmentSection) -> Option<Proxy> {
    match section.proxy_kind()? {
        ProxyKind::Nginx => {
            let nginx = section.nginx.as_ref()?;
            Some(Proxy {
                machine: match &nginx.container {
                    Some(container) => format!("{container} on {}", host_of(section)),
                    None => THIS_MACHINE.into(),
                },
                identity: plain(&nginx.configuration).display().to_string(),
                is_embedded: false,
            })
        }
        ProxyKind::Embedded => {
            let embedded = section.embedded.as_ref()?;
            Some(Proxy {
                machine: THIS_MACHINE.into(),
                identity: format!("{} {}", embedded.answer, plain(&embedded.state).display()),
                is_embedded: true,
            })
        }
    }
}

/// A path without redundant parts. Links are not followed: the path need not exist yet.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
