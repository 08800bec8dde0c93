//! The preview server: who may ask it, whether the proxy can keep that, and whether Greenroom's own checks still get
//! through it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::model::{
    EnvironmentSection, ProxyKind, ServiceEnvironmentSection, ServiceSection, SiteSection,
};
use super::super::problem::visible;
use super::Look;
use crate::inventory::{AddressRange, Endpoint};

impl Look<'_> {
    pub(super) fn preview(
        &mut self,
        at: &[&str],
        environment: &EnvironmentSection,
        service: &ServiceSection,
        here: &ServiceEnvironmentSection,
    ) {
        let Some(site) = &here.proxy else {
            return;
        };
        let path = |last: &'static str| [at, &["proxy", last]].concat();
        let by_nginx = environment.proxy_kind() == Some(ProxyKind::Nginx);
        // nginx tells servers by their names, the embedded proxy by their addresses.
        let listen = if by_nginx && site.preview_server_names.is_empty() {
            None
        } else if by_nginx {
            Some(site.preview_listen.as_ref().unwrap_or(&site.listen))
        } else {
            site.preview_listen.as_ref()
        };
        let ranges = self.ranges(&path("preview_allow"), site);
        let Some(listen) = listen else {
            for (key, is_set) in [
                ("preview_allow", !site.preview_allow.is_empty()),
                ("preview_users", site.preview_users.is_some()),
            ] {
                if is_set {
                    let says = "there is no preview server to limit: add preview_server_names and preview_listen";
                    self.error(&path(key), says);
                }
            }
            return;
        };
        if !site.preview_allow.is_empty() && matches!(listen, Endpoint::Unix(_)) {
            let says = "the preview server listens on a unix socket, where clients have no address: limit it by the rights of that file, or use preview_users";
            self.error(&path("preview_allow"), says);
        }
        self.users(&path("preview_users"), environment, by_nginx, site);
        let is_open = site.preview_allow.is_empty() && site.preview_users.is_none();
        if let Endpoint::Tcp(address) = listen
            && is_open
            && !address.ip().is_loopback()
        {
            let key = match site.preview_listen {
                Some(_) => "preview_listen",
                None => "preview_server_names",
            };
            self.warning(
                &path(key),
                format!("the preview server at {listen} shows candidates to every client that can reach it: set preview_allow or preview_users, or let it listen on a loopback address"),
            );
        }
        let connect = site.preview.connect.as_ref().unwrap_or(listen);
        let from = own_address(environment, connect);
        self.own_checks(at, from, &ranges, service, (here, site));
    }

    fn ranges(&mut self, path: &[&str], site: &SiteSection) -> Vec<AddressRange> {
        let mut ranges = Vec::new();
        for (index, text) in site.preview_allow.iter().enumerate() {
            match text.parse() {
                Ok(range) => ranges.push(range),
                Err(wrong) => {
                    let place = format!("[{index}]");
                    let wrong: crate::inventory::InvalidRange = wrong;
                    self.error(&[path, &[&place]].concat(), visible(&wrong.to_string()));
                }
            }
        }
        ranges
    }

    fn users(
        &mut self,
        path: &[&str],
        environment: &EnvironmentSection,
        by_nginx: bool,
        site: &SiteSection,
    ) {
        let Some(users) = &site.preview_users else {
            return;
        };
        if !by_nginx {
            let says = "the embedded proxy asks for no password: use preview_allow, or nginx";
            self.error(path, says);
            return;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let text = users.to_string_lossy();
        if !text.chars().all(plain) || text.split('/').any(|part| part == "..") {
            let says = "nginx needs a path of letters, digits, `/`, `.`, `_` and `-`, without `..`";
            self.error(path, says);
            return;
        }
        let nginx = environment.nginx.as_ref();
        // Of an nginx in a container it is a path inside, which cannot be looked at from here.
        if nginx.is_none_or(|nginx| nginx.container.is_none()) {
            self.file(path, Some(users));
        }
    }

    /// Greenroom's own checks come from this machine. A limit that refuses them would fail every release.
    fn own_checks(
        &mut self,
        at: &[&str],
        from: Option<IpAddr>,
        ranges: &[AddressRange],
        service: &ServiceSection,
        (here, site): (&ServiceEnvironmentSection, &SiteSection),
    ) {
        let (list, checks) = match &here.checks {
            Some(checks) => (at, checks),
            None => (&at[..2], &service.checks),
        };
        let mut through = checks
            .iter()
            .enumerate()
            .filter(|(_, check)| check.through_preview)
            .peekable();
        if through.peek().is_none() {
            return;
        }
        if let Some(from) = from
            && !ranges.is_empty()
            && !ranges.iter().any(|range| range.contains(from))
        {
            let path = [at, &["proxy", "preview_allow"]].concat();
            self.error(
                &path,
                format!("a check is asked through the preview server, from {from}, and this list would refuse it: add \"{from}\""),
            );
        }
        if site.preview_users.is_none() {
            return;
        }
        let unnamed: Vec<usize> = through
            .filter(|(_, check)| {
                let mut names = check.headers.keys();
                !names.any(|name| name.eq_ignore_ascii_case("authorization"))
            })
            .map(|(index, _)| index)
            .collect();
        for index in unnamed {
            let place = format!("[{index}]");
            self.error(
                &[list, &["checks", &place]].concat(),
                "it is asked through the preview server, which wants a password (preview_users), and sends none: add headers = { Authorization = \"Basic ...\" }",
            );
        }
    }
}

/// The address that the proxy sees when Greenroom asks it, where that is known.
fn own_address(environment: &EnvironmentSection, connect: &Endpoint) -> Option<IpAddr> {
    let nginx = environment.nginx.as_ref();
    if nginx.is_some_and(|nginx| nginx.container.is_some()) {
        // What comes into a container has the address of a bridge.
        return None;
    }
    match connect {
        Endpoint::Tcp(address) if address.ip().is_unspecified() => Some(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        }),
        // What connects to a loopback address comes from it.
        Endpoint::Tcp(address) if address.ip().is_loopback() => Some(address.ip()),
        _ => None,
    }
}
