//! What the picker offers: what other environments run, the registry's tags, and what was typed.

use super::{Model, Picker, VersionList, Way};
use crate::inventory::{Target, VersionRef};
use crate::release::Wanted;

/// Everything that can be chosen now: what other environments run, then the registry's tags, then
/// what was typed if it is neither.
pub fn ways(model: &Model, picker: &Picker) -> Vec<Way> {
    let mut ways = from_environments(model, picker);
    if let VersionList::Listed(names) = &picker.list {
        ways.extend(names.iter().filter_map(|name| tag(model, picker, name)));
    }
    let filter = picker.filter.trim();
    ways.retain(|way| way.name.contains(filter) || way.remark.contains(filter));
    if ways.is_empty()
        && let Ok(reference) = filter.parse::<VersionRef>()
    {
        ways.push(Way {
            wanted: Wanted::Version(reference),
            name: filter.to_owned(),
            remark: "as typed".into(),
        });
    }
    ways
}

fn from_environments(model: &Model, picker: &Picker) -> Vec<Way> {
    let others = model
        .world
        .environments
        .iter()
        .filter_map(|(environment, _)| {
            if *environment == picker.target.environment {
                return None;
            }
            let target = Target::new(picker.target.service.clone(), environment.clone());
            let instance = model.world.get(&target)?.live_instance()?;
            Some(Way {
                wanted: Wanted::From(environment.clone()),
                name: crate::harmless::harmless(instance.version_name()),
                remark: format!("what {environment} runs, {}", instance.digest.short()),
            })
        });
    // The environment next to this one in promotion order is the likeliest to be promoted from.
    let mut ways: Vec<Way> = others.collect();
    ways.reverse();
    ways
}

fn tag(model: &Model, picker: &Picker, name: &str) -> Option<Way> {
    let reference: VersionRef = name.parse().ok()?;
    let live = model
        .world
        .get(&picker.target)
        .and_then(|snapshot| snapshot.live_instance())
        .and_then(|instance| instance.tag.as_deref());
    let remark = if live == Some(name) {
        "live here under that tag"
    } else {
        ""
    };
    Some(Way {
        wanted: Wanted::Version(reference),
        name: name.to_owned(),
        remark: remark.to_owned(),
    })
}
