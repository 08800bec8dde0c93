//! The dialogs over the screen, one file for each: its state, its keys and its text. All dialogs implement
//! [`Dialog`](super::model::Dialog), and `view::dialog` draws their frame. A new dialog needs its own file, and its
//! lines in this module.

pub(super) mod confirm;
mod failure;
pub(super) mod handover;
mod help;
pub(super) mod holding;
mod leaving;
mod matching;
mod message;
mod missing_approvals;
pub(super) mod open_releases;
mod page;
pub(super) mod palette;
pub(super) mod picker;
pub(super) mod queue;
pub(super) mod reason;
mod refusal;
pub(super) mod reload;
mod resume;
mod resume_choice;
mod starting;
pub(super) mod themes;
mod thinking;
pub(super) mod waiting;

pub use confirm::{Button, Confirm, PeerApprove, Question};
pub use failure::Failure;
pub use handover::{DeclineHandover, Handover, HandoverAnswer};
pub use help::Help;
pub use holding::{ClearHold, HoldLine, Holding, PlaceHold};
pub use leaving::{Leave, Leaving};
pub use message::MessageDialog;
pub use missing_approvals::MissingApprovals;
pub use open_releases::{OpenRelease, OpenReleases, ReadRelease};
pub use page::Page;
pub use palette::{Found, Palette, PaletteChoice, palette_entries};
pub use picker::{
    Before, FindImage, Knowledge, ListVersions, LookUp, LookUpTag, Picker, ReadTerms, VersionList,
    VersionRow,
};
pub use queue::{DismissPush, QueueChange, QueueDialog, QueuePage, QueueQuestion, RetryPush};
pub use reason::{MakePlan, ReadRules, Reason};
pub use refusal::Refusal;
pub use reload::{ReloadAnswer, ReloadDialog};
pub use resume::ResumeDialog;
pub use resume_choice::ResumeChoice;
pub use starting::{ResumeRelease, StartRelease};
pub use themes::ThemeChoice;
pub use thinking::Thinking;
pub use waiting::WaitingList;
