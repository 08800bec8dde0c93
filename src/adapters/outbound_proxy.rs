//! The forward proxy for requests to other machines, from the variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and
//! `NO_PROXY`, in upper or lower case. Requests to loopback addresses never use the proxy, because the proxy would look
//! for these addresses on its own machine. Errors name the proxy, so that an operator does not suspect the server
//! behind it.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy};

/// All hosts by name and by address, in the form of `NO_PROXY`.
const EVERYTHING: &str = "*,0.0.0.0/0,::/0";
/// Hosts that are always reached directly, in the form of `NO_PROXY`.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// The forward proxies of this process. `Debug` does not show their passwords.
#[derive(Clone, Default)]
pub struct OutboundProxy {
    http: Option<String>,
    https: Option<String>,
    exempt: String,
}

impl OutboundProxy {
    /// The proxies that the environment variables name. `read` returns the value of a variable.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Self {
        // In a CGI program, the variable HTTP_PROXY contains the header `Proxy` of a client, so no variable is used.
        if read("REQUEST_METHOD").is_some() {
            return Self::default();
        }
        // An empty variable is treated as unset, so that it does not hide its other spelling.
        let set = |name: &str| read(name).filter(|value| !value.trim().is_empty());
        let first = |names: [&str; 2]| names.into_iter().find_map(&set);
        let for_all_schemes = first(["ALL_PROXY", "all_proxy"]);
        let proxy = |names| first(names).or_else(|| for_all_schemes.clone());
        Self {
            http: proxy(["HTTP_PROXY", "http_proxy"]),
            https: proxy(["HTTPS_PROXY", "https_proxy"]),
            exempt: first(["NO_PROXY", "no_proxy"])
                .map_or_else(String::new, |list| library_form(&list)),
        }
    }

    /// The hosts that are reached without a proxy, in the form of `NO_PROXY`.
    fn exempt(&self) -> String {
        if self.http.is_none() && self.https.is_none() {
            return EVERYTHING.to_owned();
        }
        if self.exempt.is_empty() {
            LOOPBACK.to_owned()
        } else {
            format!("{},{LOOPBACK}", self.exempt)
        }
    }

    /// Makes a client use these proxies and no others.
    pub(super) fn apply(&self, client: ClientBuilder) -> reqwest::Result<ClientBuilder> {
        let exempt = NoProxy::from_string(&self.exempt());
        let mut client = client.no_proxy();
        if let Some(http) = &self.http {
            client = client.proxy(Proxy::http(http)?.no_proxy(exempt.clone()));
        }
        if let Some(https) = &self.https {
            client = client.proxy(Proxy::https(https)?.no_proxy(exempt));
        }
        Ok(client)
    }

    /// The proxy that a request to this URL uses, without its password. None if the request is direct.
    pub(super) fn proxy_for(&self, url: &str) -> Option<String> {
        let matcher = Matcher::builder()
            .http(self.http.clone().unwrap_or_default())
            .https(self.https.clone().unwrap_or_default())
            .no(self.exempt())
            .build();
        let intercept = matcher.intercept(&url.parse().ok()?)?;
        let proxy = intercept.uri();
        let scheme = proxy.scheme_str().unwrap_or("http");
        let port = proxy.port_u16().map(|port| format!(":{port}"));
        Some(format!(
            "{scheme}://{}{}",
            proxy.host()?,
            port.unwrap_or_default()
        ))
    }
}

impl fmt::Debug for OutboundProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundProxy")
            .field("http", &self.proxy_for("http://greenroom.invalid/"))
            .field("https", &self.proxy_for("https://greenroom.invalid/"))
            .field("exempt", &self.exempt)
            .finish()
    }
}

/// Converts `NO_PROXY` to the form of the client library. Other programs also accept `*.example` and a port, which
/// the library would treat as part of the name. A `*` also applies to addresses.
fn library_form(list: &str) -> String {
    let entries = list.split(',').map(|entry| {
        let entry = entry.trim();
        if entry == "*" {
            return EVERYTHING;
        }
        let entry = entry
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(entry);
        match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
            _ => entry,
        }
    });
    entries
        .filter(|entry| !entry.is_empty())
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> OutboundProxy {
        OutboundProxy::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn loopback_never_goes_through_a_proxy() {
        let proxies = proxies(&[("ALL_PROXY", "http://proxy.example:3128")]);
        for direct in [
            "http://127.0.0.1:5000/v2/",
            "https://127.8.8.8/",
            "http://localhost:5000/",
            "http://[::1]:5000/",
        ] {
            assert_eq!(proxies.proxy_for(direct), None, "{direct}");
        }
        for through in ["http://10.0.0.1/", "https://registry.example/"] {
            let proxy = proxies.proxy_for(through);
            assert_eq!(
                proxy.as_deref(),
                Some("http://proxy.example:3128"),
                "{through}"
            );
        }
    }

    #[test]
    fn no_proxy_exempts_names_networks_and_hosts_with_a_port() {
        let proxies = proxies(&[
            ("https_proxy", "proxy.example:3128"),
            (
                "no_proxy",
                "*.lan, 10.0.0.0/8,registry.example:5000 ,.corp.example",
            ),
        ]);
        for direct in [
            "https://a.lan/",
            "https://10.2.3.4/",
            "https://registry.example:5000/",
            "https://x.corp.example/",
            "http://other.example/",
        ] {
            assert_eq!(proxies.proxy_for(direct), None, "{direct}");
        }
        let proxy = proxies.proxy_for("https://other.example/");
        assert_eq!(proxy.as_deref(), Some("http://proxy.example:3128"));
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxies = proxies(&[("HTTP_PROXY", "http://ana:hunter2@proxy.example:3128")]);
        let named = proxies.proxy_for("http://registry.example/");
        assert_eq!(named.as_deref(), Some("http://proxy.example:3128"));
        assert!(!format!("{proxies:?}").contains("hunter2"), "{proxies:?}");
    }

    #[test]
    fn an_asterisk_exempts_addresses_too() {
        let proxies = proxies(&[("ALL_PROXY", "http://proxy.example"), ("NO_PROXY", "*")]);
        for direct in [
            "http://registry.example/",
            "http://10.0.0.1/",
            "http://[fe80::1]/",
        ] {
            assert_eq!(proxies.proxy_for(direct), None, "{direct}");
        }
    }

    #[test]
    fn an_empty_variable_does_not_hide_its_other_spelling() {
        let proxies = proxies(&[("HTTPS_PROXY", " "), ("https_proxy", "http://proxy:3128")]);
        let url = "https://registry.example/v2/";
        assert_eq!(proxies.proxy_for(url).as_deref(), Some("http://proxy:3128"));
    }

    #[test]
    fn a_cgi_program_has_no_proxy() {
        let proxies = proxies(&[
            ("HTTP_PROXY", "http://evil.example"),
            ("REQUEST_METHOD", "GET"),
        ]);
        assert_eq!(proxies.proxy_for("http://registry.example/"), None);
    }
}
