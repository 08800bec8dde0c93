//! The release protocol: what Greenroom does to a target, in which order, and what it never does.

mod act;
mod approval;
mod calls;
mod definition;
mod driver;
mod engine;
mod event;
mod facts;
mod gather;
mod guard;
mod handle;
mod judge;
mod machine;
mod plan;
mod planner;
mod refusal;
mod request;
mod status;
mod time;
pub mod words;

pub use act::{Act, Ask, Mishap, MishapKind, Move, Sight, Stage};
pub use approval::{
    Approval, ApprovalRefused, Approved, NEED_FOR_PLAN, Need, Scope, need, need_back,
};
pub use calls::ProxyWords;
pub use definition::{Definition, Limit, Rules, Timing};
pub use driver::{Reading, Writing};
pub use engine::{Engine, Site};
pub use event::{Effect, Event, TimerId};
pub use facts::{Facts, Known, Resolved};
pub use handle::{Command, Handle, NotDriven};
pub use machine::{Machine, OnFailure};
pub use plan::{LiveBefore, Plan};
pub use planner::{Draft, decide};
pub use refusal::{Refusal, Refused};
pub use request::{PlanRequest, Wanted};
pub use status::{Announcement, AnnouncementKind, Choice, Progress, Status, StepState, StepStatus};
