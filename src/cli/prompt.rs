//! Questions to a person at the terminal, which expire.

use std::io::{BufRead, IsTerminal, Write};

use tokio::sync::mpsc;

use crate::output;

/// Lines typed at the terminal; none if there is no terminal.
pub(super) struct Typed {
    lines: mpsc::Receiver<String>,
}

impl Typed {
    /// Starts to read, if standard input is a terminal and questions can be shown.
    pub(super) fn listen() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let (sender, lines) = mpsc::channel(8);
        // In its own thread: reading a terminal cannot be cancelled, and must not delay the end.
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { return };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self { lines })
    }

    /// Asks a question. Text that was typed earlier is dropped: it was not an answer.
    pub(super) fn ask(&mut self, question: &str) {
        while self.lines.try_recv().is_ok() {}
        // If the prompt cannot be shown, there will be no answer.
        let mut stderr = output::stderr();
        let _ = write!(stderr, "{question} ").and_then(|()| stderr.flush());
    }

    /// The next line; none when the terminal is gone.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await.map(|line| line.trim().to_owned())
    }
}
