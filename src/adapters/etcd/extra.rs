//! Keys for other readers of etcd, written in the same transaction as the route.

use crate::inventory::{BadExtraKey, ExtraKey, ExtraKeys};
use crate::ports::{Failure, FailureKind, Result};

/// Compiles the templates of a service; says which is wrong and why.
pub(super) fn compile(prefix: &str, service: &str, extra: &[ExtraKey]) -> Result<ExtraKeys> {
    ExtraKeys::compile(prefix, service, extra).map_err(|wrong| refused(&wrong))
}

/// The failure of a write whose extra key cannot be made.
pub(super) fn refused(wrong: &BadExtraKey) -> Failure {
    let BadExtraKey { what, said } = wrong;
    Failure::new(
        FailureKind::Rejected,
        "etcd",
        format!("making {what}"),
        said.as_str(),
    )
    .hint("mend the template in the service's settings")
}
