//! Two consoles with configurations of different age behind one nginx.

use std::fs;

use greenroom::adapters::nginx::Arrangement;
use greenroom::ports::{Installation, RouterReader, RouterWriter};
use jiff::{SignedDuration, Timestamp};

use super::arena::Arena;

/// Serves another name, as a configuration that was changed would.
fn with_another_name(arrangement: &mut Arrangement) {
    arrangement.targets[0].server_names = vec!["store.example.com".into()];
}

#[tokio::test]
async fn what_was_installed_from_a_newer_configuration_is_not_a_difference_to_repair() {
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
        said.contains("was installed from a configuration of "),
        "{said}"
    );

    // Edited by hand it is neither the one nor the other.
    let text = fs::read_to_string(arena.site_file()).expect("the file");
    fs::write(arena.site_file(), format!("{text}# mine\n")).expect("written");
    let looked = older.installation(&arena.target).await.expect("an answer");
    assert!(matches!(looked, Installation::Outdated(_)), "{looked:?}");
}

#[tokio::test]
async fn a_record_of_the_installation_that_cannot_be_read_changes_nothing() {
    let mut arena = Arena::start().await;
    arena.arrangement.configured_at = Some(Timestamp::now());
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let record = arena
        .place
        .path()
        .join("state/web/production/installed.json");
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
