//! A line a request on standard output, written by a thread of its own: a reader that is slow or
//! gone never slows a request. Lines that find the queue full are counted, and the count is told.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use tokio::sync::oneshot;

const QUEUED: usize = 4096;

/// Where lines are handed in. Cheap to clone; the writer ends with the last clone.
#[derive(Clone)]
pub(super) struct RequestLog {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

impl RequestLog {
    /// Starts the writer; the other end tells when the last clone is gone and the last line out.
    pub(super) fn start() -> (Self, oneshot::Receiver<()>) {
        let (lines, queue) = sync_channel(QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let (written, all_written) = oneshot::channel();
        std::thread::spawn(move || {
            write_all(&queue, &counter);
            // Nobody waits when the process does not end in order.
            written.send(()).ok()
        });
        (Self { lines, dropped }, all_written)
    }

    /// Something that went as it should.
    pub(super) fn info(&self, text: impl Display) {
        self.hand_in("info", text);
    }

    /// Something that did not.
    pub(super) fn warn(&self, text: impl Display) {
        self.hand_in("warn", text);
    }

    fn hand_in(&self, level: &str, text: impl Display) {
        if self.lines.try_send(line(level, text)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn line(level: &str, text: impl Display) -> String {
    format!("{:.3} {level} {text}\n", Timestamp::now())
}

fn write_all(queue: &Receiver<String>, dropped: &AtomicU64) {
    let mut out = std::io::stdout();
    while let Ok(first) = queue.recv() {
        let mut text = first;
        // One write for what has gathered meanwhile.
        while let Ok(next) = queue.try_recv() {
            text.push_str(&next);
            if text.len() > 64 * 1024 {
                break;
            }
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            text += &line("warn", format_args!("{missing} lines left out"));
        }
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            // Whoever read is gone. Requests go on; their lines fill the queue and are dropped.
            return;
        }
    }
}
