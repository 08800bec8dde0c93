//! What the engine reports about an instance's settings and its image.

use std::collections::BTreeMap;

use greenroom::inventory::{EnvironmentValue, RestartPolicy, SecretSource, Slot, changes};
use greenroom::ports::{RuntimeReader, RuntimeWriter};

use super::fixture::{WAIT, World, both, docker, engine, push};

#[tokio::test]
async fn an_instance_reports_its_image_labels_and_settings() {
    let mut world = World::pulled();
    let labels = [
        ("org.opencontainers.image.revision", "abc1234def5678901"),
        ("org.opencontainers.image.created", "2026-11-18T10:00:00Z"),
        ("org.opencontainers.image.version", "2.0"),
        ("maintainer", "the shop"),
    ];
    let (reader, writer) = both(&engine());
    let mut blue = world.spec(Slot::Blue, WAIT);
    blue.shape.memory = Some(64 << 20);
    let environment = |plain: &str| {
        BTreeMap::from([
            (
                "PLAIN".to_owned(),
                EnvironmentValue::Plain(plain.to_owned()),
            ),
            (
                "HIDDEN".to_owned(),
                EnvironmentValue::Secret(SecretSource::Env("SECRET".into())),
            ),
        ])
    };
    blue.shape.environment = environment("one");
    writer.start(&blue).await.expect("started");

    let digest = push(&world.version.repository, "2.0", &labels, 8);
    world.version.digest = digest.parse().expect("a digest");
    docker(&["pull", "-q", &world.version.pinned()]);
    let mut green = world.spec(Slot::Green, WAIT);
    green.shape.memory = Some(128 << 20);
    green.shape.restart = RestartPolicy::UnlessStopped;
    green.shape.environment = environment("other");
    writer.start(&green).await.expect("started");

    let seen = reader.instances(&world.target).await.expect("a list");
    let of = |slot| {
        let mut seen = seen.iter();
        seen.find(|one| one.slot == slot).expect("an instance")
    };
    let (blue, green) = (of(Slot::Blue), of(Slot::Green));
    assert_eq!(blue.labels, greenroom::inventory::ImageLabels::default());
    assert_eq!(green.labels.revision.as_deref(), Some("abc1234def5678901"));
    assert_eq!(green.labels.version.as_deref(), Some("2.0"));
    let all = format!("{:?}", blue.configuration);
    for word in ["one", "hunter"] {
        assert!(!all.contains(&format!("\"{word}")), "{all}");
    }
    let names: Vec<String> = changes(blue, green)
        .configuration
        .into_iter()
        .map(|difference| difference.name)
        .collect();
    assert_eq!(
        names,
        ["env PLAIN", "label maintainer", "memory", "restart policy"],
        "and neither port nor secret: {:?} {:?}",
        blue.configuration,
        green.configuration
    );
    let again = reader.all_instances().await.expect("a list");
    assert_eq!(again[&world.target], seen, "two looks see the same");
}
