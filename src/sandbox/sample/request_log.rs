//! Writes one line per request to standard output, in its own thread, so that a slow or closed reader never
//! slows a request. Lines are dropped if the queue is full, and their number is logged.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use jiff::Timestamp;
use tokio::sync::oneshot;

const QUEUED: usize = 4096;

/// Takes lines for the writer thread. Clones are cheap, and the thread ends when the last clone is dropped.
#[derive(Clone)]
pub(super) struct RequestLog {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
}

impl RequestLog {
    /// Starts the writer. The receiver resolves when the last clone is dropped and the last line is written.
    pub(super) fn start() -> (Self, oneshot::Receiver<()>) {
        let (lines, queue) = sync_channel(QUEUED);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let (written, all_written) = oneshot::channel();
        std::thread::spawn(move || {
            write_all(&queue, &counter);
            // If the process did not wait for the last lines, the receiver was dropped. Then nothing needs to be sent.
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
            // The reader has closed its end. Requests continue; their lines fill the queue and are dropped.
            return;
        }
    }
}
