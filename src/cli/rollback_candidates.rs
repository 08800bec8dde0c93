//! `greenroom rollback --list`: lists the versions that are proven to have been live in a target, and where their
//! images are. Of a long history, only the newest part is searched. If a version cannot be chosen, says why.

use super::arguments::Common;
use super::promote::refuse;
use super::{Exit, json, open};
use crate::history::Fate;
use crate::inventory::Target;
use crate::inventory::local_time;
use crate::release::{ImageAt, RollbackCandidate, RollbackCandidates};

pub(super) async fn list(common: &Common, target: &Target) -> Exit {
    let app = match open::app_for(common, Some(&target.service), Some(&target.environment)) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let RollbackCandidates {
        candidates,
        remarks,
    } = match app.engine.rollback_candidates(target).await {
        Ok(candidates) => candidates,
        Err(refused) => return refuse(&refused),
    };
    if common.json {
        let candidates: Vec<_> = candidates.iter().map(candidate_json).collect();
        json::answer(
            serde_json::json!({ "target": target, "ways": candidates, "remarks": remarks }),
        );
        return Exit::Done;
    }
    if candidates.is_empty() {
        say_line!("{target}: no version is proven to have been live");
    }
    for candidate in &candidates {
        let version = &candidate.version;
        let tag = version.tag.as_deref().unwrap_or("-");
        say_line!(
            "{tag:<16} {}  {:<42} {}",
            version.digest.short(),
            fate_text(candidate.fate.as_ref()),
            image(&candidate.image)
        );
        for why in &candidate.against {
            say_line!("{:<16} cannot be chosen: {why}", "");
        }
    }
    for remark in &remarks {
        say_line!("{remark}");
    }
    Exit::Done
}

fn fate_text(fate: Option<&Fate>) -> String {
    match fate {
        Some(Fate::LiveSince(at)) => format!("live since {}", local_time::moment(*at)),
        Some(Fate::LiveUntil(at)) => format!("live until {}", local_time::moment(*at)),
        Some(Fate::BackedOut { at, .. }) => {
            format!("live before, backed out {}", local_time::moment(*at))
        }
        Some(Fate::Left { at, .. }) => {
            format!("live before, release left at {}", local_time::moment(*at))
        }
        Some(Fate::Unfinished(at)) => {
            format!(
                "live before, release open since {}",
                local_time::moment(*at)
            )
        }
        None => "live before".to_owned(),
    }
}

fn image(at: &ImageAt) -> String {
    match at {
        ImageAt::Engine => "image present".to_owned(),
        ImageAt::Registry => "in the image registry".to_owned(),
        ImageAt::Gone => "image gone".to_owned(),
        ImageAt::Unknown(why) => format!("image unknown: {why}"),
    }
}

fn candidate_json(candidate: &RollbackCandidate) -> serde_json::Value {
    let against: Vec<String> = candidate.against.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "version": candidate.version,
        "was": fate_text(candidate.fate.as_ref()),
        "found": candidate.image,
        "can_be_chosen": against.is_empty(),
        "against": against,
    })
}
