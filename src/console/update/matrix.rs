//! The actions of the matrix: its filter, its order, and its cursor. If the rows change, the cursor stays on its target
//! as long as the target is shown.

use crate::console::effect::Effect;
use crate::console::model::{Model, PromptKind, Weight, list_services};
use crate::inventory::{EnvironmentName, ServiceName, Target};

pub(super) fn filter(model: &mut Model) -> Vec<Effect> {
    if model.services.before.is_none() {
        model.services.before.clone_from(&model.cursor);
    }
    let text = model.services.filter.clone();
    model.ask_in_prompt(PromptKind::FilterServices, &text)
}

pub(super) fn sort(model: &mut Model) -> Vec<Effect> {
    model.services.order = model.services.order.next();
    list(model);
    let text = format!("order of the services: {}", model.services.order.label());
    model.say(Weight::Normal, &text);
    Vec::new()
}

/// Filters by the text while the operator types it. An empty text shows all services.
pub(super) fn filter_typed(model: &mut Model, text: &str) {
    text.clone_into(&mut model.services.filter);
    list(model);
    let before = model.services.before.clone();
    if let Some(before) = before.filter(|target| is_shown(model, target)) {
        model.cursor = Some(before);
    } else if let (Some(cursor), Some(first)) = (&model.cursor, model.services.shown.first())
        && !is_shown(model, cursor)
    {
        model.cursor = Some(Target::new(first.clone(), cursor.environment.clone()));
    }
    if text.is_empty() {
        model.services.before = None;
    }
}

pub(super) fn list(model: &mut Model) {
    model.services = list_services(model);
}

/// Places the cursor if there is none, or if its service or environment was removed. Returns whether there was no
/// cursor before and there is one now. The cursor never starts on a protected environment.
pub(super) fn settle_cursor(model: &mut Model) -> bool {
    let Some(cursor) = &model.cursor else {
        let unprotected = model.world.environments.iter();
        let unprotected = unprotected.filter(|(_, tier)| !tier.is_protected());
        let unprotected: Vec<&EnvironmentName> = unprotected.map(|(name, _)| name).collect();
        // A cell without a target cannot be opened, so the cursor starts on the first cell with a target.
        let targets = model.services.shown.iter().flat_map(|service| {
            let environments = unprotected.iter();
            environments.map(|environment| Target::new(service.clone(), (*environment).clone()))
        });
        let first = targets
            .into_iter()
            .find(|target| model.world.get(target).is_some());
        let first =
            first.or_else(|| target_at(model.services.shown.first(), unprotected.first().copied()));
        model.cursor = first;
        return model.cursor.is_some();
    };
    let services = &model.world.services;
    let environments = &model.world.environments;
    let service = services.iter().find(|name| **name == cursor.service);
    let environment = environments
        .iter()
        .map(|(name, _)| name)
        .find(|name| **name == cursor.environment);
    if service.is_none() || environment.is_none() {
        // The service or environment was removed from the configuration. The cursor must not move to a protected
        // environment by itself.
        let unprotected = environments.iter().find(|(_, tier)| !tier.is_protected());
        let service = service.or(model.services.shown.first());
        let environment = environment.or(unprotected.map(|(name, _)| name));
        model.cursor = target_at(service, environment);
    }
    false
}

fn target_at(
    service: Option<&ServiceName>,
    environment: Option<&EnvironmentName>,
) -> Option<Target> {
    Some(Target::new(service?.clone(), environment?.clone()))
}

fn is_shown(model: &Model, target: &Target) -> bool {
    model.services.row(&target.service).is_some()
}

/// Moves the cursor down by `by` rows, or up if `by` is negative.
pub(super) fn down(model: &mut Model, by: isize) {
    let shown = &model.services.shown;
    let Some(last) = shown.len().checked_sub(1) else {
        return;
    };
    let row = model
        .cursor
        .as_ref()
        .and_then(|cursor| model.services.row(&cursor.service));
    // If the row of the cursor is not shown, the first move puts the cursor on the first row.
    let row = row.map_or(0, |row| row.saturating_add_signed(by).min(last));
    let environment = environment_of_cursor(model);
    model.cursor = target_at(model.services.shown.get(row), environment.as_ref());
    model.services.before = None;
}

/// Moves the cursor right by `by` columns, or left if `by` is negative.
pub(super) fn right(model: &mut Model, by: isize) {
    let environments = &model.world.environments;
    let Some(last) = environments.len().checked_sub(1) else {
        return;
    };
    let column = model.cursor.as_ref().and_then(|cursor| {
        let mut names = environments.iter().map(|(name, _)| name);
        names.position(|name| *name == cursor.environment)
    });
    let column = column.map_or(0, |column| column.saturating_add_signed(by).min(last));
    let environment = environments.get(column).map(|(name, _)| name);
    let service = model.cursor.as_ref().map(|cursor| &cursor.service);
    model.cursor = target_at(service.or(model.services.shown.first()), environment);
    model.services.before = None;
}

fn environment_of_cursor(model: &Model) -> Option<EnvironmentName> {
    let first = || model.world.environments.first().map(|(name, _)| name);
    let cursor = model.cursor.as_ref().map(|cursor| &cursor.environment);
    cursor.or_else(first).cloned()
}
