//! Ownership of files: a file that names another target or was made by hand is left unchanged.

use std::fs;

use greenroom::inventory::{PerSlot, Slot, Target};
use greenroom::ports::{FailureKind, Installation, RouterReader, RouterWriter};

use super::arena::{Arena, Upstream, client, get, order};
use crate::support::free_port;

fn target(service: &str, environment: &str) -> Target {
    Target::new(
        service.parse().expect("a name"),
        environment.parse().expect("a name"),
    )
}

/// An nginx with `web` in `qa-eu` and `web-qa` in `eu`.
async fn two() -> Arena {
    let mut arena = Arena::start().await;
    let mut other = arena.arrangement.targets[0].clone();
    arena.target = target("web", "qa-eu");
    arena.arrangement.targets[0].target = arena.target.clone();
    other.target = target("web-qa", "eu");
    other.server_names = vec!["other.example.com".into()];
    other.preview_server_names = vec!["preview.other.example.com".into()];
    other.endpoints =
        PerSlot::from_fn(|_| format!("127.0.0.1:{}", free_port()).parse().expect("it"));
    arena.arrangement.targets.push(other);
    arena
}

#[tokio::test]
async fn targets_with_colliding_joined_names_keep_their_public_addresses() {
    let arena = two().await;
    let writer = arena.writer();
    let mut upstreams = Vec::new();
    for site in &arena.arrangement.targets {
        upstreams.push(
            Upstream::start(site.endpoints.blue.first().expect("an address"), Slot::Blue).await,
        );
        writer.install(&site.target).await.expect("installed");
        let first = order(None, Slot::Blue, 1);
        writer.switch(&site.target, &first).await.expect("switched");
    }
    for host in ["shop.example.com", "other.example.com"] {
        let got = get(&client(false), arena.public, host).await;
        assert_eq!(got.expect("an answer").body, format!("blue for {host}"));
    }
    for site in &arena.arrangement.targets {
        let looked = arena.reader().installation(&site.target).await;
        assert_eq!(looked.expect("an answer"), Installation::Current);
    }
}

#[tokio::test]
async fn a_file_of_another_target_is_not_replaced_or_seen_as_an_edit() {
    let arena = two().await;
    let other = arena.arrangement.targets[1].target.clone();
    arena.writer().install(&other).await.expect("installed");
    let sites = &arena.arrangement.config.sites;
    let (theirs, ours) = ("greenroom-web-qa.eu.conf", "greenroom-web.qa-eu.conf");
    fs::rename(sites.join(theirs), sites.join(ours)).expect("renamed");
    let before = arena.files("conf.d");

    let looked = arena.reader().installation(&arena.target).await;
    let Ok(Installation::Foreign(said)) = looked else {
        panic!("not foreign: {looked:?}");
    };
    assert!(said.contains("is the file of web-qa/eu"), "{said}");
    assert!(said.contains("rename it for web-qa/eu"), "{said}");
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("another target's");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    assert!(refused.to_string().contains("web-qa/eu"), "{refused}");
    assert_eq!(arena.files("conf.d"), before);
    assert!(arena.reader().answer(&other).await.is_ok());
}

#[tokio::test]
async fn a_file_that_was_made_by_hand_is_not_replaced() {
    let arena = Arena::start().await;
    let by_hand = "# of the night of the outage; do not touch\n";
    fs::write(arena.site_file(), by_hand).expect("written");
    let looked = arena.reader().installation(&arena.target).await;
    let Ok(Installation::Foreign(said)) = looked else {
        panic!("not foreign: {looked:?}");
    };
    assert!(said.contains("was not written by Greenroom"), "{said}");
    let refused = arena.writer().install(&arena.target).await;
    assert_eq!(
        refused.expect_err("made by hand").kind,
        FailureKind::Conflict
    );
    let kept = fs::read_to_string(arena.site_file()).expect("it is there");
    assert_eq!(kept, by_hand);
}

#[tokio::test]
async fn a_file_in_the_place_of_the_tested_configuration_is_not_replaced() {
    let arena = Arena::start().await;
    let doctor_test = "nginx.conf.greenroom-web.production.test";
    let doctor_test = arena
        .arrangement
        .config
        .configuration
        .with_file_name(doctor_test);
    fs::write(&doctor_test, "a copy that a person made\n").expect("written");
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("made by hand");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    let kept = fs::read_to_string(&doctor_test).expect("it is there");
    assert_eq!(kept, "a copy that a person made\n");
    // A file that a crash left there is Greenroom's own.
    let ours = "events {}\n# Written by Greenroom for web/production; Greenroom overwrites changes to this file.\n";
    fs::write(&doctor_test, ours).expect("written");
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    assert!(!doctor_test.exists());
}

#[tokio::test]
async fn a_live_pointer_that_names_another_target_is_not_moved() {
    let arena = two().await;
    let other = arena.arrangement.targets[1].target.clone();
    for target in [&arena.target, &other] {
        arena.writer().install(target).await.expect("installed");
        let first = order(None, Slot::Blue, 1);
        arena
            .writer()
            .switch(target, &first)
            .await
            .expect("switched");
    }
    // A directory that was linked by hand: both targets would move one pointer.
    let state = &arena.arrangement.config.state;
    fs::remove_dir_all(state.join("web/qa-eu")).expect("removed");
    std::os::unix::fs::symlink("../web-qa/eu", state.join("web/qa-eu")).expect("linked");

    let looked = arena.reader().installation(&arena.target).await;
    let said = looked.expect_err("another target's").to_string();
    assert!(said.contains("the live pointer of web-qa/eu"), "{said}");
    let next = order(Some(Slot::Blue), Slot::Green, 2);
    let refused = arena.writer().switch(&arena.target, &next).await;
    assert_eq!(
        refused.expect_err("another target's").kind,
        FailureKind::Conflict
    );
    let answer = arena.reader().answer(&other).await.expect("an answer");
    assert_eq!((answer.slot, answer.generation), (Some(Slot::Blue), 1));
}

#[tokio::test]
async fn a_target_file_under_another_name_is_reported_with_the_rename_command() {
    let arena = Arena::start().await;
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let (new, old) = (
        arena.site_file(),
        arena.arrangement.config.sites.join("old-name.conf"),
    );
    fs::rename(&new, &old).expect("renamed");
    let before = arena.files("conf.d");

    let command = format!("mv {} {}", old.display(), new.display());
    let looked = arena.reader().installation(&arena.target).await;
    let Ok(Installation::Foreign(said)) = looked else {
        panic!("not foreign: {looked:?}");
    };
    assert!(said.ends_with(&command), "{said}");
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("nginx would read two");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    assert_eq!(arena.files("conf.d"), before);

    fs::rename(&old, &new).expect("as it says");
    let looked = arena.reader().installation(&arena.target).await;
    assert_eq!(looked.expect("an answer"), Installation::Current);
}
