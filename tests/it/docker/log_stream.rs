//! The output of instances.

use std::time::Duration;

use futures_util::StreamExt;
use greenroom::inventory::{InstanceId, Slot};
use greenroom::ports::{FailureKind, LogChunk, LogStream, RuntimeReader, RuntimeWriter};

use super::fixture::{World, both, docker, engine};

async fn collect(
    mut lines: futures_util::stream::BoxStream<'static, greenroom::ports::Result<LogChunk>>,
) -> Vec<LogChunk> {
    let mut all = Vec::new();
    let reading = async {
        while let Some(line) = lines.next().await {
            all.push(line.expect("a line"));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("an end");
    all
}

fn text(line: &LogChunk) -> String {
    String::from_utf8_lossy(&line.bytes).into_owned()
}

#[tokio::test]
async fn lines_are_whole_ordered_and_dated_and_end_with_the_instance() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let script = "echo one; sleep 0.2; echo two >&2; sleep 0.2; head -c 40000 /dev/zero | tr '\\0' a; \
                  echo; printf unended";
    let id = writer
        .start(&world.spec(Slot::Blue, script))
        .await
        .expect("started");
    let followed = collect(reader.logs(&id, None, usize::MAX).await.expect("logs")).await;
    // A follower of Docker 20.10 may miss a last line without a line break; asking again returns
    // it.
    let lines = collect(reader.logs(&id, None, usize::MAX).await.expect("logs")).await;
    assert_eq!(followed[..3], lines[..3]);
    let texts: Vec<String> = lines.iter().map(text).collect();
    let short = |text: &String| {
        if text.len() > 20 {
            text.len().to_string()
        } else {
            text.clone()
        }
    };
    let shorts: Vec<String> = texts.iter().map(short).collect();
    assert_eq!(shorts, ["one", "two", "40000", "unended"]);
    assert!(texts[2].bytes().all(|b| b == b'a'));
    assert_eq!(lines[0].stream, LogStream::Out);
    assert_eq!(lines[1].stream, LogStream::Err);
    assert!(lines.iter().all(|l| l.at.is_some()));

    let tail = collect(reader.logs(&id, None, 1).await.expect("logs")).await;
    assert_eq!(tail.iter().map(text).collect::<Vec<_>>(), ["unended"]);
    // The start is inclusive, to the nanosecond: `one` is excluded, `two` is included.
    let since = collect(
        reader
            .logs(&id, lines[1].at, usize::MAX)
            .await
            .expect("logs"),
    )
    .await;
    assert_eq!(since.iter().map(text).collect::<Vec<_>>(), texts[1..]);
}

#[tokio::test]
async fn later_output_is_followed() {
    let world = World::pulled();
    let (reader, writer) = both(&engine());
    let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let id = writer
        .start(&world.spec(Slot::Blue, script))
        .await
        .expect("started");
    let mut lines = reader.logs(&id, None, 10).await.expect("logs");
    assert_eq!(
        text(&lines.next().await.expect("a line").expect("good")),
        "up"
    );
    writer
        .stop(&id, Duration::from_secs(5))
        .await
        .expect("stopped");
    let rest = collect(lines).await;
    assert_eq!(rest.iter().map(text).collect::<Vec<_>>(), ["bye"]);
}

#[tokio::test]
async fn the_output_of_a_container_with_a_terminal_is_read() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let script =
        "printf '\\001begins oddly\\n'; head -c 40000 /dev/zero | tr '\\0' a; echo; echo end";
    let id = InstanceId(world.foreign(&["-t"], script));
    let lines = collect(reader.logs(&id, None, usize::MAX).await.expect("logs")).await;
    let texts: Vec<String> = lines.iter().map(text).collect();
    assert_eq!(texts, ["\u{1}begins oddly", &"a".repeat(40_000), "end"]);
    assert!(lines.iter().all(|l| l.at.is_some()));
}

#[tokio::test]
async fn a_missing_log_driver_and_a_removed_instance_are_reported() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let silent = InstanceId(world.foreign(&["--log-driver", "none"], "echo lost"));
    let failure = reader
        .logs(&silent, None, 10)
        .await
        .err()
        .expect("a failure");
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    docker(&["rm", "-f", &silent.0]);
    let failure = reader
        .logs(&silent, None, 10)
        .await
        .err()
        .expect("a failure");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let hostile = InstanceId("../version".into());
    let failure = reader
        .logs(&hostile, None, 10)
        .await
        .err()
        .expect("a failure");
    assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
}

#[tokio::test]
async fn an_overlong_terminal_line_is_cut_and_the_log_continues() {
    let world = World::pulled();
    let (reader, _) = both(&engine());
    let script = "trap 'echo end; exit 0' TERM; echo first; \
                  head -c 3000000 /dev/zero | tr '\\0' a; echo; echo after; while :; do sleep 0.05; done";
    let id = world.foreign(&["-t"], script);
    let instance = InstanceId(id.clone());
    let mut lines = reader
        .logs(&instance, None, usize::MAX)
        .await
        .expect("logs");
    let mut texts = Vec::new();
    let reading = async {
        while texts.last().is_none_or(|last| last != "after") {
            let line = lines.next().await.expect("it goes on").expect("a line");
            let cut = (line.dropped > 0).then(|| line.bytes.len() + line.dropped >= 3_000_000);
            texts.push(cut.map_or_else(|| text(&line), |is_whole| format!("cut {is_whole}")));
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), reading).await;
    assert!(in_time.is_ok(), "{texts:?}");
    assert_eq!(texts, ["first", "cut true", "after"]);
    docker(&["stop", &id]);
    let rest = collect(lines).await;
    assert_eq!(rest.iter().map(text).collect::<Vec<_>>(), ["end"]);
}
