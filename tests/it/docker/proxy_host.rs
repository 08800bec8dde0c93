//! The inside of a container as the host of a proxy.

use std::path::{Path, PathBuf};

use greenroom::adapters::docker::ContainerHost;
use greenroom::ports::{FailureKind, ProxyHost, Writable};

use super::fixture::{WAIT, World, docker, engine};

#[tokio::test]
async fn files_are_written_atomically_read_listed_and_removed() {
    let world = World::pulled();
    let host = ContainerHost::new(engine(), world.foreign(&[], WAIT));
    let path = Path::new("/etc/edge/con d$(id).conf");
    assert_eq!(host.read(path).await.expect("an answer"), None);
    assert!(
        host.list(Path::new("/etc/edge"))
            .await
            .expect("an answer")
            .is_empty()
    );
    let content: Vec<u8> = (0..300_000_u32).map(|n| n.to_be_bytes()[3]).collect();
    host.write(path, &content).await.expect("written");
    assert_eq!(
        host.read(path).await.expect("an answer").as_ref(),
        Some(&content)
    );
    host.write(path, b"").await.expect("replaced");
    assert_eq!(host.read(path).await.expect("an answer"), Some(Vec::new()));
    let names = host.list(Path::new("/etc/edge")).await.expect("an answer");
    assert_eq!(names, ["con d$(id).conf"], "nothing else is left");
    host.remove(path).await.expect("removed");
    host.remove(path).await.expect("stays so");
    assert_eq!(host.read(path).await.expect("an answer"), None);
    let failure = host
        .read(Path::new("/etc/edge"))
        .await
        .expect_err("a directory");
    assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
}

#[tokio::test]
async fn a_link_to_a_directory_is_replaced_and_not_written_into() {
    let world = World::pulled();
    let host = ContainerHost::new(engine(), world.foreign(&[], WAIT));
    let link = Path::new("/run/edge/live");
    assert_eq!(host.read_link(link).await.expect("an answer"), None);
    for slot in ["blue", "green", "blue", "blue"] {
        let inside = PathBuf::from(format!("/run/edge/{slot}/is-{slot}"));
        host.write(&inside, b"").await.expect("written");
        let late = host.stage(link, Path::new("nowhere")).await;
        let staged = host.stage(link, Path::new(slot)).await.expect("staged");
        host.put(&staged, link).await.expect("pointed");
        let late = host.put(&late.expect("staged"), link).await;
        late.expect_err("another one was staged since");
        assert_eq!(
            host.read_link(link).await.expect("an answer"),
            Some(slot.into())
        );
        assert!(
            host.read(&link.join(format!("is-{slot}")))
                .await
                .expect("an answer")
                .is_some()
        );
    }
    let mut names = host.list(Path::new("/run/edge")).await.expect("an answer");
    names.sort();
    assert_eq!(names, ["blue", "green", "live"]);
    assert_eq!(
        host.list(Path::new("/run/edge/blue"))
            .await
            .expect("an answer"),
        ["is-blue"]
    );
}

#[tokio::test]
async fn a_write_test_in_a_directory_leaves_nothing() {
    let world = World::pulled();
    let host = ContainerHost::new(engine(), world.foreign(&[], WAIT));
    host.write(Path::new("/run/edge/file"), b"")
        .await
        .expect("written");
    let tried = async |path: &str| host.try_writing(Path::new(path)).await;
    assert_eq!(tried("/run/edge").await.expect("tried"), Writable::Here);
    let above = Writable::In("/run/edge".into());
    assert_eq!(tried("/run/edge/new/er").await.expect("tried"), above);
    let names = host.list(Path::new("/run/edge")).await.expect("an answer");
    assert_eq!(names, ["file"]);
    tried("/run/edge/file").await.expect_err("it is a file");
    tried("/proc/1")
        .await
        .expect_err("nothing can be written there");
}

#[tokio::test]
async fn commands_run_without_a_shell_and_report_their_exit() {
    let world = World::pulled();
    let host = ContainerHost::new(engine(), world.foreign(&[], WAIT));
    let run = |argv: &[&str]| {
        let argv: Vec<String> = argv.iter().map(|&a| a.to_owned()).collect();
        let host = &host;
        async move { host.run(&argv).await }
    };
    let printed = run(&["echo", "$HOME; id"]).await.expect("ran");
    assert_eq!(
        (printed.code, printed.output.as_str()),
        (Some(0), "$HOME; id\n")
    );
    let failed = run(&["sh", "-c", "echo out; echo err >&2; exit 3"])
        .await
        .expect("ran");
    assert_eq!(failed.code, Some(3));
    assert!(
        failed.output.contains("out") && failed.output.contains("err"),
        "{failed:?}"
    );
    match run(&["no-such-program"]).await {
        Ok(output) => assert_ne!(output.code, Some(0), "{output:?}"),
        Err(failure) => assert_ne!(failure.kind, FailureKind::Ambiguous, "{failure}"),
    }
}

#[tokio::test]
async fn the_connection_table_is_that_of_the_container() {
    let world = World::pulled();
    let host = ContainerHost::new(
        engine(),
        world.foreign(&[], &format!("httpd -p 8080; {WAIT}")),
    );
    let listens = || async {
        let table = host
            .socket_table("tcp6")
            .await
            .expect("an answer")
            .unwrap_or_default();
        table.contains(":1F90 ")
    };
    crate::support::eventually("it listens", std::time::Duration::from_secs(10), listens).await;
    assert_eq!(
        host.socket_table("../version").await.expect("an answer"),
        None
    );
}

#[tokio::test]
async fn a_stopped_or_missing_container_is_reported() {
    let world = World::pulled();
    let id = world.foreign(&[], WAIT);
    let host = ContainerHost::new(engine(), id.clone());
    docker(&["stop", "-t", "1", &id]);
    let failure = host
        .read(Path::new("/own"))
        .await
        .expect_err("it does not run");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    let missing = ContainerHost::new(engine(), "no-such-container");
    let failure = missing
        .write(Path::new("/own"), b"x")
        .await
        .expect_err("not there");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    for hostile in ["", "..", "a/../b", "x#", "x?y", "\u{1b}[31m"] {
        let failure = ContainerHost::new(engine(), hostile)
            .list(Path::new("/"))
            .await;
        let failure = failure.expect_err("no name");
        assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
        assert!(!failure.to_string().contains('\u{1b}'), "{failure:?}");
    }
}
