//! The queue of a target: what image registries and CI have pushed for it, and what became of each push. The agent
//! releases the newest push. Nothing in a push is trusted: before a release, the tag is resolved again with the image
//! registry.

mod entry;
mod order;
mod push;

pub use entry::{EntryId, EntryState, InvalidEntryId, QueueEntry, Retry, StateKind, Trigger};
pub use order::{
    MOST_ENDED, MOST_PENDING, against_rollout, forgotten, newest, newest_first, newest_pending,
    overtaken, released_after,
};
pub use push::{BadPush, LONGEST_CLAIM, LONGEST_REPOSITORY, Push, PushSource};
