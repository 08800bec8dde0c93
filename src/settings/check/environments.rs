//! Checks of environments: rules that contradict each other, servers that are chosen without their tables, and locks
//! that could expire while their driver is running.

use serde::Deserialize as _;

use super::super::model::{EnvironmentSection, Root, RuntimeKind, StoreKind};
use super::super::paths::{self, NO_HOME};
use super::super::problem::nearest;
use super::super::read::suggestion;
use super::super::registries::{hosts_of, other_hosts};
use super::super::tree::Node;
use super::super::{file_only, timing};
use super::Checker;
use crate::inventory::freeze::{InvalidFreeze, WrittenFreeze};
use crate::inventory::servers::{EtcdConfig, RegistryConfig};
use crate::inventory::units::{Time, Unit as _};
use crate::inventory::{Freeze, LONGEST_LEASE, Tier, plain, time_zone};
use crate::sanitize::visible;

impl Checker<'_> {
    pub(super) fn environment(&mut self, root: &Root, name: &str, section: &EnvironmentSection) {
        let at = ["environments", name];
        self.rules(root, name, section);
        self.runtime(&at, section);
        self.store(&at, section);
        self.proxy(&at, section);
        self.owners(&at, section);
        self.data_paths(&at, section);
        self.registries(root, name, section);
        let (lease, heartbeat) = timing::lock(root, section);
        if lease > LONGEST_LEASE {
            self.error(
                &self.lock_path(name, ["lease", "heartbeat"]),
                format!(
                    "with a lease of {}, the target would stay locked for that time after its driver is killed: use at most {}",
                    Time::write(lease),
                    Time::write(LONGEST_LEASE)
                ),
            );
        }
        if heartbeat * 2 >= lease {
            self.error(
                &self.lock_path(name, ["heartbeat", "lease"]),
                format!(
                    "a heartbeat of {} is too slow for a lease of {}: use less than half of the lease",
                    Time::write(heartbeat),
                    Time::write(lease)
                ),
            );
        }
    }

    fn registries(&mut self, root: &Root, name: &str, section: &EnvironmentSection) {
        let at = ["environments", name];
        if let Some(registry) = &section.registry {
            let path = [&at[..], &["registry"]].concat();
            self.registry(&path, registry);
            let hosts = other_hosts(root, name, section);
            if let [first, _, ..] = &hosts[..] {
                self.error(&path, format!(
                    "the images of {name} come from {}, and this table is for one image registry: write it as [environments.{name}.registries.\"{first}\"]",
                    hosts.join(", ")
                ));
            }
        }
        for (host, registry) in &section.registries {
            let path = [&at[..], &["registries", host]].concat();
            self.registry(&path, registry);
            let hosts = hosts_of(root, name);
            if !hosts.is_empty() && !hosts.contains(host.as_str()) {
                let hosts: Vec<&str> = hosts.into_iter().collect();
                let says = format!(
                    "no image of {name} comes from this image registry: the images come from {}",
                    hosts.join(", ")
                );
                self.warning(&path, says);
            }
        }
    }

    fn registry(&mut self, path: &[&str], registry: &RegistryConfig) {
        self.login(path, registry.user.as_ref(), registry.password.as_ref());
        let ca = [path, &["ca"]].concat();
        self.file(&ca, registry.ca.as_deref());
        if registry.ca.is_some() && registry.plain_http {
            let says = "plain HTTP has no certificates: remove `ca`, or remove `plain_http = true`";
            self.error(&ca, says);
        }
    }

    /// The key at which an error about the lock is reported: the first of these keys that the environment or the
    /// defaults have. If neither has one, the environment itself.
    fn lock_path<'n>(&self, name: &'n str, keys: [&'static str; 2]) -> Vec<&'n str> {
        for key in keys {
            let own = vec!["environments", name, "lock", key];
            let default = vec!["defaults", "lock", key];
            for path in [own, default] {
                if self.tree.at(&path).is_some() {
                    return path;
                }
            }
        }
        vec!["environments", name]
    }

    fn rules(&mut self, root: &Root, name: &str, section: &EnvironmentSection) {
        if section.tier == Tier::Protected && section.rules.allow_yes {
            let says = if section.rules.require_reason {
                "`--yes` can release to a protected environment without a person watching: remove allow_yes unless a program must release there"
            } else {
                "`--yes` can release to a protected environment without a person watching, and without a reason: consider require_reason = true"
            };
            self.warning(&["environments", name, "rules", "allow_yes"], says);
        }
        let path = ["environments", name, "rules", "freezes"];
        let freezes = self.tree.at(&path).map_or(&[][..], Node::items);
        for (index, freeze) in freezes.iter().enumerate() {
            // A freeze with keys of wrong types has already been reported.
            if let Ok(freeze) = WrittenFreeze::deserialize(freeze.plain()) {
                self.freeze(
                    root,
                    &[&path[..], &[&format!("[{index}]")]].concat(),
                    freeze,
                );
            }
        }
        let Some(from) = &section.rules.only_from else {
            return;
        };
        let from = from.as_str();
        let path = ["environments", name, "rules", "only_from"];
        if from == name {
            self.error(
                &path,
                "a version cannot come from the environment that it is promoted to: name another environment",
            );
            return;
        }
        if root.environments.get(from).is_none() {
            let near = nearest(from, root.environments.iter().map(|(name, _)| name));
            let says = format!(
                "there is no environment `{}`{}",
                visible(from),
                suggestion(near)
            );
            self.error(&path, says);
        }
    }

    fn freeze(&mut self, root: &Root, at: &[&str], freeze: WrittenFreeze) {
        if freeze.name.trim().is_empty() {
            let says =
                "operators whose promote is stopped see this name: say what the freeze is for";
            self.error(&[at, &["name"]].concat(), says);
        }
        for (index, service) in freeze.services.iter().enumerate() {
            let service = service.as_str();
            if root.services.get(service).is_none() {
                let near = nearest(service, root.services.iter().map(|(name, _)| name));
                let says = format!(
                    "there is no service `{}`{}",
                    visible(service),
                    suggestion(near)
                );
                let place = format!("[{index}]");
                self.error(&[at, &["services", &place]].concat(), says);
            }
        }
        let Err(error) = Freeze::try_from(freeze) else {
            return;
        };
        let hint = match &error {
            InvalidFreeze::Zone(name) => {
                let known = time_zone::names();
                match nearest(name, known.iter().map(String::as_str)) {
                    near @ Some(_) => suggestion(near),
                    None => ": write one such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
                }
            }
            _ => String::new(),
        };
        self.error(&[at, &[error.key()]].concat(), format!("{error}{hint}"));
    }

    /// Checks that the `only_from` keys form no circle. In a circle, no environment could get a version first.
    pub(super) fn only_from_circles(&mut self, root: &Root) {
        let next = |name: &str| {
            let environment = root.environments.get(name)?;
            let from = environment.rules.only_from.as_ref()?;
            Some(from.as_str()).filter(|from| *from != name)
        };
        for (name, _) in root.environments.iter() {
            let mut step = next(name);
            for _ in 0..root.environments.0.len() {
                if step == Some(name) {
                    self.error(
                        &["environments", name, "rules", "only_from"],
                        "the only_from keys form a circle, so no environment in the circle could get a version first: remove one of these keys",
                    );
                    break;
                }
                step = step.and_then(next);
            }
        }
    }

    fn runtime(&mut self, at: &[&str], section: &EnvironmentSection) {
        let docker = section.docker.as_ref();
        match section.runtime {
            RuntimeKind::Process => {
                if section.process.is_none() {
                    self.error(at, format!("runtime = \"process\" needs a [{}.process] table with `state` and `catalogue`", at.join(".")));
                }
                if docker.is_some() {
                    let path = [at, &["docker"]].concat();
                    self.error(
                        &path,
                        "runtime is \"process\", so this table has no effect: remove the table, or set runtime = \"docker\"",
                    );
                }
            }
            RuntimeKind::Docker if section.process.is_some() => {
                let path = [at, &["process"]].concat();
                self.error(
                    &path,
                    "runtime is \"docker\", so this table has no effect: remove the table, or set runtime = \"process\"",
                );
            }
            RuntimeKind::Docker => {}
        }
        let Some(docker) = docker else {
            return;
        };
        let path = [at, &["docker"]].concat();
        if let Some(tls) = &docker.tls {
            self.docker_tls(&[&path[..], &["tls"]].concat(), tls);
        }
        if docker.tls.is_some() && docker.address.starts_with("unix:") {
            let path = [&path[..], &["tls"]].concat();
            self.error(
                &path,
                "a unix socket has no TLS: remove this table, or use a tcp:// address",
            );
        }
        if docker.tls.is_none() && docker.address.starts_with("tcp:") {
            let path = [&path[..], &["address"]].concat();
            self.warning(
                &path,
                "without TLS, anyone who can reach this address is root on that machine: use TLS",
            );
        }
    }

    fn store(&mut self, at: &[&str], section: &EnvironmentSection) {
        match (section.store_kind(), &section.etcd, &section.sqlite) {
            (StoreKind::Etcd, None, _) => {
                self.error(
                    at,
                    format!(
                        "store = \"etcd\" needs an [{}.etcd] table with `endpoints`",
                        at.join(".")
                    ),
                );
            }
            (StoreKind::Etcd, Some(_), Some(_)) => {
                let path = [at, &["sqlite"]].concat();
                self.error(&path, "the store is etcd, so this table has no effect: remove the table, or set store = \"sqlite\"");
            }
            (StoreKind::Sqlite, Some(_), _) => {
                let path = [at, &["etcd"]].concat();
                self.error(
                    &path,
                    "the store is sqlite, so this table has no effect: remove the table, or set store = \"etcd\"",
                );
            }
            (StoreKind::Sqlite, None, sqlite)
                if sqlite.as_ref().is_none_or(|sqlite| sqlite.path.is_none()) =>
            {
                self.unnamed_store(at, sqlite.is_some());
            }
            _ => {}
        }
        if let Some(etcd) = &section.etcd {
            self.etcd(&[at, &["etcd"]].concat(), etcd);
        }
    }

    /// Checks a store without a path: `XDG_DATA_HOME` or `HOME` then chooses the database. In a protected environment,
    /// such a variable could choose a store without the holds and approvals of that environment, so a path is required.
    fn unnamed_store(&mut self, at: &[&str], has_table: bool) {
        let path = [at, &["sqlite", "path"]].concat();
        let default = paths::store();
        let guarded = file_only::guarded(self.tree).into_iter();
        let mut why = guarded.filter(|(name, _)| at.last() == Some(&name.as_str()));
        if let Some((_, why)) = why.next_back() {
            let place = default.unwrap_or_else(|| "/var/lib/greenroom/greenroom.db".into());
            let place = place.display();
            let add = if has_table {
                format!("add path = \"{place}\" to [{}.sqlite]", at.join("."))
            } else {
                format!("add sqlite.path = \"{place}\" to [{}]", at.join("."))
            };
            let says = format!(
                "{why}, and without this key the variables XDG_DATA_HOME and HOME would choose the store with the holds and approvals: {add}"
            );
            self.error(&path, says);
        } else if default.is_none() {
            let says = format!("there is no directory for the store: {NO_HOME}, or set this key");
            self.error(&path, says);
        }
    }

    fn etcd(&mut self, at: &[&str], etcd: &EtcdConfig) {
        self.tls(at, etcd.tls.as_ref());
        self.login(at, etcd.user.as_ref(), etcd.password.as_ref());
        if etcd.endpoints.is_empty() {
            self.error(
                &[at, &["endpoints"]].concat(),
                "the list of endpoints is empty: write [\"http://127.0.0.1:2379\"]",
            );
        }
        for (index, endpoint) in etcd.endpoints.iter().enumerate() {
            let place = format!("[{index}]");
            let path = [at, &["endpoints", &place]].concat();
            if endpoint.contains('@') {
                self.error(
                    &path,
                    "credentials are not allowed in the address: use `user` and `password`",
                );
            } else if !is_url(endpoint) {
                let shown = visible(endpoint);
                self.error(&path, format!("`{shown}` is not an etcd endpoint: write http://host:2379 or https://host:2379"));
            } else if etcd.tls.is_some() && endpoint.starts_with("http:") {
                self.error(
                    &path,
                    "this endpoint would not use the `tls` table: write https://",
                );
            }
        }
        if !plain::is_key_prefix(&etcd.prefix) {
            let path = [at, &["prefix"]].concat();
            self.error(
                &path,
                "a prefix starts with a slash and ends without one, like /greenroom/v1, and has letters, digits, `/`, `.`, `_` and `-`",
            );
        }
    }
}

fn is_url(text: &str) -> bool {
    let place = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    place.is_some_and(|place| plain::is_host_and_port(place.trim_end_matches('/')))
}
