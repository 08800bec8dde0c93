//! Hides the secrets of a target in the lines of its log. Secrets are read when they are first needed, which may be
//! long after the log was opened. So each line is searched for the secrets that are known when the line arrives.

use std::sync::Arc;

use super::NewLine;
use crate::inventory::Mask;
use crate::ports::{Checker, LogChunk};

/// Hides the secrets that a checker knows. Without a checker it hides nothing.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Hiding {
    checker: Option<Arc<dyn Checker>>,
    /// The revision of the secrets in `mask`, as the checker counts them.
    revision: u64,
    mask: Mask,
}

impl Hiding {
    /// Starts with the secrets that the checker knows now.
    pub fn new(checker: Option<Arc<dyn Checker>>) -> Self {
        let mut hiding = Self {
            checker,
            revision: 0,
            mask: Mask::default(),
        };
        hiding.take_mask();
        hiding
    }

    /// Waits until the secrets have been read, or until reading them has taken too long. The log may already contain
    /// secrets, and only secrets that are known can be hidden.
    pub(super) async fn wait(&mut self) {
        if let Some(checker) = &self.checker {
            checker.mask().await;
        }
    }

    /// The line in a chunk, with its secrets hidden.
    pub fn line(&mut self, chunk: &LogChunk) -> NewLine {
        let checker = self.checker.as_ref();
        if checker.is_some_and(|it| it.mask_revision() != self.revision) {
            self.take_mask();
        }
        if self.mask.is_empty() {
            return NewLine::from_chunk(chunk);
        }
        let text = String::from_utf8_lossy(&chunk.bytes);
        if !self.mask.is_in(&text) {
            return NewLine::from_chunk(chunk);
        }
        let not_shown = text.len().saturating_sub(Mask::SEARCH_LIMIT);
        NewLine::from_chunk(&LogChunk {
            bytes: self.mask.hide(&text).into_bytes(),
            dropped: chunk.dropped + not_shown,
            ..*chunk
        })
    }

    fn take_mask(&mut self) {
        let Some(checker) = &self.checker else {
            return;
        };
        // The revision is read first: if the secrets change in between, the next line takes the mask again.
        self.revision = checker.mask_revision();
        self.mask = checker.known_mask();
    }
}
