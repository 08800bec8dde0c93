//! Addresses that are used twice: those of slots, of public and preview servers, and of proxies' answers to
//! Greenroom. Only the servers of one nginx may share an address.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::super::super::model::Root;
use super::super::Look;
use super::{Key, Proxy, host_of, key, of_target, plain, proxy_of};
use crate::inventory::Endpoint;

/// A listening address.
struct Listener {
    machine: String,
    endpoint: Endpoint,
    by: By,
    key: Key,
}

#[derive(PartialEq, Eq)]
enum By {
    Slot,
    Server(Proxy),
    /// A proxy's answers to Greenroom.
    Answer(Proxy),
}

/// Only listeners with the same spot are compared: machine and port, or machine and path.
#[derive(PartialEq, Eq, Hash)]
enum Spot {
    Port(String, u16),
    Path(String, PathBuf),
}

impl Look<'_> {
    pub(super) fn addresses(&mut self, root: &Root) {
        let mut taken: HashMap<Spot, Vec<Listener>> = HashMap::new();
        for listener in listeners(root) {
            let spot = match &listener.endpoint {
                Endpoint::Tcp(address) => Spot::Port(listener.machine.clone(), address.port()),
                Endpoint::Unix(path) => Spot::Path(listener.machine.clone(), plain(path)),
            };
            let others = taken.entry(spot).or_default();
            let other = others
                .iter()
                .find(|other| meets(&listener, other) && !may_share(&listener, other));
            if let Some(other) = other {
                let there = self.place_of(&other.key);
                let is_same = listener.endpoint == other.endpoint;
                let taken = if is_same {
                    format!("`{}` is also {there}", listener.endpoint)
                } else {
                    format!(
                        "`{}` and `{}` are the same port; the other one is {there}",
                        listener.endpoint, other.endpoint
                    )
                };
                let why = match (&listener.by, &other.by) {
                    (By::Slot, _) | (_, By::Slot) => "every slot needs its own address",
                    (By::Server(one) | By::Answer(one), By::Server(other) | By::Answer(other))
                        if one == other =>
                    {
                        "the embedded proxy needs a separate address for each server"
                    }
                    _ => "two proxies cannot listen on the same address",
                };
                self.error_at(&listener.key, format!("{taken}: {why}"));
            }
            others.push(listener);
        }
    }
}

/// Whether binding one blocks the other.
fn meets(one: &Listener, other: &Listener) -> bool {
    match (&one.endpoint, &other.endpoint) {
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => overlap(*one, *other),
        _ => true,
    }
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.ip() == other.ip() || (is_any && one.is_ipv4() == other.is_ipv4())
}

fn may_share(one: &Listener, other: &Listener) -> bool {
    match (&one.by, &other.by) {
        (By::Server(one) | By::Answer(one), By::Server(other) | By::Answer(other)) => {
            one == other && !one.is_embedded
        }
        _ => false,
    }
}

fn listeners(root: &Root) -> Vec<Listener> {
    let mut found = Vec::new();
    let mut answering = HashSet::new();
    for (environment, section) in root.environments.iter() {
        let proxy = proxy_of(section);
        if let Some(proxy) = &proxy {
            let (endpoint, at) = match (&section.nginx, &section.embedded) {
                (Some(nginx), _) if !proxy.is_embedded => (
                    Some(&nginx.answer.listen),
                    &["nginx", "answer", "listen"][..],
                ),
                (_, embedded) => (
                    embedded.as_ref().map(|embedded| &embedded.answer),
                    &["embedded", "answer"][..],
                ),
            };
            // Environments that share a proxy have the same address for its answers.
            if let Some(endpoint) = endpoint
                && answering.insert((proxy.clone(), endpoint.clone()))
            {
                found.push(Listener {
                    machine: proxy.machine.clone(),
                    endpoint: endpoint.clone(),
                    by: By::Answer(proxy.clone()),
                    key: key(&[&["environments", environment], at].concat()),
                });
            }
        }
        for (name, service) in root.services.iter() {
            let Some(here) = service.environments.get(environment) else {
                continue;
            };
            if let (Some(site), Some(proxy)) = (&here.proxy, &proxy) {
                let servers = [
                    ("listen", Some(&site.listen)),
                    ("preview_listen", site.preview_listen.as_ref()),
                ];
                for (at, endpoint) in servers {
                    found.extend(endpoint.map(|endpoint| Listener {
                        machine: proxy.machine.clone(),
                        endpoint: endpoint.clone(),
                        by: By::Server(proxy.clone()),
                        key: of_target(name, environment, &["proxy", at]),
                    }));
                }
            }
            for (slot, endpoint) in [
                ("blue", &here.endpoints.blue),
                ("green", &here.endpoints.green),
            ] {
                found.push(Listener {
                    machine: host_of(section),
                    endpoint: endpoint.clone(),
                    by: By::Slot,
                    key: of_target(name, environment, &["endpoints", slot]),
                });
            }
        }
    }
    found
}
