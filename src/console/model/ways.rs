//! What the picker offers: what other environments run, the registry's tags, and what was typed.
//! One row a version, however many places name it.

use super::{Model, Picker, VersionList, Way};
use crate::inventory::{Digest, EnvironmentName, Instance, Target, VersionRef};
use crate::release::Wanted;

/// A version that other environments run, and where: the nearest in promotion order first.
struct Running {
    name: String,
    digest: Digest,
    live_in: Vec<EnvironmentName>,
}

/// Everything that can be chosen now: what other environments run, then the registry's other tags,
/// then what was typed if it is neither.
pub fn ways(model: &Model, picker: &Picker) -> Vec<Way> {
    let here = model
        .world
        .get(&picker.target)
        .and_then(|snapshot| snapshot.live_instance());
    let running = running(model, picker);
    let mut ways: Vec<Way> = running
        .iter()
        .filter_map(|version| from_environments(version, here))
        .collect();
    if let VersionList::Listed(names) = &picker.list {
        let mut listed = std::collections::BTreeSet::new();
        ways.extend(
            names
                .iter()
                .filter(|name| listed.insert(*name))
                .filter_map(|name| tag(name, &running, here)),
        );
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

fn running(model: &Model, picker: &Picker) -> Vec<Running> {
    let mut all: Vec<Running> = Vec::new();
    // The environment next to this one in promotion order is the likeliest to be promoted from.
    for (environment, _) in model.world.environments.iter().rev() {
        let target = Target::new(picker.target.service.clone(), environment.clone());
        let snapshot = model.world.get(&target);
        let instance = snapshot.and_then(|snapshot| snapshot.live_instance());
        let Some(instance) = instance.filter(|_| *environment != picker.target.environment) else {
            continue;
        };
        match all.iter_mut().find(|known| known.digest == instance.digest) {
            Some(known) => known.live_in.push(environment.clone()),
            None => all.push(Running {
                name: crate::harmless::harmless(instance.version_name()),
                digest: instance.digest.clone(),
                live_in: vec![environment.clone()],
            }),
        }
    }
    all
}

fn from_environments(version: &Running, here: Option<&Instance>) -> Option<Way> {
    let nearest = version.live_in.first()?;
    let places: Vec<&str> = version
        .live_in
        .iter()
        .map(EnvironmentName::as_str)
        .collect();
    let also = if here.is_some_and(|here| here.digest == version.digest) {
        ", and here"
    } else {
        ""
    };
    let places = places.join(", ");
    let digest = version.digest.short();
    Some(Way {
        wanted: Wanted::From(nearest.clone()),
        name: version.name.clone(),
        remark: format!("live in {places}{also}  {digest}"),
    })
}

/// A tag of the registry, unless a row names it already. Where environments run different images
/// under one tag, nobody can tell here which of them it names now: then it has a row of its own.
fn tag(name: &str, running: &[Running], here: Option<&Instance>) -> Option<Way> {
    let reference: VersionRef = name.parse().ok()?;
    let rows = running.iter().filter(|version| version.name == name);
    let remark = match rows.count() {
        0 if here.and_then(|here| here.tag.as_deref()) == Some(name) => "live here under that tag",
        0 => "",
        1 => return None,
        _ => "what the image registry has under that tag now",
    };
    Some(Way {
        wanted: Wanted::Version(reference),
        name: name.to_owned(),
        remark: remark.to_owned(),
    })
}
