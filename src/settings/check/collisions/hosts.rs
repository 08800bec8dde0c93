//! Host names that two servers of one nginx have at the same address, public and preview servers alike. nginx
//! would use only one of the servers.

use std::collections::HashMap;

use super::super::super::model::{Root, SiteSection};
use super::super::Look;
use super::{Key, Proxy, of_target, proxy_of};
use crate::inventory::Endpoint;

/// The suffix of the names that Greenroom gives its own servers.
const OWN_NAMES: &str = ".greenroom.internal";

impl Look<'_> {
    pub(super) fn hosts(&mut self, root: &Root) {
        let mut taken: HashMap<(Proxy, Endpoint, String), Key> = HashMap::new();
        for (environment, section) in root.environments.iter() {
            let Some(proxy) = proxy_of(section).filter(|proxy| !proxy.is_embedded) else {
                continue;
            };
            for (name, service) in root.services.iter() {
                let here = service.environments.get(environment);
                let Some(site) = here.and_then(|here| here.proxy.as_ref()) else {
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
                    for one in meant(host) {
                        let spot = (proxy.clone(), listen.clone(), one);
                        other = other.or(taken.insert(spot, at.clone()));
                    }
                    if let Some(other) = other.filter(|other| *other != at) {
                        let there = self.place_of(&other);
                        self.error_at(
                            &at,
                            format!("{there} has this name at `{listen}` too, and nginx would use only one of the two servers"),
                        );
                    }
                }
            }
        }
    }
}

/// Every name of a site: the key of its list, its index, its server's address, and the name.
fn names(site: &SiteSection) -> Vec<(&'static str, usize, &Endpoint, &str)> {
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

/// The names that nginx treats as the same: case does not matter, and `.example` means `example` and `*.example`.
fn meant(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix('.') {
        Some(rest) => vec![rest.to_owned(), format!("*.{rest}")],
        None => vec![name],
    }
}
