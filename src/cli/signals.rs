//! Signals as events: what the operator or the system wants during a release.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The request of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopRequest {
    /// Ctrl-C: cancel.
    Cancel,
    /// The terminal is gone, or the system asks the process to end: stop driving and leave everything as it is.
    Leave,
}

/// Receives signals from now on. If they cannot be caught, the channel stays silent and the system's
/// default behaviour remains.
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
