//! Approvals of a target that are larger together than what one answer may have.

use super::world::World;
use crate::store::holds::{approved_by, stop_nothing, written};

#[tokio::test]
async fn oversized_approvals_hide_no_other_one() {
    let world = World::shared();
    let large = "x".repeat(1024 * 1024);
    let keys = (0..34).map(|number| format!("ben/{number:04}"));
    written(&world, keys, &large, 1).await;
    let given = approved_by(&world, "cleo").await;
    let record = world.record().await;
    assert_eq!(record.peer_approvals, [given]);
    let below = world.under(&format!("approvals/{}/ben/", world.target));
    let why = record.problems.get(&below).expect("it is reported");
    assert!(why.contains("32 MiB"), "{why}");
    stop_nothing(&world, &record);
}
