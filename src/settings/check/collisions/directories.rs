//! Finds directories and files that have two different uses. Two environments may share a path that has the same use in
//! both, such as a store or a directory of live pointers. Greenroom names everything in such a path after a target, and
//! no two targets have the same name.

use std::path::{Path, PathBuf};

use super::super::super::model::{EnvironmentSection, ProxyKind, Root, RuntimeKind, StoreKind};
use super::super::super::paths;
use super::super::Checker;
use super::{Key, THIS_MACHINE, key, plain, proxy_of};

/// A use of a file or directory.
struct Used {
    machine: String,
    path: PathBuf,
    /// The other paths that this use creates, inside the directory or next to the file.
    below: Vec<PathBuf>,
    /// The use, as messages show it. Uses with the same text may share a path.
    purpose: String,
    key: Key,
}

impl Checker<'_> {
    pub(super) fn directories(&mut self, root: &Root) {
        let used = self.used(root);
        for (index, one) in used.iter().enumerate() {
            let other = used[..index].iter().find_map(|other| {
                let apart = one.machine != other.machine || one.purpose == other.purpose;
                let clash = if apart { None } else { clash(one, other) };
                clash.map(|clash| (clash, other))
            });
            let Some((clash, other)) = other else {
                continue;
            };
            let other_place = self.place_of(&other.key);
            let (one_is, other_is) = (&one.purpose, &other.purpose);
            match clash {
                Clash::Same => self.error_at(
                    &one.key,
                    format!("this path is for {one_is}, and {other_place} has the same path for {other_is}: use different paths"),
                ),
                Clash::Within(path) => self.error_at(
                    &one.key,
                    format!("the path for {one_is} and the path for {other_is} in {other_place} overlap at `{}`: use separate paths", path.display()),
                ),
                Clash::ButForCase => self.warning_at(
                    &one.key,
                    format!("this path is for {one_is}. It differs only in upper and lower case from the path for {other_is} in {other_place}, and some disks treat both as one path: use different paths"),
                ),
            }
        }
    }

    fn used(&self, root: &Root) -> Vec<Used> {
        let mut used = Vec::new();
        let archive = match &root.history.archive {
            Some(path) => Some(self.base.join(path)),
            None => paths::archive(),
        };
        used.extend(archive.map(|path| {
            used_on_this_machine(
                &path,
                &database(&path),
                "the archive",
                key(&["history", "archive"]),
            )
        }));
        for (environment, section) in root.environments.iter() {
            let at = |below: &[&str]| key(&[&["environments", environment], below].concat());
            if section.store_kind() == StoreKind::Sqlite {
                let sqlite = section.sqlite.as_ref();
                let path = sqlite.and_then(|sqlite| sqlite.path.as_ref());
                let path = path.map(|path| self.base.join(path)).or_else(paths::store);
                used.extend(path.map(|path| {
                    let below = database(&path);
                    used_on_this_machine(&path, &below, "the store", at(&["sqlite", "path"]))
                }));
            }
            if let Some(process) = section
                .process
                .as_ref()
                .filter(|_| section.runtime == RuntimeKind::Process)
            {
                let state = self.base.join(&process.state);
                let below = ["records", "locks", "logs"].map(|name| state.join(name));
                let purpose = "the records of processes";
                used.push(used_on_this_machine(
                    &state,
                    &below,
                    purpose,
                    at(&["process", "state"]),
                ));
                let catalogue = self.base.join(&process.catalogue);
                let purpose = "the catalogue of programs";
                let path = at(&["process", "catalogue"]);
                used.push(used_on_this_machine(&catalogue, &[], purpose, path));
            }
            self.used_by_proxy(root, environment, section, &mut used);
        }
        used
    }

    fn used_by_proxy(
        &self,
        root: &Root,
        environment: &str,
        section: &EnvironmentSection,
        used: &mut Vec<Used>,
    ) {
        let Some(proxy) = proxy_of(section) else {
            return;
        };
        // Each service behind this proxy has a directory with the name of the service.
        let services = root.services.iter().filter(|(_, service)| {
            let in_environment = service.environments.get(environment);
            in_environment.is_some_and(|it| it.proxy.is_some())
        });
        let services: Vec<&str> = services.map(|(name, _)| name).collect();
        let at = |below: &[&str]| key(&[&["environments", environment], below].concat());
        let mut push = |path: &Path, below: Vec<PathBuf>, purpose: String, key: Key| {
            used.push(Used {
                machine: proxy.machine.clone(),
                path: plain(path),
                below: below.iter().map(|path| plain(path)).collect(),
                purpose,
                key,
            });
        };
        let pointers = |state: &Path| services.iter().map(|name| state.join(name)).collect();
        let purpose = "the directory of the live pointers".to_owned();
        match (section.proxy_kind(), &section.nginx, &section.embedded) {
            (Some(ProxyKind::Nginx), Some(nginx), _) => {
                let resolve = |path: &Path| match nginx.container {
                    Some(_) => path.to_owned(),
                    None => self.base.join(path),
                };
                let state = resolve(&nginx.state);
                push(&state, pointers(&state), purpose, at(&["nginx", "state"]));
                // If two nginx included the same directory, each would read the other's servers. So the purpose names
                // the nginx, and two nginx cannot share these paths.
                let of = format!(" of the nginx with {}", proxy.identity);
                let purpose = format!("the directory of sites{of}");
                push(
                    &resolve(&nginx.sites),
                    Vec::new(),
                    purpose,
                    at(&["nginx", "sites"]),
                );
                if let Some(log) = &nginx.access_log {
                    let purpose = "the directory of access logs".to_owned();
                    push(
                        &resolve(log),
                        Vec::new(),
                        purpose,
                        at(&["nginx", "access_log"]),
                    );
                }
                let purpose = format!("the main configuration{of}");
                let main = resolve(&nginx.configuration);
                push(&main, Vec::new(), purpose, at(&["nginx", "configuration"]));
            }
            (Some(ProxyKind::Embedded), _, Some(embedded)) => {
                let state = self.base.join(&embedded.state);
                push(
                    &state,
                    pointers(&state),
                    purpose,
                    at(&["embedded", "state"]),
                );
            }
            _ => {}
        }
    }
}

fn used_on_this_machine(path: &Path, below: &[PathBuf], purpose: &str, key: Key) -> Used {
    Used {
        machine: THIS_MACHINE.to_owned(),
        path: plain(path),
        below: below.iter().map(|path| plain(path)).collect(),
        purpose: purpose.to_owned(),
        key,
    }
}

/// The files that SQLite creates next to a database.
fn database(path: &Path) -> Vec<PathBuf> {
    ["-wal", "-shm", "-journal"]
        .map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        })
        .to_vec()
}

enum Clash {
    /// The two uses have the same path.
    Same,
    /// The path of one use is inside a path that the other use creates.
    Within(PathBuf),
    /// The two paths differ only in upper and lower case. Some disks treat them as one path.
    ButForCase,
}

fn clash(one: &Used, other: &Used) -> Option<Clash> {
    if one.path == other.path {
        return Some(Clash::Same);
    }
    let within = |path: &Path, of: &Used| {
        let below = of.below.iter().find(|below| path.starts_with(below));
        below.map(|below| Clash::Within(below.clone()))
    };
    if let Some(clash) = within(&one.path, other).or_else(|| within(&other.path, one)) {
        return Some(clash);
    }
    let lowercase = |path: &Path| path.to_string_lossy().to_lowercase();
    (lowercase(&one.path) == lowercase(&other.path)).then_some(Clash::ButForCase)
}
