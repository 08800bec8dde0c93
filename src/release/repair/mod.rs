//! Repairs drift: a plan of described actions for the differences, confirmed by an operator, performed under the
//! target's lock, observed until true, and recorded. The decisions are here and pure; the engine observes and acts
//! (`engine::repairing`).
//!
//! The running, answering instance decides what runs in a slot. The route decides which slot should have the traffic.
//! So a registration is corrected to what runs, and the proxy is set to the slot in the route. A route is rewritten
//! only if it is missing, unreadable, or names an instance that is not running while the proxy's slot is. A version
//! that was never released does not become right by recording it. If no action is safe, the plan says why, and what a
//! person must do.
//!
//! A route and a registration alone prove nothing: another program may have written both. So no version is started, and
//! no traffic is moved to it, unless a release proves that it was checked and live in that slot. If the proxy names
//! another slot than such an unproven route, the route is changed to the proxy's slot.
//!
//! If the store went back (it was wiped, restored or replaced), the proxy is newer: the store follows the slot that the
//! proxy sends traffic to. The pointer carries a token that is higher than any lock of this store, so the proxy refuses
//! every switch. [`RepairAction::Rebase`] is the only act that lowers a token. It compares the whole pointer with the
//! observed one. The generation protects it from an earlier driver: the route first gets a generation that no such
//! driver can have, and the proxy refuses a lower generation as it refuses a lower token. If the live slot cannot
//! answer, no route is written to it. Then only the pointer gets that generation, so that the traffic can be moved to a
//! slot that answers.
//!
//! A route may have a generation that no switch has made, because another program wrote it. It is not believed: it is
//! rewritten with the proxy's actual generation, after a person has typed the environment's name. No repair gives the
//! proxy such a generation.
//!
//! The interlocks are those of a release: a slot with traffic is not stopped or deregistered (1), no route to a slot
//! that is not healthy or not registered (2), one driver under a lock whose token every write compares (4), every
//! action names its from and its to (5), the state is observed again before each action (6), and an approval belongs to
//! exactly these actions and expires (9). For setting the proxy the rule of switching back applies: a release proves that
//! the slot was switched to before, and it is healthy and registered now (3).

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

pub(super) use action::RouteBefore;
pub use action::{ProxySays, RepairAction, Rewrite};
pub(super) use guard::{Verdict, guard, is_true};
pub(super) use plan::plan;
pub use plan::{Item, Planned, RepairPlan, RepairRequest};
pub use remedy::Remedy;
#[cfg(test)]
pub(super) use tests::definition as sample_definition;
