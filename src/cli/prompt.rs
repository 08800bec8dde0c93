//! Questions to a person at the terminal, and the lines typed as answers.

use std::io::{BufRead, IsTerminal, Write};

use tokio::sync::mpsc;

use crate::output;

/// The lines that a person types at the terminal.
pub(super) struct Typed {
    lines: mpsc::Receiver<String>,
}

impl Typed {
    /// Starts to read lines, if standard input is a terminal and questions can be shown on standard error.
    pub(super) fn listen() -> Option<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let (sender, lines) = mpsc::channel(8);
        // Reading a terminal cannot be cancelled. In a thread of its own, the read does not delay the end of the
        // command.
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

    /// Asks a question. Text that was typed earlier is dropped, because it did not answer this question.
    pub(super) fn ask(&mut self, question: &str) {
        while self.lines.try_recv().is_ok() {}
        // If the prompt cannot be shown, there will be no answer.
        let mut stderr = output::stderr();
        let _ = write!(stderr, "{question} ").and_then(|()| stderr.flush());
    }

    /// The next line; none if the operator pressed Ctrl-D or the terminal was closed.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await.map(|line| line.trim().to_owned())
    }
}
