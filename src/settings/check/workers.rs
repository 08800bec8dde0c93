//! Checks of `kind`: a worker has no key that needs requests, and every other service has those that it needs.

use super::super::model::{ServiceEnvironmentSection, ServiceSection};
use super::Checker;
use crate::checks::Case;

impl Checker<'_> {
    /// Checks the keys of the service itself.
    pub(super) fn worker_keys(&mut self, at: &[&str], service: &ServiceSection) {
        let listens = service.listen.port.is_some() || service.listen.socket.is_some();
        let keys = [
            (listens, "listen", "no requests are sent to a worker"),
            (
                service.health.is_some(),
                "health",
                "a worker has no health endpoint. It is healthy while it is running and the HEALTHCHECK of its image, if any, passes",
            ),
        ];
        for (is_set, key, why) in keys {
            if is_set {
                let says = format!("{why}. Remove this key, or set kind = \"http\"");
                self.error(&[at, &[key]].concat(), says);
            }
        }
        self.refuse_requests(at, &service.checks);
        let extra_key = service.etcd_key.as_ref();
        if extra_key.is_some_and(|it| it.key.contains("address") || it.value.contains("address")) {
            let says = "a worker has no `address`: use slot, tag, digest or generation";
            self.error(&[at, &["etcd_key"]].concat(), says);
        }
    }

    /// Checks the keys of a worker in one environment.
    pub(super) fn worker_keys_in(
        &mut self,
        at: &[&str],
        in_environment: &ServiceEnvironmentSection,
    ) {
        let keys = [
            (in_environment.endpoints.is_some(), "endpoints"),
            (in_environment.proxy.is_some(), "proxy"),
            (in_environment.health.is_some(), "health"),
        ];
        for (is_set, key) in keys {
            if is_set {
                let says = "a worker gets no requests: remove this key, or set kind = \"http\"";
                self.error(&[at, &[key]].concat(), says);
            }
        }
        self.refuse_requests(at, in_environment.checks.as_deref().unwrap_or_default());
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

    fn refuse_requests(&mut self, at: &[&str], checks: &[Case]) {
        for (index, check) in checks.iter().enumerate() {
            if check.request().is_some() {
                let place = format!("[{index}]");
                self.error(
                    &[at, &["checks", &place]].concat(),
                    "no request can be sent to a worker: use a check with `command`",
                );
            }
        }
    }
}
