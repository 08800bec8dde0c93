//! The contract over SQLite files.

use std::sync::Arc;
use std::time::Duration;

use greenroom::adapters::sqlite::Database;
use greenroom::ports::FailureKind;
use greenroom::ports::kv::Kv;
use rusqlite::Connection;

use super::contract::{self, Place, every_contract};

fn place() -> Place {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("deep/er/greenroom.db");
    let path = file.clone();
    Place {
        kv: Arc::new(Database::new(&file)),
        open: Box::new(move || Arc::new(Database::new(&file))),
        compact: Box::new(move |_| {
            let other = Connection::open(&path).expect("a connection");
            let sql = "UPDATE revision SET value = value + 2000; DELETE FROM changes";
            other.execute_batch(sql).expect("forgotten");
        }),
        _kept: Box::new(directory),
    }
}

every_contract!(place());

#[tokio::test]
async fn a_watch_of_forgotten_changes_says_so() {
    contract::a_watch_of_forgotten_changes_says_so(&place()).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_in_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.db");
    let place = Place {
        kv: Arc::new(Database::new(&file)),
        ..place()
    };
    let call = greenroom::ports::kv::Call {
        doing: "testing",
        until: tokio::time::Instant::now() + Duration::from_secs(5),
    };
    // The first write creates the file.
    place
        .kv
        .grant(call, Duration::from_secs(1))
        .await
        .expect("granted");
    let blocker = Connection::open(&file).expect("a connection");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let hanging: Arc<dyn Kv> = Arc::new(Database::new(&file));
    let end = async || blocker.execute_batch("ROLLBACK").expect("ended");
    let kind = FailureKind::Unreachable;
    contract::a_store_that_hangs_is_reported_in_time(&place, &hanging, kind, end).await;
}
