//! Keys for other readers of etcd, written in the same transaction as the route.

use crate::inventory::{BadExtraKey, ExtraKey, ExtraKeys};
use crate::ports::{Failure, FailureKind, Result};

/// Compiles the extra keys of a service. A failure names the template and the reason.
pub(super) fn compile(prefix: &str, service: &str, extra: &[ExtraKey]) -> Result<ExtraKeys> {
    ExtraKeys::compile(prefix, service, extra).map_err(|wrong| refused(&wrong))
}

/// The failure if an extra key cannot be built.
pub(super) fn refused(wrong: &BadExtraKey) -> Failure {
    let BadExtraKey {
        part: what,
        message,
    } = wrong;
    Failure::new(
        FailureKind::Rejected,
        "etcd",
        format!("building {what}"),
        message.as_str(),
    )
    .hint("correct the template in the service's settings")
}
