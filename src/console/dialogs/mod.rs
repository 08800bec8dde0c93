//! The dialogs over the screen, one file for each: its state, its keys and its text. What every dialog has is in
//! [`Dialog`](super::model::Dialog), and the frame in `view::dialog`. A new dialog needs its file and its lines here.

pub(super) mod confirm;
mod failure;
pub(super) mod handover;
mod help;
pub(super) mod holding;
mod lacking;
mod leaving;
mod matching;
mod message;
pub(super) mod open_releases;
mod page;
pub(super) mod palette;
pub(super) mod picker;
pub(super) mod reason;
mod refusal;
pub(super) mod reload;
mod resume;
mod resume_choice;
pub(super) mod themes;
mod thinking;
pub(super) mod waiting;

pub use confirm::{Button, Confirm, PeerApprove, Question};
pub use failure::Failure;
pub use handover::{DeclineHandover, Hand, Handover};
pub use help::Help;
pub use holding::{ClearHold, HoldLine, Holding, PlaceHold};
pub use lacking::Lacking;
pub use leaving::{Leave, Leaving};
pub use message::MessageDialog;
pub use open_releases::{OpenRelease, OpenReleases, ReadRelease};
pub use page::Page;
pub use palette::{Found, Palette, PaletteChoice, palette_entries};
pub use picker::{Before, Knowledge, LookUp, Picker, VersionList, VersionRow};
pub use reason::{MakePlan, Reason};
pub use refusal::Refusal;
pub use reload::{ReloadAnswer, ReloadDialog};
pub use resume::ResumeDialog;
pub use resume_choice::ResumeChoice;
pub use themes::ThemeChoice;
pub use thinking::Thinking;
pub use waiting::WaitingList;
