//! Reads keys, mouse events and signals in their own tasks, so that the loop of the console never waits for
//! them. The task that reads the terminal ends when the terminal is gone: an event stream on a closed terminal
//! would return errors in a busy loop.

use crossterm::event::{Event as Raw, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt as _;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::event::Input;

/// How many events can wait in the queue before the tasks that read them pause.
const QUEUED: usize = 256;

/// Reads the terminal and the signals SIGINT, SIGTERM, SIGHUP and SIGCONT, until the receiver is dropped.
pub fn listen() -> std::io::Result<mpsc::Receiver<Input>> {
    let (out, inputs) = mpsc::channel(QUEUED);
    let continued = SignalKind::from_raw(Signal::CONT.as_raw());
    let signals = [
        (SignalKind::interrupt(), Input::Signal("SIGINT")),
        (SignalKind::terminate(), Input::Signal("SIGTERM")),
        (SignalKind::hangup(), Input::Signal("SIGHUP")),
        (continued, Input::Continued),
    ];
    for (kind, input) in signals {
        let mut signal = signal(kind)?;
        let out = out.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    received = signal.recv() => {
                        if received.is_none() || out.send(input.clone()).await.is_err() {
                            return;
                        }
                    }
                    () = out.closed() => return,
                }
            }
        });
    }
    tokio::spawn(read(out));
    Ok(inputs)
}

async fn read(out: mpsc::Sender<Input>) {
    let mut events = EventStream::new();
    loop {
        let next = tokio::select! {
            next = events.next() => next,
            () = out.closed() => return,
        };
        let Some(Ok(raw)) = next else {
            let _ = out.send(Input::Lost).await;
            return;
        };
        let Some(input) = to_input(raw) else {
            continue;
        };
        if out.send(input).await.is_err() {
            return;
        }
    }
}

fn to_input(raw: Raw) -> Option<Input> {
    match raw {
        Raw::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Raw::Paste(text) => Some(Input::Paste(text)),
        Raw::Resize(columns, rows) => Some(Input::Resized(columns, rows)),
        Raw::Mouse(mouse) if is_relevant(mouse.kind) => Some(Input::Mouse(mouse)),
        Raw::Key(_) | Raw::Mouse(_) | Raw::FocusGained | Raw::FocusLost => None,
    }
}

/// Only left clicks and wheel turns are passed on. Other mouse events have no meaning in the console, and movements are
/// frequent.
fn is_relevant(kind: MouseEventKind) -> bool {
    matches!(
        kind,
        MouseEventKind::Down(MouseButton::Left)
            | MouseEventKind::ScrollUp
            | MouseEventKind::ScrollDown
    )
}
