use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream;

use super::super::Origin;
use super::*;
use crate::checks::{Case, CaseReport, HealthCheck};
use crate::inventory::{
    Address, Addresses, EngineImage, EnvironmentValue, FencingToken, Instance, InstanceState,
    Probe, PublicAddress, PublicAnswer, ReleaseId, Slot, Target, TaskCall, TaskRun, Version,
};
use crate::ports::{Connection, EngineInfo, LogStream, Occupancy};

/// A runtime with nothing but scripted log streams, one per opening, and scripted lists of tasks.
#[derive(Default)]
struct Scripted {
    tasks: Mutex<VecDeque<Vec<TaskRun>>>,
    streams: Mutex<VecDeque<ports::Result<Vec<ports::Result<LogChunk>>>>>,
    requests: Mutex<Vec<(Option<Timestamp>, usize)>>,
}

fn unsupported<T>() -> ports::Result<T> {
    Err(Failure::new(
        FailureKind::Unsupported,
        "script",
        "asking",
        "only logs",
    ))
}

#[async_trait]
impl RuntimeReader for Scripted {
    async fn engine(&self) -> ports::Result<EngineInfo> {
        unsupported()
    }
    async fn instances(&self, _: &Target) -> ports::Result<Vec<Instance>> {
        unsupported()
    }
    async fn all_instances(&self) -> ports::Result<BTreeMap<Target, Vec<Instance>>> {
        unsupported()
    }
    async fn occupancy(&self, _: &Target, _: Slot, _: &Addresses) -> ports::Result<Occupancy> {
        unsupported()
    }
    async fn has_image(&self, _: &Version) -> ports::Result<bool> {
        unsupported()
    }
    async fn images(&self, _: &str) -> ports::Result<Vec<EngineImage>> {
        Ok(Vec::new())
    }

    /// One change for each list of tasks after the first.
    async fn changes(&self) -> ports::Result<BoxStream<'static, ports::Result<()>>> {
        let changes = self.tasks.lock().unwrap().len();
        Ok(stream::iter((0..changes).map(|_| Ok(()))).boxed())
    }

    async fn all_tasks(&self, _: &Target) -> ports::Result<Vec<TaskRun>> {
        let next = self.tasks.lock().unwrap().pop_front();
        next.ok_or_else(missing)
    }
    async fn logs(
        &self,
        _: &InstanceId,
        since: Option<Timestamp>,
        tail: usize,
    ) -> ports::Result<Chunks> {
        self.requests.lock().unwrap().push((since, tail));
        match self.streams.lock().unwrap().pop_front() {
            Some(Ok(chunks)) => Ok(stream::iter(chunks).boxed()),
            Some(Err(failure)) => Err(failure),
            None => Err(missing()),
        }
    }
}

/// A checker that knows no secret and sends no request.
struct NoSecrets;

#[async_trait]
impl Checker for NoSecrets {
    async fn health(&self, _: &Address, _: &HealthCheck) -> Probe {
        unreachable!("only secrets are asked for")
    }

    async fn run(&self, _: &Case, _: &Address, _: Option<&PublicAddress>) -> CaseReport {
        unreachable!("only secrets are asked for")
    }

    async fn direct(
        &self,
        _: &Address,
        _: &PublicAddress,
        _: &BTreeMap<String, EnvironmentValue>,
    ) -> PublicAnswer {
        unreachable!("only secrets are asked for")
    }

    async fn public(&self, _: &PublicAddress, _: Connection) -> PublicAnswer {
        unreachable!("only secrets are asked for")
    }
}

fn missing() -> Failure {
    Failure::new(FailureKind::Missing, "script", "reading the log", "gone")
}

#[expect(clippy::unnecessary_wraps, reason = "a stream's items are results")]
fn chunk(second: i64, text: &str) -> ports::Result<LogChunk> {
    Ok(LogChunk {
        at: Some(Timestamp::from_second(second).unwrap()),
        stream: LogStream::Out,
        bytes: text.into(),
        dropped: 0,
    })
}

/// Everything that a tail sends for these streams, until the log cannot be followed any longer.
async fn lines_of(streams: Vec<ports::Result<Vec<ports::Result<LogChunk>>>>) -> Vec<String> {
    let reader = Arc::new(Scripted {
        streams: Mutex::new(streams.into()),
        ..Scripted::default()
    });
    let mut batches = follow(reader, InstanceId("i".into()), 100);
    let mut lines = Vec::new();
    while let Some(batch) = batches.recv().await {
        lines.extend(batch.into_iter().map(|line| match line.origin {
            Origin::Notice => format!("! {}", line.text),
            _ => line.text.to_string(),
        }));
    }
    lines
}

const GONE: &str = "! the log cannot be followed: script: reading the log: gone";

#[tokio::test]
async fn a_reopened_log_repeats_nothing_and_loses_nothing() {
    let lines = lines_of(vec![
        Ok(vec![chunk(1, "a"), chunk(2, "b"), chunk(2, "b")]),
        Ok(vec![
            chunk(1, "a"),
            chunk(2, "b"),
            chunk(2, "b"),
            chunk(2, "b"),
            chunk(3, "c"),
        ]),
    ])
    .await;
    assert_eq!(lines, ["a", "b", "b", "b", "c", GONE]);
}

#[tokio::test]
async fn a_gap_is_reported() {
    let lines = lines_of(vec![Ok(vec![chunk(1, "a")]), Ok(vec![chunk(9, "z")])]).await;
    assert_eq!(
        lines,
        [
            "a",
            "! lines may be missing between 1970-01-01 00:00:01 UTC and 1970-01-01 00:00:09 UTC",
            "z",
            GONE
        ]
    );
}

#[tokio::test]
async fn an_interruption_is_reported_once_and_the_log_continues() {
    let broken = || {
        Failure::new(
            FailureKind::Unreachable,
            "script",
            "reading the log",
            "no \u{1b}[31mengine",
        )
    };
    let lines = lines_of(vec![
        Ok(vec![chunk(1, "a"), Err(broken())]),
        Err(broken()),
        Ok(vec![chunk(1, "a"), chunk(2, "b")]),
    ])
    .await;
    assert_eq!(
        lines,
        [
            "a",
            "! the log is interrupted: script: reading the log: no engine; Greenroom tries again",
            "b",
            GONE
        ]
    );
}

#[tokio::test]
async fn an_unreadable_log_is_not_opened_again() {
    let reader = Arc::new(Scripted::default());
    reader.streams.lock().unwrap().push_back(unsupported());
    let mut batches = follow(Arc::clone(&reader) as _, InstanceId("i".into()), 7);
    assert!(batches.recv().await.is_some());
    assert!(batches.recv().await.is_none());
    assert_eq!(*reader.requests.lock().unwrap(), [(None, 7)]);
}

#[tokio::test]
async fn hostile_bytes_are_sanitized_and_batches_are_bounded() {
    let mut chunks: Vec<_> = (0..2000).map(|n| chunk(n, "x")).collect();
    chunks.push(chunk(3000, "\u{1b}]52;c;ZXZpbA==\u{7}copied \u{202e}"));
    let reader = Arc::new(Scripted::default());
    reader.streams.lock().unwrap().push_back(Ok(chunks));
    let mut batches = follow(reader, InstanceId("i".into()), 7);
    let mut lines = Vec::new();
    while let Some(batch) = batches.recv().await {
        assert!(batch.len() <= LARGEST);
        lines.extend(batch);
    }
    assert_eq!(&*lines[2000].text, "copied \u{fffd}");
}

#[tokio::test]
async fn an_ended_stream_is_opened_again_at_once() {
    let began = Instant::now();
    let lines = lines_of(vec![
        Ok(vec![chunk(1, "a")]),
        Ok(vec![chunk(1, "a"), chunk(2, "lost at first")]),
    ])
    .await;
    assert_eq!(lines, ["a", "lost at first", GONE]);
    assert!(began.elapsed() < PAUSES.0, "{:?}", began.elapsed());
    let lines = lines_of(vec![
        Ok(vec![chunk(1, "a")]),
        Ok(vec![chunk(1, "a")]),
        Ok(vec![chunk(1, "a")]),
        Ok(vec![chunk(1, "a"), chunk(2, "b")]),
    ])
    .await;
    assert_eq!(lines, ["a", &format!("! {ENDED}"), "b", GONE]);
}

#[tokio::test]
async fn lines_without_a_time_are_not_requested_again() {
    let untimed = |text: &str| {
        Ok(LogChunk {
            at: None,
            stream: LogStream::Out,
            bytes: text.into(),
            dropped: 0,
        })
    };
    let reader = Arc::new(Scripted::default());
    let streams = [Ok(vec![untimed("a")]), Ok(vec![untimed("b")])];
    reader.streams.lock().unwrap().extend(streams);
    let mut batches = follow(Arc::clone(&reader) as _, InstanceId("i".into()), 7);
    let mut lines = Vec::new();
    while let Some(batch) = batches.recv().await {
        lines.extend(batch.into_iter().map(|line| line.text.to_string()));
    }
    assert_eq!(lines[0], "a");
    assert_eq!(lines[2], "b");
    assert_eq!(
        *reader.requests.lock().unwrap(),
        [(None, 7), (None, 0), (None, 0)]
    );
}

fn task_run(name: &str, state: InstanceState) -> TaskRun {
    TaskRun {
        id: InstanceId(name.into()),
        call: TaskCall::forward(&name.parse().unwrap()),
        release: ReleaseId(ulid::Ulid::from_parts(1, 1)),
        token: FencingToken(1),
        is_withdrawn: false,
        state,
        exit: None,
        output: None,
    }
}

#[tokio::test]
async fn tasks_are_followed_when_they_start_and_not_after_their_end() {
    let ended = InstanceState::Exited { code: Some(0) };
    let lists = [
        vec![task_run("expand", InstanceState::Created)],
        vec![task_run("expand", InstanceState::Running)],
        vec![
            task_run("expand", ended),
            task_run("seed", InstanceState::Running),
        ],
        vec![task_run("expand", ended), task_run("seed", ended)],
    ];
    let reader = Arc::new(Scripted {
        tasks: Mutex::new(VecDeque::from(lists)),
        streams: Mutex::new(VecDeque::from([
            Ok(vec![chunk(1, "adding"), chunk(2, "added")]),
            Ok(vec![chunk(2, "added")]),
            Ok(vec![chunk(3, "seeding")]),
            Ok(vec![chunk(3, "seeding")]),
        ])),
        ..Scripted::default()
    });
    let target = Target::new("web".parse().unwrap(), "qa".parse().unwrap());
    let release = ReleaseId(ulid::Ulid::from_parts(1, 1));
    let of: (Arc<dyn RuntimeReader>, Arc<dyn Checker>) = (reader.clone(), Arc::new(NoSecrets));
    let mut batches = follow_tasks(of, target, release, 100);
    let mut lines = Vec::new();
    while lines.len() < 5 {
        let batch = batches.recv().await.expect("more lines");
        lines.extend(batch.into_iter().map(|line| line.text.to_string()));
    }
    assert_eq!(
        lines,
        [
            "output of the task expand",
            "adding",
            "added",
            "output of the task seed",
            "seeding"
        ]
    );
    assert_eq!(reader.requests.lock().unwrap().len(), 4);
}
