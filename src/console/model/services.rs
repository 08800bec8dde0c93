//! Which services the matrix shows, and in which order: put together when something changed, so
//! that drawing a few rows of many costs only those.

use unicode_width::UnicodeWidthStr as _;

use super::{CellState, Model, cell};
use crate::inventory::{ServiceName, Target};
use crate::release::{Progress, Status};

/// The orders the services can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// That of the configuration.
    #[default]
    Configured,
    /// By name.
    Name,
    /// What needs somebody first: failed, waiting, releasing, drifted, held, then the rest.
    Trouble,
}

impl Order {
    /// The one after this, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Configured => Self::Name,
            Self::Name => Self::Trouble,
            Self::Trouble => Self::Configured,
        }
    }

    /// What it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Configured => "as configured",
            Self::Name => "by name",
            Self::Trouble => "trouble first",
        }
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// What the names have to contain; empty is all.
    pub filter: String,
    /// The order.
    pub order: Order,
    /// The services shown, in their order.
    pub shown: Vec<ServiceName>,
    /// How many columns the longest live version of each environment takes.
    pub widest: Vec<usize>,
    /// Where the cursor was before the filter was typed: it goes back there as soon as it can.
    pub before: Option<Target>,
}

impl Services {
    /// Which row a service is in, if it is shown.
    pub fn row(&self, service: &ServiceName) -> Option<usize> {
        self.shown.iter().position(|shown| shown == service)
    }
}

/// Where a name contains what is filtered by, in bytes; none when it does not.
pub fn filtered(service: &ServiceName, filter: &str) -> Option<std::ops::Range<usize>> {
    // Names are in lower case.
    let filter = filter.trim().to_lowercase();
    let from = service.as_str().find(&filter)?;
    Some(from..from + filter.len())
}

/// Puts the list together again.
pub fn list_services(model: &Model) -> Services {
    let known = &model.services;
    let mut shown: Vec<ServiceName> = model
        .world
        .services
        .iter()
        .filter(|service| filtered(service, &known.filter).is_some())
        .cloned()
        .collect();
    match known.order {
        Order::Configured => {}
        Order::Name => shown.sort(),
        Order::Trouble => shown.sort_by_cached_key(|service| trouble(model, service)),
    }
    let widest = model.world.environments.iter().map(|(environment, _)| {
        let versions = model.world.services.iter().filter_map(|service| {
            let target = Target::new(service.clone(), environment.clone());
            Some(model.world.get(&target)?.live_instance()?.version_name())
        });
        versions.map(str::width).max().unwrap_or(0)
    });
    Services {
        shown,
        widest: widest.collect(),
        ..known.clone()
    }
}

/// The release that goes on in a target, whoever drives it; not one that only keeps the old version
/// warm.
pub fn going_on<'a>(model: &'a Model, target: &Target) -> Option<&'a Status> {
    let status = model.release_of(target)?;
    let is_left = model.left.contains(&status.plan.release);
    let rests = matches!(
        status.progress,
        Progress::Standby { .. } | Progress::Closed(_)
    );
    let goes_on = !rests && (!is_left || model.elsewhere_in(target).is_some());
    goes_on.then_some(status.as_ref())
}

/// The most urgent state of a service that needs somebody; quiet services are all the same.
fn trouble(model: &Model, service: &ServiceName) -> CellState {
    let environments = model.world.environments.iter();
    environments
        .map(|(environment, _)| {
            let target = Target::new(service.clone(), environment.clone());
            cell(model, &target)
        })
        .filter(|state| state.is_trouble())
        .min()
        .unwrap_or(CellState::Healthy)
}
