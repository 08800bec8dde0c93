//! An `SQLite` store has no seals, because a user who can write one table of the file can write all of them.

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
            "an SQLite store has no seals: a user who can write the file can write all of it",
        )
        .hint("use etcd, which can restrict who writes which keys"))
    }
}
