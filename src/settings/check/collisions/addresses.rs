//! Finds addresses that are used twice. An address can belong to a slot, to a public or preview server, to a proxy
//! that answers Greenroom there, or to the inbox of the agent. Only the servers of one nginx may share an address.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use super::super::super::model::Root;
use super::super::Checker;
use super::{Key, Proxy, THIS_MACHINE, host_of, key, of_target, plain, proxy_of};
use crate::inventory::Endpoint;

struct Listener {
    machine: String,
    endpoint: Endpoint,
    kind: ListenerKind,
    key: Key,
}

#[derive(PartialEq, Eq)]
enum ListenerKind {
    Slot,
    Server(Proxy),
    /// The proxy answers Greenroom's own requests at this address.
    Answer(Proxy),
    /// The inbox of the agent.
    Inbox,
}

/// A machine and a port, or a machine and a path. Only listeners with the same spot are compared.
#[derive(PartialEq, Eq, Hash)]
enum Spot {
    Port(String, u16),
    Path(String, PathBuf),
}

impl Checker<'_> {
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
                .find(|other| excludes(&listener, other) && !may_share(&listener, other));
            if let Some(other) = other {
                let other_place = self.place_of(&other.key);
                let is_same = listener.endpoint == other.endpoint;
                let is_same_slot = listener.key == other.key;
                let taken = if is_same && is_same_slot {
                    format!("`{}` is twice in this list", listener.endpoint)
                } else if is_same {
                    format!("`{}` is also {other_place}", listener.endpoint)
                } else {
                    format!(
                        "`{}` and `{}` use the same port; the second is {other_place}",
                        listener.endpoint, other.endpoint
                    )
                };
                let why = match (&listener.kind, &other.kind) {
                    (ListenerKind::Inbox, _) | (_, ListenerKind::Inbox) => {
                        "the inbox of the agent needs its own address"
                    }
                    (ListenerKind::Slot, ListenerKind::Slot) if is_same_slot => {
                        "every member needs its own address"
                    }
                    (ListenerKind::Slot, _) | (_, ListenerKind::Slot) => {
                        "every slot needs its own address"
                    }
                    (
                        ListenerKind::Server(one) | ListenerKind::Answer(one),
                        ListenerKind::Server(other) | ListenerKind::Answer(other),
                    ) if one == other => {
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

/// Whether a listener at one address prevents a listener at the other.
fn excludes(one: &Listener, other: &Listener) -> bool {
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
    match (&one.kind, &other.kind) {
        (
            ListenerKind::Server(one) | ListenerKind::Answer(one),
            ListenerKind::Server(other) | ListenerKind::Answer(other),
        ) => one == other && !one.is_embedded,
        _ => false,
    }
}

fn listeners(root: &Root) -> Vec<Listener> {
    let mut found = Vec::new();
    let mut answering = HashSet::new();
    found.extend(root.agent.listen.iter().map(|endpoint| Listener {
        machine: THIS_MACHINE.into(),
        endpoint: endpoint.clone(),
        kind: ListenerKind::Inbox,
        key: key(&["agent", "listen"]),
    }));
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
            // Environments that share a proxy also share the address at which it answers.
            if let Some(endpoint) = endpoint
                && answering.insert((proxy.clone(), endpoint.clone()))
            {
                found.push(Listener {
                    machine: proxy.machine.clone(),
                    endpoint: endpoint.clone(),
                    kind: ListenerKind::Answer(proxy.clone()),
                    key: key(&[&["environments", environment], at].concat()),
                });
            }
        }
        for (name, service) in root.services.iter() {
            let Some(in_environment) = service.environments.get(environment) else {
                continue;
            };
            if let (Some(site), Some(proxy)) = (&in_environment.proxy, &proxy) {
                let servers = [
                    ("listen", Some(&site.listen)),
                    ("preview_listen", site.preview_listen.as_ref()),
                ];
                for (at, endpoint) in servers {
                    found.extend(endpoint.map(|endpoint| Listener {
                        machine: proxy.machine.clone(),
                        endpoint: endpoint.clone(),
                        kind: ListenerKind::Server(proxy.clone()),
                        key: of_target(name, environment, &["proxy", at]),
                    }));
                }
            }
            for (slot, addresses) in in_environment.slots().iter() {
                // `slots.rs` reports addresses at which no program can listen, so they are left out here.
                let endpoints = addresses.iter().filter_map(|at| at.endpoint().ok());
                found.extend(endpoints.map(|endpoint| Listener {
                    machine: host_of(section),
                    endpoint,
                    kind: ListenerKind::Slot,
                    key: of_target(name, environment, &["endpoints", slot.as_str()]),
                }));
            }
        }
    }
    found
}
