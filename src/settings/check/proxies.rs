//! Checks of proxies: whether the chosen proxy has its table, and values that the proxy cannot use.

use std::path::Path;

use super::super::model::{EnvironmentSection, ProxyKind, RuntimeKind};
use super::{Checker, SOCKET_OF_NGINX};
use crate::inventory::servers::{NginxConfig, SiteConfig};
use crate::inventory::{Endpoint, plain};
use crate::sanitize::visible;

/// What to write for a path that nginx uses.
const PLAIN_PATH: &str =
    "write an absolute path of letters, digits, `/`, `.`, `_` and `-`, without `..`";

impl Checker<'_> {
    pub(super) fn proxy(&mut self, at: &[&str], section: &EnvironmentSection) {
        match (section.proxy_kind(), &section.nginx, &section.embedded) {
            (Some(ProxyKind::Nginx), None, _) => {
                self.error(
                    at,
                    format!(
                        "proxy = \"nginx\" needs an [{}.nginx] table with `answer`",
                        at.join(".")
                    ),
                );
            }
            (Some(ProxyKind::Nginx), Some(_), Some(_)) => {
                let path = [at, &["embedded"]].concat();
                self.error(
                    &path,
                    "the proxy is nginx, so this table has no effect: remove the table, or set proxy = \"embedded\"",
                );
            }
            (Some(ProxyKind::Embedded), _, None) => {
                self.error(
                    at,
                    format!("proxy = \"embedded\" needs an [{}.embedded] table with `answer` and `state`", at.join(".")),
                );
            }
            (Some(ProxyKind::Embedded), Some(_), _) => {
                let path = [at, &["nginx"]].concat();
                self.error(
                    &path,
                    "the proxy is embedded, so this table has no effect: remove the table, or set proxy = \"nginx\"",
                );
            }
            _ => {}
        }
        if let Some(nginx) = &section.nginx {
            self.nginx(&[at, &["nginx"]].concat(), section, nginx);
        }
        if let Some(embedded) = &section.embedded {
            let path = [at, &["embedded", "answer"]].concat();
            self.tcp(&path, &embedded.answer);
        }
    }

    fn nginx(&mut self, at: &[&str], section: &EnvironmentSection, nginx: &NginxConfig) {
        self.file(&[at, &["template"]].concat(), nginx.template.as_deref());
        if nginx.container.is_some() && section.runtime == RuntimeKind::Process {
            let path = [at, &["container"]].concat();
            self.error(&path, "a container needs runtime = \"docker\"");
        }
        if nginx
            .container
            .as_ref()
            .is_some_and(|name| !is_container(name))
        {
            let path = [at, &["container"]].concat();
            self.error(
                &path,
                "this is not the name of a container: use letters, digits, `_`, `.` and `-`",
            );
        }
        if nginx.access_log.is_some() && nginx.container.is_some() {
            let path = [at, &["access_log"]].concat();
            self.warning(
                &path,
                "this log is inside nginx's container, so Greenroom cannot read it: the watch counts only Greenroom's own requests, and the console shows no rates and no requests",
            );
        }
        for (key, place) in [
            ("configuration", Some(&nginx.configuration)),
            ("sites", Some(&nginx.sites)),
            ("state", Some(&nginx.state)),
            ("access_log", nginx.access_log.as_ref()),
        ] {
            if let Some(place) = place {
                self.path_of_nginx(&[at, &[key]].concat(), nginx, place);
            }
        }
        let path = [at, &["answer", "listen"]].concat();
        match &nginx.answer.listen {
            Endpoint::Unix(_) => self.warning(&path, SOCKET_OF_NGINX),
            Endpoint::Tcp(address) if !address.ip().is_loopback() && nginx.container.is_none() => {
                let says =
                    "every host that can reach this address gets answers: use a loopback address";
                self.warning(&path, says);
            }
            Endpoint::Tcp(_) => {}
        }
    }

    /// Checks a path for the configuration of nginx, and returns whether nginx can use the path. A relative path is
    /// below the directory of the configuration, except for a path inside a container.
    pub(super) fn path_of_nginx(&mut self, at: &[&str], nginx: &NginxConfig, path: &Path) -> bool {
        let full = match nginx.container {
            Some(_) => path.to_owned(),
            None => self.absolute_base.join(path),
        };
        if plain::is_path(&full) {
            return true;
        }
        // If the path itself is usable, the directory of the configuration is the problem. Then the full path is shown.
        let is_plain = plain::is_path(&Path::new("/").join(path));
        let shown = if is_plain { &full } else { path };
        let shown = visible(&shown.display().to_string());
        self.error(at, format!("nginx cannot use `{shown}`: {PLAIN_PATH}"));
        false
    }

    /// Checks the addresses of a target behind the embedded proxy. This proxy distinguishes servers by their addresses,
    /// so the preview server needs an address of its own.
    pub(super) fn embedded_site(&mut self, at: &[&str], site: &SiteConfig) {
        self.tcp(&[at, &["listen"]].concat(), &site.listen);
        match &site.preview_listen {
            Some(listen) => self.tcp(&[at, &["preview_listen"]].concat(), listen),
            None => self.error(
                at,
                "the embedded proxy needs a separate address for the preview server: add preview_listen",
            ),
        }
    }

    fn tcp(&mut self, at: &[&str], endpoint: &Endpoint) {
        if matches!(endpoint, Endpoint::Unix(_)) {
            let says = "the embedded proxy listens on TCP addresses only: write 127.0.0.1:8080";
            self.error(at, says);
        }
    }
}

fn is_container(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
