//! Removing images on a real engine: images that are live, standby, good or in foreign use stay,
//! whatever happens meanwhile.

use std::process::Command;
use std::time::Duration;

use greenroom::history::Outcome;
use greenroom::inventory::{LockRecord, ReleaseId, Role};
use greenroom::ports::Acquired;

use super::command_line::{err, out, run};
use super::fixture::{Fixture, FixtureOptions};
use crate::support::versions::Versions;
use crate::support::{docker, from_environment};

/// The output of the engine's own tool.
fn engine(arguments: &[&str]) -> String {
    let mut command = Command::new("docker");
    let output = command.args(["-H", &docker()]).args(arguments).output();
    let output = output.expect("docker runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The digests of a repository, as the engine's tool lists them.
fn images(repository: &str) -> Vec<String> {
    let format = ["--digests", "--no-trunc", "--format", "{{.Digest}}"];
    let listed = engine(&[&["images"][..], &format, &[repository]].concat());
    let mut digests: Vec<String> = listed
        .lines()
        .filter(|line| line.starts_with("sha256:"))
        .map(str::to_owned)
        .collect();
    digests.sort();
    digests.dedup();
    digests
}

/// A fixture with an image repository of its own, which keeps three good versions.
async fn fixture() -> (Fixture, Versions) {
    let options = FixtureOptions {
        standby: "never",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await;
    let versions = Versions::in_repository(&format!("of-{}", fixture.target.service)).await;
    let image = from_environment("GREENROOM_TEST_IMAGE");
    fixture
        .rebuild(|text| {
            text.replace(
                &format!("image = \"{image}\""),
                &format!("image = \"{}\"", versions.image()),
            )
            .replace(
                "[environments.production.timing]",
                "[environments.production.rules]\nkeep_images = 3\n\n[environments.production.timing]",
            )
        })
        .await;
    (fixture, versions)
}

/// While another driver has the lock of the target, nothing is removed.
async fn is_locked_out(fixture: &Fixture, prune: &[&str]) {
    let site = fixture.app.engine.site(&fixture.target).expect("a site");
    let write = site.write.clone().expect("it may change");
    let record = LockRecord {
        purpose: greenroom::inventory::LockPurpose::Upkeep,
        operator: fixture.app.engine.operator().clone(),
        console: "another".into(),
        release: ReleaseId(ulid::Ulid::generate()),
        since: jiff::Timestamp::now(),
        message: "releasing".into(),
    };
    let Ok(Acquired::Held(lease)) = write.store.locks.acquire(&fixture.target, &record).await
    else {
        panic!("the lock is free");
    };
    let locked = run(fixture, prune).await;
    assert_eq!(locked.status.code(), Some(1), "{}", out(&locked));
    assert!(err(&locked).contains("is locked by"), "{}", err(&locked));
    let given = write
        .store
        .locks
        .release(&fixture.target, &lease.fence)
        .await;
    given.expect("given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_unneeded_images_are_listed_and_removed() {
    let (fixture, versions) = fixture().await;
    let mut tags = Vec::new();
    for _ in 0..5 {
        let tag = versions.another("none").await;
        let finished = fixture.promote(&tag).await;
        let outcome = finished.outcome();
        assert!(
            matches!(outcome, Some(Outcome::Done | Outcome::Superseded { .. })),
            "{finished:?}"
        );
        tags.push(tag);
    }
    let broken = versions.another("failing-checks").await;
    let finished = fixture.promote(&broken).await;
    assert!(
        matches!(finished.outcome(), Some(Outcome::BackedOut { .. })),
        "{finished:?}"
    );
    // A person tries another version by hand, and has a container of an old one.
    let other = versions.another("none").await;
    let repository = versions.image();
    engine(&["pull", "-q", &format!("{repository}:{other}")]);
    let before = images(&repository);
    assert_eq!(before.len(), 7, "{before:?}");

    let service = fixture.target.service.to_string();
    let dry = run(&fixture, &["prune", &service, "production", "--dry-run"]).await;
    assert_eq!(dry.status.code(), Some(0), "{}{}", out(&dry), err(&dry));
    let said = out(&dry);
    for words in [
        format!("live in {}", fixture.target),
        format!("good version 2 of {}", fixture.target),
        format!("good version 3 of {}", fixture.target),
        "no release of a configured target used it".to_owned(),
        format!("{}, ", tags[0]),
        format!("{}, ", tags[1]),
        format!("{broken}, "),
        "3 of 7 images can be removed".to_owned(),
    ] {
        assert!(said.contains(&words), "{words} in {said}");
    }
    assert_eq!(images(&repository), before, "it was only said");

    let prune = ["prune", &service, "production", "--yes"];
    is_locked_out(&fixture, &prune).await;
    assert_eq!(images(&repository), before);

    // An image that a foreign container uses is not removed; the others are.
    let held = format!("held-{service}");
    let oldest = format!("{repository}:{}", tags[0]);
    engine(&["pull", "-q", &oldest]);
    engine(&["create", "--name", &held, &oldest]);
    let pruned = run(&fixture, &prune).await;
    engine(&["rm", "-f", &held]);
    let said = out(&pruned);
    assert_eq!(said.matches("  removed").count(), 2, "{said}");
    engine(&["rmi", &oldest]);
    let again = run(&fixture, &prune).await;
    assert_eq!(
        again.status.code(),
        Some(0),
        "{}{}",
        out(&again),
        err(&again)
    );
    assert_eq!(images(&repository).len(), 4, "{}", out(&again));
    fixture.stands(&tags[4], Role::Empty).await;

    // A kept version can be rolled back to; a removed one is pulled again.
    let nothing = run(&fixture, &prune).await;
    assert!(out(&nothing).contains("0 of 4 images"), "{}", out(&nothing));
    let back = [
        "rollback",
        &service,
        "production",
        "--to",
        &tags[0],
        "--yes",
        "--reason",
        "older",
    ];
    let back = tokio::time::timeout(Duration::from_mins(1), run(&fixture, &back)).await;
    let back = back.expect("in time");
    assert!(
        out(&back).contains("switch") && images(&repository).len() == 5,
        "{}{}",
        out(&back),
        err(&back)
    );
}
