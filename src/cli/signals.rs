//! Turns signals from the operator or the system into requests to stop a command.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopRequest {
    /// The operator pressed Ctrl-C: cancel.
    Cancel,
    /// The terminal is gone, or the system asks the process to end: stop driving and leave everything as it is.
    Leave,
}

/// Starts to receive signals. If a signal cannot be caught, nothing is sent for it, and the system's default behaviour
/// remains.
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
