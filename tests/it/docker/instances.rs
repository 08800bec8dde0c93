//! The life cycle of an instance.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use greenroom::inventory::{
    EnvironmentValue, InstanceId, InstanceState, Listen, ReleaseId, RestartPolicy, RuntimeHealth,
    SecretSource, Slot,
};
use greenroom::ports::{FailureKind, RuntimeReader, RuntimeWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::{WAIT, World, both, docker, engine, engine_behind, import, push, tcp, unique};
use super::proxy::Proxy;
use crate::support::{eventually, free_port};

const GRACE: Duration = Duration::from_secs(5);

async fn get(port: u16, path: &str) -> String {
    let mut text = String::new();
    let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else {
        return text;
    };
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn an_instance_is_started_observed_stopped_restarted_and_removed() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let port = free_port();
    let script = "mkdir -p /www; env > /www/env; trap 'exit 0' TERM; httpd -p 8080 -h /www; \
                  while :; do sleep 0.05; done";
    let mut spec = world.spec(Slot::Blue, script);
    spec.endpoint = Some(tcp(port));
    spec.shape.environment = BTreeMap::from([
        ("PLAIN".into(), EnvironmentValue::Plain("a b=c".into())),
        (
            "HIDDEN".into(),
            EnvironmentValue::Secret(SecretSource::Env("SECRET".into())),
        ),
    ]);
    spec.shape.memory = Some(64 * 1024 * 1024);
    spec.shape.restart = RestartPolicy::UnlessStopped;
    spec.shape.labels = BTreeMap::from([
        ("team".into(), "shop".into()),
        ("greenroom.slot".into(), "green".into()),
    ]);
    let id = writer.start(&spec).await.expect("started");

    let all = reader.all_instances().await.expect("a list");
    let [seen] = &all[&world.target][..] else {
        panic!("one instance: {all:?}");
    };
    assert_eq!((&seen.id, &seen.name), (&id, &spec.name()));
    assert_eq!(
        (seen.slot, &seen.digest),
        (Slot::Blue, &world.version.digest)
    );
    assert_eq!(
        (seen.tag.as_deref(), seen.release),
        (Some("1.0"), Some(spec.release))
    );
    assert_eq!(
        (seen.state, seen.health),
        (InstanceState::Running, RuntimeHealth::Unchecked)
    );
    assert!(
        seen.pid.is_some() && seen.started_at.is_some() && seen.restarts == 0,
        "{seen:?}"
    );

    eventually(
        "it answers on its slot's own port",
        Duration::from_secs(10),
        || async { get(port, "/env").await.contains("PLAIN=a b=c\n") },
    )
    .await;
    assert!(get(port, "/env").await.contains("HIDDEN=hunter2\n"));
    let format = "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} \
                  {{index .Config.Labels \"team\"}} {{json (index .HostConfig.PortBindings \"8080/tcp\")}}";
    let made = docker(&["inspect", "--format", format, &id.0]);
    let port_of = format!(r#"[{{"HostIp":"127.0.0.1","HostPort":"{port}"}}]"#);
    assert_eq!(made, format!("67108864 unless-stopped shop {port_of}"));

    writer.stop(&id, GRACE).await.expect("stopped");
    writer.stop(&id, GRACE).await.expect("stays so");
    let seen = reader
        .instances(&world.target)
        .await
        .expect("a list")
        .remove(0);
    assert!(
        matches!(seen.state, InstanceState::Exited { code: Some(0) }),
        "{seen:?}"
    );
    assert_eq!(seen.pid, None);
    writer.restart(&id).await.expect("started again");
    writer.restart(&id).await.expect("stays so");
    eventually(
        "it answers again on the same port",
        Duration::from_secs(10),
        || async { get(port, "/env").await.contains("PLAIN") },
    )
    .await;
    writer.stop(&id, GRACE).await.expect("stopped");
    writer.remove(&id).await.expect("removed");
    writer.remove(&id).await.expect("stays so");
    writer.stop(&id, GRACE).await.expect("stays so");
    assert!(
        reader
            .instances(&world.target)
            .await
            .expect("a list")
            .is_empty()
    );
    let failure = writer.restart(&id).await.expect_err("gone");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
}

#[tokio::test]
async fn starting_again_is_the_same_instance_and_another_release_is_a_conflict() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let spec = world.spec(Slot::Green, WAIT);
    let id = writer.start(&spec).await.expect("started");
    assert_eq!(writer.start(&spec).await.expect("the same"), id);
    writer.stop(&id, GRACE).await.expect("stopped");
    assert_eq!(writer.start(&spec).await.expect("started again"), id);

    let mut other = spec.clone();
    other.release = ReleaseId(ulid::Ulid::generate());
    let failure = writer.start(&other).await.expect_err("in the way");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert!(
        failure.to_string().contains(&spec.release.to_string()),
        "{failure}"
    );
}

#[tokio::test]
async fn two_starts_at_once_make_one_instance() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let (one, two) = tokio::join!(writer.start(&spec), writer.start(&spec));
    assert_eq!(one.expect("started"), two.expect("the same"));
    assert_eq!(
        reader.instances(&world.target).await.expect("a list").len(),
        1
    );
}

#[tokio::test]
async fn a_taken_port_is_a_conflict_and_leaves_nothing_behind() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let mut spec = world.spec(Slot::Blue, WAIT);
    spec.endpoint = Some(tcp(taken.local_addr().expect("an address").port()));
    let failure = writer.start(&spec).await.expect_err("taken");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert!(
        reader
            .instances(&world.target)
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn an_instance_without_its_image_or_secret_is_not_created() {
    let world = World::new(16);
    let (reader, writer) = both(&engine());
    let failure = writer
        .start(&world.spec(Slot::Blue, WAIT))
        .await
        .expect_err("not pulled");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let mut spec = world.spec(Slot::Blue, WAIT);
    let secret = EnvironmentValue::Secret(SecretSource::Env("OTHER".into()));
    spec.shape.environment.insert("HIDDEN".into(), secret);
    let failure = writer.start(&spec).await.expect_err("no such secret");
    assert!(failure.to_string().contains("OTHER"), "{failure}");
    assert!(
        reader
            .instances(&world.target)
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn foreign_and_running_containers_are_never_removed() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let foreign = InstanceId(world.foreign(&[], WAIT));
    for done in [
        writer.stop(&foreign, GRACE).await,
        writer.remove(&foreign).await,
        writer.restart(&foreign).await,
    ] {
        assert_eq!(done.expect_err("not ours").kind, FailureKind::Conflict);
    }
    let id = writer
        .start(&world.spec(Slot::Blue, WAIT))
        .await
        .expect("started");
    let failure = writer.remove(&id).await.expect_err("it runs");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    for hostile in ["", "..", "../../version", &spec_name(&world)] {
        let failure = writer
            .remove(&InstanceId(hostile.into()))
            .await
            .expect_err("no id");
        assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
    }
    assert_eq!(
        docker(&["inspect", "--format", "{{.State.Running}}", &foreign.0]),
        "true"
    );
}

fn spec_name(world: &World) -> String {
    world.spec(Slot::Blue, WAIT).name()
}

#[tokio::test]
async fn an_instance_that_ignores_the_stop_is_killed_after_the_grace_period() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let deaf = world.spec(Slot::Blue, "trap '' TERM; while :; do sleep 0.05; done");
    let id = writer.start(&deaf).await.expect("started");
    let started = Instant::now();
    writer
        .stop(&id, Duration::from_secs(1))
        .await
        .expect("stopped");
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
    let seen = reader
        .instances(&world.target)
        .await
        .expect("a list")
        .remove(0);
    assert_eq!(seen.state, InstanceState::Exited { code: Some(137) });
}

#[tokio::test]
async fn after_a_lost_answer_the_result_is_observed() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    for lost in ["/containers/create", "/start"] {
        let proxy = Proxy::start(Some(lost));
        let (_, through) = both(&engine_behind(proxy.socket()));
        let id = through.start(&spec).await.expect("seen to run");
        writer.stop(&id, GRACE).await.expect("stopped");
        writer.remove(&id).await.expect("removed");
    }
    let id = writer.start(&spec).await.expect("started");
    let proxy = Proxy::start(Some("/stop"));
    let (_, through) = both(&engine_behind(proxy.socket()));
    through
        .stop(&id, GRACE)
        .await
        .expect("seen to have stopped");
    let proxy = Proxy::start(Some("DELETE "));
    let (_, through) = both(&engine_behind(proxy.socket()));
    through.remove(&id).await.expect("seen to be gone");
}

#[tokio::test]
async fn the_digest_is_that_of_the_running_image_not_of_the_labels() {
    let mut world = World::pulled();
    let (reader, _) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let repository = world.version.repository.clone();
    let liar = push(&repository, "liar", &[], 17);
    docker(&["pull", "-q", &format!("{repository}@{liar}")]);
    let fake = [
        format!("greenroom.service={}", world.target.service),
        "greenroom.environment=qa".to_owned(),
        "greenroom.slot=green".to_owned(),
        format!("greenroom.repository={repository}"),
        format!("greenroom.digest={}", world.version.digest),
        "greenroom.tag=\u{1b}[31mred".to_owned(),
    ];
    let labels: Vec<&str> = fake.iter().flat_map(|l| ["--label", l]).collect();
    world.version.digest = liar.parse().expect("a digest");
    world.foreign(&labels, WAIT);
    let seen = reader
        .instances(&world.target)
        .await
        .expect("a list")
        .remove(0);
    assert_eq!(seen.digest, world.version.digest);
    assert_eq!(seen.tag.as_deref(), Some("red"));
    docker(&["rmi", "-f", &spec.version.pinned()]);

    // An image that was never pulled has only an id, which is shown.
    let local = unique("it-local");
    import(&local, &[], 18);
    let id = docker(&["image", "inspect", "--format", "{{.Id}}", &local]);
    let mut run = vec!["run", "-d"];
    run.extend(labels.iter().map(|l| {
        if *l == fake[2] {
            "greenroom.slot=blue"
        } else {
            l
        }
    }));
    run.extend([local.as_str(), "sh", "-c", WAIT]);
    docker(&run);
    let seen = reader.instances(&world.target).await.expect("a list");
    let blue = seen
        .iter()
        .find(|i| i.slot == Slot::Blue)
        .expect("the local one");
    assert_eq!(blue.digest.as_str(), id);
    docker(&["rm", "-f", &blue.id.0]);
    docker(&["rmi", "-f", &local]);
}

#[tokio::test]
async fn changes_of_an_instance_and_a_broken_connection_are_reported() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let proxy = Proxy::start(None);
    let (reader, _) = both(&engine_behind(proxy.socket()));
    let mut changes = reader.changes().await.expect("followed");
    // Between the subscription and the first read.
    writer
        .start(&world.spec(Slot::Blue, WAIT))
        .await
        .expect("started");
    let hint = tokio::time::timeout(Duration::from_secs(10), changes.next()).await;
    assert!(matches!(hint, Ok(Some(Ok(())))), "{hint:?}");
    proxy.stop();
    let end = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match changes.next().await {
                Some(Ok(())) => {}
                other => return other,
            }
        }
    });
    let end = end.await.expect("an end").expect("a failure");
    assert_eq!(end.expect_err("a failure").kind, FailureKind::Unreachable);
    assert!(changes.next().await.is_none());
    assert_eq!(
        reader.changes().await.err().map(|f| f.kind),
        Some(FailureKind::Unreachable)
    );
}

#[tokio::test]
async fn a_unix_socket_slot_gets_its_directory_and_only_a_stale_socket_is_removed() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let home = world.directory.path().join("blue");
    let socket = home.join("app.sock");
    let mut spec = world.spec(Slot::Blue, &format!("echo here > /run/app/marker; {WAIT}"));
    spec.shape.listen = Listen::Socket("/run/app/app.sock".into());
    spec.endpoint = Some(greenroom::inventory::Address::Unix(socket.clone()));

    std::fs::create_dir_all(&home).expect("made");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    let failure = writer.start(&spec).await.expect_err("a listener");
    assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
    assert!(
        reader
            .instances(&world.target)
            .await
            .expect("a list")
            .is_empty()
    );
    drop(listener);
    // A command started by another test meanwhile has a copy of the socket until its exec.
    eventually("no listener", Duration::from_secs(10), || async {
        std::os::unix::net::UnixStream::connect(&socket).is_err()
    })
    .await;
    let id = writer.start(&spec).await.expect("started");
    assert!(!socket.exists());
    eventually(
        "the directory is the instance's",
        Duration::from_secs(10),
        || async { home.join("marker").exists() },
    )
    .await;
    writer.stop(&id, GRACE).await.expect("stopped");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("bound"));
    writer.remove(&id).await.expect("removed");
    assert!(!socket.exists());
}
