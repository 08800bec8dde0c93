//! Finds a host name that two servers of one nginx have at the same address. nginx would use only one of the two
//! servers. Public servers and preview servers are compared alike.

use std::collections::HashMap;

use super::super::super::model::Root;
use super::super::Checker;
use super::{Key, Proxy, of_target, proxy_of};
use crate::inventory::Endpoint;
use crate::inventory::servers::SiteConfig;

/// The suffix of the names that Greenroom gives its own servers.
const OWN_NAMES: &str = ".greenroom.internal";

impl Checker<'_> {
    pub(super) fn hosts(&mut self, root: &Root) {
        let mut taken: HashMap<(Proxy, Endpoint, String), Key> = HashMap::new();
        for (environment, section) in root.environments.iter() {
            let Some(proxy) = proxy_of(section).filter(|proxy| !proxy.is_embedded) else {
                continue;
            };
            for (name, service) in root.services.iter() {
                let in_environment = service.environments.get(environment);
                let Some(site) =
                    in_environment.and_then(|in_environment| in_environment.proxy.as_ref())
                else {
                    continue;
                };
                for (list, index, listen, host) in names(site) {
                    let at = of_target(name, environment, &["proxy", list, &format!("[{index}]")]);
                    if host.to_ascii_lowercase().ends_with(OWN_NAMES) {
                        let says = format!(
                            "names that end in {OWN_NAMES} are reserved for Greenroom's own requests to the proxy: use another name"
                        );
                        self.error_at(&at, says);
                    }
                    let mut other = None;
                    for name in equal_names(host) {
                        let spot = (proxy.clone(), listen.clone(), name);
                        other = other.or(taken.insert(spot, at.clone()));
                    }
                    if let Some(other) = other.filter(|other| *other != at) {
                        let other_place = self.place_of(&other);
                        self.error_at(
                            &at,
                            format!("{other_place} has this name at `{listen}` too, and nginx would use only one of the two servers: give each server its own name"),
                        );
                    }
                }
            }
        }
    }
}

/// Every name of a site: the key of its list, its index, its server's address, and the name.
fn names(site: &SiteConfig) -> Vec<(&'static str, usize, &Endpoint, &str)> {
    let preview = site.preview_listen.as_ref().unwrap_or(&site.listen);
    let lists = [
        ("server_names", &site.server_names, &site.listen),
        ("preview_server_names", &site.preview_server_names, preview),
    ];
    lists
        .into_iter()
        .flat_map(|(list, names, listen)| {
            let names = names.iter().enumerate();
            names.map(move |(index, name)| (list, index, listen, name.as_str()))
        })
        .collect()
}

/// The names that nginx treats as equal to `name`: case does not matter, and `.example` means `example` and
/// `*.example`.
fn equal_names(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix('.') {
        Some(rest) => vec![rest.to_owned(), format!("*.{rest}")],
        None => vec![name],
    }
}
