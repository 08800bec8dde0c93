//! Switching traffic under load.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use greenroom::adapters::nginx::SwitchMode;
use greenroom::inventory::{Address, FencingToken, Slot};
use greenroom::ports::{
    Connections, FailureKind, Installation, PointerState, RebaseOrder, RouterReader, RouterWriter,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::arena::{Arena, client, get, order, order_under};
use crate::support::eventually;

const PUBLIC: &str = "shop.example.com";
const PREVIEW: &str = "preview.example.com";

/// Clients that send requests until they are stopped, and their results.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(port: u16, kept: usize, fresh: usize) -> Self {
        let (stop, asked) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let tasks = (0..kept + fresh)
            .map(|n| {
                let (stop, asked) = (stop.clone(), asked.clone());
                tokio::spawn(async move {
                    let client = client(n < kept);
                    let mut failed = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        match get(&client, port, PUBLIC).await {
                            Ok(got) if got.status == 200 => {}
                            Ok(got) => failed.push(format!("{got:?}")),
                            Err(error) => failed.push(error),
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    failed
                })
            })
            .collect();
        Self { stop, asked, tasks }
    }

    async fn more(&self, requests: usize) {
        let from = self.asked.load(Ordering::Relaxed);
        eventually("the load runs", Duration::from_secs(20), || async {
            self.asked.load(Ordering::Relaxed) >= from + requests
        })
        .await;
    }

    async fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for task in self.tasks {
            failed.extend(task.await.expect("a client"));
        }
        (self.asked.load(Ordering::Relaxed), failed)
    }
}

async fn switches_under_load(arena: Arena) {
    let (reader, writer, target) = (arena.reader(), arena.writer(), &arena.target);
    let _upstreams = (
        arena.upstream(Slot::Blue).await,
        arena.upstream(Slot::Green).await,
    );
    writer.install(target).await.expect("installed");
    writer
        .switch(target, &order(None, Slot::Blue, 1))
        .await
        .expect("live");
    let load = Load::start(arena.public, 4, 2);
    let (kept, fresh) = (client(true), client(false));
    let mut live = Slot::Blue;
    for generation in 2..22 {
        let to = live.other();
        load.more(100).await;
        writer
            .switch(target, &order(Some(live), to, generation))
            .await
            .expect("switched");
        for client in [&kept, &fresh, &kept] {
            let got = get(client, arena.public, PUBLIC).await.expect("an answer");
            assert_eq!(
                got.slot.as_deref(),
                Some(to.as_str()),
                "no old answer after a switch"
            );
            assert!(got.body.starts_with(to.as_str()), "{got:?}");
        }
        let answer = reader.answer(target).await.expect("an answer");
        assert_eq!((answer.slot, answer.generation), (Some(to), generation));
        assert_eq!(answer.token, FencingToken(1));
        live = to;
    }
    load.more(100).await;
    let (asked, failed) = load.end().await;
    assert!(
        failed.is_empty(),
        "{} of {asked} failed: {:?}",
        failed.len(),
        failed.first()
    );
    assert!(asked > 2_000, "{asked}");
    assert_eq!(
        reader.installation(target).await.expect("looked"),
        Installation::Current
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_switches_under_load_fail_no_request_and_give_no_old_answer() {
    switches_under_load(Arena::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_switches_under_load_with_slots_on_unix_sockets() {
    switches_under_load(Arena::start_on_sockets().await).await;
}

#[tokio::test]
async fn a_worker_that_cannot_read_the_pointer_is_reported() {
    let arena = Arena::start().await;
    let main = fs::read_to_string(&arena.arrangement.config.configuration).expect("main");
    fs::write(
        &arena.arrangement.config.configuration,
        main.replace("user root;", "user nobody nogroup;"),
    )
    .expect("main");
    // Only this test uses it, and it was closed to other users until here.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(arena.place.path(), open).expect("permissions");
    let writer = arena.writer();
    writer.install(&arena.target).await.expect("installed");
    writer
        .switch(&arena.target, &order(None, Slot::Green, 1))
        .await
        .expect("live");
    assert_eq!(arena.live().await, Some(Slot::Green));
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&arena.arrangement.config.state, closed).expect("permissions");
    let refused = arena
        .reader()
        .answer(&arena.target)
        .await
        .expect_err("closed");
    assert_eq!(refused.kind, FailureKind::Denied, "{refused}");
    for (port, host) in [(arena.public, PUBLIC), (arena.preview, PREVIEW)] {
        let got = get(&client(false), port, host).await.expect("an answer");
        assert_eq!(got.status, 503, "{host}");
    }
}

#[tokio::test]
async fn the_preview_answers_from_the_other_slot_or_503() {
    let arena = Arena::start().await;
    let (writer, target, fresh) = (arena.writer(), &arena.target, client(false));
    writer.install(target).await.expect("installed");
    let preview = || get(&fresh, arena.preview, PREVIEW);
    assert_eq!(preview().await.expect("an answer").status, 503);
    let green = arena.upstream(Slot::Green).await;
    let first = preview().await.expect("an answer");
    assert_eq!(
        (first.status, first.slot),
        (200, None),
        "the first candidate, in any slot"
    );
    writer
        .switch(target, &order(None, Slot::Green, 1))
        .await
        .expect("live");
    let empty = preview().await.expect("an answer");
    assert_eq!(empty.status, 503);
    assert!(empty.body.contains("nothing to preview"), "{empty:?}");
    let blue = arena.upstream(Slot::Blue).await;
    let candidate = preview().await.expect("an answer");
    assert_eq!(candidate.slot.as_deref(), Some("blue"));
    assert_eq!(candidate.body, format!("blue for {PREVIEW}"));
    let live = get(&fresh, arena.public, PUBLIC).await.expect("an answer");
    assert_eq!(
        live.slot.as_deref(),
        Some("green"),
        "and not what the upstream says"
    );
    drop((green, blue));
}

#[tokio::test]
async fn a_lower_token_or_a_wrong_from_is_refused() {
    for mode in [SwitchMode::Pointer, SwitchMode::Reload] {
        let mut arena = Arena::start().await;
        arena.arrangement.config.switch = mode;
        let (writer, target) = (arena.writer(), &arena.target);
        writer.install(target).await.expect("installed");
        let first = order_under(None, Slot::Blue, 5, 9);
        writer.switch(target, &first).await.expect("live");
        writer.switch(target, &first).await.expect("repeated");
        let blue = Some(Slot::Blue);
        for (wrong, kind) in [
            (order_under(blue, Slot::Green, 6, 8), FailureKind::Fenced),
            (order_under(None, Slot::Green, 6, 9), FailureKind::Conflict),
            (order_under(blue, Slot::Green, 5, 9), FailureKind::Conflict),
        ] {
            let refused = writer.switch(target, &wrong).await.expect_err("refused");
            assert_eq!(refused.kind, kind, "{mode:?}: {refused}");
        }
        assert_eq!(arena.live().await, blue, "{mode:?}");
    }
}

#[tokio::test]
async fn after_a_store_restore_the_pointer_gets_the_current_token() {
    for mode in [SwitchMode::Pointer, SwitchMode::Reload] {
        let mut arena = Arena::start().await;
        arena.arrangement.config.switch = mode;
        let (reader, writer, target) = (arena.reader(), arena.writer(), &arena.target);
        writer.install(target).await.expect("installed");
        let first = order_under(None, Slot::Blue, 5, 8123);
        writer.switch(target, &first).await.expect("live");
        let blue = Some(Slot::Blue);
        let next = order_under(blue, Slot::Green, 6, 412);
        let refused = writer.switch(target, &next).await.expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Fenced, "{mode:?}: {refused}");

        let from = reader.pointer(target).await.expect("read").expect("told");
        assert_eq!(from.highest_token(), FencingToken(8123), "{mode:?}");
        let rebase = RebaseOrder {
            from,
            generation: 2_000,
            token: FencingToken(412),
        };
        let of_another = RebaseOrder {
            from: PointerState::default(),
            ..rebase.clone()
        };
        let refused = writer.rebase(target, &of_another).await;
        let refused = refused.expect_err("another pointer was seen");
        assert_eq!(refused.kind, FailureKind::Conflict, "{mode:?}: {refused}");
        writer.rebase(target, &rebase).await.expect("rebased");
        writer.rebase(target, &rebase).await.expect("repeated");
        let answer = reader.answer(target).await.expect("an answer");
        let named = (answer.slot, answer.generation, answer.token);
        assert_eq!(named, (blue, 2_000, FencingToken(412)), "{mode:?}");

        // A driver from before that is still alive.
        let late = order_under(blue, Slot::Green, 6, 9_000);
        let refused = writer.switch(target, &late).await.expect_err("refused");
        assert_eq!(refused.kind, FailureKind::Conflict, "{mode:?}: {refused}");
        let next = order_under(blue, Slot::Green, 2_001, 413);
        writer.switch(target, &next).await.expect("switched");
        assert_eq!(arena.live().await, Some(Slot::Green), "{mode:?}");
    }
}

#[tokio::test]
async fn a_reload_switch_is_read_back_and_undone_if_not_applied() {
    let mut arena = Arena::start().await;
    arena.arrangement.config.switch = SwitchMode::Reload;
    arena.arrangement.time_limit = Duration::from_millis(1_500);
    let target = &arena.target.clone();
    let _upstreams = (
        arena.upstream(Slot::Blue).await,
        arena.upstream(Slot::Green).await,
    );
    arena.writer().install(target).await.expect("installed");
    let reader = arena.reader();
    for (from, to, generation) in [(None, Slot::Blue, 1), (Some(Slot::Blue), Slot::Green, 2)] {
        let order = order(from, to, generation);
        arena
            .writer()
            .switch(target, &order)
            .await
            .expect("switched");
        let answer = reader.answer(target).await.expect("an answer");
        assert_eq!((answer.slot, answer.generation), (Some(to), generation));
        let got = get(&client(false), arena.public, PUBLIC)
            .await
            .expect("an answer");
        assert_eq!(got.body, format!("{to} for {PUBLIC}"));
    }
    assert_eq!(
        reader.installation(target).await.expect("looked"),
        Installation::Current
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("a port").port();
    let other = format!("server {{ listen 127.0.0.1:{port}; }}\n");
    fs::write(arena.arrangement.config.sites.join("other.conf"), other).expect("written");
    let back = order(Some(Slot::Green), Slot::Blue, 3);
    let refused = arena
        .writer()
        .switch(target, &back)
        .await
        .expect_err("not applied");
    assert!(
        refused.to_string().contains("old file was restored"),
        "{refused}"
    );
    assert_eq!(arena.live().await, Some(Slot::Green));
    assert_eq!(
        reader.installation(target).await.expect("looked"),
        Installation::Current
    );
    fs::remove_file(arena.arrangement.config.sites.join("other.conf")).expect("removed");
    arena
        .writer()
        .switch(target, &back)
        .await
        .expect("switched");
    assert_eq!(arena.live().await, Some(Slot::Blue));
}

#[tokio::test]
async fn changing_the_switch_mode_keeps_the_live_slot() {
    let mut arena = Arena::start().await;
    let target = &arena.target.clone();
    arena.writer().install(target).await.expect("installed");
    arena
        .writer()
        .switch(target, &order(None, Slot::Green, 1))
        .await
        .expect("live");
    arena.arrangement.config.switch = SwitchMode::Reload;
    arena.writer().install(target).await.expect("as a reload");
    assert_eq!(arena.live().await, Some(Slot::Green));
    let next = order(Some(Slot::Green), Slot::Blue, 2);
    arena
        .writer()
        .switch(target, &next)
        .await
        .expect("switched");
    arena.arrangement.config.switch = SwitchMode::Pointer;
    arena.writer().install(target).await.expect("as a pointer");
    let answer = arena.reader().answer(target).await.expect("an answer");
    assert_eq!((answer.slot, answer.generation), (Some(Slot::Blue), 2));
}

#[tokio::test]
async fn the_connections_of_a_slot_are_counted() {
    for arena in [Arena::start().await, Arena::start_on_sockets().await] {
        let (writer, reader, target) = (arena.writer(), arena.reader(), &arena.target);
        writer.install(target).await.expect("installed");
        writer
            .switch(target, &order(None, Slot::Blue, 1))
            .await
            .expect("live");
        // Keeps every connection open until it is told to continue.
        let (go, wait) = tokio::sync::watch::channel(false);
        let waiting = axum::Router::new().fallback(move || {
            let mut wait = wait.clone();
            async move { wait.wait_for(|go| *go).await.map_or((), |_| ()) }
        });
        let held = match arena.site().endpoints.blue.first().expect("an address") {
            Address::Ip { at: address, .. } => {
                let listener = tokio::net::TcpListener::bind(address).await.expect("bind");
                tokio::spawn(async move { axum::serve(listener, waiting).await })
            }
            Address::Name { .. } => panic!("a host name"),
            Address::Unix(path) => {
                let listener = tokio::net::UnixListener::bind(path).expect("bind");
                tokio::spawn(async move { axum::serve(listener, waiting).await })
            }
        };
        let counted = || async {
            reader
                .connections(target, Slot::Blue)
                .await
                .expect("counted")
        };
        eventually("none at first", Duration::from_secs(5), || async {
            counted().await == Connections::Open(0)
        })
        .await;
        let asking: Vec<_> = (0..3)
            .map(|_| {
                let port = arena.public;
                tokio::spawn(async move { get(&client(false), port, PUBLIC).await })
            })
            .collect();
        eventually("three", Duration::from_secs(5), || async {
            counted().await == Connections::Open(3)
        })
        .await;
        go.send_replace(true);
        for ask in asking {
            assert_eq!(ask.await.expect("asked").expect("an answer").status, 200);
        }
        eventually("none again", Duration::from_secs(5), || async {
            counted().await == Connections::Open(0)
        })
        .await;
        held.abort();
    }
}

#[tokio::test]
async fn connections_of_a_foreign_socket_are_unknown_and_not_zero() {
    let arena = Arena::start_on_sockets().await;
    let counted = arena.reader().connections(&arena.target, Slot::Green).await;
    assert!(matches!(
        counted.expect("an answer"),
        Connections::Uncounted(_)
    ));
}

#[tokio::test]
async fn an_invalid_answer_is_an_error() {
    let mark = "x-greenroom-target: web/production\r\nx-greenroom-configuration: abc\r\n";
    let green = "{\"slot\":\"green\",\"generation\":1,\"token\":1}";
    let big = "x".repeat(1_000_000);
    let answers = [
        (String::new(), FailureKind::Garbled),
        (
            "\u{0}\u{1b}[2Jnonsense\r\n\r\n".to_owned(),
            FailureKind::Garbled,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n{}".to_owned(), FailureKind::Missing),
        (
            format!("HTTP/1.1 200 OK\r\n{mark}\r\n{big}"),
            FailureKind::Garbled,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{mark}\r\n"),
            FailureKind::Garbled,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{mark}\r\n{green}"),
            FailureKind::Garbled,
        ),
        (
            format!("HTTP/1.1 500 No\r\n{mark}\r\n{{}}"),
            FailureKind::Garbled,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{mark}x-greenroom-slot: blue\r\n\r\n{green}"),
            FailureKind::Garbled,
        ),
    ];
    for (answer, kind) in answers {
        let mut arena = Arena::start().await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bind");
        arena.arrangement.config.answer.connect =
            Some(listener.local_addr().expect("an address").into());
        let said = answer.clone();
        let liar = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(said.as_bytes()).await;
            }
        });
        let failed = arena
            .reader()
            .answer(&arena.target)
            .await
            .expect_err("no answer");
        let shown: String = answer.chars().take(150).collect();
        assert_eq!(failed.kind, kind, "{shown:?}: {failed}");
        assert!(
            !failed.to_string().chars().any(char::is_control),
            "{failed}"
        );
        liar.abort();
    }
}

#[tokio::test]
async fn a_hanging_answer_times_out() {
    let mut arena = Arena::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    arena.arrangement.config.answer.connect =
        Some(listener.local_addr().expect("an address").into());
    let failed = arena
        .reader()
        .answer(&arena.target)
        .await
        .expect_err("no answer");
    assert_eq!(failed.kind, FailureKind::Unreachable, "{failed}");
}
