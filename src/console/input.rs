//! Events from the terminal and from the system, read in their own task so that the loop never
//! waits for them. The task ends when the terminal is gone: an event stream on a closed terminal
//! would spin.

use crossterm::event::{Event as Raw, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt as _;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::event::Input;

/// How many events can queue for the loop.
const WAITING: usize = 256;

/// Reads the terminal and the signals to end or continue, until the receiver is dropped.
pub fn listen() -> std::io::Result<mpsc::Receiver<Input>> {
    let (out, inputs) = mpsc::channel(WAITING);
    let goes_on = SignalKind::from_raw(Signal::CONT.as_raw());
    let signals = [
        (SignalKind::interrupt(), Input::Signal("SIGINT")),
        (SignalKind::terminate(), Input::Signal("SIGTERM")),
        (SignalKind::hangup(), Input::Signal("SIGHUP")),
        (goes_on, Input::Continued),
    ];
    for (kind, input) in signals {
        let mut signal = signal(kind)?;
        let out = out.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    heard = signal.recv() => {
                        if heard.is_none() || out.send(input.clone()).await.is_err() {
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

/// Mouse movement without a button is ignored: it has no meaning here and is frequent.
fn is_relevant(kind: MouseEventKind) -> bool {
    matches!(
        kind,
        MouseEventKind::Down(MouseButton::Left)
            | MouseEventKind::ScrollUp
            | MouseEventKind::ScrollDown
    )
}
