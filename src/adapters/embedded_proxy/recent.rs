//! The last requests of a target: the traffic of each slot in numbers, and the requests as lines. Memory is bounded.
//! Greenroom's own requests are left out, because on a quiet target they would be most of the traffic.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::USER_AGENT;
use hyper::{Request, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::inventory::{
    Door, PassedRequest, PerSlot, RateWindow, Rates, RequestCount, RequestCounts, Slot,
};

/// How many requests are kept as lines.
const KEPT_LINES: usize = 500;
/// The most requests in one reply.
const LINES_IN_REPLY: usize = 200;
/// The most characters of a path that are kept.
const LONGEST_PATH: usize = 300;
/// How long a request for new lines waits for the first line.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// The start of the user agent in Greenroom's own requests.
const OWN_AGENT: &str = "greenroom/";
/// The status of a request before the answer. It is recorded if the client did not wait for the answer, as in nginx.
const GIVEN_UP: u16 = 499;

/// The last requests of one target. Clones share these requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    line_added: Notify,
}

#[derive(Debug, Default)]
struct State {
    windows: PerSlot<RateWindow>,
    counts: PerSlot<RequestCounts>,
    lines: VecDeque<PassedRequest>,
    /// The number of the next line.
    next: u64,
}

/// Selects the lines of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// The last lines, at most this many. The reply does not wait for new ones.
    Last(usize),
    /// The lines from this number on. The reply waits if no such line exists yet.
    Number(u64),
}

impl Since {
    /// The text of the query, which [`Since::parse`] reads.
    pub(super) fn query(self) -> String {
        match self {
            Self::Last(count) => format!("last={count}"),
            Self::Number(number) => format!("from={number}"),
        }
    }

    /// Parses the text that [`Since::query`] wrote. Returns None for any other text.
    pub(super) fn parse(query: &str) -> Option<Self> {
        match query.split_once('=')? {
            ("last", count) => Some(Self::Last(count.parse().ok()?)),
            ("from", number) => Some(Self::Number(number.parse().ok()?)),
            _ => None,
        }
    }
}

/// Lines, and the number to continue from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lines {
    /// The number of requested lines that the proxy no longer has.
    pub(super) lost: u64,
    pub(super) requests: Vec<PassedRequest>,
    /// The number of the next line to request. None if the proxy is shutting down.
    pub(super) next: Option<u64>,
}

/// The part of a line that is known before the answer.
#[derive(Debug)]
pub(super) struct RequestSummary {
    door: Door,
    method: String,
    path: String,
}

impl RequestSummary {
    /// Returns None if the request is Greenroom's own.
    pub(super) fn read(request: &Request<Incoming>, door: Door) -> Option<Self> {
        let agent = request.headers().get(USER_AGENT);
        if agent.is_some_and(|agent| agent.as_bytes().starts_with(OWN_AGENT.as_bytes())) {
            return None;
        }
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
        Some(Self {
            door,
            method: request.method().as_str().chars().take(16).collect(),
            path: path.chars().take(LONGEST_PATH).collect(),
        })
    }
}

/// A guard that records a request as a line when the guard is dropped.
#[derive(Debug)]
pub(super) struct RecordedRequest {
    recent: Recent,
    request: RequestSummary,
    slot: Slot,
    started: Instant,
    status: u16,
}

impl RecordedRequest {
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for RecordedRequest {
    fn drop(&mut self) {
        let passed = PassedRequest {
            at: Timestamp::now(),
            door: self.request.door,
            slot: Some(self.slot),
            method: std::mem::take(&mut self.request.method),
            path: std::mem::take(&mut self.request.path),
            status: self.status,
            took: self.started.elapsed(),
        };
        self.recent.write_down(passed);
    }
}

impl Recent {
    /// Starts recording a request that is forwarded to a slot.
    pub(super) fn note(&self, request: RequestSummary, slot: Slot) -> RecordedRequest {
        RecordedRequest {
            recent: self.clone(),
            request,
            slot,
            started: Instant::now(),
            status: GIVEN_UP,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_down(&self, passed: PassedRequest) {
        let mut state = self.state();
        if let (Some(slot), Door::Public) = (passed.slot, passed.door) {
            let window = state.windows.get_mut(slot);
            window.count(passed.at.as_second(), passed.took, passed.failed());
            let counts = state.counts.get_mut(slot);
            counts.count(passed.at.as_second(), passed.failed());
        }
        if state.lines.len() == KEPT_LINES {
            state.lines.pop_front();
        }
        state.lines.push_back(passed);
        state.next += 1;
        drop(state);
        self.0.line_added.notify_waiters();
    }

    pub(super) fn rates(&self) -> PerSlot<Rates> {
        let now = Timestamp::now().as_second();
        let mut state = self.state();
        PerSlot::from_fn(|slot| state.windows.get_mut(slot).rates(now))
    }

    /// The number of public requests that ended at or after `second`, a Unix time.
    pub(super) fn counted_since(&self, second: i64) -> PerSlot<RequestCount> {
        let state = self.state();
        PerSlot::from_fn(|slot| state.counts.get(slot).since(second))
    }

    /// Returns lines. For [`Since::Number`], waits up to [`TIMEOUT`] for the first line.
    pub(super) async fn lines(&self, since: Since) -> Lines {
        self.lines_within(since, TIMEOUT).await
    }

    async fn lines_within(&self, since: Since, time_limit: Duration) -> Lines {
        let until = tokio::time::Instant::now() + time_limit;
        loop {
            let mut more = std::pin::pin!(self.0.line_added.notified());
            // Registers for new lines before reading, so that no line that is added in between is missed.
            more.as_mut().enable();
            let lines = self.lines_now(since);
            let must_wait = matches!(since, Since::Number(_)) && lines.requests.is_empty();
            if !must_wait || tokio::time::timeout_at(until, more).await.is_err() {
                return lines;
            }
        }
    }

    fn lines_now(&self, since: Since) -> Lines {
        let state = self.state();
        let kept = state.lines.len();
        let first = state.next - kept as u64;
        let (from, lost) = match since {
            Since::Last(count) => (kept - count.min(kept).min(LINES_IN_REPLY), 0),
            // A number above the next line's number comes from an earlier run of the proxy, so all lines are new.
            Since::Number(number) if number > state.next => (0, 0),
            Since::Number(number) if number < first => (0, first - number),
            Since::Number(number) => (usize::try_from(number - first).unwrap_or(kept), 0),
        };
        let requests: Vec<PassedRequest> = state
            .lines
            .iter()
            .skip(from)
            .take(LINES_IN_REPLY)
            .cloned()
            .collect();
        Lines {
            lost,
            next: Some(first + (from + requests.len()) as u64),
            requests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(n: u64) -> PassedRequest {
        PassedRequest {
            at: Timestamp::UNIX_EPOCH,
            door: Door::Public,
            slot: Some(Slot::Blue),
            method: "GET".into(),
            path: format!("/{n}"),
            status: 200,
            took: Duration::from_millis(1),
        }
    }

    fn paths(lines: &Lines) -> Vec<&str> {
        lines
            .requests
            .iter()
            .map(|line| line.path.as_str())
            .collect()
    }

    #[tokio::test]
    async fn each_line_is_returned_once_or_counted_as_lost() {
        let recent = Recent::default();
        (0..10).for_each(|n| recent.write_down(passed(n)));
        let last = recent.lines(Since::Last(2)).await;
        assert_eq!((paths(&last), last.next), (vec!["/8", "/9"], Some(10)));
        recent.write_down(passed(10));
        let next = recent.lines(Since::Number(10)).await;
        assert_eq!((paths(&next), next.lost), (vec!["/10"], 0));
        (11..2000).for_each(|n| recent.write_down(passed(n)));
        let late = recent.lines(Since::Number(11)).await;
        assert_eq!((late.lost, late.requests.len()), (1489, LINES_IN_REPLY));
        assert_eq!(late.next, Some(1700));
        let restarted = recent.lines(Since::Number(9999)).await;
        assert_eq!(
            paths(&restarted)[0],
            "/1500",
            "the number is from before a restart"
        );
    }

    #[tokio::test]
    async fn a_request_for_future_lines_waits_with_a_limit() {
        let recent = Recent::default();
        let waiting = tokio::spawn({
            let recent = recent.clone();
            async move { recent.lines(Since::Number(0)).await }
        });
        tokio::task::yield_now().await;
        recent.write_down(passed(0));
        let lines = waiting.await.expect("lines");
        assert_eq!(paths(&lines), ["/0"]);
        let short = Duration::from_millis(1);
        let none = recent.lines_within(Since::Number(1), short).await;
        assert_eq!((paths(&none), none.next), (vec![], Some(1)));
    }
}
