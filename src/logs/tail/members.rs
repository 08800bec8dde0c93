//! Follows the logs of the members of a slot as one log. If the slot has several members, each line begins with the
//! number of its member.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::{Batch, WAITING, follow_hidden};
use crate::inventory::Member;
use crate::logs::{NewLine, Origin};
use crate::ports::{Checker, RuntimeReader};

/// The lines of several members, in the order in which they arrive.
#[derive(Default)]
pub struct MemberLines {
    members: Vec<Member>,
    lines: SelectAll<BoxStream<'static, Batch>>,
}

impl MemberLines {
    /// The members whose lines are followed.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Follows another member: at most `tail` existing lines, then new lines. Secrets of the target are hidden.
    pub fn add(
        &mut self,
        of: (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
        member: Member,
        tail: usize,
    ) {
        let batches = lines_of(follow_hidden(of, member.id.clone(), tail));
        let number = (member.of > 1).then_some(member.number);
        let batches = batches.map(move |batch| match number {
            Some(number) => batch
                .into_iter()
                .map(|line| numbered(&line, number))
                .collect(),
            None => batch,
        });
        self.lines.push(batches.boxed());
        self.members.push(member);
    }

    /// The next lines; none if no member has any more.
    pub async fn next(&mut self) -> Option<Batch> {
        self.lines.next().await
    }
}

/// Follows members as [`MemberLines`] does. Ends when the receiver is dropped, or when all their logs have ended.
pub fn follow_members(
    (reader, checker): (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
    members: Vec<Member>,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let (out, batches) = mpsc::channel(WAITING);
    let mut lines = MemberLines::default();
    for member in members {
        let of = (Arc::clone(&reader), Arc::clone(&checker));
        lines.add(of, member, tail);
    }
    tokio::spawn(async move {
        let sender = out.clone();
        let passing = async {
            while let Some(batch) = lines.next().await {
                if out.send(batch).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = passing => {}
            () = sender.closed() => {}
        }
    });
    batches
}

fn lines_of(batches: mpsc::Receiver<Batch>) -> impl Stream<Item = Batch> + Send + 'static {
    stream::unfold(batches, |mut batches| async move {
        let batch = batches.recv().await?;
        Some((batch, batches))
    })
}

fn numbered(line: &NewLine, number: usize) -> NewLine {
    let text = match line.origin {
        Origin::Notice => format!("member {number}: {}", line.text),
        Origin::Out | Origin::Err => format!("{number} {}", line.text),
    };
    NewLine {
        text: text.into(),
        ..line.clone()
    }
}
