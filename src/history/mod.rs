//! The records that releases leave: what they contain, how they are linked by hashes, and how they are searched.
//! Nothing in this module does I/O. History never decides what is shown as running: only observation does.

mod audit;
mod audit_chain;
mod chain;
mod entry;
mod filter;
mod item;
mod kept;
mod live;
mod notice;
mod order;
mod output_log;
mod overtaken;
mod provable;
mod reading;
mod record;
mod repair;
mod retention;
#[cfg(test)]
pub(crate) mod samples_for_tests;
mod seal;
mod step;
mod timeline;
mod until;
mod verification;
mod was_live;
mod when;

pub use audit::{AuditRecord, HoldRecord, hold_id};
pub use audit_chain::audit_change;
pub use chain::{Chain, Integrity, Link, first_difference, prove};
pub use entry::{Decision, Entry, JournalEvent, Successor, Takeover, UnknownEvent};
pub use filter::{Filter, Outcomes, ReleaseState, StateGroup};
pub use item::{Item, merged};
pub use kept::{
    Change, DIFFERS, Difference, Kept, KeptAudit, Listed, canonical, entry_change, head_change,
    searchable_words,
};
pub use live::LivePeriod;
pub use notice::{ChecksCounted, Notice, NoticeEvent};
pub use order::{SEARCHED_FOR_OPEN, current, current_read};
pub use output_log::{Gathering, KeptLog, LogOwner, OutputLog, WrittenBy, WrittenLine};
pub use overtaken::{ObservedSwitches, ignored_claims, overtaken_by};
pub use provable::Provable;
pub use reading::check_whole;
pub use record::{
    Baseline, FORMAT, NO_REASON_YET, Outcome, Overridden, PlannedCalls, Recorded, ReleaseKind,
    ReleaseRecord, RuleInEffect,
};
pub use repair::{RecordedAction, RepairOutcome, RepairRecord, Repaired};
pub use retention::{Cause, Pruning, Retention, Weighed, pruning, started_at};
pub use seal::Seal;
pub use step::{Direction, RecordedStep, Step};
pub use timeline::{Fate, fate, once_live};
pub use until::until;
pub use verification::{AlteredRecord, RulesSet, Verification};
pub use was_live::{UnprovenClaim, WasLive, proven_live, proves_released, proves_switch_started};
pub use when::{When, when};
