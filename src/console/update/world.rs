//! The world was observed: the cursor finds its first place, and the log its instance.

use std::sync::Arc;

use crate::console::effect::Effect;
use crate::console::model::{LogSource, Model};
use crate::inventory::{Role, Slot, Target, World};
use crate::logs::{Ring, Viewport};

pub(super) fn observed(model: &mut Model, world: Arc<World>) -> Vec<Effect> {
    let mut effects = Vec::new();
    model.world = world;
    let rows = model.world.services.len();
    let columns = model.world.environments.len();
    if let Some((row, column)) = model.cursor {
        model.cursor = (rows > 0 && columns > 0).then(|| {
            (
                row.min(rows.saturating_sub(1)),
                column.min(columns.saturating_sub(1)),
            )
        });
    }
    if model.cursor.is_none() && rows > 0 {
        // The cursor never starts where customers are.
        let first = model
            .world
            .environments
            .iter()
            .position(|(_, tier)| !tier.is_protected());
        model.cursor = first.map(|column| (0, column));
        if model.open.is_none() {
            model.open = under_cursor(model);
            effects.extend(model.open.clone().map(Effect::LookAt));
        }
    }
    effects.extend(follow(model));
    effects
}

/// The target under the cursor.
pub(super) fn under_cursor(model: &Model) -> Option<Target> {
    let (row, column) = model.cursor?;
    let service = model.world.services.get(row)?;
    let (environment, _) = model.world.environments.get(column)?;
    Some(Target::new(service.clone(), environment.clone()))
}

/// Follows the log that should be shown now, if it is another than the one that is.
pub(super) fn follow(model: &mut Model) -> Vec<Effect> {
    let wanted = wanted_source(model);
    if wanted == model.log.source {
        return Vec::new();
    }
    // An instance that went leaves its last words on the screen until there is another to follow.
    if wanted.is_none() && still_about_open(model) {
        return Vec::new();
    }
    model.log.source.clone_from(&wanted);
    model.log.ring = Ring::default();
    model.log.view = Viewport::default();
    vec![Effect::FollowLog(wanted)]
}

fn still_about_open(model: &Model) -> bool {
    let source = model.log.source.as_ref();
    source.is_some_and(|source| {
        Some(&source.target) == model.open.as_ref()
            && model.log.chosen.is_none_or(|slot| slot == source.slot)
    })
}

fn wanted_source(model: &Model) -> Option<LogSource> {
    let snapshot = model.snapshot()?;
    let slot = match model.log.chosen {
        Some(slot) => slot,
        None => candidate_else_live(model)?,
    };
    let instance = snapshot.slots.get(slot).instance.as_ref()?;
    Some(LogSource {
        target: snapshot.target.clone(),
        slot,
        instance: instance.id.clone(),
    })
}

/// The slot whose log matters most: the one a release works on, else the candidate's, else the
/// live one.
fn candidate_else_live(model: &Model) -> Option<Slot> {
    let snapshot = model.snapshot()?;
    let has_instance = |slot: &Slot| snapshot.slots.get(*slot).instance.is_some();
    let of_release = model.release_in_flight().map(|status| status.plan.slot);
    let candidate = Slot::BOTH
        .into_iter()
        .find(|slot| snapshot.role(*slot) == Role::Candidate);
    of_release
        .filter(has_instance)
        .or(candidate)
        .or(snapshot.live())
        .filter(has_instance)
        .or_else(|| Slot::BOTH.into_iter().find(has_instance))
}
