//! Secrets as files: a container never starts without them, and they stay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use greenroom::adapters::docker::DockerWriter;
use greenroom::inventory::{InstanceId, InstanceState, SecretSource, Slot};
use greenroom::ports::{
    Failure, FailureKind, InstanceSpec, Result, RuntimeReader, RuntimeWriter, Secrets,
};
use secrecy::SecretString;

use super::fixture::{WAIT, World, both, docker, engine};

const GRACE: Duration = Duration::from_secs(5);

/// A source that does not answer.
struct Silent;

#[async_trait]
impl Secrets for Silent {
    async fn read(&self, _: &SecretSource) -> Result<SecretString> {
        let message = "no answer within 10s";
        Err(Failure::new(
            FailureKind::Unreachable,
            "the vault",
            "reading the secret",
            message,
        ))
    }
}

/// An instance with the secret `key`, in a container that can write nowhere else.
fn spec(world: &World) -> InstanceSpec {
    let mut spec = world.spec(Slot::Blue, WAIT);
    spec.shape.container.secrets =
        BTreeMap::from([("key".to_owned(), SecretSource::Env("SECRET".into()))]);
    spec.shape.container.read_only_root = true;
    spec
}

fn content(id: &InstanceId) -> String {
    docker(&["exec", &id.0, "cat", "/run/secrets/key"])
}

#[tokio::test]
async fn a_container_that_was_created_without_its_secrets_gets_them_before_its_start() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = spec(&world);
    let interrupted = DockerWriter::new(engine(), BTreeMap::new(), Arc::new(Silent));
    let failure = interrupted.start(&spec).await.expect_err("no secret");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    let made = reader
        .instances(&world.target)
        .await
        .expect("a list")
        .remove(0);
    assert_eq!(made.state, InstanceState::Created);

    let failure = writer
        .restart(&made.id)
        .await
        .expect_err("it has no secrets");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert!(failure.to_string().contains("no secrets yet"), "{failure}");

    let id = writer.start(&spec).await.expect("started");
    assert_eq!(id, made.id);
    assert_eq!(content(&id), "hunter2");
}

#[tokio::test]
async fn the_files_stay_when_the_container_starts_again_and_go_with_it() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let id = writer.start(&spec(&world)).await.expect("started");
    let mode = docker(&["exec", &id.0, "ls", "-l", "/run/secrets/key"]);
    assert!(
        mode.starts_with("-r--r--r--") && mode.contains(" 0 "),
        "{mode}"
    );
    docker(&["restart", "-t", "1", &id.0]);
    assert_eq!(content(&id), "hunter2");
    writer.stop(&id, GRACE).await.expect("stopped");
    writer.restart(&id).await.expect("started again");
    assert_eq!(content(&id), "hunter2");

    let volume = docker(&["inspect", "--format", "{{(index .Mounts 0).Name}}", &id.0]);
    assert_eq!(volume.len(), 64, "an anonymous volume: {volume}");
    writer.stop(&id, GRACE).await.expect("stopped");
    writer.remove(&id).await.expect("removed");
    let volumes = docker(&["volume", "ls", "--quiet"]);
    assert!(!volumes.contains(&volume), "{volumes}");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_leaves_no_container() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let mut spec = spec(&world);
    let missing = SecretSource::Env("MISSING".into());
    spec.shape
        .container
        .secrets
        .insert("other".to_owned(), missing);
    let failure = writer.start(&spec).await.expect_err("no secret");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let made = reader.instances(&world.target).await.expect("a list");
    assert!(made.is_empty(), "{made:?}");
}
