//! What Greenroom keeps at relative paths: a configuration that is reached through a symbolic link must not lead to
//! another store than the one that is meant, nor to one that goes away with the configuration.

use std::path::Path;

use super::super::model::{EnvironmentSection, StoreKind};
use super::super::paths;
use super::super::problem::visible;
use super::Look;

impl Look<'_> {
    /// The store of an environment, and its directories of state.
    pub(super) fn kept(&mut self, at: &[&str], section: &EnvironmentSection) {
        let of = |table: &'static str, key: &'static str| [at, &[table, key]].concat();
        if section.store_kind() == StoreKind::Sqlite
            && let Some(store) = section.sqlite.as_ref().and_then(|it| it.path.as_ref())
        {
            self.stays(&of("sqlite", "path"), store);
        }
        if let Some(process) = &section.process {
            self.stays(&of("process", "state"), &process.state);
        }
        if let Some(embedded) = &section.embedded {
            self.stays(&of("embedded", "state"), &embedded.state);
        }
        if let Some(nginx) = section.nginx.as_ref().filter(|it| it.container.is_none()) {
            self.stays(&of("nginx", "state"), &nginx.state);
        }
    }

    /// A relative path is below a directory that stays, and what is meant by it is not beside the link.
    pub(super) fn stays(&mut self, path: &[&str], named: &Path) {
        if named.is_absolute() {
            return;
        }
        let place = self.absolute_base.join(named);
        let shown = |place: &Path| visible(&place.display().to_string());
        if let Some(replaced) = paths::replaced_at_updates(self.base, named) {
            let says = format!(
                "`{}` is in {}, which the next update of the configuration replaces, as Kubernetes does with a ConfigMap: what is stored there would be gone. Name an absolute path on a volume that stays",
                shown(&place),
                shown(&replaced)
            );
            self.error(path, says);
            return;
        }
        let Some(link) = self.link else {
            return;
        };
        let beside = link.join(named);
        if beside.exists() && !place.exists() {
            let says = format!(
                "relative paths count from the file that the link leads to: this is `{}`, which does not exist, and beside the link there is `{}`. Name the one that is meant by its absolute path",
                shown(&place),
                shown(&beside)
            );
            self.error(path, says);
        }
    }
}
