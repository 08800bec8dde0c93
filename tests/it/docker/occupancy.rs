//! What occupies a slot.

use std::time::Duration;

use greenroom::inventory::{InstanceId, Slot, SlotMembers};
use greenroom::ports::{Occupancy, RuntimeReader, RuntimeWriter};

use super::fixture::{WAIT, World, both, docker, engine, tcp};
use crate::support::{addresses_of, eventually, free_port};

fn foreign(occupancy: Occupancy) -> String {
    match occupancy {
        Occupancy::Foreign(said) => said,
        other => panic!("not foreign: {other:?}"),
    }
}

#[tokio::test]
async fn an_empty_slot_is_free_and_our_instance_is_ours_even_when_stopped() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let addresses = addresses_of(&spec);
    let look = || reader.occupancy(&world.target, Slot::Blue, &addresses);
    assert_eq!(look().await.expect("an answer"), Occupancy::Free);
    let id = writer.start(&spec).await.expect("started");
    for _ in 0..2 {
        match look().await.expect("an answer") {
            Occupancy::Ours(members) => assert!(members.ids().eq([&id])),
            other => panic!("not ours: {other:?}"),
        }
        writer
            .stop(&id, Duration::from_secs(5))
            .await
            .expect("stopped");
    }
    let other = reader
        .occupancy(&world.target, Slot::Green, &addresses_of(&spec))
        .await;
    assert_eq!(other.expect("an answer"), Occupancy::Free);
}

#[tokio::test]
async fn a_name_used_by_a_foreign_container_is_foreign() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    world.foreign(&["--name", &spec.name()], WAIT);
    let seen = reader
        .occupancy(&world.target, Slot::Blue, &addresses_of(&spec))
        .await;
    let said = foreign(seen.expect("an answer"));
    assert!(said.contains(&spec.name()), "{said}");
    let failure = writer.start(&spec).await.expect_err("in the way");
    assert_eq!(
        failure.kind,
        greenroom::ports::FailureKind::Conflict,
        "{failure}"
    );
}

#[tokio::test]
async fn a_container_that_names_another_target_is_left_alone_whatever_its_name() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let name = spec.name();
    let service = format!("greenroom.service={}-other", world.target.service);
    let labels = ["greenroom.environment=eu", "greenroom.slot=green"];
    let id = world.foreign(
        &[
            "--name", &name, "--label", &service, "--label", labels[0], "--label", labels[1],
        ],
        WAIT,
    );
    let seen = reader
        .occupancy(&world.target, Slot::Blue, &addresses_of(&spec))
        .await;
    let said = foreign(seen.expect("an answer"));
    let owner = format!("green of {}-other/eu", world.target.service);
    assert!(said.contains(&owner), "{said}");
    let refused = writer.start(&spec).await.expect_err("another target's");
    assert_eq!(refused.kind, greenroom::ports::FailureKind::Conflict);
    assert!(refused.to_string().contains(&owner), "{refused}");
    // It is not listed for this target either, so no step of a release ever names it.
    let ours = reader.instances(&world.target).await.expect("a list");
    assert!(ours.iter().all(|one| one.id.0 != id), "{ours:?}");
}

#[tokio::test]
async fn an_address_used_by_another_container_is_foreign_and_names_it() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let port = free_port();
    let publish = format!("0.0.0.0:{port}:80");
    world.foreign(
        &[
            "-p",
            &publish,
            "--name",
            &format!("{}-x", world.target.service),
        ],
        WAIT,
    );
    let seen = reader
        .occupancy(&world.target, Slot::Blue, &tcp(port).into())
        .await;
    let said = foreign(seen.expect("an answer"));
    assert!(
        said.contains(&format!("{}-x", world.target.service)),
        "{said}"
    );

    let green = world.spec(Slot::Green, WAIT);
    writer.start(&green).await.expect("started");
    let seen = reader
        .occupancy(&world.target, Slot::Blue, &addresses_of(&green))
        .await;
    let said = foreign(seen.expect("an answer"));
    assert!(
        said.contains(&format!("green of {}", world.target)),
        "{said}"
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let taken = tcp(listener.local_addr().expect("an address").port());
    let seen = reader
        .occupancy(&world.target, Slot::Blue, &taken.clone().into())
        .await;
    assert!(foreign(seen.expect("an answer")).contains("process"));
    drop(listener);
    // A command started by another test meanwhile has a copy of the socket until its exec.
    eventually("it is free again", Duration::from_secs(10), || async {
        let seen = reader
            .occupancy(&world.target, Slot::Blue, &taken.clone().into())
            .await;
        seen.expect("an answer") == Occupancy::Free
    })
    .await;
}

#[tokio::test]
async fn a_socket_with_a_listener_is_foreign_and_a_stale_one_is_not() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let path = world.directory.path().join("app.sock");
    let endpoint = format!("unix:{}", path.display())
        .parse()
        .expect("an endpoint");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    let seen = reader.occupancy(&world.target, Slot::Blue, &endpoint).await;
    assert!(foreign(seen.expect("an answer")).contains("app.sock"));
    drop(listener);
    // A command started by another test meanwhile has a copy of the socket until its exec.
    eventually("it is free again", Duration::from_secs(10), || async {
        let seen = reader.occupancy(&world.target, Slot::Blue, &endpoint).await;
        seen.expect("an answer") == Occupancy::Free
    })
    .await;
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, "precious").expect("written");
    let seen = reader.occupancy(&world.target, Slot::Blue, &endpoint).await;
    assert!(foreign(seen.expect("an answer")).contains("not a socket"));
}

#[tokio::test]
async fn a_renamed_container_of_the_slot_is_ours_by_its_labels() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let id = writer.start(&spec).await.expect("started");
    let other = format!("{}-by-hand", world.target.service);
    docker(&["rename", &id.0, &other]);
    let addresses = addresses_of(&spec);
    let look = || reader.occupancy(&world.target, Slot::Blue, &addresses);
    match look().await.expect("an answer") {
        Occupancy::Ours(members) => {
            assert!(members.ids().eq([&id]));
            assert_eq!(members.names(), other);
        }
        seen => panic!("not ours: {seen:?}"),
    }
    // No second container is created for the release of this one.
    assert_eq!(writer.start(&spec).await.expect("it is up"), id);
    let grace = Duration::from_secs(5);
    writer.stop(&id, grace).await.expect("stopped");
    writer.remove(&id).await.expect("removed");
    assert_eq!(look().await.expect("an answer"), Occupancy::Free);
}

/// A container from an image that `docker commit` made of a member has all the labels of that member.
#[tokio::test]
async fn a_second_container_with_the_labels_of_a_slot_is_a_second_member() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let spec = world.spec(Slot::Blue, WAIT);
    let id = writer.start(&spec).await.expect("started");
    let copied = format!("{}-copied", world.target.service);
    docker(&["commit", &id.0, &copied]);
    let copy = docker(&["run", "-d", "--name", &copied, &copied, "sh", "-c", WAIT]);
    // A container without the label of the service is not counted.
    let without = "greenroom.service=";
    let other = docker(&["run", "-d", "--label", without, &copied, "sh", "-c", WAIT]);

    let seen = SlotMembers::by_slot(reader.instances(&world.target).await.expect("a list")).blue;
    let ids: Vec<&str> = seen.ids().map(|id| id.0.as_str()).collect();
    assert_eq!(ids, [id.0.as_str(), copy.as_str()]);
    assert!(!seen.is_whole() && seen.digest().is_none(), "{seen:?}");
    let odd: Vec<&str> = seen.odd_ones().map(|member| member.name.as_str()).collect();
    assert_eq!(odd, [copied.as_str()]);

    let addresses = addresses_of(&spec);
    let look = || reader.occupancy(&world.target, Slot::Blue, &addresses);
    assert_eq!(look().await.expect("an answer"), Occupancy::Ours(seen));
    // Every member is stopped and removed.
    for member in [&id, &InstanceId(copy)] {
        let grace = Duration::from_secs(5);
        writer.stop(member, grace).await.expect("stopped");
        writer.remove(member).await.expect("removed");
    }
    docker(&["rm", "-f", &other]);
    docker(&["rmi", &copied]);
    assert_eq!(look().await.expect("an answer"), Occupancy::Free);
}
