//! Lines of a log without the secrets of their target. Secrets are read when they are first needed, which may be long
//! after a log was opened: each line is looked through for those that are known when it comes.

use std::sync::Arc;

use super::NewLine;
use crate::inventory::Mask;
use crate::ports::{Checker, LogChunk};

/// Hides the secrets that a checker knows; nothing without one.
#[expect(missing_debug_implementations, reason = "holds a trait object")]
pub struct Hiding {
    checker: Option<Arc<dyn Checker>>,
    /// What the checker said when the mask was made.
    revision: u64,
    mask: Mask,
}

impl Hiding {
    /// With what the checker knows now.
    pub fn new(checker: Option<Arc<dyn Checker>>) -> Self {
        let mut hiding = Self {
            checker,
            revision: 0,
            mask: Mask::default(),
        };
        hiding.take_mask();
        hiding
    }

    /// Waits until the secrets were read, or that has taken too long: an application may have written them before.
    pub(super) async fn wait(&mut self) {
        if let Some(checker) = &self.checker {
            checker.mask().await;
        }
    }

    /// The line in a chunk. One without a secret stays as the application wrote it, colours included.
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
        let not_shown = text.len().saturating_sub(Mask::LOOKED_THROUGH);
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
        // The number first: what is learned in between is looked for once more at the next line.
        self.revision = checker.mask_revision();
        self.mask = checker.known_mask();
    }
}
