//! Checks that the schema cannot make: values that do not work together, files that do not exist, and settings that are
//! allowed but probably a mistake. The checks examine files, directories, ports and addresses of this machine, and
//! contact no server.

mod agent;
mod background;
mod collisions;
mod console;
mod containers;
mod environments;
mod kept;
mod notices;
mod owners;
mod ports;
mod preview;
mod proxies;
mod services;
mod slots;

pub(super) use services::looks_secret;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::load::{DockerOptions, Request};
use super::model::{EnvironmentSection, OperatorFrom, Root};
use super::origin::Origin;
use super::paths::{self, NO_HOME};
use super::problem::Problem;
use super::tree::Node;
use super::trust::Sharing;
use crate::inventory::servers::TlsConfig;
use crate::inventory::{Operator, SecretSource, operator_name};
use crate::port_check::OutgoingPorts;
use crate::sanitize::visible;

/// How many characters of a path a message shows: about twice the longest file name of most systems.
const LONGEST_PATH: usize = 500;

/// Why nginx should not listen on a unix socket.
const SOCKET_OF_NGINX: &str = "if nginx is killed, this socket remains and keeps nginx from starting again: use an address such as 127.0.0.1:8091";

#[derive(Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Errors for `config check`, otherwise warnings: named files that do not exist, and files that other users can
    /// change, if no protected environment depends on them.
    pub(super) not_ready: Vec<Problem>,
    /// Errors for `config check`. Otherwise the named environment is not used: other users can change one of its files,
    /// and it is protected, or a protected environment takes only versions from it.
    pub(super) refused: Vec<(String, Problem)>,
}

/// Finds everything that is impossible or doubtful in a file whose keys and types are correct. `base` is the directory
/// of the file. `link` is the directory of the symbolic link to the file, if that is a different directory. `request`
/// contains the machine's outgoing ports and the environment variables.
pub(super) fn check(
    root: &Root,
    tree: &Node,
    (base, link): (&Path, Option<&Path>),
    request: &Request,
) -> Findings {
    let mut checker = Checker {
        tree,
        base,
        link,
        absolute_base: paths::absolute(base),
        outgoing: &request.outgoing,
        variables: &request.environment,
        docker_options: request.docker_options,
        findings: Findings::default(),
    };
    if root.environments.0.is_empty() {
        checker.warning(&[], "no environment is configured: add [environments.NAME]");
    }
    if root.services.0.is_empty() {
        checker.warning(&[], "no service is configured: add [services.NAME]");
    }
    checker.console(root);
    checker.operator(root);
    checker.archive(root);
    for (name, notice) in root.notices.iter() {
        checker.notice(root, name, notice);
    }
    checker.agent(&root.agent);
    for (name, environment) in root.environments.iter() {
        checker.environment(root, name, environment);
    }
    checker.only_from_circles(root);
    for (name, service) in root.services.iter() {
        checker.service(root, name, service);
    }
    checker.collisions(root);
    checker.ports(root);
    checker.findings
}

fn etcd_user(environment: &EnvironmentSection) -> Option<&str> {
    environment.etcd.as_ref()?.user.as_deref()
}

struct Checker<'a> {
    tree: &'a Node,
    base: &'a Path,
    link: Option<&'a Path>,
    absolute_base: PathBuf,
    outgoing: &'a OutgoingPorts,
    /// The environment variables that Greenroom was started with.
    variables: &'a BTreeMap<String, String>,
    docker_options: DockerOptions,
    findings: Findings,
}

impl Checker<'_> {
    fn problem(&self, path: &[&str], says: impl AsRef<str>) -> Problem {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        Problem::new(self.tree.origin_at(&path), &path, says)
    }

    fn error(&mut self, path: &[&str], says: impl AsRef<str>) {
        let problem = self.problem(path, says);
        self.findings.errors.push(problem);
    }

    fn warning(&mut self, path: &[&str], says: impl AsRef<str>) {
        let problem = self.problem(path, says);
        self.findings.warnings.push(problem);
    }

    /// Checks the operator's name. If the name comes from etcd, all environments with a store in etcd must have the
    /// same etcd user. If an environment requires approvals and has an etcd user, the name must be that user.
    fn operator(&mut self, root: &Root) {
        if let Some(name) = &root.operator.name {
            self.operator_name(&["operator", "name"], name);
        }
        for (name, environment) in root.environments.iter() {
            self.authenticated_name(root, name, environment);
            if root.operator.from == OperatorFrom::Etcd
                && let Some(user) = etcd_user(environment)
            {
                self.operator_name(&["environments", name, "etcd", "user"], user);
            }
        }
        if root.operator.from != OperatorFrom::Etcd {
            return;
        }
        let path = ["operator", "from"];
        if root.operator.name.is_some() {
            self.error(
                &path,
                "the name cannot come from both etcd and `operator.name`: remove `operator.name`, or remove `from = \"etcd\"`",
            );
        }
        // An environment with another store has no etcd user and cannot authenticate a name.
        let of_etcd = root.environments.iter();
        let of_etcd = of_etcd.filter(|(_, it)| it.store_kind() == super::model::StoreKind::Etcd);
        let mut users: Vec<&str> = Vec::new();
        let mut has_etcd = false;
        for (name, environment) in of_etcd {
            has_etcd = true;
            match etcd_user(environment) {
                Some(user) => users.push(user),
                None => self.error(
                    &path,
                    format!(
                        "the operator's name comes from etcd, but environments.{name} has no etcd.user: add the user"
                    ),
                ),
            }
        }
        if !has_etcd {
            self.error(
                &path,
                "the operator's name comes from etcd, but no environment has its store in etcd: remove `from`, and set `operator.name` if the name of the login is not right",
            );
        }
        users.sort_unstable();
        users.dedup();
        if users.len() > 1 {
            let users = users.join(", ");
            self.error(
                &path,
                format!("the environments have different etcd users ({users}): use the same user in all of them, or remove `from` and set `operator.name`"),
            );
        }
    }

    fn operator_name(&mut self, path: &[&str], name: &str) {
        if let Err(why) = operator_name(name) {
            let shown = visible(name);
            self.error(
                path,
                format!("an operator's name cannot be `{shown}`: {why}"),
            );
        }
    }

    /// Checks the operator's name for an environment that requires approvals. It is an error if the name is not the
    /// name of the etcd user. There is a warning if the file names the user, because every operator needs a user of
    /// their own.
    fn authenticated_name(&mut self, root: &Root, name: &str, environment: &EnvironmentSection) {
        let Some(user) = etcd_user(environment).filter(|_| environment.rules.approvals > 0) else {
            return;
        };
        let named = |name: &str| Operator {
            name: name.to_owned(),
            host: String::new(),
        };
        let own = root.operator.name.as_deref();
        if let Some(own) = own.filter(|own| !named(own).is_same_person(&named(user))) {
            self.error(
                &["operator", "name"],
                format!(
                    "environments.{name} requires approvals, and approvals are counted for each etcd user. This console logs in to etcd as {user}, but the operator name is {own}. Set `name = \"{user}\"`, or remove `name` and set `from = \"etcd\"`. Operators who share a login cannot approve each other's releases"
                ),
            );
        }
        let path = ["environments", name, "etcd", "user"];
        let keys = path.map(str::to_owned);
        // If the user comes from a variable, every operator can set a different user.
        if matches!(self.tree.origin_at(&keys), Origin::File { .. }) {
            self.warning(
                &path,
                format!(
                    "environments.{name} requires approvals: every operator needs their own etcd user. Operators who share one cannot approve each other's releases"
                ),
            );
        }
    }

    /// Checks that the archive has a path: a configured path, or a path in the user's state directory.
    fn archive(&mut self, root: &Root) {
        if let Some(archive) = &root.history.archive {
            self.data_path(&["history", "archive"], archive);
        }
        if root.history.archive.is_none() && paths::archive().is_none() {
            let says = format!("there is no directory for the archive: {NO_HOME}, or set this key");
            self.error(&["history", "archive"], says);
        }
    }

    /// Checks a file that must exist. The content of such a file decides which servers Greenroom trusts, with which
    /// certificate it logs in, or where requests go.
    fn file(&mut self, path: &[&str], file: Option<&Path>) {
        let Some(file) = file else {
            return;
        };
        let place = self.base.join(file);
        if place.is_file() {
            self.check_owner(path, file, Sharing::Private);
            return;
        }
        let reason = if place.exists() {
            "is not a file"
        } else {
            "does not exist"
        };
        let place = place.display().to_string();
        let shown: String = place.chars().take(LONGEST_PATH).collect();
        let rest = if shown.len() < place.len() { "…" } else { "" };
        let problem = self.problem(path, format!("`{shown}{rest}` {reason}"));
        self.findings.not_ready.push(problem);
    }

    /// Checks the files for Docker over TLS: all three must be named. Docker refuses clients without a certificate, and
    /// Greenroom refuses a Docker server whose certificate is not signed by the named authority.
    fn docker_tls(&mut self, path: &[&str], section: &TlsConfig) {
        let files = [
            ("ca", &section.ca),
            ("cert", &section.cert),
            ("key", &section.key),
        ];
        for (key, file) in files {
            self.file(&[path, &[key]].concat(), file.as_deref());
        }
        let missing = files.iter().filter(|(_, file)| file.is_none());
        let missing: Vec<String> = missing.map(|(key, _)| format!("`{key}`")).collect();
        if !missing.is_empty() {
            let missing = missing.join(" and ");
            self.error(
                path,
                format!("Docker over TLS needs `ca`, `cert` and `key`: add {missing}"),
            );
        }
    }

    fn tls(&mut self, path: &[&str], section: Option<&TlsConfig>) {
        let Some(section) = section else {
            return;
        };
        let below = |key: &'static str| [path, &["tls", key]].concat();
        self.file(&below("ca"), section.ca.as_deref());
        self.file(&below("cert"), section.cert.as_deref());
        self.file(&below("key"), section.key.as_deref());
        if section.cert.is_some() != section.key.is_some() {
            let tls = [path, &["tls"]].concat();
            self.error(
                &tls,
                "a certificate needs its key: set both `cert` and `key`, or neither",
            );
        }
    }

    fn secret(&mut self, path: &[&str], source: Option<&SecretSource>) {
        if let Some(source) = source {
            self.secret_file(path, source);
            self.short_secret(path, source);
        }
    }

    /// Checks a login: a user without a password is an error, and so is a password without a user.
    fn login(&mut self, path: &[&str], user: Option<&String>, password: Option<&SecretSource>) {
        self.secret(&[path, &["password"]].concat(), password);
        if user.is_some() != password.is_some() {
            self.error(
                path,
                "a login needs a user and a password: set both `user` and `password`, or neither",
            );
        }
    }
}
