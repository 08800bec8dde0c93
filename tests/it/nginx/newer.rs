//! Two consoles with an older and a newer configuration, with one nginx.

use std::fs;
use std::path::PathBuf;

use greenroom::adapters::nginx::{NginxOptions, SwitchMode};
use greenroom::inventory::{Digest, Slot};
use greenroom::ports::{FailureKind, Installation, RouterReader, RouterWriter};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::arena::{Arena, order};
use crate::support::reload::reload_nginx;
/// Serves another name, as a changed configuration would.
fn with_another_name(arrangement: &mut NginxOptions) {
    arrangement.targets[0].server_names = vec!["store.example.com".into()];
}

/// The record of the last installation.
fn record(arena: &Arena) -> PathBuf {
    let state = arena.place.path().join("state/web/production");
    state.join("installed.json")
}

/// Changes the installed file to one of a Greenroom with another template.
async fn installed_by_another_greenroom(arena: &Arena, generation: u32) {
    const MORE: &str = "# made by another Greenroom\n";
    let text = fs::read_to_string(record(arena)).expect("the record");
    let mut said: Value = serde_json::from_str(&text).expect("a record");
    let mark = said["mark"].as_str().expect("a mark").to_owned();
    let text = fs::read_to_string(arena.site_file()).expect("the file") + MORE;
    let digest = Digest::of(text.replace(&mark, "").as_bytes());
    let hash = digest.as_str().strip_prefix("sha256:").expect("a digest");
    let other = &hash[..mark.len()];
    fs::write(arena.site_file(), text.replace(&mark, other)).expect("written");
    let template = said["inputs"]["template"]["text"].as_str().expect("a text");
    said["inputs"]["template"]["text"] = format!("{template}{MORE}").into();
    said["inputs"]["template"]["generation"] = generation.into();
    said["mark"] = other.into();
    fs::write(record(arena), said.to_string()).expect("written");
    reload_nginx(arena.place.path()).await;
    let answer = arena.reader().answer(&arena.target).await;
    assert_eq!(answer.expect("an answer").configuration, other);
}

#[tokio::test]
async fn equal_settings_are_never_newer() {
    let mut arena = Arena::start().await;
    arena.arrangement.configured_at = Some(Timestamp::now());
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    installed_by_another_greenroom(&arena, 0).await;
    arena.arrangement.configured_at = Some(Timestamp::UNIX_EPOCH);
    let looked = arena.reader().installation(&arena.target).await;
    let looked = looked.expect("an answer");
    assert!(matches!(looked, Installation::Outdated(_)), "{looked:?}");
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");

    // Equal settings count as new as the newest copy.
    arena.arrangement.configured_at = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
    with_another_name(&mut arena.arrangement);
    let looked = arena.reader().installation(&arena.target).await;
    let looked = looked.expect("an answer");
    assert!(matches!(looked, Installation::Newer(_)), "{looked:?}");
}

#[tokio::test]
async fn a_file_that_a_newer_greenroom_rendered_is_left_unchanged() {
    let mut arena = Arena::start().await;
    arena.arrangement.configured_at = Some(Timestamp::now());
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    installed_by_another_greenroom(&arena, 99).await;
    let looked = arena.reader().installation(&arena.target).await;
    assert_eq!(looked.expect("an answer"), Installation::Current);
}

/// An nginx that switches by reload, with the file of a newer configuration; and the older console.
async fn switched_by_reloading() -> (Arena, greenroom::adapters::nginx::NginxWriter) {
    let mut arena = Arena::start().await;
    arena.arrangement.config.switch = SwitchMode::Reload;
    arena.arrangement.configured_at = Some(Timestamp::UNIX_EPOCH);
    let older = arena.writer();
    older.install(&arena.target).await.expect("installed");
    let first = order(None, Slot::Blue, 1);
    older.switch(&arena.target, &first).await.expect("switched");
    arena.arrangement.configured_at = Some(Timestamp::now());
    with_another_name(&mut arena.arrangement);
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    (arena, older)
}

#[tokio::test]
async fn a_reload_switch_from_an_older_console_changes_only_the_live_slot() {
    let (arena, older) = switched_by_reloading().await;
    let target = &arena.target;
    let next = order(Some(Slot::Blue), Slot::Green, 2);
    older.make_ready(target, &next).await.expect("ready");
    older.switch(target, &next).await.expect("switched");
    assert_eq!(arena.live().await, Some(Slot::Green));
    let text = fs::read_to_string(arena.site_file()).expect("the file");
    assert!(text.contains("store.example.com"), "{text}");
    // It matches the newer configuration, and still counts as newer than the older one.
    let looked = arena.reader().installation(target).await;
    assert_eq!(looked.expect("an answer"), Installation::Current);
    let back = order(Some(Slot::Green), Slot::Blue, 3);
    older.switch(target, &back).await.expect("switched");
    let looked = arena.reader().installation(target).await;
    assert_eq!(looked.expect("an answer"), Installation::Current);
}

#[tokio::test]
async fn a_switch_that_would_restore_the_older_file_is_refused() {
    let (arena, older) = switched_by_reloading().await;
    let target = &arena.target;
    let text = fs::read_to_string(record(&arena)).expect("the record");
    let mut said: Value = serde_json::from_str(&text).expect("a record");
    said["inputs"]["template"]["text"] = "other words".into();
    fs::write(record(&arena), said.to_string()).expect("written");
    let before = fs::read_to_string(arena.site_file()).expect("the file");
    let next = order(Some(Slot::Blue), Slot::Green, 2);
    let refused = older.switch(target, &next).await.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    let words = refused.to_string();
    assert!(words.contains("Nothing was changed"), "{words}");
    assert!(words.contains("update the settings file"), "{words}");
    let after = fs::read_to_string(arena.site_file()).expect("the file");
    assert_eq!(before, after);
    assert_eq!(arena.live().await, Some(Slot::Blue));
}

#[tokio::test]
async fn a_switch_in_the_mode_of_the_older_configuration_is_refused() {
    for (older, newer) in [
        (SwitchMode::Pointer, SwitchMode::Reload),
        (SwitchMode::Reload, SwitchMode::Pointer),
    ] {
        let mut arena = Arena::start().await;
        arena.arrangement.config.switch = older;
        arena.arrangement.configured_at = Some(Timestamp::UNIX_EPOCH);
        let older = arena.writer();
        arena.arrangement.config.switch = newer;
        arena.arrangement.configured_at = Some(Timestamp::now());
        let target = &arena.target;
        arena.writer().install(target).await.expect("installed");
        let refused = older.make_ready(target, &order(None, Slot::Blue, 1)).await;
        let refused = refused.expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Conflict, "{newer:?}: {refused}");
    }
}

#[tokio::test]
async fn a_newer_installation_is_no_difference_to_repair() {
    let mut arena = Arena::start().await;
    let old = Timestamp::now() - SignedDuration::from_hours(1);
    arena.arrangement.configured_at = Some(old);
    let older = arena.reader();
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    arena.arrangement.configured_at = Some(old + SignedDuration::from_mins(30));
    with_another_name(&mut arena.arrangement);
    let newer = arena.reader();
    let before = newer.installation(&arena.target).await.expect("an answer");
    assert!(matches!(before, Installation::Outdated(_)), "{before:?}");
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let looked = newer.installation(&arena.target).await.expect("an answer");
    assert_eq!(looked, Installation::Current);
    let looked = older.installation(&arena.target).await.expect("an answer");
    let Installation::Newer(said) = looked else {
        panic!("{looked:?}");
    };
    assert!(
        said.contains("was installed from settings that were saved at "),
        "{said}"
    );

    // After a manual edit it matches neither configuration.
    let text = fs::read_to_string(arena.site_file()).expect("the file");
    fs::write(arena.site_file(), format!("{text}# mine\n")).expect("written");
    let looked = older.installation(&arena.target).await.expect("an answer");
    assert!(matches!(looked, Installation::Outdated(_)), "{looked:?}");
}

#[tokio::test]
async fn an_unreadable_installation_record_changes_nothing() {
    let mut arena = Arena::start().await;
    arena.arrangement.configured_at = Some(Timestamp::now());
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let record = record(&arena);
    assert!(record.exists());
    arena.arrangement.configured_at = Some(Timestamp::UNIX_EPOCH);
    with_another_name(&mut arena.arrangement);
    for text in ["", "{", "{\"format\":99}"] {
        fs::write(&record, text).expect("written");
        let looked = arena
            .reader()
            .installation(&arena.target)
            .await
            .expect("an answer");
        assert!(
            matches!(looked, Installation::Outdated(_)),
            "{text}: {looked:?}"
        );
    }
}
