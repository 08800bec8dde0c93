//! The last lines of a candidate's log, for the notice that its release failed. The lines are kept in memory while the
//! release runs, because a failed candidate is removed together with its log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::candidate::{CandidateLines, LineSink, started_before};
use crate::logs::{Batch, Origin};
use crate::ports::Checker;
use crate::release::{Handle, Site};
use crate::sanitize::sanitize;

/// How many lines a notice has at most. Empty lines do not count.
const LINES: usize = 10;
/// How many bytes the lines of a notice have together at most. The lines share them.
const BYTES: usize = 2048;
/// How long a notice waits for the lines that the candidate wrote last. A candidate that has ended may still have
/// unread lines.
const TIMEOUT: Duration = Duration::from_secs(2);

/// If no line arrives for this long, the log counts as read. The log of a process is read every 100 ms, on a busy
/// machine less often.
const QUIET: Duration = Duration::from_millis(600);

type Kept = VecDeque<Arc<str>>;

/// The newest lines of the candidate of one release.
pub(super) struct LastLines {
    kept: watch::Receiver<Kept>,
    handle: Handle,
    checker: Arc<dyn Checker>,
}

impl LastLines {
    /// Follows the log of the candidate until the release is over.
    pub(super) fn follow(site: &Site, handle: &Handle) -> Self {
        let (sink, kept) = watch::channel(Kept::new());
        let (site, of) = (site.clone(), handle.clone());
        let checker = Arc::clone(&site.read.checker);
        tokio::spawn(async move {
            let status = Arc::clone(&of.status().borrow());
            let following = CandidateLines {
                site: &site,
                candidate: of.candidate(),
                started_before: started_before(&site, &status).await,
                tail: LINES,
            };
            following.follow(Box::pin(of.over()), &mut Sink(sink)).await;
        });
        Self {
            kept,
            handle: handle.clone(),
            checker,
        }
    }

    /// The last lines until now, oldest first. Waits a moment for lines that are not read yet. No lines if there is no
    /// candidate, or if the secrets to hide in its lines are not all known.
    pub(super) async fn now(&mut self) -> Vec<String> {
        let is_started = !self.handle.candidate().borrow().is_empty();
        if !is_started && self.kept.borrow().is_empty() {
            return Vec::new();
        }
        let _ = timeout(TIMEOUT, self.quiet()).await;
        // A secret that is read slowly must not hold back the notice.
        let mask = timeout(TIMEOUT, self.checker.mask()).await;
        let mask = mask.ok().filter(|_| self.checker.knows_secrets());
        let Some(mask) = mask else {
            tracing::warn!(
                "a notice has no lines of the candidate's log, because not all secrets to hide in them can be read"
            );
            return Vec::new();
        };
        // A secret may have become known after the line was read.
        let lines: Vec<String> = self.kept.borrow().iter().map(|it| mask.hide(it)).collect();
        let limit = BYTES / lines.len().max(1) - 1;
        lines.iter().map(|line| cut(line, limit)).collect()
    }

    /// Waits until there are lines, and no further line arrives.
    async fn quiet(&mut self) {
        let is_empty = self.kept.borrow_and_update().is_empty();
        if is_empty && self.kept.changed().await.is_err() {
            return;
        }
        while let Ok(Ok(())) = timeout(QUIET, self.kept.changed()).await {}
    }
}

struct Sink(watch::Sender<Kept>);

impl LineSink for Sink {
    fn begin(&mut self) {
        self.0.send_replace(Kept::new());
    }

    fn take(&mut self, batch: Batch) {
        let is_text =
            |it: &crate::logs::NewLine| it.origin != Origin::Notice && !it.text.trim().is_empty();
        let lines: Vec<Arc<str>> = batch
            .into_iter()
            .filter(is_text)
            .map(|it| it.text)
            .collect();
        if lines.is_empty() {
            return;
        }
        self.0.send_modify(|kept| {
            kept.extend(lines);
            let old = kept.len().saturating_sub(LINES);
            kept.drain(..old);
        });
    }
}

/// A line with at most `limit` bytes.
fn cut(line: &str, limit: usize) -> String {
    const CUT: &str = "…";
    let line = sanitize(line);
    let line = line.trim_end();
    if line.len() <= limit {
        return line.to_owned();
    }
    let end = line.floor_char_boundary(limit.saturating_sub(CUT.len()));
    format!("{}{CUT}", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::NewLine;
    use crate::ports::{LogChunk, LogStream};

    fn line(text: &str) -> NewLine {
        NewLine::from_chunk(&LogChunk {
            at: None,
            stream: LogStream::Out,
            bytes: text.as_bytes().to_vec(),
            dropped: 0,
        })
    }

    #[test]
    fn only_the_last_lines_with_text_are_kept() {
        let (sender, kept) = watch::channel(Kept::new());
        let mut sink = Sink(sender);
        sink.take((0..8).map(|n| line(&format!("a {n}"))).collect());
        sink.take(vec![line(" "), NewLine::notice("the log has ended")]);
        sink.take((0..4).map(|n| line(&format!("b {n}"))).collect());
        let lines: Vec<String> = kept.borrow().iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines.first().map(String::as_str), Some("a 2"));
        assert_eq!(lines.last().map(String::as_str), Some("b 3"));
    }

    #[test]
    fn another_candidate_starts_without_lines() {
        let (sender, kept) = watch::channel(Kept::new());
        let mut sink = Sink(sender);
        sink.take(vec![line("of the first")]);
        sink.begin();
        assert!(kept.borrow().is_empty());
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let long = "é".repeat(500);
        let cut = cut(&long, 204);
        assert!(cut.len() <= 204 && cut.ends_with("é…"), "{cut}");
    }
}
