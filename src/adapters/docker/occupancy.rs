//! Finds what occupies a slot: the containers with the slot's name or labels, or a container or process at its address.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use bollard::models::{ContainerSummary, PortSummary, PortSummaryTypeEnum};
use bollard::query_parameters::ListContainersOptions;
use tokio::net::TcpSocket;

use super::Engine;
use super::failure::Act;
use super::labels::Labels;
use super::observe::Container;
use super::socket::{self, AtPath};
use crate::inventory::{Endpoint, Slot, SlotMembers, Target};
use crate::ports::{Occupancy, Result, instance_name};
use crate::sanitize::sanitize;

impl Engine {
    /// Finds what occupies a slot with this many members, which listen at these addresses, if they have any. If a member
    /// is not running and another container or process uses its address, the answer is [`Occupancy::Foreign`], because
    /// the member could not start.
    pub(super) async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        (members, endpoints): (usize, &[Endpoint]),
    ) -> Result<Occupancy> {
        let doing = format!("checking what occupies {slot} of {target}");
        let containers = self.in_slot(target, slot, 1..=members, &doing).await?;
        if let Some(foreign) = containers
            .iter()
            .find_map(|it| describe_foreign(it, target, slot))
        {
            return Ok(Occupancy::Foreign(foreign));
        }
        let mut members = Vec::new();
        for container in &containers {
            members.extend(self.instance(container).await?);
        }
        let names: Vec<&str> = containers.iter().map(|it| it.name.as_str()).collect();
        for (endpoint, number) in endpoints.iter().zip(1..) {
            let mut up = containers.iter().filter(|it| it.is_up());
            if up.any(|container| container.is_member(number)) {
                continue;
            }
            if let Some(occupant) = self.occupant_of(endpoint, &names, &doing).await? {
                return Ok(Occupancy::Foreign(occupant));
            }
        }
        Ok(if members.is_empty() {
            Occupancy::Free
        } else {
            Occupancy::Ours(SlotMembers::new(members))
        })
    }

    /// The containers in a slot: first the containers with the names of these members, whoever created them, then the
    /// containers with the slot's labels. An operator can rename a container. Running containers come before stopped
    /// ones.
    pub(super) async fn in_slot(
        &self,
        target: &Target,
        slot: Slot,
        numbers: RangeInclusive<usize>,
        doing: &str,
    ) -> Result<Vec<Container>> {
        let mut named = Vec::new();
        for number in numbers {
            let name = instance_name(target, slot, number);
            named.extend(self.inspect(&name, doing).await?);
        }
        let labels = Labels::filter(target, Some(slot));
        let mut found = self.labelled(labels, doing).await?;
        found.retain(|container| {
            let labels = container.labels.as_ref();
            let is_named = named.iter().any(|it| it.id == container.id);
            !is_named && labels.is_some_and(|labels| labels.are_of(target, slot))
        });
        found.sort_by(|a, b| (!a.is_up(), &a.name).cmp(&(!b.is_up(), &b.name)));
        Ok(named.into_iter().chain(found).collect())
    }

    /// Describes what occupies the address, unless it is one of the containers `own`. The text is a noun phrase.
    async fn occupant_of(
        &self,
        endpoint: &Endpoint,
        own: &[&str],
        doing: &str,
    ) -> Result<Option<String>> {
        let address = match endpoint {
            Endpoint::Unix(path) => {
                return Ok(match socket::look(path).await {
                    AtPath::Nothing | AtPath::Stale => None,
                    AtPath::Listening => Some(format!(
                        "a process that listens on {endpoint}, or that Greenroom cannot check (stop it, or give the slot another socket)"
                    )),
                    AtPath::Other(description) => Some(description),
                });
            }
            Endpoint::Tcp(address) => *address,
        };
        let docker = self.docker().await?;
        let call = || docker.list_containers(None::<ListContainersOptions>);
        let running = self.quick(Act::Read, doing, call).await?;
        let publisher = running
            .iter()
            .filter(|container| !own.contains(&container_name(container).as_str()))
            .find(|container| publishes(container, address));
        if let Some(container) = publisher {
            return Ok(Some(describe_publisher(container, address)));
        }
        if self.is_local() && is_listened_on(address) {
            return Ok(Some(format!(
                "a process on this host that listens on {address} (stop it, or give the slot another address)"
            )));
        }
        Ok(None)
    }
}

/// Why a container with the slot's name does not belong to the slot; none if it belongs to the slot.
fn describe_foreign(container: &Container, target: &Target, slot: Slot) -> Option<String> {
    let name = &container.name;
    match &container.labels {
        Some(labels) if labels.are_of(target, slot) => None,
        Some(labels) => {
            let (other, of) = (labels.slot, &labels.target);
            Some(format!(
                "the container {name}, whose labels assign it to {other} of {of} (Greenroom does not touch it: rename it, or remove it if {of} no longer needs it)"
            ))
        }
        None => Some(format!(
            "the container {name}, which Greenroom did not create and does not touch (rename or remove it)"
        )),
    }
}

fn describe_publisher(container: &ContainerSummary, address: SocketAddr) -> String {
    let name = container_name(container);
    let labels = container.labels.as_ref().and_then(Labels::read);
    match labels {
        Some(labels) => format!(
            "the container {name} ({} of {}), which publishes {address} (stop it if it is no longer needed, or give one of the slots another address)",
            labels.slot, labels.target
        ),
        None => format!(
            "the container {name}, which Greenroom did not create and which publishes {address} (stop it, or give the slot another address)"
        ),
    }
}

fn container_name(container: &ContainerSummary) -> String {
    let name = container.names.as_ref().and_then(|names| names.first());
    sanitize(name.map_or("without a name", |name| name.trim_start_matches('/')))
}

fn publishes(container: &ContainerSummary, address: SocketAddr) -> bool {
    let ports = container.ports.as_deref().unwrap_or_default();
    ports.iter().any(|port| collides(port, address))
}

fn collides(port: &PortSummary, address: SocketAddr) -> bool {
    let is_tcp = !matches!(
        port.typ,
        Some(PortSummaryTypeEnum::UDP | PortSummaryTypeEnum::SCTP)
    );
    if !is_tcp || port.public_port != Some(address.port()) {
        return false;
    }
    let ip = port
        .ip
        .as_deref()
        .and_then(|ip| ip.parse::<std::net::IpAddr>().ok());
    ip.is_none_or(|ip| {
        let is_same = ip.to_canonical() == address.ip().to_canonical();
        is_same || ip.is_unspecified() || address.ip().is_unspecified()
    })
}

/// Whether another process listens on the address, so that binding the address fails. The probe only binds and does not
/// listen, so it cannot accept a connection. If this host does not have the address, the answer is false.
fn is_listened_on(address: SocketAddr) -> bool {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let Ok(socket) = socket else {
        return false;
    };
    // Without this option, recently closed connections would look like a listener.
    let bound = socket
        .set_reuseaddr(true)
        .and_then(|()| socket.bind(address));
    bound.is_err_and(|e| e.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_port_collides_if_it_reaches_the_same_address() {
        let port = |ip: Option<&str>, number| PortSummary {
            ip: ip.map(str::to_owned),
            private_port: 80,
            public_port: Some(number),
            typ: Some(PortSummaryTypeEnum::TCP),
        };
        let address: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        assert!(collides(&port(Some("127.0.0.1"), 8080), address));
        assert!(collides(&port(Some("0.0.0.0"), 8080), address));
        assert!(collides(&port(None, 8080), address));
        assert!(!collides(&port(Some("127.0.0.2"), 8080), address));
        assert!(!collides(&port(Some("0.0.0.0"), 8081), address));
        assert!(collides(&port(Some("::ffff:127.0.0.1"), 8080), address));
        let loopback: SocketAddr = "[::1]:8080".parse().expect("an address");
        assert!(collides(&port(Some("0:0:0:0:0:0:0:1"), 8080), loopback));
    }
}
