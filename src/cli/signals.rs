//! Signals as events: what an operator or the system wants while a release goes on.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopRequest {
    /// Ctrl-C: cancel.
    Cancel,
    /// The terminal is gone or the system wants us to end: stop driving, leave everything.
    Leave,
}

/// Signals from now on. Where they cannot be caught, the channel stays silent and the system's
/// own behaviour remains.
pub(super) fn listen() -> mpsc::Receiver<StopRequest> {
    let (sender, receiver) = mpsc::channel(4);
    let kinds = [
        (SignalKind::interrupt(), StopRequest::Cancel),
        (SignalKind::terminate(), StopRequest::Leave),
        (SignalKind::hangup(), StopRequest::Leave),
    ];
    for (kind, stop) in kinds {
        let sender = sender.clone();
        if let Ok(mut signals) = signal(kind) {
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send(stop).await.is_err() {
                        return;
                    }
                }
            });
        }
    }
    receiver
}
