//! Checks of the addresses of slots: whether a program can listen there, whether the proxy can connect, and whether a
//! container is reached where the service listens.

use super::super::model::{
    EnvironmentSection, ProxyKind, RuntimeKind, ServiceEnvironmentSection, ServiceSection,
};
use super::Checker;
use crate::inventory::{Address, PerSlot, Slot};

impl Checker<'_> {
    pub(super) fn slots(
        &mut self,
        at: &[&str],
        environment: &EnvironmentSection,
        service: &ServiceSection,
        in_environment: &ServiceEnvironmentSection,
    ) {
        // Only for Docker. Greenroom tells a process to listen at the slot's address. Greenroom cannot tell a
        // container, so the slot's address must be of the kind (port or socket) on which the program inside listens.
        let listens_once = service.listen.port.is_some() != service.listen.socket.is_some();
        let Some(endpoints) = &in_environment.endpoints else {
            return;
        };
        for slot in Slot::BOTH {
            let path = [at, &["endpoints", slot.as_str()]].concat();
            for address in endpoints.get(slot) {
                if let Some(says) = refusal(environment, address) {
                    self.error(&path, says);
                } else if environment.runtime == RuntimeKind::Docker && listens_once {
                    self.reached(&path, service, address);
                }
            }
        }
        let PerSlot { blue, green } = endpoints;
        if blue.members() != green.members() {
            let says = format!(
                "blue has {} addresses and green has {}: both slots need one address for each member",
                blue.members(),
                green.members()
            );
            self.error(&[at, &["endpoints"]].concat(), says);
        }
    }

    fn reached(&mut self, path: &[&str], service: &ServiceSection, address: &Address) {
        match address {
            Address::Unix(_) if service.listen.port.is_some() => self.error(
                path,
                "a unix socket cannot reach a port: set listen.socket, or use an address such as 127.0.0.1:18081",
            ),
            Address::Ip { .. } if service.listen.socket.is_some() => self.error(
                path,
                "a port cannot reach a socket: set listen.port, or use a path such as unix:/run/web/blue.sock",
            ),
            Address::Ip { at, .. } if !at.ip().is_loopback() => self.warning(
                path,
                "this is not a loopback address, so clients can reach the slot without the proxy",
            ),
            _ => {}
        }
    }
}

/// Why the runtime or the proxy of the environment cannot use the address of a slot.
fn refusal(environment: &EnvironmentSection, address: &Address) -> Option<String> {
    match address {
        Address::Name { port, .. } => {
            let binds = match environment.runtime {
                RuntimeKind::Docker => "Docker publishes the slot's port",
                RuntimeKind::Process => "the slot's process listens",
            };
            Some(format!(
                "`{address}` has a host name, which can belong to several addresses and machines, but {binds} at one IP address: write 127.0.0.1:{port}, or another IP address of that machine"
            ))
        }
        // nginx compares a certificate only with host names.
        Address::Ip { at, tls: true } if environment.proxy_kind() == Some(ProxyKind::Nginx) => {
            Some(format!(
                "nginx cannot verify the certificate of an IP address, so it cannot connect to a slot with TLS: write {at}"
            ))
        }
        Address::Ip { .. } | Address::Unix(_) => None,
    }
}
