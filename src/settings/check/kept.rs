//! Checks relative paths of data (archive, stores and state). Two mistakes are found. The data would be in a directory
//! that the next update of the configuration removes (a Kubernetes `ConfigMap`). Or the configuration is a symbolic
//! link, and the data exists next to the link while the path starts at the real file.

use std::path::Path;

use super::super::model::{EnvironmentSection, StoreKind};
use super::super::paths;
use super::Checker;
use crate::sanitize::visible;

impl Checker<'_> {
    /// Checks the store and the state directories of an environment.
    pub(super) fn data_paths(&mut self, at: &[&str], section: &EnvironmentSection) {
        let of = |table: &'static str, key: &'static str| [at, &[table, key]].concat();
        if section.store_kind() == StoreKind::Sqlite
            && let Some(store) = section.sqlite.as_ref().and_then(|it| it.path.as_ref())
        {
            self.data_path(&of("sqlite", "path"), store);
        }
        if let Some(process) = &section.process {
            self.data_path(&of("process", "state"), &process.state);
        }
        if let Some(embedded) = &section.embedded {
            self.data_path(&of("embedded", "state"), &embedded.state);
        }
        if let Some(nginx) = section.nginx.as_ref().filter(|it| it.container.is_none()) {
            self.data_path(&of("nginx", "state"), &nginx.state);
        }
    }

    /// Refuses a relative path in two cases: the next update of the configuration would remove the data, or the data
    /// exists next to the symbolic link and not next to the real file.
    pub(super) fn data_path(&mut self, path: &[&str], named: &Path) {
        if named.is_absolute() {
            return;
        }
        let place = self.absolute_base.join(named);
        let shown = |place: &Path| visible(&place.display().to_string());
        if let Some(replaced) = paths::replaced_at_updates(self.base, named) {
            let says = format!(
                "`{}` is in {}, which the next update of the configuration replaces, as Kubernetes does with a ConfigMap: the data stored there would be lost. Use an absolute path on a volume that stays",
                shown(&place),
                shown(&replaced)
            );
            self.error(path, says);
            return;
        }
        let Some(link) = self.link else {
            return;
        };
        let next_to_link = link.join(named);
        if next_to_link.exists() && !place.exists() {
            let says = format!(
                "the configuration is a symbolic link, and relative paths start in the directory of the real file. So this path is `{}`, which does not exist; `{}` exists next to the link. Write the absolute path that you want",
                shown(&place),
                shown(&next_to_link)
            );
            self.error(path, says);
        }
    }
}
