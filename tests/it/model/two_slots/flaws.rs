//! The flaws of two slots behind one proxy.

/// What is wrong with the route, the registrations, the proxy, or what is observed of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotsFlaw {
    /// The store swaps the route without comparing its value.
    StoreTakesAnyFrom,
    /// The store swaps the route to a slot that is not registered.
    StoreRoutesToUnregistered,
    /// The store deregisters the slot of the route.
    StoreDeregistersLive,
    /// The proxy obeys every token.
    ProxyTakesAnyToken,
    /// The proxy refuses a switch to the slot where it already is.
    ProxyRefusesToStay,
    /// An instance that is being stopped is started again before the stop has ended.
    StartedOverAStop,
    /// The proxy is observed where the registry routes.
    ProxySeenAsRouted,
    /// The route is observed where it was when the release started.
    RouteSeenAsBefore,
    /// The route is observed where the release of this plan switched it.
    RouteSeenAsSwitched,
    /// Both slots are observed as registered as planned.
    RegistrationSeenAsPlanned,
    /// The old slot is observed as stopped, also while it is running.
    SlotSeenStopped,
    /// A slot stays registered when its version is quieted.
    QuietStaysRegistered,
    /// Every probe is observed as good.
    ProbeSeenGood,
    /// The planned digest is observed, also while another one is running.
    DigestSeenAsPlanned,
    /// The last observation is repeated.
    OldObservation,
    /// The store switches without comparing hold and approvals.
    StoreTakesAnyNeeds,
    /// A repair observes the route where the proxy points.
    RouteSeenAsPointed,
    /// A repair observes every instance as running.
    ExitUnseen,
    /// A repair observes every slot as registered as it runs.
    RegistrationSeenAsRunning,
    /// A repair observes no requests.
    RequestsUnseen,
    /// A driver replaces the container of a task that a later driver created.
    TaskTakenFromNewer,
    /// The container of a task that an earlier driver created is kept.
    TaskKeptFromAnother,
    /// The container of a task is started whoever created it.
    TaskStartsForAnyToken,
    /// The container of a task is started again after it has ended.
    EndedTaskIsStarted,
    /// The container of a task is kept although its start may still arrive.
    TaskIsNotReplaced,
    /// A task that may still be started is observed as withdrawn.
    TaskIsNotWithdrawn,
    /// A journal does not name the commands that were begun.
    BegunForgotten,
    /// A task that was never started is observed as ended.
    UnstartedTaskSeenEnded,
    /// A running task is observed as ended.
    RunningTaskSeenEnded,
}
