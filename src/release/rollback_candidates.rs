//! Lists the versions to which a target can be rolled back: each version that is proven to have been live, where its
//! image is, and why a version cannot be chosen. Operators see this list before they choose. The module only reads.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use super::Site;
use super::engine::unknown;
use super::gather::past_releases;
use super::{Engine, Known, NotRollbackCandidate, Refusal, Refused};
use crate::history::{Fate, UnprovenClaim, fate};
use crate::inventory::{Digest, ImageLabels, SlotMembers, Target, Version, VersionRef};
use crate::ports::FailureKind;

/// How many images are looked up at the same time. More requests may slow the image registry down.
const AT_ONCE: usize = 4;
/// How long one lookup may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the image of a version is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "image", content = "why")]
pub enum ImageAt {
    /// The runtime has the image, so the image registry is not needed.
    Engine,
    Registry,
    /// The runtime and the image registry do not have the image.
    Gone,
    /// It is not known where the image is. The text says why.
    Unknown(String),
}

/// A version to which the target may be rolled back.
#[derive(Debug, Clone)]
pub struct RollbackCandidate {
    pub version: Version,
    /// What the last release did with the version.
    pub fate: Option<Fate>,
    pub image: ImageAt,
    /// The reasons why the version cannot be chosen; empty if it can.
    pub against: Vec<Refusal>,
}

#[derive(Debug, Clone)]
pub struct RollbackCandidates {
    /// The candidates, from the newest to the oldest.
    pub candidates: Vec<RollbackCandidate>,
    /// One message for each release that claims without proof that a version was live. One more message if only a part
    /// of the history was searched.
    pub remarks: Vec<String>,
}

impl Engine {
    /// The versions that are proven to have been live in a target, newest first. Old versions are left out.
    pub async fn rollback_candidates(
        &self,
        target: &Target,
    ) -> Result<RollbackCandidates, Refused> {
        let Some(site) = self.site(target) else {
            return Err(Refusal::UnknownTarget(target.clone()).into());
        };
        let (past, live) = tokio::join!(past_releases(site), live(site));
        let past = past.map_err(|failure| {
            unknown("which versions were live in the target before", &failure)
        })?;
        let versions = past.was_live.versions.iter();
        let candidates = versions.map(|version| {
            let (fate, live) = (fate(&past.heads, &version.digest), &live);
            async move {
                let image = in_time(site, version).await;
                RollbackCandidate {
                    version: version.clone(),
                    fate,
                    against: against(site, version, live, &image),
                    image,
                }
            }
        });
        let candidates = stream::iter(candidates).buffered(AT_ONCE).collect().await;
        let claims = past.was_live.unproven_claims.iter();
        let claims = claims.filter(|claim| !claim.digests.is_empty());
        let mut remarks: Vec<String> = claims.map(UnprovenClaim::to_string).collect();
        remarks.extend(past.was_live.limit());
        Ok(RollbackCandidates {
            candidates,
            remarks,
        })
    }

    /// Where the image of a version is.
    pub async fn find_image(&self, target: &Target, digest: &Digest) -> ImageAt {
        let Some(site) = self.site(target) else {
            return ImageAt::Unknown(format!("{target} is not configured"));
        };
        let version = Version {
            repository: site.definition.repository.clone(),
            tag: None,
            digest: digest.clone(),
            labels: ImageLabels::default(),
        };
        in_time(site, &version).await
    }
}

async fn in_time(site: &Site, version: &Version) -> ImageAt {
    let result = timeout(TIMEOUT, image_at(site, version)).await;
    result.unwrap_or_else(|_| ImageAt::Unknown(format!("no answer within {TIMEOUT:?}")))
}

/// The digest in the slot that the route names; none without a route, or if the slot has no digest. The error says why
/// the digest is not known.
async fn live(site: &Site) -> Known<Option<Digest>> {
    let target = &site.definition.target;
    let (record, instances) = tokio::join!(
        site.read.registry.read(target),
        site.read.runtime.instances(target)
    );
    let record = record.map_err(|failure| failure.to_string())?;
    let instances = instances.map_err(|failure| failure.to_string())?;
    let slots = SlotMembers::by_slot(instances);
    let live = record.route.map(|route| slots.get(route.value.live));
    Ok(live.and_then(SlotMembers::digest).cloned())
}

async fn image_at(site: &Site, version: &Version) -> ImageAt {
    let engine = site.read.runtime.has_image(version).await;
    if matches!(engine, Ok(true)) {
        return ImageAt::Engine;
    }
    let reference = VersionRef::Digest(version.digest.clone());
    let found = site
        .read
        .images
        .resolve(&version.repository, &reference)
        .await;
    match (found, engine) {
        (Ok(_), _) => ImageAt::Registry,
        (Err(failure), Ok(_)) if failure.kind == FailureKind::Missing => ImageAt::Gone,
        (Err(failure), _) => ImageAt::Unknown(failure.to_string()),
    }
}

fn against(
    site: &Site,
    version: &Version,
    live: &Known<Option<Digest>>,
    image: &ImageAt,
) -> Vec<Refusal> {
    let mut against = Vec::new();
    if site.definition.lacks_health_check() {
        against.push(Refusal::NoHealthCheck);
    }
    match live {
        Ok(Some(live)) if *live == version.digest => {
            against.push(Refusal::NotRollbackCandidate(
                NotRollbackCandidate::LiveNow {
                    version: version.name().to_owned(),
                },
            ));
        }
        Ok(_) => {}
        Err(why) => against.push(Refusal::Unknown {
            fact: "which version is live".into(),
            why: why.clone(),
        }),
    }
    if *image == ImageAt::Gone {
        against.push(Refusal::NotRollbackCandidate(
            NotRollbackCandidate::ImageGone {
                version: version.name().to_owned(),
            },
        ));
    }
    against
}
