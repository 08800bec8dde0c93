//! The agent on real processes, a real proxy and a store in SQLite: pushes become live, wait, fail or are skipped, also
//! with several agents.

mod held_back;
mod killed;
mod many;
mod pushed;
mod reloads;
mod waits;
pub(crate) mod world;

use greenroom::inventory::{EntryState, StateKind};
use greenroom::ports::Received;

use crate::sandbox::words;
use world::{World, web};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_live_once() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let id = agent.push("1.8.2", "d1").await;
    let state = agent.until("qa", &id, StateKind::Done).await;
    assert_eq!(world.sandbox.live("web", "qa"), "1.8.2");
    let rollouts = agent.rollouts("qa").await;
    assert_eq!(rollouts.len(), 1, "{rollouts:?}");
    assert_eq!(state.release(), Some(rollouts[0].id));
    assert_eq!(rollouts[0].operator.name, "agent");
    let trigger = rollouts[0].trigger.as_ref().expect("a trigger");
    assert_eq!(trigger.entry, id);
    assert_eq!(trigger.push, "1.8.2 of sandbox/web, from test, by ci");
    // The same delivery is the same entry, and another delivery of the same image changes nothing.
    assert_eq!(agent.push("1.8.2", "d1").await, id);
    let again = agent.push("1.8.2", "d2").await;
    let state = agent.until("qa", &again, StateKind::Done).await;
    assert_eq!(state.release(), Some(rollouts[0].id));
    assert_eq!(agent.rollouts("qa").await.len(), 1);
    assert_eq!(agent.record("qa").await.queue.len(), 2);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_failed_is_not_released_again() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let first = agent.push("1.9.2", "d1").await;
    let state = agent.until("qa", &first, StateKind::Failed).await;
    let EntryState::Failed { why, release } = &state else {
        panic!("{state:?}");
    };
    assert!(why.contains("orders are listed"), "{why}");
    assert_eq!(world.sandbox.live("web", "qa"), "1.9.0");
    let second = agent.push("1.9.2", "d2").await;
    let state = agent.until("qa", &second, StateKind::Failed).await;
    assert_eq!(state.release(), Some(*release));
    assert_eq!(agent.rollouts("qa").await.len(), 1);
    // A newer push is not held back by it.
    let third = agent.push("1.8.2", "d3").await;
    agent.until("qa", &third, StateKind::Done).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_hold_the_newest_push_waits_for_its_end() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let operator = world.engine("ana");
    let held = operator.hold(&web("qa"), "a demo".to_owned(), None).await;
    held.expect("held");
    let older = agent.push("1.9.2", "d1").await;
    agent
        .until_state("qa", &older, "it waits for the hold", |state| {
            matches!(state, EntryState::Waiting { why: Some(why) } if why.contains("a demo"))
        })
        .await;
    let newer = agent.push("1.8.2", "d2").await;
    let state = agent.until("qa", &older, StateKind::Skipped).await;
    assert_eq!(
        state,
        EntryState::Skipped {
            for_entry: newer.clone()
        }
    );
    assert_eq!(agent.rollouts("qa").await.len(), 0);
    let cleared = operator.clear_hold(&web("qa"), None).await;
    cleared.expect("cleared");
    agent.until("qa", &newer, StateKind::Done).await;
    assert_eq!(world.sandbox.live("web", "qa"), "1.8.2");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_a_version_is_only_offered() {
    let world = World::following(&[("production", "1.*")]);
    let agent = world.agent();
    let id = agent.push("1.9.0", "d1").await;
    agent.until("production", &id, StateKind::Offered).await;
    assert_eq!(agent.rollouts("production").await.len(), 0);
    let promote = [
        "promote",
        "web",
        "production",
        "--version",
        "1.9.0",
        "--yes",
    ];
    let promoted = world.sandbox.run(&promote);
    assert!(promoted.status.success(), "{}", words(&promoted));
    let state = agent.until("production", &id, StateKind::Done).await;
    let live = agent.record("production").await.route.expect("a route");
    assert_eq!(state.release(), Some(live.value.release));
    assert_eq!(agent.rollouts("production").await.len(), 0);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_release_a_push_once() {
    let world = World::following(&[("qa", "1.*"), ("dev", "1.*")]);
    let (first, second) = (world.agent(), world.agent());
    let id = first.push("1.8.2", "d1").await;
    assert_eq!(second.push("1.8.2", "d1").await, id);
    for environment in ["qa", "dev"] {
        second.until(environment, &id, StateKind::Done).await;
        assert_eq!(first.rollouts(environment).await.len(), 1);
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_followed_tags_of_configured_repositories_are_stored() {
    let world = World::following(&[("qa", "1.*")]);
    let agent = world.agent();
    let (_, received) = agent.report("sandbox/web", "2.0.0", "d1").await;
    assert_eq!(received, Received::NotFollowed);
    let (_, received) = agent.report("sandbox/wallets", "1.0.0", "d1").await;
    assert_eq!(received, Received::NotFollowed);
    let (_, received) = agent.report("other/web", "1.8.2", "d1").await;
    assert_eq!(received, Received::UnknownRepository);
    assert!(agent.record("qa").await.queue.is_empty());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_tag_that_names_another_image_is_a_push() {
    let polled = "follow = [\"stable\"]\npoll = \"1s\"\n".to_owned();
    let world = World::with_lines(&[("qa", polled)]);
    world.name("web", "stable", "1.8.2");
    let agent = world.agent();
    // A version that works, one whose checks fail, and the first live version again.
    for (pushes, version, kind) in [
        (1, "1.8.2", StateKind::Done),
        (2, "1.9.2", StateKind::Failed),
        (3, "1.9.0", StateKind::Done),
    ] {
        world.name("web", "stable", version);
        let queue = agent
            .until_queue("qa", version, |queue| {
                queue.len() == pushes && queue.iter().all(|it| !it.state.is_pending())
            })
            .await;
        let newest = queue.iter().max_by_key(|it| it.push.received_at);
        assert_eq!(newest.map(|it| it.state.kind()), Some(kind), "{version}");
    }
    assert_eq!(world.sandbox.live("web", "qa"), "stable");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_version_is_not_backed_out_because_rules_were_loosened() {
    let world = World::following(&[("qa", "1.*")]);
    let standby = ("environments.qa.timing.standby", "1m");
    let agent = world.agent_with(&[standby]);
    let id = agent.push("1.8.2", "d1").await;
    agent.until("qa", &id, StateKind::Done).await;
    agent.stop().await;
    // The release cannot be continued with another tier.
    let agent = world.agent_with(&[standby, ("environments.qa.tier", "development")]);
    let again = agent.push("1.8.2", "d2").await;
    agent.until("qa", &again, StateKind::Done).await;
    assert_eq!(world.sandbox.live("web", "qa"), "1.8.2");
    assert_eq!(agent.rollouts("qa").await.len(), 1);
    agent.stop().await;
}
