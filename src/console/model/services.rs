//! Computes which services the matrix shows, and in which order. The list is computed after an event and not for each
//! draw, so the cost of drawing depends only on the rows on the screen.

use unicode_width::UnicodeWidthStr as _;

use super::{CellState, Model, cell};
use crate::inventory::{ServiceName, Target};
use crate::release::{Progress, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Configured,
    Name,
    /// First the services whose state needs attention, in the order of [`CellState`]: failed, waiting, releasing,
    /// interrupted, drifted, push failed, held, queued, unknown. Then all other services.
    Trouble,
}

impl Order {
    /// The next order. After the last comes the first.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Configured => Self::Name,
            Self::Name => Self::Trouble,
            Self::Trouble => Self::Configured,
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Configured => "as configured",
            Self::Name => "by name",
            Self::Trouble => "trouble first",
        }
    }
}

/// The services in the matrix, with their filter and order.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// The text that the name of a shown service contains. Empty if all services are shown.
    pub filter: String,
    pub order: Order,
    /// The shown services, in order.
    pub shown: Vec<ServiceName>,
    /// For each environment, the width of the longest name of a live version.
    pub widest: Vec<usize>,
    /// The target under the cursor before the filter was typed. The cursor returns to this target as soon as the matrix
    /// shows this target again.
    pub before: Option<Target>,
}

impl Services {
    pub fn row(&self, service: &ServiceName) -> Option<usize> {
        self.shown.iter().position(|shown| shown == service)
    }
}

/// The byte range of the name that matches the filter. `None` if the service does not match.
pub fn matched_range(service: &ServiceName, filter: &str) -> Option<std::ops::Range<usize>> {
    // Service names are in lower case.
    let filter = filter.trim().to_lowercase();
    let from = service.as_str().find(&filter)?;
    Some(from..from + filter.len())
}

/// Computes the shown services and their order again, after an event.
pub fn list_services(model: &Model) -> Services {
    let current = &model.services;
    let mut services: Vec<ServiceName> = model
        .world
        .services
        .iter()
        .filter(|service| matched_range(service, &current.filter).is_some())
        .cloned()
        .collect();
    match current.order {
        Order::Configured => {}
        Order::Name => services.sort(),
        Order::Trouble => services.sort_by_cached_key(|service| trouble(model, service)),
    }
    let widest = model.world.environments.iter().map(|(environment, _)| {
        let versions = model.world.services.iter().filter_map(|service| {
            let target = Target::new(service.clone(), environment.clone());
            Some(model.world.get(&target)?.live_instance()?.version_name())
        });
        versions.map(str::width).max().unwrap_or(0)
    });
    Services {
        shown: services,
        widest: widest.collect(),
        ..current.clone()
    }
}

/// The newest release of a target, if it has not ended. `None` while its driver only keeps the old version warm. Also
/// `None` if this console no longer drives the release and the journals do not show its state yet.
pub fn unfinished_release<'a>(model: &'a Model, target: &Target) -> Option<&'a Status> {
    let status = model.release_of(target)?;
    let is_left = model.left.contains(&status.plan.release);
    let rests = matches!(
        status.progress,
        Progress::Standby { .. } | Progress::Closed(_)
    );
    let is_unfinished = !rests && (!is_left || model.elsewhere_in(target).is_some());
    is_unfinished.then_some(status.as_ref())
}

/// The most urgent state of a service in any environment. `Healthy` if no state needs attention.
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
