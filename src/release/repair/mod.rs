//! Repairs drift. A repair has a plan with one or more actions for the differences. An operator confirms the plan. The
//! actions are performed under the target's lock, their results are observed, and the repair is recorded. This module
//! only decides and does no I/O: its machine turns events into effects. `engine::repairing` runs these effects.
//!
//! A repair trusts the running instance about the version in a slot, and the route about the slot that should have the
//! traffic. So it corrects the registration to the running instance, and sets the proxy to the slot in the route. It
//! rewrites the route in these cases: the route is missing, unreadable, unproven or older than the proxy; its digest,
//! address or generation is wrong; or an instance is running in the proxy's slot, but not in the route's slot. A repair
//! does not register a version that was never released. If no action is safe, the plan says why, and what a person must
//! do.
//!
//! A route and a registration alone prove nothing: another program may have written them. So a repair starts a version,
//! or moves traffic to it, only if a release proves that the version was checked and live in that slot, or if the proxy
//! already sends the traffic to that slot. If a route is unproven and the proxy names another slot, the repair changes
//! the route to the proxy's slot.
//!
//! If the store was wiped, restored or replaced, the proxy is newer: the store follows the slot that the proxy sends
//! traffic to. The pointer carries a token that is higher than the token of any lock of this store, so the proxy
//! refuses every switch. [`Action::Rebase`] is the only action that lowers a token. It first checks that the whole
//! pointer is still as it was observed. The generation protects the new pointer from earlier drivers: the route
//! first gets a generation that no earlier driver can have, and the proxy refuses a lower generation as it refuses a
//! lower token. If the live slot cannot answer, no route to that slot is written. Then only the pointer gets that
//! generation, so that the traffic can be moved to a slot that answers.
//!
//! Another program may have written a route with a generation that no switch can have made. A repair lowers it to the
//! proxy's generation, after an operator has typed the name of the environment. No repair gives the proxy a generation
//! that no switch can have made.
//!
//! [`Action::Rebase`]: crate::release::Action::Rebase
//!
//! A repair keeps these interlocks of a release (the numbers are those of [`crate::release`]), because its actions have
//! the same guards. A slot with traffic is not stopped or deregistered (1). No route is written to a slot that is not
//! healthy or not registered (2), except a route that only lowers its generation, because it moves no traffic. One
//! driver holds the lock, and every write to the store compares the lock's token (4). Every action contains the state
//! that it starts from and the state that it leads to (5). The state is observed again before each action and before
//! each new try (6). An approval is for exactly these actions, and expires (9).
//! The proxy is set to a slot under the rule for switching back: a release proves that the slot was live before, and
//! the slot is healthy and registered now (3).

#[cfg(test)]
mod combined_tests;
mod describe;
#[cfg(test)]
mod edges_tests;
mod event;
#[cfg(test)]
mod exclusive_tests;
#[cfg(test)]
mod forged_tests;
mod guard;
#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod interlock_tests;
mod machine;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod members_tests;
mod plan;
mod proof;
mod remedy;
#[cfg(test)]
mod sample;
mod seen;
#[cfg(test)]
mod tests;

pub use describe::ProxyCalls;
pub use event::{RepairEffect, RepairEvent};
pub use machine::RepairMachine;
pub use plan::{Item, Planned, RepairPlan, RepairRequest, plan};
pub use proof::RouteProof;
pub use remedy::Remedy;
#[cfg(test)]
pub(super) use sample::sample_definition;
pub use seen::all_answered;
