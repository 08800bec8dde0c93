//! Worlds that break the protocol's assumptions, and drivers that observe wrongly. Each flaw
//! disables one guard without changing the machine, and a property has to notice.

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The store writes without comparing the token.
    StoreTakesAnyToken,
    /// The store swaps the route whatever its value is.
    StoreTakesAnyFrom,
    /// The store swaps the route to a slot that is not registered.
    StoreRoutesToUnregistered,
    /// The store deregisters the slot of the route.
    StoreDeregistersLive,
    /// The proxy obeys every token.
    ProxyTakesAnyToken,
    /// The proxy refuses a switch to the slot where it already is.
    ProxyRefusesToStay,
    /// The lock is given to two holders.
    LockIsGivenTwice,
    /// The lock is not checked before a call of the engine, which compares no token.
    EngineAsksNobody,
    /// An instance that is being stopped is started again before the stop has ended.
    StartedOverAStop,
    /// The journal confirms a write and loses it.
    JournalForgets,
    /// The proxy is observed where the registry routes.
    ProxySeenAsRouted,
    /// The store switches without comparing hold and approvals.
    StoreTakesAnyNeeds,
    /// The lock is observed as free.
    HolderSeenAsNobody,
    /// The route is observed where it was when the release started.
    RouteSeenAsBefore,
    /// The route is observed where the release of this plan switched it.
    RouteSeenAsSwitched,
    /// Both slots are observed as registered as planned.
    RegistrationSeenAsPlanned,
    /// Every probe is observed as good.
    ProbeSeenGood,
    /// The planned digest is observed, whatever is running.
    DigestSeenAsPlanned,
    /// The checks are observed as those of the planned digest.
    ChecksSeenOfPlan,
    /// The checks are observed as passed.
    ChecksSeenPassed,
    /// The last observation is repeated.
    OldObservation,
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
}
