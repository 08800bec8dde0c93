//! Records that another program wrote into the store start nothing.

use greenroom::inventory::{Slot, instance_name};

use super::drift::engine;
use super::fixture::Fixture;
use super::repair_real::{Keys, fixture, plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_not_released_to_its_slot_is_not_started() {
    let fixture = fixture().await;
    engine(&["rm", "-f", &instance_name(&fixture.target, Slot::Green, 1)]);
    let mut keys = Keys::of(&fixture).await;
    // 1.8.2 was released in the other slot.
    let before = digest_before(&fixture).await;
    for name in ["route", "slots/green"] {
        let mut value = keys.get(name).await;
        value["digest"] = before.clone().into();
        keys.put(name, value.to_string()).await;
    }
    let planned = plan(&fixture, None).await.expect("a plan");
    assert!(planned.repair_actions.is_empty(), "{planned:#?}");
    let words: Vec<&str> = planned.for_a_person().map(|(_, words)| words).collect();
    let said = words.join("\n");
    assert!(said.contains("does not prove"), "{said}");
    assert!(
        said.contains("Promote the version that should run"),
        "{said}"
    );
}

/// The digest of the previous version, as its container has it.
async fn digest_before(fixture: &Fixture) -> String {
    let snapshot = fixture.snapshot().await;
    let instance = snapshot.slots.blue.members.representative();
    instance.expect("it is stopped").digest.to_string()
}
