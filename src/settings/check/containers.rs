//! Checks of the options that only containers have.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::model::{
    EnvironmentSection, Root, RuntimeKind, ServiceEnvironmentSection, ServiceSection,
};
use super::Checker;
use crate::checks::Case;
use crate::inventory::{Cpus, Healthcheck, SecretSource, Ulimit, WrongOption, plain};
use crate::sanitize::visible;

/// The smallest number of CPUs that Docker accepts.
const FEWEST_CPUS: Cpus = Cpus(10_000_000);

/// The limits that Docker can set.
const LIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// The directory of the secret files.
const SECRETS: &str = "/run/secrets";

/// The longest name of a secret file.
const LONGEST_FILE_NAME: usize = 64;

/// The address of Docker's host, by a name that Docker knows.
const HOST_GATEWAY: &str = "host-gateway";

impl Checker<'_> {
    pub(super) fn container(&mut self, root: &Root, at: &[&str], service: &ServiceSection) {
        let options = &service.container;
        self.cpus(at, options.cpus);
        if options.entrypoint.as_ref().is_some_and(Vec::is_empty) {
            self.error(
                &[at, &["entrypoint"]].concat(),
                "an empty entry point runs nothing: leave `entrypoint` out to use that of the image",
            );
        }
        self.healthcheck(at, options.healthcheck.as_ref());
        let texts = [
            ("user", &options.user, "1000:1000"),
            ("stop_signal", &options.stop_signal, "SIGTERM"),
        ];
        for (key, text, example) in texts {
            let is_word =
                |text: &String| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
            if text.as_ref().is_some_and(|text| !is_word(text)) {
                let says = format!("write one word, such as \"{example}\", or leave `{key}` out");
                self.error(&[at, &[key]].concat(), says);
            }
        }
        if options
            .working_dir
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            let says = "the path inside the container must be absolute";
            self.error(&[at, &["working_dir"]].concat(), says);
        }
        self.capabilities(at, service);
        self.tmpfs(at, service);
        self.places(at, service);
        self.ulimits(at, service);
        self.extra_hosts(at, service);
        self.secret_files(at, &options.secrets);
        for WrongOption { path, says } in self.docker_options.0(&options.docker) {
            let below = path.iter().map(String::as_str);
            let path: Vec<&str> = at.iter().copied().chain(["docker"]).chain(below).collect();
            self.error(&path, says);
        }
        for (environment, _) in service.environments.iter() {
            let section = root.environments.get(environment);
            if section.is_some_and(|it| it.runtime == RuntimeKind::Process) {
                let others = [
                    ("command", service.command.is_some()),
                    ("memory", service.memory.is_some()),
                    ("mounts", !service.mounts.is_empty()),
                    ("network", service.network.is_some()),
                ];
                let others = others.into_iter().filter(|(_, is_set)| *is_set);
                let others = others.map(|(key, _)| key.to_owned());
                let of_containers = options.without_secrets();
                for key in others.chain(of_containers.keys().cloned()) {
                    self.without_containers(&[at, &[&*key]].concat(), environment);
                }
            }
        }
    }

    fn healthcheck(&mut self, at: &[&str], healthcheck: Option<&Healthcheck>) {
        let Some(healthcheck) = healthcheck else {
            return;
        };
        let at = [at, &["healthcheck"]].concat();
        if healthcheck.command.as_ref().is_some_and(Vec::is_empty) {
            self.error(
                &[&at[..], &["command"]].concat(),
                "an empty command checks nothing: leave `command` out to use that of the image, or write disable = true",
            );
        }
        let disabled = Healthcheck {
            disable: true,
            ..Healthcheck::default()
        };
        if healthcheck.disable && *healthcheck != disabled {
            self.error(
                &at,
                "the healthcheck is disabled, so its other keys have no effect: remove them, or `disable`",
            );
        }
    }

    /// Checks the options that an environment sets for itself.
    pub(super) fn container_in(
        &mut self,
        at: &[&str],
        environment: &EnvironmentSection,
        in_environment: &ServiceEnvironmentSection,
    ) {
        self.cpus(at, in_environment.cpus);
        self.secret_files(at, &in_environment.secrets);
        if environment.runtime == RuntimeKind::Process {
            let name = at.last().copied().unwrap_or_default();
            let is_set = [
                ("cpus", in_environment.cpus.is_some()),
                ("memory", in_environment.memory.is_some()),
                ("secrets", !in_environment.secrets.is_empty()),
            ];
            for (key, _) in is_set.into_iter().filter(|(_, is_set)| *is_set) {
                self.without_containers(&[at, &[key]].concat(), name);
            }
        }
    }

    /// Refuses checks in containers in an environment that has no containers. `at` is the place of the environment in
    /// the service; without checks of its own, it has those of the service.
    pub(super) fn check_containers(
        &mut self,
        at: &[&str],
        environment: &EnvironmentSection,
        in_environment: &ServiceEnvironmentSection,
        checks: &[Case],
    ) {
        if environment.runtime != RuntimeKind::Process {
            return;
        }
        let name = at.last().copied().unwrap_or_default();
        let of_service = at.get(..at.len().saturating_sub(2)).unwrap_or(at);
        let at = match in_environment.checks {
            Some(_) => at,
            None => of_service,
        };
        for (index, check) in checks.iter().enumerate() {
            if let Some(container) = check.container() {
                let place = format!("[{index}]");
                let key = container.image.as_ref().map_or("container", |_| "image");
                self.without_containers(&[at, &["checks", &place, key]].concat(), name);
            }
        }
    }

    fn secret_files(&mut self, at: &[&str], secrets: &BTreeMap<String, SecretSource>) {
        for (name, source) in secrets {
            let path = [at, &["secrets", name.as_str()]].concat();
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if name.is_empty()
                || name.starts_with('.')
                || !name.chars().all(is_plain)
                || name.len() > LONGEST_FILE_NAME
            {
                let says = format!(
                    "`{}` is not a name for a file in /run/secrets: use at most {LONGEST_FILE_NAME} letters, digits, `.`, `_` and `-`",
                    visible(name)
                );
                self.error(&path, says);
            }
            self.secret(&path, Some(source));
        }
    }

    /// Reports an option in an environment that has no containers.
    pub(super) fn without_containers(&mut self, path: &[&str], environment: &str) {
        let says = format!(
            "{environment} has `runtime = \"process\"`, and plain processes cannot have this: remove it, or release the version to {environment} as another service"
        );
        self.error(path, says);
    }

    fn cpus(&mut self, at: &[&str], cpus: Option<Cpus>) {
        if cpus.is_some_and(|cpus| cpus.0 < FEWEST_CPUS.0) {
            let says = "write a number of CPUs of at least 0.01, such as 0.5 or 2";
            self.error(&[at, &["cpus"]].concat(), says);
        }
    }

    fn capabilities(&mut self, at: &[&str], service: &ServiceSection) {
        let options = &service.container;
        for (key, names) in [
            ("cap_add", &options.cap_add),
            ("cap_drop", &options.cap_drop),
        ] {
            for (index, name) in names.iter().enumerate() {
                let is_letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                if name.is_empty() || !name.chars().all(is_letter) {
                    let place = format!("[{index}]");
                    let says = format!(
                        "`{}` is not a capability: write its name in upper case, such as \"NET_ADMIN\", or \"ALL\"",
                        visible(name)
                    );
                    self.error(&[at, &[key, &place]].concat(), says);
                }
            }
        }
    }

    fn tmpfs(&mut self, at: &[&str], service: &ServiceSection) {
        for (path, tmpfs) in &service.container.tmpfs {
            let at = [at, &["tmpfs", path.as_str()]].concat();
            if !is_inner_path(path) {
                let says = "write an absolute path inside the container without `:` and `,`, such as \"/tmp\"";
                self.error(&at, says);
            }
            for (index, option) in tmpfs.options.iter().enumerate() {
                let place = format!("[{index}]");
                let at = [&at[..], &["options", &place]].concat();
                if option.starts_with("size=") {
                    self.error(&at, "set the size with `size`, such as size = \"64MiB\"");
                } else if option.is_empty()
                    || option.contains(|c: char| c == ',' || !c.is_ascii_graphic())
                {
                    self.error(
                        &at,
                        "write one option of the mount, such as \"exec\" or \"mode=0700\"",
                    );
                }
            }
        }
    }

    /// Checks that Docker has only one thing to mount at each path.
    fn places(&mut self, at: &[&str], service: &ServiceSection) {
        let of_environments = service.environments.iter();
        let mut secrets = of_environments.map(|(_, it)| !it.secrets.is_empty());
        let has_secrets = !service.container.secrets.is_empty() || secrets.any(|has| has);
        let socket = service.listen.socket.as_deref().and_then(Path::parent);
        let mut taken: Vec<&Path> = has_secrets
            .then_some(Path::new(SECRETS))
            .into_iter()
            .collect();
        taken.extend(socket);
        let mut problems = Vec::new();
        let mounts = service.mounts.iter().enumerate();
        let mounts = mounts.map(|(index, mount)| {
            let place = format!("[{index}]");
            (
                mount.target.as_str(),
                vec!["mounts".to_owned(), place, "target".to_owned()],
            )
        });
        let tmpfs = service.container.tmpfs.keys();
        let tmpfs = tmpfs.map(|path| (path.as_str(), vec!["tmpfs".to_owned(), path.clone()]));
        for (path, keys) in mounts.chain(tmpfs) {
            // Paths are compared by their parts: `/data/./x/` is `/data/x`.
            if taken.contains(&Path::new(path)) {
                problems.push((keys, path));
            }
            taken.push(Path::new(path));
        }
        for (keys, path) in problems {
            let keys = keys.iter().map(String::as_str);
            let at: Vec<&str> = at.iter().copied().chain(keys).collect();
            let what = if has_secrets && Path::new(path) == Path::new(SECRETS) {
                "the files of `secrets` are"
            } else if Some(Path::new(path)) == socket {
                "the socket of `listen` is"
            } else {
                "another mount or `tmpfs` is"
            };
            let says = format!("{what} already at {}: use another path", visible(path));
            self.error(&at, says);
        }
    }

    fn ulimits(&mut self, at: &[&str], service: &ServiceSection) {
        for (name, limit) in &service.container.ulimits {
            let at = [at, &["ulimits", name.as_str()]].concat();
            if !LIMITS.contains(&name.as_str()) {
                let says = format!(
                    "there is no limit `{}`: use one of {}",
                    visible(name),
                    LIMITS.join(", ")
                );
                self.error(&at, says);
            }
            // -1 stands for no limit.
            let number = |limit: i64| if limit == -1 { i64::MAX } else { limit };
            let (soft, hard) = (number(limit.soft()), number(limit.hard()));
            if soft < 0 || hard < 0 {
                self.error(&at, "write 0 or more, or -1 for no limit");
            } else if matches!(limit, Ulimit::Each(_)) && soft > hard {
                self.error(
                    &at,
                    "`soft` is higher than `hard`: exchange the two numbers",
                );
            }
        }
    }

    fn extra_hosts(&mut self, at: &[&str], service: &ServiceSection) {
        for (name, address) in &service.container.extra_hosts {
            let at = [at, &["extra_hosts", name.as_str()]].concat();
            if !plain::is_server_name(name) || name.contains('*') {
                let says = format!("`{}` is not a host name: write db.example", visible(name));
                self.error(&at, says);
            }
            if address != HOST_GATEWAY && address.parse::<std::net::IpAddr>().is_err() {
                let says = format!(
                    "`{}` is not an IP address: write 10.0.0.7, or \"host-gateway\" for Docker's host",
                    visible(address)
                );
                self.error(&at, says);
            }
        }
    }
}

/// Whether a text is an absolute path inside a container that Docker can mount something at.
pub(super) fn is_inner_path(path: &str) -> bool {
    path.starts_with('/') && path.len() > 1 && !path.contains([':', ',', '\0'])
}
