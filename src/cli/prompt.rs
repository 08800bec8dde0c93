//! Questions to a person at the terminal, answered in time or not at all.

use std::io::{BufRead, IsTerminal, Write};

use tokio::sync::mpsc;

use crate::output;

/// Lines typed at the terminal; none when nobody is there to type.
pub(super) struct Typed {
    lines: mpsc::Receiver<String>,
}

impl Typed {
    /// Begins to read, if standard input is a terminal and somebody sees the questions.
    pub(super) fn listen() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let (sender, lines) = mpsc::channel(8);
        // A thread of its own: reading a terminal cannot be cancelled, and must not hold the end up.
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

    /// Asks. What was typed before the question does not count: nobody meant it as an answer.
    pub(super) fn ask(&mut self, question: &str) {
        while self.lines.try_recv().is_ok() {}
        // A prompt that cannot be shown is answered by nobody.
        let mut stderr = output::stderr();
        let _ = write!(stderr, "{question} ").and_then(|()| stderr.flush());
    }

    /// The next line; none when the terminal is gone.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await.map(|line| line.trim().to_owned())
    }
}
