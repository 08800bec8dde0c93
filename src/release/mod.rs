//! The release protocol: what Greenroom does to a target, in which order, and what it never does.
//! The core of this room is pure: it knows nouns, and neither ports nor tokio nor the clock. Only
//! `driver`, `engine`, `gather` and `handle` wait, and they know ports, but no adapter and no face.
//!
//! # Words
//!
//! A *target* is one service in one environment; whatever is locked, planned or switched belongs to
//! one. It has two *slots*, blue and green, each with a fixed address. The slot that has the traffic is
//! *live*; a *candidate* stands in the other one until the switch, and what was live is then kept
//! warm as *standby*. A *version* is an image by its digest; the tag it came from is a remark. A
//! *registration* says what stands in a slot, the *route* which slot is live, with a *generation* that only
//! grows. A *release* is one attempt to make one version live: [`Plan`], steps, [`Outcome`].
//!
//! [`Outcome`]: crate::history::Outcome
//!
//! # The ladder
//!
//! [`Engine::plan`] looks at everything at once, resolves the tag to a digest for good, and answers
//! with a [`Plan`] that names every call, or with every reason against it ([`Refused`]). It changes
//! nothing. [`Engine::open`] takes the lock, looks once more whether the world is that of the plan, and
//! has it driven. A plan has those of the steps that it needs:
//!
//! | step | act | true when | undone by |
//! |---|---|---|---|
//! | pull | the engine pulls the digest; left out for a warm rollback | the engine has it | nothing: it is let be |
//! | install | the proxy gets the target's configuration; only when it is missing or outdated | the proxy says over fresh connections that it has it | nothing: it is let be |
//! | start | what is left in the slot is removed, the candidate created and started; left out for a warm rollback | that digest runs and was healthy without a break for the minimum time | stop and remove the candidate |
//! | verify | none: the checks ask the candidate | every required check passed, of the digest that runs | nothing |
//! | register | the slot's registration is written | it reads back with digest and address | deregister; not what was warm before |
//! | switch | the registry's route moves *from* X *to* Y, then the proxy's pointer does | route and proxy name slot and generation, and the public address is answered by the slot on a fresh and on a kept connection, without a server error and, where the version before did so too, with the status and kind of body that the slot answers directly; three bad answers in a row move the traffic of a promote back | the same, the other way, with a higher generation |
//! | watch | none: candidate, public address and the proxy's access log are observed | the window is over, the candidate was never restarted, no three looks in a row were bad, and no more of the public's requests failed than [`Rules::watch_errors`] allows | nothing |
//! | drain | none: new connections go elsewhere | the old slot has none left, or the time is over and their number was said | nothing |
//! | stop | after the standby time, while the store still routes to the new version, the public gets good answers and it has not crashed since its checks: the old slot is deregistered, then its instance stopped | both are so | start it again, register it |
//!
//! Drain and stop are left out when nothing was live before, stop also when `standby = "never"`.
//!
//! *Healthy* has one meaning ([`Instance::unhealthy`]): the runtime says that it runs, the image's own HEALTHCHECK, where it has
//! one, says healthy, and Greenroom's probe was answered well. The checks are about one *run* of an instance: one that
//! exited and was restarted since is not registered, not switched to, and switched away from. A rollback is judged by the probe
//! alone: what both versions share, a proxy or a database that is down, must not undo the way out.
//!
//! [`Instance::unhealthy`]: crate::inventory::Instance::unhealthy
//!
//! Each step is a *guard* that looks whether the world is as the act needs it (`guard`), an intent
//! written down, the act, looking until it is true or will not become so (`judge`), and the outcome
//! written down. What an act returns is never the answer. One record, act or look is under way at any
//! time. What cannot be written down is not done.
//!
//! # Never
//!
//! | | interlock | kept by |
//! |---|---|---|
//! | 1 | what has traffic is not stopped, removed or replaced; not knowing counts as having it | `guard`, before start, stop and every removal |
//! | 2 | no route to what is not healthy or not registered | `guard`, before register and switch, either way |
//! | 3 | no switch without a healthy look now and passed checks of the digest that runs there; old checks are run again | `guard`; there is no override |
//! | 4 | one driver a target: a lease, whose token every write to the registry compares and every pointer carries | `engine`, the lock and registry ports, `adapters::live_pointer` |
//! | 5 | nothing that toggles: a switch names its from and its to | [`Move`] |
//! | 6 | an act that may have happened is looked at before it is tried again | `machine`: every new try passes the guard |
//! | 7 | what runs is what was seen, never what was recorded | [`crate::watchers`] and [`Observation`] |
//! | 8 | an abort waits until the act under way was observed; the way back begins after it | `machine`: requests are granted where it rests |
//! | 9 | an approval is for one release and one digest, and expires | [`Approval::check`]; of others, [`weigh`] |
//! | 10 | a protected environment does not pass verify or switch by itself | [`need`] and [`Approved`] |
//!
//! # Approvals
//!
//! | | development, staging | protected |
//! |---|---|---|
//! | to begin a plan | yes | yes |
//! | to begin a rollback to what is still warm | yes | the environment's name, typed; covers *register* and *switch* |
//! | register | | yes |
//! | switch, stop | | the environment's name, typed |
//! | backing out, before the switch | yes | yes |
//! | backing out, after the switch | yes | the environment's name, typed |
//!
//! All but backing out become an [`Approval`]; without it no [`Approved`] exists, and no act is done without
//! that. What backing out asks ([`need_back`]) is asked by the console; a crossed threshold asks
//! nobody. `--yes` gives the approvals in advance, in a protected environment only where its rules
//! say `allow_yes`. A release that waits for a person waits without a deadline.
//!
//! Others than the operator have to approve a promote before its switch where the rules say how many
//! ([`Rules::approvals`]), and at least one does in a protected environment where a hold is overridden. What they give
//! ([`Engine::peer_approve`]) names release, digest and plan, and runs out. The guard of the switch counts what the store has at
//! that moment, one a person, and nobody's who began the release or drives it; where that is too few it asks again, and
//! nothing fails. What counted is written down with the intent of the switch. Rollbacks need nobody else.
//! [`approvals_ahead`] says before a promote begins that they will be needed. While they are missing no face asks the driver
//! for the switch: it says who can approve it and how. [`review`] is what an approver is shown.
//!
//! # When something fails
//!
//! - A failure that may pass is tried again for 15 s going forward, and for the progress deadline on the
//!   way back; a look that cannot see counts as *not yet*. One that will not pass fails the step.
//! - A failed step is a question ([`OnFailure::Ask`], the console: retry, back out, leave as it is, and
//!   skip for watch and drain), or the way back ([`OnFailure::BackOut`], the command line).
//!   A watch that crosses its threshold goes back in both.
//! - The way back undoes what was begun, traffic first: stop, switch, the candidate's connections
//!   drained, register, start. Each looks first, so that half of a step is undone as far as it was done.
//! - Where there is no way back (nothing was live before, and the switch was begun) or the way back
//!   fails, the outcome is *needs a person*, or the question again.
//! - A lost lock, a journal that does not answer for the progress deadline, or one that refuses for a few seconds
//!   (a store without room), parks the driver: nothing more is done, and what stands stays. That something
//!   cannot be written down is announced at its first failure, and an interrupted driver does not wait for it.
//!
//! # Rollback
//!
//! A rollback is a release with another goal: to the version that is still warm ([`Wanted::Standby`])
//! or to one that was live here before and is named ([`Wanted::Back`]; [`Engine::rollback_candidates`] lists them, where their
//! images are, and why one cannot be chosen). Where the registry does not tell of a version that was live, and the engine
//! has its image, the journal's digest is enough. When the other slot still
//! runs that digest it is warm: no pull and no start, but checks, register, switch as always. A hold is a warning to it, and
//! it leaves one, written with its route: what was gone back from is not promoted again unseen.
//!
//! No image is removed by a release. [`Engine::plan_prune`] says which an engine need not keep for any of the targets that
//! share it: what an instance has, what is registered, what an open release needs, the last good versions of each target
//! ([`Rules::keep_images`]) and what was never released stays. [`Engine::prune`] removes the rest with all these targets
//! locked, after looking once more, and never by force.
//!
//! # Holds
//!
//! A hold is placed by hand ([`Engine::hold`]), left by a rollback, or stands in the configuration as a freeze. It stops
//! promotes: the planner refuses, [`Engine::open`] looks again, and the guard of the switch does, for one that came
//! while a release was under way ([`Definition::holds`]). Overriding is a reason for exactly those that stood when the
//! plan was made; the plan names them and the head of the release keeps them. No lock is needed to place or clear one. A
//! cleared hold stays written down, with who cleared it and why, until another is placed.
//!
//! # Ends that nobody planned
//!
//! In `cli::promote`, Ctrl-C before the switch backs out; from the switch on it stops driving and leaves
//! both versions running; in the standby it stops driving, and the old version stays running, as with `--no-standby-wait`. A second
//! Ctrl-C, SIGTERM and SIGHUP stop driving at once, which is after the act under way was observed.
//! An approval of *stop* that is given during the standby ends it, and *stop* does not ask again.
//! `--no-standby-wait` stops driving as soon as the standby begins and gives the lock back. The old version stays running
//! until the next release of the target, which closes this one, or until another driver resumes this one and stops it.
//! The next release of the target ends a standby too, whoever drives it and without a takeover: its lock goes over
//! in one transaction, which compares that the driver has begun nothing ([`standby_entry`]), and the release that
//! is ended gets its end written by the later one ([`crate::history::Outcome::Superseded`]). Any other release
//! without an end that a later one comes after is closed as *left*.
//! A driver that stops gives its lock back; that of one that was killed ends with its lease. A console resumes what
//! its own driver lost without waiting for that. The
//! next plan looks at what stands there: a leftover candidate is replaced, a route on which registry and
//! proxy disagree is a refusal.
//!
//! # Taken up again
//!
//! Whoever finds a release without an end goes on with it ([`Engine::resume`]): forward, back, or not at
//! all, which ends it as *left*. The lock is taken first; held by a live driver, it is taken only with a
//! reason, which is kept. Its token keeps out whoever drove before. Then the journal is read again, and
//! says what was intended ([`Plan::resumed`]); what is, the guard of each stage sees before it acts, so
//! that a start or a switch that has happened is not done again (interlock 6). No yes from before counts.
//! Passed checks do, as long as they are fresh; a watch begins anew; a standby goes on for the rest of its
//! time. A failed stage that nobody chose about is decided as it would have been; where that would need a
//! person, the one who goes on is there and it is tried again. A release that another came after can only be left,
//! and that one's driver does so when it begins.
//!
//! # Repair
//!
//! What drifted is mended beside the ladder: [`Engine::plan_repair`] says for each difference which actions
//! mend it, or why a person has to look, and [`Engine::repair`] does them after a yes ([`RepairApproval`]),
//! under the lock, each guarded directly before and looked at until it is true. See `repair`. A target whose
//! newest release has no end is not repaired.
//!
//! # Handover
//!
//! Whoever watches may request the handover ([`Engine::request_handover`]), and says yes to going on with it in
//! the same breath. The driver hands it over ([`Command::HandOver`]): the act under way is observed, the
//! journal says which console may go on and from which lock, and nothing more is done (interlocks 4, 8). The lock is
//! held until that console has taken it over, from exactly that lock, so that nobody slips in between; an heir
//! that does not come finds it free after a while. It is a release that is taken up like any other: looked at first,
//! and no yes from before counts (interlock 6). A driver that stops on purpose writes that down too; one that went
//! without was cut off.
//!
//! # Seen from outside
//!
//! A release that is driven elsewhere is shown like an own one: [`observed`] reads in its journal how
//! far it is and in its lock who drives it. An open head without a lock of its own is *interrupted*.
//!
//! # Told to others
//!
//! Whoever drives a release tells the configured channels of it ([`crate::watchers::Outbox`]): begun, waiting, switched,
//! failed, rolled back, backed out, finished. What is told is found in what the faces are shown ([`NoticeSource`]). Nothing waits
//! for a channel and nothing depends on one; what cannot be sent is tried again for some minutes, and then said in the log.
//! In the same way what the candidate writes is recorded ([`crate::watchers::Recorder`]): each is a [`ReleaseObserver`].
//!
//! # What is stored where
//!
//! In etcd, below the prefix `/greenroom/v1` unless configured otherwise; `{t}` is
//! `targets/{service}/{environment}`:
//!
//! | key | value |
//! |---|---|
//! | `{t}/route` | generation, live slot, digest, address, release, token |
//! | `{t}/slots/{slot}` | registration |
//! | `{t}/lock` | who, since when, which release; on a lease |
//! | `{t}/hold` | the hold that was placed last, standing, ended or cleared |
//! | `approvals/{service}/{environment}/{name}/{ulid}` | one person's approval; on a lease of its own. Apart, so that etcd can keep drivers out, and approvers from each other's names |
//! | `{t}/watching/{console}` | who has it open; on that console's lease, and nothing is decided by it |
//! | `{t}/wheel` | who requests the handover; on the lease of the asking console |
//! | `{t}/releases/{ulid}` | head of a release: plan, and outcome when it is closed |
//! | `{t}/steps/{ulid}/{number}` | its entries: intents, outcomes, approvals, check reports |
//! | `{t}/repairs/{ulid}` | a repair: what differed, the actions, how far it is, how it ended |
//!
//! What a keeper has sealed is below `seals/{service}/{environment}/{ulid}`: beside the targets, so that a role that drives
//! cannot write there.
//!
//! A service may have a key of its own beside them, for others who read etcd, written in the same
//! transaction. Without etcd one SQLite file has the same. The proxy has a directory a target with
//! `blue/`, `green/` and the link `live`, see [`crate::adapters::live_pointer`].
//!
//! # Patience
//!
//! [`Timing`], each settable for everything, an environment, a service, or one target:
//!
//! | | built in | what it bounds |
//! |---|---|---|
//! | `health_deadline` | 30 s | start, while the candidate is not healthy |
//! | `minimum_healthy` | 10 s, in development 2 s | how long it has to be healthy without a break |
//! | `progress_deadline` | 10 min | pull and verify without progress; trying to undo; trying to write down |
//! | `watch` | 1 min | the window after the switch |
//! | `drain` | 30 s | how long old connections may take |
//! | `standby` | 10 min, or never | how long the old version is kept warm |
//! | `stop_grace` | 10 s | how long an instance may take to end |
//! | `approval` | 5 min | how long a yes counts |
//! | `checks_fresh` | 15 min | how old passed checks may be at the switch |
//!
//! Register, switch and stop have 15 s to be seen true, and every guard has 15 s for the world to
//! become right. A deadline moves on progress.

mod act;
mod approval;
mod calls;
mod candidate;
mod definition;
pub mod describe;
mod driver;
mod engine;
mod event;
mod facts;
mod first;
mod gather;
mod guard;
mod handle;
mod interrupted;
mod judge;
mod machine;
mod notices;
mod observed;
mod plan;
mod planner;
mod preview;
mod prune;
mod public;
mod refusal;
mod repair;
mod replay;
pub mod report;
mod request;
mod resume_plan;
mod resume_preview;
pub mod review;
mod rollback_candidates;
mod rules;
mod standby;
mod status;
mod time;
mod unchanged;
mod unreadable;
mod version_catalog;
mod way;

pub use act::{Act, ActionError, ActionErrorKind, Ask, Before, Move, Observation, Stage};
pub use approval::{
    Approval, ApprovalRefused, Approved, Need, NotPeerApproved, RepairApproval, Scope, Weighed,
    approvals_ahead, approve_command, approvers_needed, approvers_words, need, need_back, need_of,
    need_to_begin, need_to_peer_approve, need_to_repair, own_release, peer_approved_words,
    unread_approvals, weigh,
};
pub use calls::ProxyWords;
pub use definition::{Definition, Limit, Rules, Timing};
pub use driver::{Reading, Writing};
pub use engine::{
    Driven, Engine, Force, PeerApprovable, Pruned, ReleaseObserver, RepairHandle, RepairNews,
    Resume, Site, UnreadableHold,
};
pub use event::{Effect, Event, NotWritten, TimerId};
pub use facts::{Facts, Known, Resolved};
pub(crate) use gather::clock_reading;
pub use handle::{Command, Handle, NotDriven};
pub use interrupted::Interrupted;
pub use machine::{GoOn, Machine, OnFailure, Resumption};
pub use notices::NoticeSource;
pub use observed::{LetGo, LiveChecks, Observed, Releases, interrupted_at, observed};
pub use plan::{LiveBefore, Plan};
pub use planner::{Draft, decide};
pub use preview::{Intent, ReleasePreview, Terms};
pub use prune::{Kept, PrunePlan, Spare};
pub use refusal::{NotRollbackCandidate, Refusal, Refused};
pub use repair::{
    Item, Planned, ProxySays, Remedy, RepairAction, RepairPlan, RepairRequest, Rewrite,
};
pub use request::{PlanRequest, Wanted};
pub use resume_plan::Standing;
pub use rollback_candidates::{ImageAt, RollbackCandidate, WaysBack};
pub use rules::{RULES, Rule, RuleScope};
pub use standby::{StandbyOf, standby_entry};
pub use status::{Announcement, AnnouncementKind, Choice, Progress, Status, StepState, StepStatus};
