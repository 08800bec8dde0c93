//! Checks of the preview server: which clients can reach it, whether the proxy can enforce the limits, and whether the
//! limits let Greenroom's own checks through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::super::model::{
    EnvironmentSection, ProxyKind, ServiceEnvironmentSection, ServiceSection,
};
use super::super::tree::{Node, Value};
use super::Checker;
use crate::inventory::servers::SiteConfig;
use crate::inventory::{Address, AddressRange, Endpoint, EnvironmentValue};
use crate::sanitize::visible;

impl Checker<'_> {
    pub(super) fn preview(
        &mut self,
        at: &[&str],
        environment: &EnvironmentSection,
        service: &ServiceSection,
        in_environment: &ServiceEnvironmentSection,
    ) {
        let Some(site) = &in_environment.proxy else {
            return;
        };
        let path = |last: &'static str| [at, &["proxy", last]].concat();
        let by_nginx = environment.proxy_kind() == Some(ProxyKind::Nginx);
        // nginx distinguishes servers by their names, the embedded proxy by their addresses.
        let listen = if by_nginx && site.preview_server_names.is_empty() {
            None
        } else if by_nginx {
            Some(site.preview_listen.as_ref().unwrap_or(&site.listen))
        } else {
            site.preview_listen.as_ref()
        };
        self.ranges(&path("preview_allow"));
        let Some(listen) = listen else {
            for (key, is_set) in [
                ("preview_allow", !site.preview_allow.is_empty()),
                ("preview_users", site.preview_users.is_some()),
            ] {
                if is_set {
                    let says = if by_nginx {
                        "there is no preview server to limit: add preview_server_names"
                    } else {
                        "there is no preview server to limit: add preview_listen"
                    };
                    self.error(&path(key), says);
                }
            }
            return;
        };
        if !site.preview_allow.is_empty() && matches!(listen, Endpoint::Unix(_)) {
            let says = "the preview server listens on a unix socket, where clients have no address: limit it by the socket's permissions, or use preview_users";
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
                format!("the preview server at {listen} shows candidates to every client that can reach it: set preview_allow or preview_users, or use a loopback address"),
            );
        }
        let connect = site.preview.connect.clone();
        let connect = connect.unwrap_or_else(|| listen.clone().into());
        let nginx = environment.nginx.as_ref();
        let is_in_container = by_nginx && nginx.is_some_and(|nginx| nginx.container.is_some());
        let from = (!is_in_container).then(|| own_address(&connect)).flatten();
        self.own_checks(at, (from, is_in_container), service, (in_environment, site));
    }

    /// Checks that every entry of an allow list is an address or a network.
    fn ranges(&mut self, path: &[&str]) {
        let written = self.tree.at(path).map_or(&[][..], Node::items);
        for (index, item) in written.iter().enumerate() {
            if let Value::Text(text) = &item.value
                && let Err(error) = text.parse::<AddressRange>()
            {
                let place = format!("[{index}]");
                self.error(&[path, &[&place]].concat(), visible(&error.to_string()));
            }
        }
    }

    fn users(
        &mut self,
        path: &[&str],
        environment: &EnvironmentSection,
        by_nginx: bool,
        site: &SiteConfig,
    ) {
        let Some(users) = &site.preview_users else {
            return;
        };
        if !by_nginx {
            let says = "the embedded proxy cannot ask for a password: use preview_allow, or nginx";
            self.error(path, says);
            return;
        }
        let Some(nginx) = &environment.nginx else {
            return;
        };
        // For an nginx in a container, this is a path inside the container, which cannot be checked.
        if self.path_of_nginx(path, nginx, users) && nginx.container.is_none() {
            self.file(path, Some(users));
        }
    }

    /// Checks that the limits let Greenroom's own checks through. These checks come from this machine. If the preview
    /// server refused a required check, every release would fail.
    fn own_checks(
        &mut self,
        at: &[&str],
        (from, is_in_container): (Option<IpAddr>, bool),
        service: &ServiceSection,
        (in_environment, site): (&ServiceEnvironmentSection, &SiteConfig),
    ) {
        let ranges = &site.preview_allow;
        let (list, checks) = match &in_environment.checks {
            Some(checks) => (at, checks),
            None => (&at[..2], &service.checks),
        };
        let mut through = checks
            .iter()
            .enumerate()
            .filter_map(|(index, check)| Some((index, check.request()?)))
            .filter(|(_, request)| request.through_preview)
            .peekable();
        if through.peek().is_none() {
            return;
        }
        if is_in_container && !ranges.is_empty() {
            let path = [at, &["proxy", "preview_allow"]].concat();
            self.warning(
                &path,
                "a check goes through the preview server of an nginx in a container, which sees the address of Docker's bridge instead of this machine's: add that address to this list",
            );
        }
        if let Some(from) = from
            && !ranges.is_empty()
            && !ranges.iter().any(|range| range.contains(from))
        {
            let path = [at, &["proxy", "preview_allow"]].concat();
            self.error(
                &path,
                format!("a check goes through the preview server, from {from}, which this list would refuse: add \"{from}\""),
            );
        }
        if site.preview_users.is_none() {
            return;
        }
        let without_login: Vec<usize> = through
            .filter(|(_, request)| {
                let mut headers = request.headers.iter();
                !headers.any(|(name, value)| {
                    name.eq_ignore_ascii_case("authorization") && may_be_login(value)
                })
            })
            .map(|(index, _)| index)
            .collect();
        for index in without_login {
            let place = format!("[{index}]");
            self.error(
                &[list, &["checks", &place]].concat(),
                "this check goes through the preview server, which requires a password (preview_users), but sends none: add headers = { Authorization = \"Basic ...\" }",
            );
        }
    }
}

/// Whether nginx can read a user and a password from the header. The value of a secret is not read, and counts as a
/// login.
fn may_be_login(authorization: &EnvironmentValue) -> bool {
    match authorization {
        EnvironmentValue::Plain(text) => {
            let scheme = text.split_whitespace().next();
            scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
        }
        EnvironmentValue::Secret(_) => true,
    }
}

/// The address from which Greenroom's requests reach the proxy; none if it is unknown. A connection to an address of
/// this machine comes from that same address. For another machine, the address is unknown, because a router may
/// translate it. A host name is not resolved here.
fn own_address(connect: &Address) -> Option<IpAddr> {
    let Address::Ip { at, .. } = connect else {
        return None;
    };
    match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
        ip if ip.is_loopback() => Some(ip),
        ip => source_towards(*at).filter(|from| *from == ip),
    }
}

/// The source address for connections to another address. Connecting a UDP socket sends nothing.
fn source_towards(address: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(address).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_to_an_address_of_this_machine_comes_from_it() {
        let far: SocketAddr = "192.0.2.1:9".parse().expect("an address");
        let own = source_towards(far).unwrap_or(Ipv4Addr::LOCALHOST.into());
        let to = |ip: IpAddr| own_address(&Endpoint::Tcp((ip, 8081).into()).into());
        assert_eq!(to(own), Some(own));
        assert_eq!(to(far.ip()), None);
        assert_eq!(
            to(Ipv4Addr::UNSPECIFIED.into()),
            Some(Ipv4Addr::LOCALHOST.into())
        );
    }

    #[test]
    fn a_token_of_the_application_is_not_a_login_of_the_preview() {
        let may = |text: &str| may_be_login(&EnvironmentValue::Plain(text.into()));
        assert!(may("Basic YW5hOnNlY3JldA==") && may("basic x"));
        assert!(!may("Bearer x") && !may("Basically x") && !may(""));
    }
}
