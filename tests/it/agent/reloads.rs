//! The real agent reads its configuration again when the file changes.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use greenroom::history::{Entry, JournalEvent, Step};
use greenroom::inventory::StateKind;

use super::world::{World, web};
use crate::support::free_port;

/// How long anything may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

/// The real agent, with the lines that it prints.
struct Process {
    child: Child,
    lines: Receiver<String>,
    /// The lines that no test has asked for yet.
    said: Vec<String>,
}

impl Process {
    fn start(world: &World) -> Self {
        let mut command = world.sandbox.command(&["agent"]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the agent");
        let (sender, lines) = channel();
        let (out, errors) = (child.stdout.take(), child.stderr.take());
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(out.expect("its output")),
            Box::new(errors.expect("its errors")),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits for a line that contains all these words. Lines that it printed before or meanwhile are kept for the next
    /// call, because the order of some lines is not fixed.
    fn says(&mut self, words: &[&str]) {
        let end = Instant::now() + SOON;
        let is_wanted = |line: &String| words.iter().all(|word| line.contains(word));
        loop {
            if let Some(at) = self.said.iter().position(is_wanted) {
                self.said.remove(at);
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("it did not say {words:?}: {:#?}", self.said)
                }
            }
        }
    }

    /// Ends it as systemd does.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        let sent = std::process::Command::new("kill").arg(id).status();
        assert!(sent.expect("kill").success());
        self.says(&["the agent has stopped"]);
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn change(world: &World, from: &str, to: &str) {
    let path = world.configuration();
    let text = std::fs::read_to_string(&path).expect("the configuration");
    assert!(text.contains(from), "{from:?} is not in {text}");
    // As editors do it: no reader sees half of the file.
    let next = path.with_extension("next");
    std::fs::write(&next, text.replacen(from, to, 1)).expect("written");
    std::fs::rename(next, path).expect("renamed");
}

/// Changes a timing of all environments, before an agent is started.
fn change_all(world: &World, from: &str, to: &str) {
    let path = world.configuration();
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let changed = text.replace(from, to);
    assert_ne!(changed, text, "no such timing");
    std::fs::write(path, changed).expect("written");
}

const FOLLOWS_QA: &str = "follow = [\"1.*\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_becomes_protected_is_only_offered_a_version() {
    let world = World::following(&[("qa", "1.*")]);
    let reader = world.reader();
    let mut agent = Process::start(&world);
    agent.says(&["follows web/qa"]);
    // Only qa has this tier.
    change(&world, "tier = \"staging\"", "tier = \"protected\"");
    agent.says(&["configuration has changed"]);
    agent.says(&["follows web/qa"]);
    let id = reader.push("1.8.2", "after").await;
    reader.until("qa", &id, StateKind::Offered).await;
    agent.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_release_ends_before_the_configuration_is_read_again() {
    let world = World::following(&[("qa", "1.*")]);
    // A release lasts longer than the agent needs to see a changed configuration.
    change_all(&world, "watch = \"50ms\"", "watch = \"8s\"");
    let reader = world.reader();
    let mut agent = Process::start(&world);
    agent.says(&["follows web/qa"]);
    let id = reader.push("1.8.2", "before").await;
    reader.until("qa", &id, StateKind::RollingOut).await;
    change(&world, FOLLOWS_QA, "follow = [\"2.*\"]\n");
    agent.says(&["configuration has changed"]);
    agent.says(&["1.8.2", "is done"]);
    agent.says(&["follows web/qa"]);
    let heads = reader.rollouts("qa").await;
    assert_eq!(heads.len(), 1, "{heads:?}");
    let journal = reader.site("qa").read.journal;
    let recorded = journal.release(&web("qa"), heads[0].id).await;
    let recorded = recorded.expect("the store").expect("the release");
    let is_stop = |entry: &Entry| matches!(entry.event, JournalEvent::DriverStopped { .. });
    let is_watched = |entry: &Entry| {
        matches!(
            &entry.event,
            JournalEvent::Outcome {
                step: Step::Watch,
                ..
            }
        )
    };
    let stopped = recorded.entries.iter().position(is_stop);
    let watched = recorded.entries.iter().position(is_watched);
    // In its standby, which may be long, the release may be left to the agent's next round.
    assert!(
        stopped.is_none_or(|stopped| Some(stopped) > watched),
        "{recorded:#?}"
    );
    agent.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_an_error_is_named_and_not_used() {
    let world = World::following(&[("qa", "1.*")]);
    let reader = world.reader();
    let mut agent = Process::start(&world);
    agent.says(&["follows web/qa"]);
    change(&world, FOLLOWS_QA, "folow = [\"1.*\"]\n");
    agent.says(&["is not used", "folow"]);
    let id = reader.push("1.8.2", "then").await;
    reader.until("qa", &id, StateKind::Done).await;
    agent.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_cannot_listen_keeps_the_previous_configuration() {
    let world = World::following(&[("qa", "1.*")]);
    let reader = world.reader();
    let mut agent = Process::start(&world);
    agent.says(&["follows web/qa"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let secret = world.sandbox.place().join("secret");
    std::fs::write(&secret, "s3cret s3cret s3cret s3cret").expect("written");
    let path = world.configuration();
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let start = text.find("[agent]").expect("the agent's table");
    let listen = text[start..]
        .lines()
        .find(|line| line.starts_with("listen"));
    let listen = listen.expect("the address of the inbox").to_owned();
    change(&world, &listen, &format!("listen = \"{taken}\""));
    agent.says(&["configuration has changed"]);
    agent.says(&[&taken, "Address already in use"]);
    agent.says(&["follows web/qa", &listen[10..listen.len() - 1]]);
    let id = reader.push("1.8.2", "then").await;
    reader.until("qa", &id, StateKind::Done).await;
    // The next change is read as any other.
    let free = format!("127.0.0.1:{}", free_port());
    change(&world, &taken, &free);
    agent.says(&["configuration has changed"]);
    agent.says(&["follows web/qa", &free]);
    agent.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_finished_after_two_changes_of_the_configuration() {
    let world = World::following(&[("qa", "1.*"), ("dev", "9.*")]);
    change_all(&world, "standby = \"1ms\"", "standby = \"10s\"");
    let reader = world.reader();
    let mut agent = Process::start(&world);
    agent.says(&["follows web/dev, web/qa"]);
    let id = reader.push("1.8.2", "before").await;
    reader.until("qa", &id, StateKind::Done).await;
    change(&world, FOLLOWS_QA, "");
    agent.says(&["follows web/dev;"]);
    change(&world, "\"9.*\"", "\"8.*\"");
    agent.says(&["follows web/dev;"]);
    let heads = reader.rollouts("qa").await;
    assert!(heads[0].closed.is_none(), "in its standby: {heads:?}");
    reader.until_settled("qa").await;
    agent.stop();
}
