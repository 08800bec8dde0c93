//! The release protocol: what Greenroom does to a target, in which order, and what it never does. The core of this
//! module is pure: it does not use ports, tokio or the clock. The modules `driver`, `engine`, `gather`, `handle`,
//! `rollback_candidates` and `version_catalog` wait for answers. They use ports, which `site` bundles for each target,
//! but no adapter and no user interface.
//!
//! # Words
//!
//! A *target* is one service in one environment. Locks, plans and switches belong to a target. A target has two
//! *slots*, blue and green, each with fixed addresses. The slot with the traffic is *live*. A *background
//! service* (a *worker* or a *scheduler*) gets no requests and has no addresses: the slot that its route names is live.
//! Before the switch the other slot holds the *candidate*. After the switch the version that was live stays in its slot
//! and is kept warm as *standby*. A *version* is an image by its digest. Its tag is only a name. A *registration* says which version is in a
//! slot, and at which address each member answers. The *route* says which slot is live, with a *generation* that only
//! grows. A *release* is one attempt to make one version live: [`Plan`], steps, [`Outcome`].
//!
//! [`Outcome`]: crate::history::Outcome
//!
//! # The steps
//!
//! [`Engine::plan`] observes everything at the same time and resolves the tag to a digest. It returns a [`Plan`] that
//! names every call, or every reason against the release ([`Refused`]). It changes nothing. [`Engine::open`] takes the
//! lock, verifies that the plan's baseline is unchanged, and starts a driver. A plan contains the steps of its ladder
//! that the release needs. Each file of `ladder` begins with the act of its step, when the step is done, and what undoes
//! it; [`step_summaries`] says the same in short.
//!
//! If no version was live before, drain and stop are left out. If `standby = "never"`, quiet and stop are left out. A step with
//! tasks is left out if it has none. For a background service, install and drain are left out, and *switch* changes only
//! the route. *quiet* is only for a worker that has it configured. It follows the standby and deregisters the old slot, so
//! no rollback goes to a version that takes no more jobs.
//!
//! The ladder of a scheduler is *exclusive*: *stop-old* stops the live version before *start*, although the route names
//! it until the switch. *stop* only deregisters the old slot then. The way back first checks that the old version can
//! be started, then removes the candidate, even if the route names it, starts the old version, and changes the route.
//! So a change of the route always names a running version. A driver that has lost its lock may still have a start
//! under way. Docker completes this start before it answers a later question about the same container. So *stop-old*
//! and the way back stop every member, also one that looks stopped. A container is created before it is started, and
//! the lock is checked in between, so a later driver sees every container that may be started.
//!
//! A slot is a set of *members* ([`SlotMembers`]), each with a number. More containers can have the labels of one slot,
//! for example after `docker commit`. Such a slot has no digest and is not healthy: no release switches to it
//! or back to it, and no release registers it. An operator must remove the member that does not belong to the slot.
//! Only *stop* and *remove* act on such a slot: on all its members, if none of them can have traffic.
//!
//! [`SlotMembers`]: crate::inventory::SlotMembers
//!
//! The proxies in front of a target are its *edges* ([`Edges`]); one is configured for each target, except for a
//! background service, which has none. All edges count together. No edge shows that the route of a background service
//! is lost or old: then every version that may be live counts as live (`background`). A step is done only if every edge
//! has it. A switch that reached some edges is made again for the others, or back at all of them. No release starts
//! while the edges differ, or while one of them does not answer.
//!
//! [`Edges`]: crate::inventory::Edges
//!
//! *Healthy* has one meaning ([`Instance::unhealthy`]): the runtime says that the instance is running, the image's own
//! HEALTHCHECK, if it has one, says healthy, and Greenroom's probe got a good answer. Checks belong to one *run* of an
//! instance. An instance that exited and was restarted since its checks is not registered and not switched to, and
//! traffic is switched away from it. A background service is not probed. For a rollback of another service the image's
//! HEALTHCHECK does not count, and neither restarts nor public answers move the traffic back: a fault of the proxy or of
//! a database concerns both versions, and must not undo the rollback.
//!
//! [`Instance::unhealthy`]: crate::inventory::Instance::unhealthy
//!
//! One file of `ladder` says everything about one step. Each step has five parts. A *guard* checks whether the state
//! is as the act needs it. The intent is recorded. The act is performed. The state is observed until the result is
//! reached or cannot be reached. The outcome is recorded. The return value of an act is not used as its result. At most
//! one record, act or observation is running at any time. An act whose intent cannot be recorded is not performed.
//!
//! An act is one [`Action`] or several in order. Releases and repairs are plans of the same actions. For both,
//! `interlocks` is the guard of each action, `reached` says when its result is observed, `retry` says how long it is
//! tried, and one performer makes its calls. A step demands more, for example fresh checks.
//!
//! A *task* is a command that runs once per release in a container of the new version ([`Task`]). Its container is
//! created first, which runs nothing. Then the intent with the name of the command is recorded, and the container is
//! started. So if the container exists, it says what has happened, and if it is gone, the journal says whether the
//! command may have run. A rollback runs no task.
//!
//! [`Task`]: crate::inventory::Task
//!
//! # Never
//!
//! | | interlock | enforced by |
//! |---|---|---|
//! | 1 | a slot with traffic is not stopped, removed or replaced. Only *stop-old* and the way back of an exclusive service do this to the live version, on purpose. A slot has traffic if the route or any edge names it; if an edge does not answer, the slot is treated as if it had | `interlocks`, before every stop, removal and deregistration; the guard of start |
//! | 2 | no route to a slot that is not whole, not healthy or not registered | `interlocks`, before register and every change of route or proxy; a change that only lowers the generation of the same route is allowed, because it moves no traffic |
//! | 3 | no switch without a current healthy observation and checks of the running digest, of which each required one has passed or was overridden by an operator with a reason (in a protected environment together with a second person, except for a rollback); old checks are run again | the guard of switch |
//! | 4 | one driver per target: a lock with a lease and a token; every write to the store compares the token, and every pointer carries it | `engine`, the lock and registry ports, `adapters::live_pointer` |
//! | 5 | no act toggles: a switch names the slot that each edge leaves and the slot that all go to | [`Action`], [`Move`] |
//! | 6 | an act that may have happened is observed before it is tried again | the machines of releases and repairs: every new try passes the guard |
//! | 7 | what is shown as running was observed, never taken from a record | [`crate::watchers`] and [`Observation`] |
//! | 8 | a request to stop or to back out waits until the current act was observed | `machine`: a request is granted between acts |
//! | 9 | an approval is for one release and one digest, and expires | [`Approval::check`]; approvals by others, [`weigh`] |
//! | 10 | a protected environment does not pass *register* (the first act after *verify*), *stop-old*, *switch* or *stop* by itself | [`need`] and [`Approved`] |
//! | 11 | a command of a task runs at most once per release; a command that may have run, but whose container is gone, fails the step | `interlocks`, before its container is created and started; the guard of the steps with tasks, which knows the recorded intents |
//! | 12 | two instances of an exclusive service never run at once; a version that may still be up counts as running | `interlocks`, before every create and start |
//!
//! # Approvals
//!
//! | | development, staging | protected |
//! |---|---|---|
//! | start a plan | confirmation; the environment's name, typed, if the plan may cut connections of a protected target | confirmation |
//! | start a warm rollback | confirmation | the environment's name, typed; covers *register* and *switch* |
//! | register | | confirmation |
//! | stop-old, switch, stop (or quiet before it) | | the environment's name, typed |
//! | back out before the switch is started | confirmation | confirmation |
//! | back out after the switch was started | confirmation | the environment's name, typed |
//!
//! All of these except backing out become an [`Approval`]. Without an approval there is no [`Approved`], and without an
//! [`Approved`] no act is performed. Before a release backs out, the console asks for what that requires ([`need_back`]).
//! If a threshold is crossed, the release backs out without asking. `--yes` gives the approvals in advance. In a
//! protected environment, and for a plan that may cut connections of a protected target, `--yes` needs `allow_yes` in
//! the rules of the target's environment. A release waits for a person without a deadline.
//!
//! If the rules say so ([`Rules::approvals`]), other operators must approve a promote before its switch, and of a
//! scheduler also before *stop-old*. If a hold or a required check is overridden in a protected environment, at least
//! one other operator must approve. An approval that was given before a check was overridden does not count
//! ([`weigh`]). After the others have approved, the driver confirms the switch, in every tier. An approval by another
//! operator ([`Engine::peer_approve`]) names release, digest and plan, and expires. The guard of the switch counts the
//! approvals that are in the store at that moment: one per person. Approvals by the operators who opened or drive the
//! release do not count. If too few approvals count, the step does not fail, but waits for a person again. The intent
//! of the switch records the approvals that counted. Rollbacks need no approval by other operators. Before a promote
//! starts, [`approvals_ahead`] says that approvals will be needed. While approvals are missing, no user interface asks
//! the driver for the switch. Instead it shows who can approve and how. [`review`] is what an approver sees.
//!
//! # When something fails
//!
//! - An act that failed temporarily is tried again for 15 s in a forward step and in a repair, and for the progress
//!   deadline while backing out. After a failed observation the driver observes again. Any other failure fails the
//!   step.
//! - After a failed step, an operator chooses ([`OnFailure::Ask`], the console: retry, back out, leave as it is, and
//!   skip for watch, drain, quiet and the undo of tasks, and override with a reason for failed checks), or the release backs out ([`OnFailure::BackOut`], the command line). After a failed
//!   watch, and after too many bad public answers in *switch*, the release backs out in both cases, if it can. After a
//!   failed *quiet*, *stop* or *after-stop* it never backs out by itself, because the new version is live.
//! - Backing out undoes the started steps, traffic first: the tasks after the stop, stop or quiet, switch, drain the candidate's
//!   connections, the tasks after and before the switch, register, start, the tasks before the start. A task that still runs is stopped first,
//!   and a task without an undo command stays done. The state is observed before each of them, because a step may have been done only in part.
//! - If the release cannot be backed out (no version was live before, and the switch was started) or backing out fails,
//!   the outcome is *needs a person*, or the operator is asked again.
//! - The driver stops if its lock is lost, if the store does not answer for the progress deadline, or if the store
//!   refuses to write for a few seconds (for example because it is full). Then everything stays as it is. The first
//!   failed write is announced. A driver that its operator has interrupted does not wait for the store.
//!
//! # Rollback
//!
//! A rollback is a release that goes back to the version that is still warm ([`Wanted::Standby`]), or to a named
//! version that was live in this target before ([`Wanted::Back`]). [`Engine::rollback_candidates`] lists those
//! versions, where their images are, and why a version cannot be chosen. If the image registry does not know a version
//! that was live, but the runtime has its image, the digest in the journal is enough. If the other slot still runs that
//! digest, the rollback is warm: it needs no pull and no start, but checks, register and switch as always. A hold is
//! only a warning for a rollback. A rollback places a hold together with its route, so that the version before is not
//! promoted again by accident.
//!
//! No release removes an image. [`Engine::plan_prune`] says which images no target on a runtime needs. Images of
//! instances, of registrations, of open releases, and of the last good versions of each target ([`Rules::keep_images`])
//! are kept. Images that were never released are kept, too. [`Engine::prune`] locks all these targets, observes again,
//! and removes the other images, never by force.
//!
//! # Holds
//!
//! An operator places a hold ([`Engine::hold`]), a rollback places a hold, or the configuration contains a freeze. A
//! hold stops promotes: the planner refuses, [`Engine::open`] checks again, and the guard of the switch checks for a
//! hold that was placed during the release ([`Definition::holds`]). Overriding needs a reason and covers exactly the
//! holds that were active when the plan was made. The plan and the record of the release name these holds. Placing or
//! clearing a hold needs no lock. A cleared hold stays recorded, with who cleared it and why, until another hold is
//! placed.
//!
//! # Unplanned ends
//!
//! In `cli::promote`, Ctrl-C before the switch backs out. From the switch on, Ctrl-C makes the driver stop, and both
//! versions keep running. In the standby, Ctrl-C also makes the driver stop, as `--no-standby-wait` does. A second
//! Ctrl-C, SIGTERM and SIGHUP stop driving as soon as the current act was observed. An approval of *stop* during the
//! standby ends the standby, and *stop* does not wait for another approval. `--no-standby-wait` stops driving as soon
//! as the standby starts, and releases the lock. The old version keeps running until the next release of the target,
//! which closes this release, or until another driver resumes this release and stops the old version.
//!
//! The next release of the target also ends a standby without a takeover, even if another console drives the standby.
//! The lock moves in one transaction, which fails if the driver has recorded anything new ([`standby_entry`]). The
//! driver of the later release records the end of the earlier one ([`crate::history::Outcome::Superseded`]). It also
//! records the end of other earlier releases without an end: *done* or *backed out* if all steps were completed,
//! otherwise *left*.
//!
//! A driver that stops releases its lock. The lock of a killed driver expires with its lease. If a driver of this
//! console has lost contact with the store, this console can resume the release without waiting for the lease. The next
//! plan observes the current state: a leftover candidate is replaced, and if the route and the proxy disagree, the plan
//! is refused.
//!
//! # Resuming
//!
//! A release that has not ended can be resumed ([`Engine::resume`]): continued, backed out, or closed as *left*. First
//! the lock is taken. Taking it from a running driver needs a reason, which is recorded. The new lock has a new token,
//! so the store refuses writes of the previous driver. Then the journal is read again ([`Plan::resumed`]). The guard of
//! each stage observes the state before the act, so a start or a switch that has happened is not repeated (interlock
//! 6). Earlier approvals do not count. Passed checks count while they are fresh, a watch starts again, and a standby
//! continues for the rest of its time. A failed stage for which no operator chose what to do is handled like a new
//! failure. If that would end the release as needing a person, the stage is tried again instead, because the operator
//! who resumes is present. A release that a later release overtook can only be left. The driver of the later release
//! closes the overtaken release when the later release starts.
//!
//! # Repair
//!
//! Drift is repaired by a repair, not by a release. [`Engine::plan_repair`] says for each difference which actions
//! repair it, or why only a person can repair it. [`Engine::repair`] performs the actions after an approval
//! ([`RepairApproval`]) and under the lock. Each action passes its guard directly before it is performed, and its
//! result is observed. See `repair`. If the newest release of a target has not ended and is not in its standby, the
//! target is not repaired.
//!
//! # Handover
//!
//! An operator who watches a release may request the handover ([`Engine::request_handover`]), and confirms the
//! resumption at the same time. The driver hands the release over ([`Command::HandOver`]): the current act is observed,
//! the journal records which console may resume and from which lock, and nothing more is done (interlocks 4, 8). The
//! driver keeps the lock until that console has taken exactly that lock, so that no other console can take the lock in
//! between. If the successor does not take the lock in time, the lock becomes free. The successor resumes the release
//! like any other release: the state is observed first, and earlier approvals do not count (interlock 6). A driver that
//! stops on purpose without a handover records that, too. Without such a record, it is not known why the driver
//! stopped.
//!
//! # Releases of other drivers
//!
//! A release of another driver is shown like a release of this console: [`observed`] reads its progress from its
//! journal and its driver from its lock. An open release whose lock is gone is *interrupted*.
//!
//! # Notices
//!
//! The driver of a release sends notices to the configured channels ([`crate::watchers::Outbox`]): started, waiting,
//! switched, failed, rolled back, backed out, finished. Notices come from the status that the user interfaces show
//! ([`NoticeSource`]). An agent sends notices of pushes that it offers or refuses ([`push_notice()`]). No release waits for a channel or depends on one. A failed notice is tried again for some
//! minutes, and then logged. [`crate::watchers::Recorder`] records the candidate's output, and no release waits for it
//! either. Outbox and recorder are both a [`ReleaseObserver`].
//!
//! # What is stored where
//!
//! [`crate::store`] says which keys the store has, and [`crate::inventory::STORED_KEYS`] what each contains. Locks are
//! on a lease. Greenroom decides nothing by the keys of consoles that have a target open. Approvals and seals are outside
//! the target's keys. So the permissions of etcd can stop drivers from writing approvals and seals, and approvers from
//! writing under another name.
//!
//! A service may have its own extra key for other readers of etcd, written in the same transaction. Without etcd, one
//! SQLite file has the same content. The proxy has one directory per target with `blue/`, `green/` and the link `live`,
//! see [`crate::adapters::live_pointer`].
//!
//! # Time limits
//!
//! [`Timing`] contains the times, with their built-in values in `timing.rs`. Each can be set for all targets, an
//! environment, a service, or one target.
//!
//! The results of register, switch and stop must be observed within 15 s. Every guard waits at most 15 s until the
//! state is as the act needs it, except the guard of stop, which waits for the `progress_deadline`. A deadline moves
//! with progress.

mod action;
mod approval;
mod background;
mod definition;
pub mod describe;
mod draft;
mod driver;
mod engine;
mod event;
mod exceptions;
mod facts;
mod gather;
mod handle;
mod interlocks;
mod interrupted;
mod ladder;
mod machine;
mod need;
mod notices;
mod observation;
mod observed;
mod plan;
mod planner;
mod preview;
mod prune;
mod push_notice;
mod reached;
mod refusal;
mod repair;
mod replay;
pub mod report;
mod request;
mod resume_plan;
mod resume_preview;
mod retry;
pub mod review;
mod rollback_candidates;
mod rules;
mod site;
mod standby;
mod status;
mod step_state;
mod time;
mod timing;
mod track;
mod unchanged;
mod unreadable;
mod version_catalog;
mod view;

pub use action::{
    Action, ActionError, ActionErrorKind, Move, Purpose, Rewrite, RouteBefore, TaskOrder,
};
pub use approval::{
    Approvable, Approval, ApprovalRefused, Approved, ApprovedRepair, NotPeerApproved,
    RepairApproval, Scope, Weighed, approvals_ahead, approve_command, approvers_words, need,
    need_back, need_of, need_to_begin, need_to_peer_approve, need_to_repair, own_release,
    peer_approved_words, unread_approvals, weigh,
};
pub use definition::Definition;
pub use draft::{Draft, ProxyWords};
pub use engine::{
    Driven, Engine, NewestReleases, Notification, Notified, PeerApprovable, Pruned,
    ReleaseObserver, RepairHandle, RepairNews, Resume, TakeoverRequest, Undriven, UnreadableHold,
};
pub use event::{Effect, Event, NotWritten, TimerId};
pub use facts::{Facts, Known, Resolved};
pub(crate) use gather::clock_reading;
pub use handle::{Command, Handle, NotDriven};
pub use interrupted::Interrupted;
pub use ladder::{
    StepSummary, standby_words, step_after_standby, step_summaries, step_with_approvers,
};
pub use machine::{Machine, OnFailure, ResumeAction, Resumption};
pub use need::Need;
pub use notices::NoticeSource;
pub use observation::{Ask, Observation, Stage};
pub use observed::{DriverStopped, LiveChecks, Observed, Releases, interrupted_at, observed};
pub use plan::{LiveBefore, Plan};
pub use planner::decide;
pub use preview::{Intent, ReleasePreview, Terms};
pub use prune::{KeptBecause, PrunePlan, Spare};
pub use push_notice::push_notice;
pub use refusal::{FormerKind, NotRollbackCandidate, QueueRefusal, Refusal, Refused};
pub use repair::{
    Item, Planned, ProxyCalls, Remedy, RepairEffect, RepairEvent, RepairMachine, RepairPlan,
    RepairRequest, RouteProof, all_answered, plan as plan_repair,
};
pub use request::{PlanRequest, Wanted};
pub use resume_plan::TargetState;
pub use rollback_candidates::{ImageAt, RollbackCandidate, RollbackCandidates};
pub use rules::{RULE_KEYS, Rule, RuleKey, RuleScope, Rules, rules};
pub use site::{Reading, Site, Writing};
pub use standby::{StandbyOf, standby_entry};
pub use status::{Announcement, AnnouncementKind, Choice, Progress, Status, StepStatus};
pub use step_state::StepState;
pub use timing::{TIMING, Timing, TimingKey};

pub use crate::inventory::Limit;
