//! Sends HTTP requests to an instance and to the public address. A failed request is an answer here, not an error.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::checks::{Case, CaseReport, HealthCheck};
use crate::inventory::{Endpoint, EnvironmentValue, Mask, Probe, PublicAddress, PublicAnswer};

/// How to connect to the public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// A new one.
    Fresh,
    /// One that is kept open between requests, as a browser does. The first request opens it.
    Kept,
}

/// Sends the requests and reports the answers.
#[async_trait]
pub trait Checker: Send + Sync {
    /// One health probe.
    async fn health(&self, at: &Endpoint, check: &HealthCheck) -> Probe;

    /// One case, against the candidate's own address, or through `preview` if the case says so.
    async fn run(&self, case: &Case, at: &Endpoint, preview: Option<&PublicAddress>) -> CaseReport;

    /// What the instance at `at` answers to the request that [`Checker::public`] makes, sent directly to it with the
    /// headers that a proxy adds, and with `headers`, which replace those. The answer names no slot.
    async fn direct(
        &self,
        at: &Endpoint,
        address: &PublicAddress,
        headers: &BTreeMap<String, EnvironmentValue>,
    ) -> PublicAnswer;

    /// The mask that hides the target's secrets in everything shown of it.
    async fn mask(&self) -> Mask {
        Mask::default()
    }

    /// The same as far as the secrets are known now. Does not wait.
    fn known_mask(&self) -> Mask {
        Mask::default()
    }

    /// Changes when a secret of the target may have been learned, which a mask that was made before does not hide. It
    /// may be asked for each line of a log.
    fn mask_revision(&self) -> u64 {
        0
    }

    /// What the public address answers, and which slot answered.
    async fn public(&self, address: &PublicAddress, connection: Connection) -> PublicAnswer;
}
