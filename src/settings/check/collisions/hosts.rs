//! Host names that two servers of one nginx would both answer to at one address, public and preview servers alike. Only
//! one of them would ever be asked.

use std::collections::HashMap;

use super::super::super::model::{Root, SiteSection};
use super::super::Look;
use super::{Key, Proxy, of_target, proxy_of};
use crate::inventory::Endpoint;

/// How the names end that Greenroom gives its own servers.
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
                            "names that end in {OWN_NAMES} are those by which Greenroom asks the proxy: choose another one"
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
                            format!("this name is taken at `{listen}` by {there}: only one of the two servers would be asked"),
                        );
                    }
                }
            }
        }
    }
}

/// Every name of a site: its list, its place there, where its server listens, and the name.
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

/// The names that nginx takes for one: case means nothing, and `.example` is `example` and `*.example`.
fn meant(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix('.') {
        Some(rest) => vec![rest.to_owned(), format!("*.{rest}")],
        None => vec![name],
    }
}
