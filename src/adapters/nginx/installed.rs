//! What was installed last for a target, and how old the configuration was that it came from. A console that read its
//! configuration before another operator installed a newer one would otherwise take the newer file for a difference,
//! and "repair" it.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Nginx;
use super::render::{self, Rendered};
use crate::inventory::Target;
use crate::ports::Result;

/// The layout of the file. A newer one is not read.
const FORMAT: u32 = 1;

/// The record beside a target's live pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Installed {
    format: u32,
    /// The mark of the configuration, which nginx answers with.
    mark: String,
    /// When the file of settings that it was made from was last changed.
    configured_at: Timestamp,
}

impl Nginx {
    fn installed_file(&self, target: &Target) -> PathBuf {
        self.pointer.directory(target).join("installed.json")
    }

    /// Writes down what was just installed. Without the time of the settings there is nothing to compare later.
    pub(super) async fn note_installed(&self, target: &Target, new: &Rendered) -> Result<()> {
        let Some(configured_at) = self.arrangement.configured_at else {
            return Ok(());
        };
        let installed = Installed {
            format: FORMAT,
            mark: new.mark.clone(),
            configured_at,
        };
        let text = serde_json::to_vec(&installed).unwrap_or_default();
        self.host().write(&self.installed_file(target), &text).await
    }

    /// Why what is on disk is newer than what is configured here, in words; none where it is not, or that is unknown.
    /// A file that was edited since it was installed is no newer configuration: it is an edited one.
    pub(super) async fn newer_than_ours(
        &self,
        target: &Target,
        on_disk: &str,
    ) -> Result<Option<String>> {
        let Some(ours) = self.arrangement.configured_at else {
            return Ok(None);
        };
        let file = self.installed_file(target);
        let Some(bytes) = self.host().read(&file).await? else {
            return Ok(None);
        };
        let installed: Option<Installed> = serde_json::from_slice(&bytes).ok();
        let Some(installed) = installed.filter(|installed| installed.format == FORMAT) else {
            return Ok(None);
        };
        let is_untouched = render::has_mark(on_disk, &installed.mark);
        if !is_untouched || installed.configured_at <= ours {
            return Ok(None);
        }
        let local = |at: Timestamp| {
            let zoned = at.to_zoned(TimeZone::system());
            zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
        };
        Ok(Some(format!(
            "{} was installed from a configuration of {}, and the one read here is of {}",
            self.file(target).display(),
            local(installed.configured_at),
            local(ours)
        )))
    }
}
