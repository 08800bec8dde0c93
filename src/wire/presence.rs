//! Presence: shows this console to the other consoles at the same target.

use std::sync::Arc;

use tokio::sync::watch;

use crate::inventory::Target;
use crate::release::Engine;

/// Shows this console at the target on screen. Ends when the sender of `focus` is dropped.
pub async fn report_presence(engine: Arc<Engine>, mut focus: watch::Receiver<Option<Target>>) {
    let mut before: Option<Target> = None;
    loop {
        let now = focus.borrow_and_update().clone();
        if let Some(target) = now.as_ref().filter(|_| now != before) {
            engine.report_presence(target, before.as_ref()).await;
            before = now;
        }
        if focus.changed().await.is_err() {
            return;
        }
    }
}
