//! Finds named files and directories that other users could have written. The content of such a file decides what
//! Greenroom sends, which servers Greenroom trusts, where requests go, and which holds Greenroom finds.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::super::file_only;
use super::super::model::{EnvironmentSection, StoreKind};
use super::super::paths;
use super::super::trust::{self, Sharing};
use super::Checker;
use crate::inventory::servers::NginxConfig;
use crate::inventory::{HIDDEN_ANYWHERE, SecretSource};
use crate::sanitize::visible;

impl Checker<'_> {
    /// Checks who can change the store, the directories that say what is running and which slot is live, the catalogue
    /// of versions, and the nginx program.
    pub(super) fn owners(&mut self, at: &[&str], section: &EnvironmentSection) {
        let of = |table: &'static str, key: &'static str| [at, &[table, key]].concat();
        if section.store_kind() == StoreKind::Sqlite {
            let named = section.sqlite.as_ref().and_then(|it| it.path.clone());
            if let Some(store) = named.or_else(paths::store) {
                self.check_owner(&of("sqlite", "path"), &store, Sharing::OwnGroups);
            }
        }
        if let Some(process) = &section.process {
            self.check_owner(&of("process", "state"), &process.state, Sharing::OwnGroups);
            let catalogue = of("process", "catalogue");
            self.check_owner(&catalogue, &process.catalogue, Sharing::OwnGroups);
        }
        if let Some(embedded) = &section.embedded {
            self.check_owner(
                &of("embedded", "state"),
                &embedded.state,
                Sharing::OwnGroups,
            );
        }
        if let Some(nginx) = section.nginx.as_ref().filter(|it| it.container.is_none()) {
            self.check_owner(&of("nginx", "state"), &nginx.state, Sharing::OwnGroups);
            self.binary(&of("nginx", "binary"), nginx);
        }
    }

    /// Checks who can change the file of a secret.
    pub(super) fn secret_file(&mut self, path: &[&str], source: &SecretSource) {
        if let SecretSource::File(file) = source {
            self.check_owner(&[path, &["file"]].concat(), file, Sharing::Private);
        }
    }

    /// Warns about a secret that is too short to be hidden everywhere. Of a file, reads only the beginning. A secret
    /// that a command prints is not examined.
    pub(super) fn short_secret(&mut self, path: &[&str], source: &SecretSource) {
        let secret = match source {
            SecretSource::Env(name) => self.variables.get(name).cloned(),
            SecretSource::File(file) => beginning(&self.base.join(file)),
            SecretSource::Command(_) => None,
        };
        let length = secret.map_or(0, |secret| secret.trim().chars().count());
        if length > 0 && length < HIDDEN_ANYWHERE {
            let says = format!(
                "this secret has fewer than {HIDDEN_ANYWHERE} characters. Greenroom hides such a secret only as a whole word, or not at all: use a longer secret"
            );
            self.warning(path, says);
        }
    }

    /// Checks who can change the nginx program of a protected environment, or of an environment from which a protected
    /// environment takes its versions. A name without a directory is searched in PATH, as when the program is run.
    fn binary(&mut self, path: &[&str], nginx: &NginxConfig) {
        if self.guarded(path).is_empty() {
            return;
        }
        let is_bare = nginx.binary.components().count() == 1;
        let found = if is_bare {
            let search_path = self.variables.get("PATH").map(String::as_str);
            paths::program(&nginx.binary, search_path)
        } else {
            Some(nginx.binary.clone())
        };
        if let Some(binary) = found {
            self.check_owner(path, &binary, Sharing::Private);
        }
    }

    pub(super) fn check_owner(&mut self, path: &[&str], named: &Path, sharing: Sharing) {
        let place = self.base.join(named);
        let Some(objection) = trust::objection_to(&place, sharing) else {
            return;
        };
        let place = visible(&place.display().to_string());
        let says = format!(
            "other users can change `{place}`: {}. If its content is correct, run {}",
            objection.why, objection.fix
        );
        let problem = self.problem(path, says);
        let guarded = self.guarded(path);
        if guarded.is_empty() {
            self.findings.not_ready.push(problem);
        } else {
            let refused = guarded.into_iter().map(|name| (name, problem.clone()));
            self.findings.refused.extend(refused);
        }
    }

    /// The environments whose releases a user could change through this setting: protected environments, and those from
    /// which a protected environment takes its versions. A setting outside of environments concerns all of these.
    fn guarded(&self, path: &[&str]) -> Vec<String> {
        let environment = match path {
            // The agent opens no release of a protected environment.
            ["agent", ..] => return Vec::new(),
            ["environments", name, ..] | ["services", _, "environments", name, ..] => Some(name),
            _ => None,
        };
        let mut names: Vec<String> = Vec::new();
        for (name, _) in file_only::guarded(self.tree) {
            if environment.is_none_or(|it| *it == name) && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The first bytes of a file: enough to find out whether the secret in the file is long enough to be hidden everywhere.
fn beginning(file: &Path) -> Option<String> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let most = 8 * u64::try_from(HIDDEN_ANYWHERE).ok()?;
    File::open(file)
        .ok()?
        .take(most)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
