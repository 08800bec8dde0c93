//! Repairing drift: what differs is mended by actions that are planned in words, confirmed, done under the
//! target's lock, looked at until they are true, and written down. The thinking is here and pure; the
//! engine looks and does (`engine::repairing`).
//!
//! What runs and answers is the truth of what runs; the route is the truth of what should have the
//! traffic. So an entry is written as what runs, the proxy is pointed at what the route names, and a
//! route is written anew only where it is gone, cannot be read, or names what does not run while the
//! proxy's slot does. A version that nobody released is never made right by writing it down. Where no
//! action is safe the plan says why, and what a person has to do.
//!
//! Where the store went back (it was wiped, restored or replaced), the proxy is the newer truth: the store follows what
//! it sends traffic to. Its pointer carries a token that is higher than any lock of this store, so that it refuses every
//! switch. [`RepairAction::Rebase`] is the only act that lowers a token. It compares the whole pointer with what was seen, and
//! it is safe from a driver of before by the generation: the route gets one first that no such driver can have, and
//! the proxy refuses a lower generation as it refuses a lower token. Where what is live cannot answer, no route is written
//! to it: the pointer alone gets that generation, so that the traffic can be moved to what answers.
//!
//! A route may have a generation that no switch has made, because another program wrote it. It is not believed: it is
//! written anew with the generation that the proxy really has, after a person has typed the environment's name. No repair
//! gives the proxy such a generation.
//!
//! The interlocks are those of a release: what has the traffic is not stopped or deregistered (1), no
//! route to what is not healthy or not registered (2), one driver under a lock whose token every write
//! compares (4), every action names its from and its to (5), the world is looked at again before each
//! action (6), and a yes belongs to these very actions and expires (9). The proxy is pointed by the rule of
//! the way back: the slot was switched to before, and is healthy and registered now (3).

mod action;
#[cfg(test)]
mod combined_tests;
#[cfg(test)]
mod forged_tests;
mod guard;
#[cfg(test)]
mod guard_tests;
mod plan;
mod remedy;
mod seen;
#[cfg(test)]
mod tests;

pub(super) use action::Standing;
pub use action::{ProxySays, RepairAction, Rewrite};
pub(super) use guard::{Verdict, guard, is_true};
pub(super) use plan::plan;
pub use plan::{Item, Planned, RepairPlan, RepairRequest};
pub use remedy::Remedy;
#[cfg(test)]
pub(super) use tests::definition as sample_definition;
