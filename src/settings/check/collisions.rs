//! Two things in one place: slots of one machine that share an address, and names that two
//! servers of one proxy would both answer to.

use std::collections::HashMap;

use super::super::model::{EnvironmentSection, ProxyKind, Root, RuntimeKind};
use super::Look;
use crate::inventory::{Endpoint, Slot};

/// The machine that Greenroom runs on.
pub(super) const THIS_MACHINE: &str = "here";

impl Look<'_> {
    pub(super) fn collisions(&mut self, root: &Root) {
        self.addresses(root);
        self.names(root);
    }

    fn addresses(&mut self, root: &Root) {
        let mut taken: HashMap<(String, Endpoint), String> = HashMap::new();
        for (environment, section) in root.environments.iter() {
            let host = host_of(section);
            if let Some(nginx) = section
                .nginx
                .as_ref()
                .filter(|nginx| nginx.container.is_none())
            {
                let key = (host.clone(), nginx.answer.listen.clone());
                taken
                    .entry(key)
                    .or_insert_with(|| format!("environments.{environment}.nginx.answer"));
            }
            for (name, service) in root.services.iter() {
                let Some(here) = service.environments.get(environment) else {
                    continue;
                };
                if let Some(site) = here.proxy.as_ref().filter(|_| is_local(section)) {
                    for listen in std::iter::once(&site.listen).chain(&site.preview_listen) {
                        let key = (host.clone(), listen.clone());
                        taken
                            .entry(key)
                            .or_insert_with(|| "a server of the proxy".into());
                    }
                }
                for slot in Slot::BOTH {
                    let endpoint = match slot {
                        Slot::Blue => &here.endpoints.blue,
                        Slot::Green => &here.endpoints.green,
                    };
                    let path = [
                        "services",
                        name,
                        "environments",
                        environment,
                        "endpoints",
                        slot.as_str(),
                    ];
                    let whose = format!("{slot} of {name}/{environment}");
                    if let Some(other) = taken.insert((host.clone(), endpoint.clone()), whose) {
                        self.error(&path, format!("`{endpoint}` is already that of {other}: every slot needs an address of its own"));
                    }
                }
            }
        }
    }

    fn names(&mut self, root: &Root) {
        let mut taken: HashMap<(String, Endpoint, &str), String> = HashMap::new();
        for (environment, section) in root.environments.iter() {
            let proxy = proxy_of(environment, section);
            for (name, service) in root.services.iter() {
                let site = service
                    .environments
                    .get(environment)
                    .and_then(|here| here.proxy.as_ref());
                let Some(site) = site else {
                    continue;
                };
                for (index, server_name) in site.server_names.iter().enumerate() {
                    let key = (proxy.clone(), site.listen.clone(), server_name.as_str());
                    let Some(other) = taken.insert(key, format!("{name}/{environment}")) else {
                        continue;
                    };
                    let place = format!("[{index}]");
                    let path = [
                        "services",
                        name,
                        "environments",
                        environment,
                        "proxy",
                        "server_names",
                        &place,
                    ];
                    self.error(&path, format!("{other} has this name at the same place: only one of them would be asked"));
                }
            }
        }
    }
}

/// Whether the proxy shares its ports with the slots.
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

/// Which machine's addresses the slots take; loopback of two engines is two places.
pub(super) fn host_of(section: &EnvironmentSection) -> String {
    let address = section.docker_address();
    match section.runtime {
        RuntimeKind::Docker if address.starts_with("tcp:") => {
            // Two spellings of one address are one machine.
            let authority = address.strip_prefix("tcp://").map(str::parse::<Endpoint>);
            match authority {
                Some(Ok(endpoint)) => endpoint.to_string(),
                _ => address,
            }
        }
        // Whatever the socket is called, it is this machine.
        RuntimeKind::Docker | RuntimeKind::Process => THIS_MACHINE.into(),
    }
}

fn proxy_of(environment: &str, section: &EnvironmentSection) -> String {
    match &section.nginx {
        Some(nginx) => format!(
            "{} {} {}",
            host_of(section),
            nginx.container.as_deref().unwrap_or_default(),
            nginx.configuration.display()
        ),
        None => environment.to_owned(),
    }
}
