//! Pulling images.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom::adapters::docker::DockerWriter;
use greenroom::inventory::{ImageLabels, Version};
use greenroom::ports::{Credentials, FailureKind, PullProgress, RuntimeReader, RuntimeWriter};
use tokio::sync::mpsc;

use super::fixture::{OneSecret, PASSWORD, PrivateRegistry, USER, World, both, docker, engine};

#[tokio::test]
async fn an_image_is_pulled_by_digest_with_progress() {
    let world = World::new(6 * 1024 * 1024);
    let (reader, writer) = both(&engine());
    assert!(!reader.has_image(&world.version).await.expect("an answer"));
    let (sender, mut receiver) = mpsc::channel(10_000);
    writer.pull(&world.version, sender).await.expect("pulled");
    assert!(reader.has_image(&world.version).await.expect("an answer"));
    let mut seen: Vec<PullProgress> = Vec::new();
    while let Some(progress) = receiver.recv().await {
        seen.push(progress);
    }
    let last = seen.last().expect("some progress");
    assert!(
        last.total > 6 * 1024 * 1024 && last.done == last.total,
        "{last:?}"
    );
    // A second pull has nothing to do, also when no receiver reads the progress.
    writer
        .pull(&world.version, mpsc::channel(1).0)
        .await
        .expect("there already");
}

#[tokio::test]
async fn a_digest_unknown_to_the_registry_is_missing() {
    let world = World::new(16);
    let (reader, writer) = both(&engine());
    let mut other = world.version.clone();
    other.digest = format!("sha256:{}", "1".repeat(64))
        .parse()
        .expect("a digest");
    let failure = writer
        .pull(&other, mpsc::channel(1).0)
        .await
        .expect_err("not there");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    assert!(!reader.has_image(&other).await.expect("an answer"));
}

#[tokio::test]
async fn a_repository_that_could_escape_its_path_is_refused() {
    let world = World::new(16);
    let (reader, writer) = both(&engine());
    let mut evil = world.version.clone();
    evil.repository = "../containers/json#".into();
    assert_eq!(
        reader.has_image(&evil).await.expect_err("refused").kind,
        FailureKind::Rejected
    );
    let pulled = writer.pull(&evil, mpsc::channel(1).0).await;
    assert_eq!(pulled.expect_err("refused").kind, FailureKind::Rejected);
}

#[tokio::test]
async fn a_private_registry_accepts_the_password() {
    let registry = PrivateRegistry::start().await;
    let (repository, digest) = registry.push();
    let version = Version {
        repository,
        tag: None,
        digest: digest.parse().expect("a digest"),
        labels: ImageLabels::default(),
    };
    let with = |password: &str| {
        let credentials = Credentials {
            user: USER.into(),
            password: password.into(),
        };
        let all = BTreeMap::from([(registry.host.clone(), credentials)]);
        DockerWriter::new(engine(), all, Arc::new(OneSecret))
    };
    let (reader, without) = both(&engine());
    for (writer, who) in [(without, "nobody"), (with("wrong"), "a wrong password")] {
        let failure = writer
            .pull(&version, mpsc::channel(1).0)
            .await
            .expect_err(who);
        assert_eq!(failure.kind, FailureKind::Denied, "{who}: {failure}");
    }
    assert!(!reader.has_image(&version).await.expect("an answer"));
    with(PASSWORD)
        .pull(&version, mpsc::channel(1).0)
        .await
        .expect("let in");
    assert!(reader.has_image(&version).await.expect("an answer"));
    docker(&["rmi", "-f", &version.pinned()]);
}
