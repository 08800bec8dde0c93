//! The addresses of a target in nginx, and a check that these values cannot change the meaning of a configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::inventory::{Address, AddressRange, Addresses, Endpoint, PerSlot, Target, plain};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    pub target: Target,
    /// The host names of the public server, e.g. `shop.example.com`.
    pub server_names: Vec<String>,
    /// The addresses of the public server, in nginx's form: `80`, `127.0.0.1:8080 default_server`.
    pub listen: Vec<String>,
    /// The host names of the preview server. Empty means no preview server.
    pub preview_server_names: Vec<String>,
    /// The addresses of the preview server.
    pub preview_listen: Vec<String>,
    /// The client addresses that the preview server answers. Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preview_allow: Vec<AddressRange>,
    /// The file of users and passwords for the preview server. None requires no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_users: Option<PathBuf>,
    /// The addresses of the slots, as the proxy reaches them.
    pub endpoints: PerSlot<Addresses>,
}

/// The options that are allowed after an address in `listen`. Other options need a template.
const LISTEN_OPTIONS: [&str; 7] = [
    "default_server",
    "ssl",
    "http2",
    "reuseport",
    "proxy_protocol",
    "ipv6only=on",
    "ipv6only=off",
];

impl Site {
    /// What is wrong with the values of the site, one text for each problem. Empty if nothing is wrong.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.server_names.is_empty() || self.listen.is_empty() {
            problems.push("a public server needs a host name and an address to listen on".into());
        }
        if self.preview_server_names.is_empty() != self.preview_listen.is_empty() {
            problems
                .push("a preview server needs both a host name and an address to listen on".into());
        }
        for name in self.server_names.iter().chain(&self.preview_server_names) {
            if !plain::is_server_name(name) {
                problems.push(format!("{name:?} is not a server name that Greenroom accepts: write web.example, *.web.example or web.*"));
            }
        }
        for listen in self.listen.iter().chain(&self.preview_listen) {
            if !is_listen(listen) {
                problems.push(format!(
                    "{listen:?} is not an address to listen on: write 80, 127.0.0.1:8080, [::]:80 \
                     or unix:/path.sock, optionally followed by {}",
                    LISTEN_OPTIONS.join(", ")
                ));
            }
        }
        if let Some(users) = &self.preview_users
            && !plain::is_path(users)
        {
            let users = users.display();
            problems.push(format!(
                "preview_users: {users} must be an absolute path with only letters, digits and the characters . _ - /"
            ));
        }
        let is_limited = !self.preview_allow.is_empty() || self.preview_users.is_some();
        if is_limited && self.preview_listen.is_empty() {
            problems.push(
                "preview_allow and preview_users need a preview server, and this target has none"
                    .into(),
            );
        }
        for (slot, addresses) in self.endpoints.iter() {
            let refused = addresses.iter().filter_map(refusal);
            problems.extend(refused.map(|why| format!("{slot}: {why}")));
        }
        problems
    }

    /// The address of a preview server that every client may use. None if the target has no preview server, if access
    /// is limited, or if only this machine can reach the server.
    pub(super) fn open_preview(&self) -> Option<&str> {
        if !self.preview_allow.is_empty() || self.preview_users.is_some() {
            return None;
        }
        let is_open = |listen: &&String| {
            let at = listen.split(' ').next().unwrap_or_default();
            match at.parse::<Endpoint>() {
                Ok(Endpoint::Tcp(address)) => !address.ip().is_loopback(),
                Ok(Endpoint::Unix(_)) => false,
                // A port without an address applies to every address.
                Err(_) => true,
            }
        };
        self.preview_listen.iter().find(is_open).map(String::as_str)
    }
}

/// Why nginx cannot have a slot at this address.
///
/// nginx resolves a host name of an upstream once, when it starts or reloads, and does not start at all if the name
/// cannot be resolved then. To resolve it again, nginx before 1.27.3 needs its commercial version. With TLS, nginx
/// compares the certificate only with host names, never with an IP address, so it cannot verify that the slot answers.
fn refusal(slot: &Address) -> Option<String> {
    match slot {
        Address::Unix(path) if !plain::is_path(path) => Some(format!(
            "{} must be an absolute path with only letters, digits and the characters . _ - /",
            path.display()
        )),
        Address::Name { .. } => Some(format!(
            "{slot} has a host name, which nginx would resolve only when it starts: write an IP address, such as 127.0.0.1:18081"
        )),
        Address::Ip { at, tls: true } => Some(format!(
            "nginx cannot verify the certificate of an IP address, so {slot} cannot use TLS behind nginx: write {at}"
        )),
        Address::Ip { .. } | Address::Unix(_) => None,
    }
}

fn is_listen(text: &str) -> bool {
    let mut words = text.split(' ');
    let at = words.next().unwrap_or_default();
    let port = at.strip_prefix("*:").unwrap_or(at);
    let is_address = port.parse::<u16>().is_ok_and(|port| port > 0)
        || at.parse::<Endpoint>().is_ok_and(|endpoint| match endpoint {
            Endpoint::Tcp(address) => address.port() > 0,
            Endpoint::Unix(_) => true,
        });
    is_address && words.all(|word| LISTEN_OPTIONS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_end_a_directive() {
        for good in [
            "80",
            "*:80",
            "127.0.0.1:8080",
            "[::]:80 ipv6only=on",
            "443 ssl http2",
            "unix:/run/a.sock default_server",
        ] {
            assert!(is_listen(good), "{good}");
        }
        for bad in [
            "",
            "0",
            "65536",
            "localhost:80",
            "80;",
            "80  ssl",
            "80 ssl;",
            "80 rcvbuf=1",
            "unix:a.sock",
            "127.0.0.1:80\n",
            "+80 evil",
            "127.0.0.1:0",
        ] {
            assert!(!is_listen(bad), "{bad:?}");
        }
    }
}
