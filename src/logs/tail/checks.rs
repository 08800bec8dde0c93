//! Follows the output of the checks of a release as one log. A notice with the name of the check comes before its lines.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Batch, GATHER, LARGEST, WAITING};
use crate::logs::{Hiding, NewLine};
use crate::ports::{CheckLines, Checker};

/// Follows the checks of a release: the lines that are kept, then new lines. Secrets of the target are hidden. Ends when
/// the receiver is dropped, and when the driver of the release has ended.
pub fn follow_checks(checker: Arc<dyn Checker>, lines: CheckLines) -> mpsc::Receiver<Batch> {
    let (out, batches) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let sender = out.clone();
        tokio::select! {
            () = pass_on(checker, lines, &sender) => {}
            () = out.closed() => {}
        }
    });
    batches
}

async fn pass_on(checker: Arc<dyn Checker>, mut lines: CheckLines, out: &mpsc::Sender<Batch>) {
    let mut hiding = Hiding::new(Some(checker));
    hiding.wait().await;
    let mut last = None;
    while let Some((lost, lines)) = lines.next(LARGEST / 2).await {
        let mut batch = Batch::with_capacity(lines.len() + 2);
        if lost > 0 {
            let text = format!("{lost} lines are missing at this point: the output came too fast");
            batch.push(NewLine::notice(text));
        }
        for line in lines {
            if last.as_ref() != Some(&line.check) {
                let text = format!("output of the check {}", line.check);
                batch.push(NewLine::notice(text));
                last = Some(Arc::clone(&line.check));
            }
            batch.push(hiding.line(&line.chunk));
        }
        if out.send(batch).await.is_err() {
            return;
        }
        sleep(GATHER).await;
    }
}
