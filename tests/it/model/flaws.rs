//! Worlds that break the protocol's assumptions, and drivers that observe wrongly. Each flaw
//! disables one guard without changing the machine, and a property has to notice.

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw<S> {
    /// The store writes without comparing the token.
    StoreTakesAnyToken,
    /// The lock is given to two holders.
    LockIsGivenTwice,
    /// The lock is not checked before a call of the engine, which compares no token.
    EngineAsksNobody,
    /// The journal confirms a write and loses it.
    JournalForgets,
    /// The journal keeps an intent without the command of a task that it names.
    IntentForgetsTask,
    /// The lock is observed as free.
    HolderSeenAsNobody,
    /// The checks are observed as those of the planned digest.
    ChecksSeenOfPlan,
    /// The checks are observed as passed.
    ChecksSeenPassed,
    /// An act is reported as ended while it is under way.
    ActAnswersEarly,
    /// The plan says that the environment is not protected.
    PlanForgetsTier,
    /// Two plans have one name and one digest.
    PlansAreAlike,
    /// The approver's clock is a day ahead.
    ApprovedTomorrow,
    /// No timer fires.
    TimersAreLost,
    /// A repair observes any release as the proof of the route.
    RouteSeenAsProven,
    /// A repair observes once, and never again.
    RepairSeesOnce,
    /// One that only a side has.
    Side(S),
}
