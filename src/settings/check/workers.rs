//! Checks of workers, which listen nowhere: whether a key has no effect because a worker gets no requests.

use super::super::model::{ServiceEnvironmentSection, ServiceSection};
use super::Checker;
use crate::checks::Case;

impl Checker<'_> {
    /// Checks the keys of the service itself.
    pub(super) fn worker(&mut self, at: &[&str], service: &ServiceSection) {
        let listens = service.listen.port.is_some() || service.listen.socket.is_some();
        let keys = [
            (listens, "listen", "a worker listens nowhere"),
            (
                service.health.is_some(),
                "health",
                "a worker has no health endpoint: it is healthy while it runs and the HEALTHCHECK of its image passes",
            ),
        ];
        for (is_set, key, why) in keys {
            if is_set {
                let says = format!("{why}: remove this key, or set kind = \"http\"");
                self.error(&[at, &[key]].concat(), says);
            }
        }
        self.requests(at, &service.checks);
    }

    /// Checks the keys of a worker in one environment.
    pub(super) fn worker_in(&mut self, at: &[&str], in_environment: &ServiceEnvironmentSection) {
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
        self.requests(at, in_environment.checks.as_deref().unwrap_or_default());
    }

    /// Checks the keys that only a worker lacks.
    pub(super) fn addressed_in(&mut self, at: &[&str], in_environment: &ServiceEnvironmentSection) {
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

    fn requests(&mut self, at: &[&str], checks: &[Case]) {
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
