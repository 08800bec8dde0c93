//! Writes one line per request to standard output. A thread of its own writes the lines, so that a slow reader never
//! slows a request. If the queue is full, lines are dropped, and the log says how many.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use tokio::sync::oneshot;

/// How many lines can wait for the writer thread.
const QUEUE_LENGTH: usize = 4096;

/// Queues lines for the writer thread. Clones are cheap. The thread ends when the last clone is dropped, or when
/// standard output cannot be written.
#[derive(Clone)]
pub(super) struct RequestLog {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

impl RequestLog {
    /// Starts the writer thread. The receiver resolves when the thread ends: usually after the last clone was dropped
    /// and all queued lines were written.
    pub(super) fn start() -> (Self, oneshot::Receiver<()>) {
        let (lines, queue) = sync_channel(QUEUE_LENGTH);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let (written, all_written) = oneshot::channel();
        std::thread::spawn(move || {
            write_all(&queue, &counter);
            // Sending fails if the process does not wait for the last lines. That is no error.
            written.send(()).ok()
        });
        (Self { lines, dropped }, all_written)
    }

    pub(super) fn info(&self, text: impl Display) {
        self.enqueue("info", text);
    }

    pub(super) fn warn(&self, text: impl Display) {
        self.enqueue("warn", text);
    }

    fn enqueue(&self, level: &str, text: impl Display) {
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
        // Write all waiting lines together.
        while let Ok(next) = queue.try_recv() {
            text.push_str(&next);
            if text.len() > 64 * 1024 {
                break;
            }
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            text += &line("warn", format_args!("{missing} lines were dropped"));
        }
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            // The reader is gone, so this thread ends. Requests continue, and their lines are dropped.
            return;
        }
    }
}
