//! The log of a container as the console follows it: through its end and through a restart.

use std::sync::Arc;
use std::time::Duration;

use greenroom::inventory::InstanceId;
use greenroom::logs::{Batch, Origin, follow};
use tokio::sync::mpsc;

use super::fixture::{World, both, docker, engine};

/// Reads until a line contains these words; returns everything read, except notices.
async fn until(batches: &mut mpsc::Receiver<Batch>, words: &str) -> Vec<String> {
    let mut said = Vec::new();
    let reading = async {
        while !said.iter().any(|line: &String| line.contains(words)) {
            let batch = batches.recv().await.expect("it goes on");
            let lines = batch
                .into_iter()
                .filter(|line| line.origin != Origin::Notice);
            said.extend(lines.map(|line| line.text.to_string()));
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), reading).await;
    assert!(in_time.is_ok(), "{words} was not read: {said:?}");
    said
}

#[tokio::test]
async fn a_last_line_without_an_end_is_not_lost_when_the_container_ends() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let id = InstanceId(world.foreign(&[], "echo one; sleep 1; echo two; printf unended"));
    let mut batches = follow(Arc::new(reader), id, 100);
    assert_eq!(
        until(&mut batches, "unended").await,
        ["one", "two", "unended"]
    );
}

#[tokio::test]
async fn a_restarted_container_is_followed_without_gaps_or_duplicates() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let script = "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done";
    let id = world.foreign(&[], script);
    let mut batches = follow(Arc::new(reader), InstanceId(id.clone()), 100);
    assert_eq!(until(&mut batches, "hello").await, ["hello"]);
    for _ in 0..2 {
        docker(&["restart", &id]);
        assert_eq!(until(&mut batches, "hello").await, ["bye", "hello"]);
    }
}
