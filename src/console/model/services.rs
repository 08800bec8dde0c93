//! Which services the matrix shows, and in which order. Computed when something changed, so that the
//! cost of drawing depends only on the rows in view.

use unicode_width::UnicodeWidthStr as _;

use super::{CellState, Model, cell};
use crate::inventory::{ServiceName, Target};
use crate::release::{Progress, Status};

/// The order of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The order of the configuration.
    #[default]
    Configured,
    /// By name.
    Name,
    /// Services that need an operator first: failed, waiting, releasing, drifted, held; then the rest.
    Trouble,
}

impl Order {
    /// The next order, in a cycle.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Configured => Self::Name,
            Self::Name => Self::Trouble,
            Self::Trouble => Self::Configured,
        }
    }

    /// Its name.
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
    /// The text that the names must contain; empty shows all services.
    pub filter: String,
    pub order: Order,
    /// The shown services, in order.
    pub shown: Vec<ServiceName>,
    /// The columns of the longest live version, of each environment.
    pub widest: Vec<usize>,
    /// The cell under the cursor before the filter was typed. The cursor returns to it when it can.
    pub before: Option<Target>,
}

impl Services {
    /// The row of a service, if it is shown.
    pub fn row(&self, service: &ServiceName) -> Option<usize> {
        self.shown.iter().position(|shown| shown == service)
    }
}

/// The byte range of the filter in a name; none if the name does not contain it.
pub fn filtered(service: &ServiceName, filter: &str) -> Option<std::ops::Range<usize>> {
    // Names are lower case.
    let filter = filter.trim().to_lowercase();
    let from = service.as_str().find(&filter)?;
    Some(from..from + filter.len())
}

/// Computes the list.
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

/// The release in flight in a target, no matter who drives it. A release that only keeps the old version warm
/// does not count.
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

/// The most urgent state of a service that needs an operator. All other services have the same state.
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
