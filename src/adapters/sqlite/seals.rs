//! No seals: a user who may write one table of a file may write all of them.

use async_trait::async_trait;

use super::store::Store;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{Failure, FailureKind, Result, Seals};

#[async_trait]
impl Seals for Store {
    async fn seal(&self, target: &Target, id: ReleaseId, _: &Seal) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the store of this machine",
            format!("sealing release {id} of {target}"),
            "a user who may write an SQLite file may write all of it",
        )
        .hint("use etcd, which restricts who may write which keys"))
    }
}
