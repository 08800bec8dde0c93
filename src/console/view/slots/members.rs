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
    let (label, meaning) = match (odd, members.representative()) {
        (Some((odd, why)), _) if !is_stopped => {
            let well = members
                .iter()
                .filter(|it| it.unhealthy_by_runtime().is_none());
            let (cross, well) = (theme.glyph(Glyph::Cross), well.count());
            let label = format!("{cross} {well} of {wanted}, member {} {why}", odd.number);
            (label, Meaning::Bad)
        }
        (_, Some(first)) => {
            let (label, meaning) = state(model, theme, snapshot, first);
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
        let meaning = match why(member) {
            Some(_) if !is_stopped => Meaning::Warn,
            _ => Meaning::Muted,
        };
        rows.push(Row::new(6, label, meaning));
    }
    rows
}
