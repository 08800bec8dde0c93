//! Records the last installation of each target, with everything that determined the file. Without this record, a
//! console with old settings would treat the newer file of another operator as drift and "repair" it.
//!
//! Two files are compared by their inputs ([`Inputs`]). If the settings differ, the file with the settings that were
//! saved later is newer. If the settings are equal, a file is newer only if a newer Greenroom rendered it with a newer
//! built-in template. The save times do not matter then.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::render::{self, DEFAULT_TEMPLATE, Frame, GENERATION, Rendered};
use super::{Nginx, Site, SwitchMode};
use crate::adapters::live_pointer::Pointer;
use crate::inventory::{Endpoint, Target, local_time};
use crate::ports::{FailureKind, Result};

/// The layout of the record. A record with another layout is ignored.
const FORMAT: u32 = 2;

/// Everything that determines a target's file, except the live slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inputs {
    site: Site,
    mode: SwitchMode,
    directory: PathBuf,
    answer_listen: Endpoint,
    access_log: Option<PathBuf>,
    template: Template,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
enum Template {
    /// The built-in template. It changes with Greenroom, not with the settings.
    BuiltIn {
        generation: u32,
        text: String,
    },
    Configured {
        text: String,
    },
}

impl Inputs {
    /// Renders the file for `pointer`. An error says what is wrong with the template.
    fn render(&self, pointer: Pointer) -> std::result::Result<Rendered, String> {
        let (Template::BuiltIn { text, .. } | Template::Configured { text }) = &self.template;
        let frame = Frame {
            template: text,
            mode: self.mode,
            directory: &self.directory,
            answer_listen: &self.answer_listen,
            access_log: self.access_log.clone(),
            pointer,
        };
        render::render(&self.site, &frame)
    }

    /// Whether the settings equal the settings of `other`. Different versions of the built-in template are ignored.
    fn has_settings_of(&self, other: &Self) -> bool {
        let is_built_in = |inputs: &Self| matches!(inputs.template, Template::BuiltIn { .. });
        let mut same_template = self.clone();
        if is_built_in(self) && is_built_in(other) {
            same_template.template = other.template.clone();
        }
        same_template == *other
    }

    /// The generation of the built-in template. 0 for a configured template, which has none.
    fn generation(&self) -> u32 {
        match self.template {
            Template::BuiltIn { generation, .. } => generation,
            Template::Configured { .. } => 0,
        }
    }
}

/// The record in the directory of the live pointer of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Installed {
    format: u32,
    /// The mark of the file. nginx answers with this mark.
    pub(super) mark: String,
    /// When the settings were last saved, if known.
    configured_at: Option<Timestamp>,
    inputs: Inputs,
}

/// The result of comparing the recorded installation with the settings of this console.
pub(super) enum Comparison {
    /// This console may replace the file.
    NotNewer,
    /// A newer Greenroom rendered the file from equal settings.
    NewerGreenroom(Installed),
    /// The file was rendered from other settings that were saved later. The text explains this.
    NewerSettings(Installed, String),
}

/// The inputs of a file, and the time at which their settings were saved.
pub(super) struct Source {
    inputs: Inputs,
    configured_at: Option<Timestamp>,
}

impl Nginx {
    fn installed_file(&self, target: &Target) -> PathBuf {
        self.pointer.directory(target).join("installed.json")
    }

    /// The inputs of a site, from the settings of this console.
    pub(super) fn inputs(&self, site: &Site) -> Result<Inputs> {
        let template = match &self.options.template {
            Some(Ok(text)) => Template::Configured { text: text.clone() },
            Some(Err(error)) => {
                let message = crate::sanitize::sanitize(error);
                let unread = self.failure(FailureKind::Rejected, "reading the template", message);
                return Err(unread.hint("check that the file exists and is readable for this user"));
            }
            None => Template::BuiltIn {
                generation: GENERATION,
                text: DEFAULT_TEMPLATE.to_owned(),
            },
        };
        Ok(Inputs {
            site: site.clone(),
            mode: self.options.config.switch,
            directory: self.pointer.directory(&site.target),
            answer_listen: self.options.config.answer.listen.clone(),
            access_log: self.access_log(&site.target),
            template,
        })
    }

    /// Renders the file of a site from the settings of this console.
    pub(super) fn render(&self, site: &Site, pointer: Pointer) -> Result<Rendered> {
        self.render_from(&self.inputs(site)?, pointer)
    }

    fn render_from(&self, inputs: &Inputs, pointer: Pointer) -> Result<Rendered> {
        inputs.render(pointer).map_err(|error| {
            let doing = format!("rendering the configuration of {}", inputs.site.target);
            let message = crate::sanitize::sanitize(&error);
            self.failure(FailureKind::Rejected, doing, message)
        })
    }

    /// The source of an installation: the settings of this console.
    pub(super) fn configured(&self, site: &Site) -> Result<Source> {
        Ok(Source {
            inputs: self.inputs(site)?,
            configured_at: self.options.configured_at,
        })
    }

    pub(super) fn render_source(&self, source: &Source, pointer: Pointer) -> Result<Rendered> {
        self.render_from(&source.inputs, pointer)
    }

    /// Records an installation. If the settings equal the recorded ones, the new record has the later of the two save
    /// times.
    pub(super) async fn note_installed(
        &self,
        target: &Target,
        new: &Rendered,
        source: Source,
    ) -> Result<()> {
        let before = self.recorded(target).await?;
        let same = before.filter(|before| before.inputs.has_settings_of(&source.inputs));
        let installed = Installed {
            format: FORMAT,
            mark: new.mark.clone(),
            configured_at: source
                .configured_at
                .max(same.and_then(|before| before.configured_at)),
            inputs: source.inputs,
        };
        let text = serde_json::to_vec(&installed).unwrap_or_default();
        self.host().write(&self.installed_file(target), &text).await
    }

    /// Reads the record of the last installation. None if the record is missing, unreadable or has another layout.
    async fn recorded(&self, target: &Target) -> Result<Option<Installed>> {
        let bytes = self.host().read(&self.installed_file(target)).await?;
        let installed: Option<Installed> =
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(installed.filter(|installed| installed.format == FORMAT))
    }

    /// Compares the file on disk with the settings of this console. A file that was edited after its installation is
    /// never newer.
    pub(super) async fn compare_installed(&self, site: &Site, on_disk: &str) -> Result<Comparison> {
        let Some(installed) = self.recorded(&site.target).await? else {
            return Ok(Comparison::NotNewer);
        };
        if !render::has_mark(on_disk, &installed.mark) {
            return Ok(Comparison::NotNewer);
        }
        let ours = self.inputs(site)?;
        if installed.inputs.has_settings_of(&ours) {
            let is_newer = installed.inputs.generation() > ours.generation();
            return Ok(if is_newer {
                Comparison::NewerGreenroom(installed)
            } else {
                Comparison::NotNewer
            });
        }
        let (Some(theirs), Some(ours)) = (installed.configured_at, self.options.configured_at)
        else {
            return Ok(Comparison::NotNewer);
        };
        if theirs <= ours {
            return Ok(Comparison::NotNewer);
        }
        let message = format!(
            "{} was installed from settings that were saved at {}, but this console has older settings, saved at {}",
            self.file(&site.target).display(),
            local_time::moment(theirs),
            local_time::moment(ours)
        );
        Ok(Comparison::NewerSettings(installed, message))
    }

    /// The source of the file that a switch by reload writes. If the file on disk is newer, only its live slot may
    /// change, so it is rendered again from its recorded inputs. If this does not reproduce the file on disk, the
    /// switch is refused.
    pub(super) async fn source_of_switch(
        &self,
        site: &Site,
        doing: &str,
        on_disk: &str,
    ) -> Result<Source> {
        let (installed, why) = match self.compare_installed(site, on_disk).await? {
            Comparison::NotNewer => return self.configured(site),
            Comparison::NewerGreenroom(installed) => {
                let why = format!(
                    "{} was installed by a newer Greenroom",
                    self.file(&site.target).display()
                );
                (installed, why)
            }
            Comparison::NewerSettings(installed, why) => (installed, why),
        };
        let written = render::pointer_in(on_disk).unwrap_or_default();
        let reproduced = installed.inputs.render(written);
        if installed.inputs.mode == SwitchMode::Reload
            && reproduced.is_ok_and(|reproduced| reproduced.text == on_disk)
        {
            return Ok(Source {
                inputs: installed.inputs,
                configured_at: installed.configured_at,
            });
        }
        Err(self.replaces_newer(doing, &why))
    }

    /// Refuses a switch if the file on disk comes from newer settings with the other switch mode, because nginx would
    /// ignore the switch.
    pub(super) async fn refuse_other_mode(&self, site: &Site, doing: &str) -> Result<()> {
        let Some(on_disk) = self.on_disk(&site.target).await? else {
            return Ok(());
        };
        match self.compare_installed(site, &on_disk).await? {
            Comparison::NewerSettings(installed, why)
                if installed.inputs.mode != self.options.config.switch =>
            {
                Err(self.replaces_newer(doing, &why))
            }
            _ => Ok(()),
        }
    }

    fn replaces_newer(&self, doing: &str, why: &str) -> crate::ports::Failure {
        let message = format!(
            "{why}. Nothing was changed, because a switch by this console would replace this file with an older one, or nginx would ignore the switch"
        );
        self.failure(FailureKind::Conflict, doing, message).hint(
            "update the settings file and Greenroom on this machine, or switch from the machine that installed the file",
        )
    }
}
