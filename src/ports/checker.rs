//! Sends HTTP requests to an instance and to the public address. A request that fails is reported as an answer, not as
//! an error.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::checks::{Case, CaseReport, HealthCheck};
use crate::inventory::{
    Address, Addresses, EnvironmentValue, Mask, Probe, PublicAddress, PublicAnswer,
};

/// How to connect to the public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// A new connection for each request.
    Fresh,
    /// A connection that is kept open between requests, as a browser does. The first request opens it.
    Kept,
}

#[async_trait]
pub trait Checker: Send + Sync {
    /// Sends one health probe to the instance at `at`.
    async fn health(&self, at: &Address, check: &HealthCheck) -> Probe;

    /// Probes a slot with the configured health check. None if there is no health check. Members without addresses cannot
    /// be probed: then the runtime alone says whether they are healthy.
    async fn probe(&self, at: &Addresses, check: Option<&HealthCheck>) -> Option<Probe> {
        if at.is_empty() {
            return Some(Probe::without_address());
        }
        Some(self.health_of_slot(at, check?).await)
    }

    /// Sends one health probe to each member of a slot at the same time. The result is that of [`Probe::of_slot`].
    async fn health_of_slot(&self, at: &Addresses, check: &HealthCheck) -> Probe {
        let probes = at.iter().map(|address| self.health(address, check));
        let probes = futures_util::future::join_all(probes).await;
        Probe::of_slot(probes).unwrap_or_else(|| Probe {
            healthy: false,
            detail: "the slot has no address".to_owned(),
            took: Duration::ZERO,
        })
    }

    /// Runs one case against the candidate's own address `at`, or through `preview` if the case says so.
    async fn run(&self, case: &Case, at: &Address, preview: Option<&PublicAddress>) -> CaseReport;

    /// Sends the request of [`Checker::public`] directly to the instance at `at`, with the headers that a proxy adds. A
    /// header in `headers` replaces an added header of the same name. The answer names no slot.
    async fn direct(
        &self,
        at: &Address,
        address: &PublicAddress,
        headers: &BTreeMap<String, EnvironmentValue>,
    ) -> PublicAnswer;

    /// The mask that hides the target's secrets in every text about the target.
    async fn mask(&self) -> Mask {
        Mask::default()
    }

    /// The mask of the secrets that are known already. Does not wait for other secrets to be read.
    fn known_mask(&self) -> Mask {
        Mask::default()
    }

    /// A number that changes when Greenroom may have read another secret of the target. The caller must then get a new
    /// mask: the earlier mask does not hide that secret. The call is cheap enough for each line of a log.
    fn mask_revision(&self) -> u64 {
        0
    }

    /// Whether all secrets of the target are known, so that the mask hides each of them.
    fn knows_secrets(&self) -> bool {
        true
    }

    /// Requests the public address, and reports the answer and the slot that sent it.
    async fn public(&self, address: &PublicAddress, connection: Connection) -> PublicAnswer;
}
