//! The release protocol: what Greenroom does to a target, in which order, and what it never does.

mod approval;
mod definition;
mod handle;
mod plan;
mod refusal;
mod request;
mod status;

pub use approval::{
    Approval, ApprovalRefused, Approved, NEED_FOR_PLAN, Need, Scope, need, need_back,
};
pub use definition::{Definition, Limit, Rules, Timing};
pub use handle::{Command, Handle, NotDriven};
pub use plan::{LiveBefore, Plan};
pub use refusal::{Refusal, Refused};
pub use request::{PlanRequest, Wanted};
pub use status::{Announcement, AnnouncementKind, Choice, Progress, Status, StepState, StepStatus};
