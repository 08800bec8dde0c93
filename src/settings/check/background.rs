//! Checks of `kind`: a background service has no key that needs requests, a scheduler none that would run it twice, and
//! every other service has those that it needs.

use super::super::model::{
    Root, RuntimeKind, ServiceEnvironmentSection, ServiceSection, TimingSection,
};
use super::Checker;
use crate::checks::Case;
use crate::inventory::{RestartPolicy, ServiceKind};

impl Checker<'_> {
    /// Checks the keys of the service itself.
    pub(super) fn background_keys(&mut self, at: &[&str], service: &ServiceSection) {
        let kind = service.kind;
        let listens = service.listen.port.is_some() || service.listen.socket.is_some();
        let keys = [
            (
                listens,
                "listen",
                format!("no requests are sent to a {kind}"),
            ),
            (
                service.health.is_some(),
                "health",
                format!(
                    "a {kind} has no health endpoint. It is healthy while it is running and the HEALTHCHECK of its image, if any, passes"
                ),
            ),
        ];
        for (is_set, key, why) in keys {
            if is_set {
                let says = format!("{why}. Remove this key, or set kind = \"http\"");
                self.error(&[at, &[key]].concat(), says);
            }
        }
        self.refuse_requests(at, kind, &service.checks);
        if kind.is_exclusive() {
            self.scheduler_keys(at, service);
        }
        let extra_key = service.etcd_key.as_ref();
        if extra_key.is_some_and(|it| it.key.contains("address") || it.value.contains("address")) {
            let says = format!("a {kind} has no `address`: use slot, tag, digest or generation");
            self.error(&[at, &["etcd_key"]].concat(), says);
        }
    }

    /// Checks how the old version of a worker is told to take no more jobs.
    pub(super) fn quiet(&mut self, root: &Root, at: &[&str], service: &ServiceSection) {
        let Some(quiet) = &service.quiet else { return };
        let at = [at, &["quiet"]].concat();
        if service.kind != ServiceKind::Worker {
            let says = "only a worker is told to take no more jobs: remove this key, or set kind = \"worker\"";
            self.error(&at, says);
        }
        if quiet.signal.is_some() == quiet.command.is_some() {
            let says = "write either the signal that tells the worker to take no more jobs, such as signal = \"SIGTSTP\", or a command";
            self.error(&at, says);
        }
        if quiet.timeout.is_zero() {
            let says =
                "the old version needs time to finish its jobs: write a time, such as \"10m\"";
            self.error(&[&at[..], &["timeout"]].concat(), says);
        }
        if quiet.jobs.is_none() {
            let says = "without `jobs`, every release waits for the whole `timeout`, unless the old version exits by itself: add a command that prints how many jobs are left";
            self.warning(&at, says);
        }
        let commands = [("command", &quiet.command), ("jobs", &quiet.jobs)];
        for (key, command) in commands {
            let Some(command) = command else { continue };
            let path = [&at[..], &[key]].concat();
            if command.first().is_none_or(String::is_empty) {
                self.error(&path, "an empty command runs nothing: remove this key");
            }
            for (environment, _) in service.environments.iter() {
                let section = root.environments.get(environment);
                if section.is_some_and(|it| it.runtime == RuntimeKind::Process) {
                    self.without_containers(&path, environment);
                }
            }
        }
    }

    /// Checks the keys with which two instances of a scheduler could run at once.
    fn scheduler_keys(&mut self, at: &[&str], service: &ServiceSection) {
        let restart = service.restart;
        if matches!(restart, RestartPolicy::Always | RestartPolicy::OnFailure) {
            self.error(
                &[at, &["restart"]].concat(),
                "with this policy, Docker starts a stopped container again when Docker itself is restarted, so that two schedulers would run: use unless-stopped, or no",
            );
        }
        self.refuse_standby(at, &service.timing);
    }

    fn refuse_standby(&mut self, at: &[&str], timing: &TimingSection) {
        if timing.0.contains_key("standby") {
            self.error(
                &[at, &["timing", "standby"]].concat(),
                "a scheduler has no standby, because the old version is stopped before the new one starts: remove this key",
            );
        }
    }

    /// Checks the keys of a background service in one environment.
    pub(super) fn background_keys_in(
        &mut self,
        at: &[&str],
        kind: ServiceKind,
        in_environment: &ServiceEnvironmentSection,
    ) {
        let keys = [
            (in_environment.endpoints.is_some(), "endpoints"),
            (in_environment.proxy.is_some(), "proxy"),
            (in_environment.health.is_some(), "health"),
        ];
        for (is_set, key) in keys {
            if is_set {
                let says =
                    format!("a {kind} gets no requests: remove this key, or set kind = \"http\"");
                self.error(&[at, &[key]].concat(), says);
            }
        }
        if kind.is_exclusive() {
            if in_environment.members.is_some() {
                self.error(
                    &[at, &["members"]].concat(),
                    "a scheduler has one member, because two never run at once: remove this key",
                );
            }
            self.refuse_standby(at, &in_environment.timing);
        }
        self.refuse_requests(
            at,
            kind,
            in_environment.checks.as_deref().unwrap_or_default(),
        );
    }

    /// Checks the keys of a service that gets requests, in one environment.
    pub(super) fn http_keys_in(&mut self, at: &[&str], in_environment: &ServiceEnvironmentSection) {
        if in_environment.endpoints.is_none() {
            self.error(
                at,
                "say where the slots listen: endpoints = { blue = \"127.0.0.1:18081\", green = \"127.0.0.1:18082\" }",
            );
        }
        if in_environment.members.is_some() {
            self.error(
                &[at, &["members"]].concat(),
                "a service that listens has one member for each address: remove this key, and write the addresses in `endpoints`",
            );
        }
    }

    fn refuse_requests(&mut self, at: &[&str], kind: ServiceKind, checks: &[Case]) {
        for (index, check) in checks.iter().enumerate() {
            if check.request().is_some() {
                let place = format!("[{index}]");
                self.error(
                    &[at, &["checks", &place]].concat(),
                    format!("no request can be sent to a {kind}: use a check with `command`"),
                );
            }
        }
    }
}
