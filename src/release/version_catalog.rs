//! Reads what an operator needs to choose a version: the tags, the version that each tag names now, the rules, and the
//! earlier releases of the target.

use super::gather::{by_reference, past_releases};
use super::{Engine, Known, Resolved, Terms};
use crate::history::WasLive;
use crate::inventory::{Target, VersionRef};

impl Engine {
    /// The tags of a target's repository, in the order of the image registry.
    pub async fn tags(&self, target: &Target) -> Known<Vec<String>> {
        let Some(site) = self.site(target) else {
            return Err(not_configured(target));
        };
        let tags = site.read.images.tags(&site.definition.repository).await;
        let tags = tags.map_err(|failure| failure.to_string())?;
        Ok(tags.into_iter().map(|tag| tag.name).collect())
    }

    /// The version that a tag or digest names now.
    pub async fn look_up(&self, target: &Target, reference: &VersionRef) -> Resolved {
        match self.site(target) {
            Some(site) => by_reference(site, reference).await,
            None => Resolved::Unknown(not_configured(target)),
        }
    }

    /// The configuration and records that decide about the versions of a target.
    pub async fn terms(&self, target: &Target) -> Known<Terms> {
        let Some(site) = self.site(target) else {
            return Err(not_configured(target));
        };
        let (past, was_live) = match past_releases(site).await {
            Ok(past) => (Ok(past.heads), past.was_live),
            Err(failure) => (Err(failure.to_string()), WasLive::default()),
        };
        Ok(Terms {
            rules: site.definition.rules.clone(),
            may_write: site.write.is_some(),
            has_health_check: !site.definition.lacks_health_check(),
            past,
            was_live: Box::new(was_live),
        })
    }
}

fn not_configured(target: &Target) -> String {
    format!("{target} is not configured")
}
