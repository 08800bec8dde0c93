//! The rows about the members of a slot that has several: how many are healthy, and one row for each.

use super::{Row, state, text};
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Instance, Role, Slot, Snapshot};

pub(super) fn rows(model: &Model, theme: &Theme, snapshot: &Snapshot, slot: Slot) -> Vec<Row> {
    let side = snapshot.slots.get(slot);
    let members = &side.members;
    let why = |member: &Instance| member.unhealthy_by_runtime();
    let wanted = members.wanted();
    let is_stopped = snapshot.role(slot) == Role::Stopped;
    let odd = members
        .iter()
        .find_map(|member| Some((member, why(member)?)));
    let failed_probe = side.probe.as_ref().filter(|probe| !probe.healthy);
    let (label, meaning) = match (odd, members.representative()) {
        (Some((odd, why)), _) if !is_stopped => {
            let well = members
                .iter()
                .filter(|it| it.unhealthy_by_runtime().is_none());
            let (cross, well) = (theme.glyph(Glyph::Cross), well.count());
            let label = format!("{cross} {well} of {wanted}, member {} {why}", odd.number);
            (label, Meaning::Bad)
        }
        (None, Some(_)) if let Some(probe) = failed_probe => {
            let cross = theme.glyph(Glyph::Cross);
            (format!("{cross} {}", probe.detail), Meaning::Bad)
        }
        (_, Some(first)) => {
            let restarts = members.iter().map(|member| member.restarts).sum();
            let all = Instance {
                restarts,
                ..first.clone()
            };
            let (label, meaning) = state(model, theme, snapshot, &all);
            (format!("{} of {wanted}  {label}", members.len()), meaning)
        }
        (_, None) => return Vec::new(),
    };
    let mut rows = vec![Row::new(1, label, meaning)];
    for member in members {
        let age = member.started_at.filter(|_| member.is_running());
        let age = age.map_or(String::new(), |at| {
            format!(" {}", text::age(text::seconds(at, model.now)))
        });
        let address = side.addresses.of_member(member.number);
        let address = address.map_or(String::new(), ToString::to_string);
        let (number, state) = (member.number, member.state);
        let restarts = match member.restarts {
            0 => String::new(),
            restarts => format!("  restarts {restarts}"),
        };
        let label = format!("{number}  {address}  {state}{age}{restarts}");
        // A small box leaves out the members that are well first.
        rows.push(match why(member) {
            Some(_) if !is_stopped => Row::new(2, label, Meaning::Warn),
            _ => Row::new(6, label, Meaning::Muted),
        });
    }
    rows
}
