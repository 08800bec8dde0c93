//! Notices of pushes that no release was started for.

use greenroom::inventory::StateKind;

use super::receiver::{Got, Receiver};
use super::{SECRET, SOON};
use crate::agent::world::World;
use crate::sandbox::{until, words};

/// A channel for all environments, in the file of the sandbox.
fn channel(world: &World, receiver: &Receiver) {
    let secret = world.sandbox.place().join("channel-secret");
    std::fs::write(&secret, SECRET).expect("written");
    let path = world.sandbox.place().join("greenroom.toml");
    let mut text = std::fs::read_to_string(&path).expect("the configuration");
    let url = &receiver.address;
    let channel = format!(
        "\n[notices.ops]\nkind = \"signed\"\nurl = \"{url}\"\nsecret = {{ file = \"channel-secret\" }}\n"
    );
    text.push_str(&channel);
    std::fs::write(&path, text).expect("written");
}

fn of_pushes(receiver: &Receiver) -> Vec<Got> {
    let mut got = receiver.got();
    got.retain(|got| got.event().starts_with("push."));
    got
}

fn until_sent(receiver: &Receiver) {
    tokio::task::block_in_place(|| {
        until("a notice about the push", SOON, || {
            !of_pushes(receiver).is_empty()
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_sends_one_notice() {
    let receiver = Receiver::answering([]);
    let world = World::following(&[("qa", "1.*")]);
    // The agents must not release the version from which an operator rolled back.
    let back = [
        "rollback", "web", "qa", "--to", "1.8.2", "--yes", "--reason", "slow",
    ];
    let back = world.sandbox.run(&back);
    assert!(back.status.success(), "{}", words(&back));
    channel(&world, &receiver);
    let (first, second) = (world.agent(), world.agent());
    let id = first.push("1.9.0", "d1").await;
    second.until("qa", &id, StateKind::Refused).await;
    until_sent(&receiver);
    first.stop().await;
    second.stop().await;
    let got = of_pushes(&receiver);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].event(), "push.refused");
    assert_eq!(got[0].id(), format!("{id}-web-qa-refused"));
    let data = &got[0].json()["data"];
    assert_eq!(data["release"], serde_json::Value::Null);
    assert_eq!(data["push"]["entry"], id.as_str());
    let why = data["why"].as_str().expect("why");
    assert!(why.contains("rolled back from this version"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offered_push_sends_one_notice() {
    let receiver = Receiver::answering([]);
    let world = World::following(&[("production", "1.*")]);
    channel(&world, &receiver);
    let agent = world.agent();
    let id = agent.push("1.9.0", "d1").await;
    agent.until("production", &id, StateKind::Offered).await;
    until_sent(&receiver);
    agent.stop().await;
    let got = of_pushes(&receiver);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].event(), "push.offered");
    assert_eq!(got[0].json()["data"]["to"]["tag"], "1.9.0");
}
