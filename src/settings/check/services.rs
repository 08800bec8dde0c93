//! Checks of services: whether health requests and checks can be sent, and everything that would make every release of
//! the service fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::model::{ProxyKind, Root, ServiceEnvironmentSection, ServiceSection};
use super::super::problem::nearest;
use super::super::read::suggestion;
use super::{Checker, SOCKET_OF_NGINX};
use crate::checks::{Case, HealthCheck};
use crate::inventory::servers::SiteConfig;
use crate::inventory::{Endpoint, EnvironmentValue, plain};
use crate::sanitize::visible;

impl Checker<'_> {
    pub(super) fn service(&mut self, root: &Root, name: &str, service: &ServiceSection) {
        let at = ["services", name];
        if service.is_background() {
            self.background_keys(&at, service);
        } else {
            self.listen(&at, service);
        }
        self.variables(&at, &service.environment);
        self.mounts(&at, service);
        self.container(root, &at, service);
        self.checks(&at, &service.checks);
        self.tasks(&at, name, service);
        self.quiet(root, &at, service);
        self.health(&at, service.health.as_ref());
        if service.command.as_ref().is_some_and(Vec::is_empty) {
            self.error(
                &[&at[..], &["command"]].concat(),
                "an empty command runs nothing: leave `command` out to use the command of the image",
            );
        }
        if service.environments.0.is_empty() {
            let says = format!(
                "this service has no environment, so it cannot be released: add [services.{name}.environments.NAME]"
            );
            self.warning(&at, says);
        }
        for (environment, in_environment) in service.environments.iter() {
            let at = ["services", name, "environments", environment];
            self.target(root, &at, environment, service, in_environment);
        }
    }

    fn listen(&mut self, at: &[&str], service: &ServiceSection) {
        let path = [at, &["listen"]].concat();
        match (&service.listen.port, &service.listen.socket) {
            (Some(_), Some(_)) => {
                self.error(&path, "a service can listen on a port or on a socket, not on both: remove one of them");
            }
            (None, None) => self.error(
                &path,
                "say where the service listens: { port = 8080 } or { socket = \"/run/app/app.sock\" }; for a service that gets no requests, set kind = \"worker\" or kind = \"scheduler\"",
            ),
            (None, Some(socket)) if !is_socket_path(socket) => {
                let path = [&path[..], &["socket"]].concat();
                self.error(
                    &path,
                    "write an absolute path below a directory, such as /run/app/app.sock, with only ASCII letters, digits, `/`, `.`, `_` and `-`, and without `..`",
                );
            }
            _ => {}
        }
    }

    fn variables(&mut self, at: &[&str], variables: &BTreeMap<String, EnvironmentValue>) {
        for (name, value) in variables {
            let path = [at, &["environment", name.as_str()]].concat();
            if name.is_empty() || name.contains(['=', '\0']) || name.chars().any(char::is_control) {
                self.error(
                    &path,
                    "a variable needs a name without `=` and control characters",
                );
            }
            match value {
                EnvironmentValue::Secret(secret) => self.secret(&path, Some(secret)),
                EnvironmentValue::Plain(text) if text.contains('\0') => {
                    self.error(&path, "a variable cannot hold a zero byte");
                }
                EnvironmentValue::Plain(_) if looks_secret(name) => self.warning(
                    &path,
                    "by its name, this variable may be a secret in plain text: if it is, use { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\"] }",
                ),
                EnvironmentValue::Plain(_) => {}
            }
        }
    }

    fn mounts(&mut self, at: &[&str], service: &ServiceSection) {
        for (index, mount) in service.mounts.iter().enumerate() {
            let place = format!("[{index}]");
            if !mount.target.starts_with('/') {
                let path = [at, &["mounts", &place, "target"]].concat();
                self.error(&path, "the path inside the container must be absolute");
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if !mount.source.starts_with('/')
                && (mount.source.is_empty() || !mount.source.chars().all(plain))
            {
                let path = [at, &["mounts", &place, "source"]].concat();
                self.error(
                    &path,
                    "write an absolute path of the host, or the name of a volume",
                );
            }
        }
    }

    fn checks(&mut self, at: &[&str], checks: &[Case]) {
        let mut names = BTreeSet::new();
        for (index, check) in checks.iter().enumerate() {
            let place = format!("[{index}]");
            if !names.insert(check.name.as_str()) {
                let path = [at, &["checks", &place, "name"]].concat();
                let says = format!(
                    "there is another check named `{}`: use another name",
                    visible(&check.name)
                );
                self.error(&path, says);
            }
            let here = [at, &["checks", &place]].concat();
            let Some(request) = check.request() else {
                self.variables(&here, check.environment().unwrap_or(&BTreeMap::new()));
                continue;
            };
            self.request_values(&here, &request.headers, &request.query);
            for pointer in request.expect.json.keys() {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    let path = [at, &["checks", &place, "expect", "json", pointer]].concat();
                    let shown = visible(pointer);
                    self.error(
                        &path,
                        format!(
                            "a JSON pointer starts with a slash; did you mean `/{}`?",
                            shown.replace('.', "/")
                        ),
                    );
                }
            }
            if request
                .expect
                .within
                .is_some_and(|within| within > check.timeout)
            {
                let path = [at, &["checks", &place, "expect", "within"]].concat();
                self.error(
                    &path,
                    "this time is longer than the timeout of the check, so it has no effect: use a shorter time",
                );
            }
        }
    }

    fn tasks(&mut self, at: &[&str], name: &str, service: &ServiceSection) {
        let mut names = BTreeSet::new();
        for (index, task) in service.tasks.iter().enumerate() {
            let place = format!("[{index}]");
            let at = [at, &["tasks", &place]].concat();
            if !names.insert(&task.name) {
                let says = format!(
                    "there is another task named `{}`: use another name",
                    task.name
                );
                self.error(&[&at[..], &["name"]].concat(), says);
            }
            let empty = "an empty command runs nothing: write the program and its arguments";
            if task.command.is_empty() {
                self.error(&[&at[..], &["command"]].concat(), empty);
            }
            if task.undo.as_ref().is_some_and(Vec::is_empty) {
                let says = format!("{empty}, or leave `undo` out");
                self.error(&[&at[..], &["undo"]].concat(), says);
            }
            self.variables(&at, &task.environment);
            for environment in task.only_in.iter().flatten() {
                if service.environments.get(environment.as_str()).is_none() {
                    let known = service.environments.iter().map(|(name, _)| name);
                    let near = suggestion(nearest(environment.as_str(), known));
                    let says = format!("`{environment}` is not an environment of {name}{near}");
                    self.error(&[&at[..], &["only_in"]].concat(), says);
                }
            }
        }
    }

    fn health(&mut self, at: &[&str], health: Option<&HealthCheck>) {
        let Some(health) = health else {
            return;
        };
        self.request_values(&[at, &["health"]].concat(), &health.headers, &health.query);
        let Some(host) = &health.host else {
            return;
        };
        if host.is_empty() || !host.chars().all(|c| c.is_ascii_graphic()) {
            let path = [at, &["health", "host"]].concat();
            self.error(
                &path,
                "a host name has visible ASCII characters only: write web.example",
            );
        }
    }

    /// Checks that headers and query parameters can be sent. The messages do not repeat the values, which may be
    /// secret.
    fn request_values(
        &mut self,
        at: &[&str],
        headers: &BTreeMap<String, EnvironmentValue>,
        query: &BTreeMap<String, EnvironmentValue>,
    ) {
        for (name, value) in headers {
            let path = [at, &["headers", name.as_str()]].concat();
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                self.error(
                    &path,
                    "this is not the name of a header: use letters, digits and `-`",
                );
            }
            match value {
                EnvironmentValue::Secret(secret) => self.secret(&path, Some(secret)),
                EnvironmentValue::Plain(text) => {
                    if text.chars().any(|c| c != '\t' && c.is_control()) {
                        self.error(
                            &path,
                            "a header cannot hold a line break or another control character",
                        );
                    }
                }
            }
        }
        for (name, value) in query {
            let path = [at, &["query", name.as_str()]].concat();
            if name.is_empty() {
                self.error(&path, "a parameter needs a name");
            }
            if let EnvironmentValue::Secret(secret) = value {
                self.secret(&path, Some(secret));
            }
        }
    }

    fn target(
        &mut self,
        root: &Root,
        at: &[&str],
        name: &str,
        service: &ServiceSection,
        in_environment: &ServiceEnvironmentSection,
    ) {
        let Some(environment) = root.environments.get(name) else {
            let near = nearest(name, root.environments.iter().map(|(name, _)| name));
            let says = format!(
                "there is no environment `{}`{}",
                visible(name),
                suggestion(near)
            );
            self.error(at, says);
            return;
        };
        self.variables(at, &in_environment.environment);
        self.container_in(at, environment, in_environment);
        self.checks(at, in_environment.checks.as_deref().unwrap_or_default());
        self.health(at, in_environment.health.as_ref());
        if service.is_background() {
            self.background_keys_in(at, service.kind, in_environment);
        } else {
            self.http_keys_in(at, in_environment);
        }
        let has_health = service.health.is_some() || in_environment.health.is_some();
        if !has_health && !service.is_background() {
            self.warning(
                at,
                "there is no `health`, and a release needs one: add health = { path = \"/health\" }",
            );
        }
        self.slots(at, environment, service, in_environment);
        let checks = in_environment.checks.as_ref().unwrap_or(&service.checks);
        self.check_containers(at, environment, in_environment, checks);
        let through = checks
            .iter()
            .filter_map(Case::request)
            .any(|request| request.through_preview);
        // nginx has a preview server only if the preview server has names. The embedded proxy has one only if it has an
        // address of its own.
        let is_embedded = environment.proxy_kind() == Some(ProxyKind::Embedded);
        let has_preview = in_environment.proxy.as_ref().is_some_and(|site| {
            if is_embedded {
                site.preview_listen.is_some()
            } else {
                !site.preview_server_names.is_empty()
            }
        });
        if through && !has_preview {
            let key = if is_embedded {
                "proxy.preview_listen"
            } else {
                "proxy.preview_server_names"
            };
            let says =
                format!("a check goes through the preview server, but there is none: add {key}");
            self.error(at, says);
        }
        if service.etcd_key.is_some() && environment.etcd.is_none() {
            self.warning(
                at,
                "this environment has no etcd, so the extra etcd key is not written",
            );
        }
        if let Some(site) = &in_environment.proxy {
            let path = [at, &["proxy"]].concat();
            if environment.proxy_kind().is_none() {
                let says =
                    format!("environment `{name}` has no proxy: add [environments.{name}.nginx]");
                self.error(&path, says);
            }
            let by_nginx = environment.proxy_kind() == Some(ProxyKind::Nginx);
            self.site(&path, by_nginx, site);
            if is_embedded {
                self.embedded_site(&path, site);
            }
        } else if !service.is_background() {
            let says = format!(
                "a release needs a proxy to switch traffic, and this target has none: add [{}.proxy]",
                at.join(".")
            );
            self.error(at, says);
        }
        self.preview(at, environment, service, in_environment);
    }

    fn site(&mut self, at: &[&str], by_nginx: bool, site: &SiteConfig) {
        if by_nginx {
            for (key, listen) in [
                ("listen", Some(&site.listen)),
                ("preview_listen", site.preview_listen.as_ref()),
            ] {
                if matches!(listen, Some(Endpoint::Unix(_))) {
                    self.warning(&[at, &[key]].concat(), SOCKET_OF_NGINX);
                }
            }
        }
        let lists = [
            ("server_names", &site.server_names),
            ("preview_server_names", &site.preview_server_names),
        ];
        for (key, names) in lists {
            for (index, name) in names.iter().enumerate() {
                if !plain::is_server_name(name) {
                    let place = format!("[{index}]");
                    let path = [at, &[key, &place]].concat();
                    let says = format!(
                        "`{}` is not a server name that Greenroom accepts: write web.example, *.web.example or web.*, without a port and without a regular expression",
                        visible(name)
                    );
                    self.error(&path, says);
                }
            }
        }
        if site.server_names.is_empty() {
            self.error(
                &[at, &["server_names"]].concat(),
                "the list of names is empty: write [\"web.example\"]",
            );
        }
        // The embedded proxy does not distinguish names. For that proxy, `collisions` reports that two addresses are
        // needed.
        if by_nginx
            && site.preview_listen.as_ref() == Some(&site.listen)
            && site.preview_server_names.is_empty()
        {
            let path = [at, &["preview_listen"]].concat();
            self.error(
                &path,
                "the public server listens at this address, and the preview server has no name: add preview_server_names",
            );
        }
    }
}

fn is_socket_path(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.is_absolute()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        && path.components().count() > 2
        && !text.split('/').any(|part| part == "..")
}

/// Whether a variable of that name usually holds a secret.
pub(in crate::settings) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "PASSWD", "TOKEN", "SECRET", "KEY", "CREDENTIAL"]
        .iter()
        .any(|word| name.contains(word))
}
