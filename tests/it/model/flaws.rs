//! Worlds that are not as the protocol needs them, and drivers whose eyes deceive them. Each takes
//! one guard away without touching the machine, and a property has to notice.

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The store writes for whoever asks.
    StoreTakesAnyToken,
    /// The store swaps the route whatever it was.
    StoreTakesAnyFrom,
    /// The store swaps the route to a slot that is not registered.
    StoreRoutesToUnregistered,
    /// The store deregisters what the route names.
    StoreDeregistersLive,
    /// The proxy obeys whoever asks.
    ProxyTakesAnyToken,
    /// The proxy refuses to be told where it is.
    ProxyRefusesToStay,
    /// The lock is given to two.
    LockIsGivenTwice,
    /// Nobody asks for the lock before the engine is called, which compares no token.
    EngineAsksNobody,
    /// An instance that is being stopped is started again before that is over.
    StartedOverAStop,
    /// The journal says yes and forgets.
    JournalForgets,
    /// The proxy is seen where the registry routes.
    ProxySeenAsRouted,
    /// The store switches whatever was decided on hold and approvals.
    StoreTakesAnyNeeds,
    /// Nobody is seen to have the lock.
    HolderSeenAsNobody,
    /// The route is seen where it was when the release began.
    RouteSeenAsBefore,
    /// The route is seen where the release of this plan switched it.
    RouteSeenAsSwitched,
    /// Both slots are seen to be registered as planned.
    RegistrationSeenAsPlanned,
    /// Every probe is seen to be good.
    ProbeSeenGood,
    /// The planned digest is seen, whatever runs.
    DigestSeenAsPlanned,
    /// The checks are seen to be of the planned digest.
    ChecksSeenOfPlan,
    /// The checks are seen to have passed.
    ChecksSeenPassed,
    /// What was seen last is told again.
    OldObservation,
    /// An act is said to be over while it is under way.
    ActAnswersEarly,
    /// The plan says that the environment is not protected.
    PlanForgetsTier,
    /// Two plans have one name and one digest.
    PlansAreAlike,
    /// The clock of who approves is a day ahead.
    ApprovedTomorrow,
    /// No timer fires.
    TimersAreLost,
}
