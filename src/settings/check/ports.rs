//! Finds ports of this machine that Linux uses for outgoing connections. While a slot is empty between two releases, or
//! while nginx restarts, another program may take such a port.

use std::collections::BTreeSet;

use super::super::model::{EnvironmentSection, Root};
use super::Checker;
use super::collisions::{THIS_MACHINE, host_of, is_local};
use crate::port_check::RESERVED;

/// A listening port and its key.
type Listener<'a> = (u16, Vec<&'a str>);

impl Checker<'_> {
    /// Gives one warning for all ports, because one system setting reserves them all.
    pub(super) fn ports(&mut self, root: &Root) {
        let mut found = listeners(root);
        found.retain(|(port, _)| self.outgoing.may_take(*port));
        let ports: BTreeSet<u16> = found.iter().map(|(port, _)| *port).collect();
        let Some((first, path)) = found.first() else {
            return;
        };
        let subject = match ports.len() {
            1 => format!("port {first} is"),
            2 => format!("port {first} and one other port of this file are"),
            count => format!(
                "port {first} and {} other ports of this file are",
                count - 1
            ),
        };
        let range = self.outgoing.range();
        let says = format!(
            "{subject} in the range that Linux uses for outgoing connections ({}-{}), and another program may use such a port when Greenroom needs it: use ports below {}, or reserve them on this machine: sysctl -w {RESERVED}={} (and in /etc/sysctl.d, so that it lasts after a restart)",
            range.start(),
            range.end(),
            range.start(),
            self.outgoing.reserving(&ports)
        );
        self.warning(path, says);
    }
}

fn listeners(root: &Root) -> Vec<Listener<'_>> {
    let mut found = Vec::new();
    if let Some(listen) = &root.agent.listen {
        push(&mut found, listen.port(), vec!["agent", "listen"]);
    }
    for (environment, section) in root.environments.iter() {
        of_proxy(environment, section, &mut found);
        for (name, service) in root.services.iter() {
            let Some(in_environment) = service.environments.get(environment) else {
                continue;
            };
            let at = ["services", name, "environments", environment];
            if host_of(section) == THIS_MACHINE {
                for (slot, addresses) in in_environment.slots().iter() {
                    for address in addresses {
                        let path = [&at[..], &["endpoints", slot.as_str()]].concat();
                        push(&mut found, address.port(), path);
                    }
                }
            }
            if let Some(site) = in_environment.proxy.as_ref().filter(|_| is_local(section)) {
                push(
                    &mut found,
                    site.listen.port(),
                    [&at[..], &["proxy", "listen"]].concat(),
                );
                if let Some(listen) = &site.preview_listen {
                    let path = [&at[..], &["proxy", "preview_listen"]].concat();
                    push(&mut found, listen.port(), path);
                }
            }
        }
    }
    found
}

fn of_proxy<'a>(
    environment: &'a str,
    section: &'a EnvironmentSection,
    found: &mut Vec<Listener<'a>>,
) {
    if !is_local(section) {
        return;
    }
    let at = ["environments", environment];
    if let Some(nginx) = &section.nginx {
        let path = [&at[..], &["nginx", "answer", "listen"]].concat();
        push(found, nginx.answer.listen.port(), path);
    }
    if let Some(embedded) = &section.embedded {
        push(
            found,
            embedded.answer.port(),
            [&at[..], &["embedded", "answer"]].concat(),
        );
    }
}

fn push<'a>(found: &mut Vec<Listener<'a>>, port: Option<u16>, path: Vec<&'a str>) {
    found.extend(port.map(|port| (port, path)));
}
