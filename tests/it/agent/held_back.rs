//! What a push waits for without an operator: a hold ends at its time, and the image registry answers again.

use std::time::Duration;

use greenroom::inventory::{EntryState, StateKind};
use jiff::Timestamp;

use super::world::{World, web};

/// How long the hold lasts: an agent on a busy machine must see it before it ends.
const HOLD: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_live_when_a_hold_ends_by_itself() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let operator = world.engine("ana");
    let until = Timestamp::now() + HOLD;
    let qa = web("qa");
    let held = operator.hold(&qa, "a demo".to_owned(), Some(until));
    held.await.expect("held");
    let id = agent.push("1.8.2", "d1").await;
    agent
        .until_state("qa", &id, "it waits for the hold", |state| {
            matches!(state, EntryState::Waiting { why: Some(why) } if why.contains("a demo"))
        })
        .await;
    agent.until("qa", &id, StateKind::Done).await;
    assert_eq!(world.sandbox.live("web", "qa"), "1.8.2");
    let rollouts = agent.rollouts("qa").await;
    assert_eq!(rollouts.len(), 1, "{rollouts:?}");
    assert!(rollouts[0].opened_at >= until, "{rollouts:?}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_live_when_the_image_registry_answers_again() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let catalogue = world.sandbox.place().join("catalogue.json");
    let away = world.sandbox.place().join("catalogue.away");
    std::fs::rename(&catalogue, &away).expect("renamed");
    let id = agent.push("1.8.2", "d1").await;
    agent
        .until_state("qa", &id, "it waits for the catalogue", |state| {
            matches!(state, EntryState::Waiting { why: Some(why) } if why.contains("catalogue"))
        })
        .await;
    assert_eq!(agent.rollouts("qa").await.len(), 0);
    std::fs::rename(&away, &catalogue).expect("renamed");
    agent.until("qa", &id, StateKind::Done).await;
    assert_eq!(world.sandbox.live("web", "qa"), "1.8.2");
    agent.stop().await;
}
