//! Directories and files with two different uses. Two environments may share one that has the same use in both, such as
//! a store or a directory of live pointers: names in it are those of targets, and no two targets
//! have the same name.

use std::path::{Path, PathBuf};

use super::super::super::model::{EnvironmentSection, ProxyKind, Root, RuntimeKind, StoreKind};
use super::super::super::paths;
use super::super::Look;
use super::{Key, THIS_MACHINE, key, plain, proxy_of};

/// A use of a file or directory.
struct Used {
    machine: String,
    /// Its own path.
    path: PathBuf,
    /// The known paths that are created below it.
    below: Vec<PathBuf>,
    /// The use, as shown. Uses with the same text may share a path.
    what: String,
    key: Key,
}

impl Look<'_> {
    pub(super) fn directories(&mut self, root: &Root) {
        let used = self.used(root);
        for (index, one) in used.iter().enumerate() {
            let other = used[..index].iter().find_map(|other| {
                let apart = one.machine != other.machine || one.what == other.what;
                let clash = if apart { None } else { clash(one, other) };
                clash.map(|clash| (clash, other))
            });
            let Some((clash, other)) = other else {
                continue;
            };
            let there = self.place_of(&other.key);
            let (one_is, other_is) = (&one.what, &other.what);
            match clash {
                Clash::Same => self.error_at(
                    &one.key,
                    format!("this is {one_is}, and {there} has the same path for {other_is}: use different paths"),
                ),
                Clash::Within(path) => self.error_at(
                    &one.key,
                    format!("this is {one_is}, and it overlaps `{}`, which {other_is} of {there} uses: use separate paths", path.display()),
                ),
                Clash::ButForCase => self.warning_at(
                    &one.key,
                    format!("this is {one_is}, and {there} has the same path for {other_is} except for capital letters: some disks treat them as one path"),
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
            used_here(
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
                    used_here(&path, &below, "the store", at(&["sqlite", "path"]))
                }));
            }
            if let Some(process) = section
                .process
                .as_ref()
                .filter(|_| section.runtime == RuntimeKind::Process)
            {
                let state = self.base.join(&process.state);
                let below = ["records", "locks", "logs"].map(|name| state.join(name));
                let what = "the records of processes";
                used.push(used_here(&state, &below, what, at(&["process", "state"])));
                let catalogue = self.base.join(&process.catalogue);
                let what = "the catalogue of programs";
                let path = at(&["process", "catalogue"]);
                used.push(used_here(&catalogue, &[], what, path));
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
        // Each service with this proxy has a directory of its name.
        let services = root.services.iter().filter(|(_, service)| {
            let here = service.environments.get(environment);
            here.is_some_and(|here| here.proxy.is_some())
        });
        let services: Vec<&str> = services.map(|(name, _)| name).collect();
        let at = |below: &[&str]| key(&[&["environments", environment], below].concat());
        let mut push = |path: &Path, below: Vec<PathBuf>, what: String, key: Key| {
            used.push(Used {
                machine: proxy.machine.clone(),
                path: plain(path),
                below: below.iter().map(|path| plain(path)).collect(),
                what,
                key,
            });
        };
        let pointers = |state: &Path| services.iter().map(|name| state.join(name)).collect();
        let what = "the directory of the live pointers".to_owned();
        match (section.proxy_kind(), &section.nginx, &section.embedded) {
            (Some(ProxyKind::Nginx), Some(nginx), _) => {
                let here = |path: &Path| match nginx.container {
                    Some(_) => path.to_owned(),
                    None => self.base.join(path),
                };
                let state = here(&nginx.state);
                push(&state, pointers(&state), what, at(&["nginx", "state"]));
                // If two nginx included the same directory, each would read the other's servers.
                let of = format!(" of the nginx with {}", proxy.identity);
                let what = format!("the directory of sites{of}");
                push(
                    &here(&nginx.sites),
                    Vec::new(),
                    what,
                    at(&["nginx", "sites"]),
                );
                if let Some(log) = &nginx.access_log {
                    let what = "the directory of access logs".to_owned();
                    push(&here(log), Vec::new(), what, at(&["nginx", "access_log"]));
                }
                let what = format!("the main configuration{of}");
                let main = here(&nginx.configuration);
                push(&main, Vec::new(), what, at(&["nginx", "configuration"]));
            }
            (Some(ProxyKind::Embedded), _, Some(embedded)) => {
                let state = self.base.join(&embedded.state);
                push(&state, pointers(&state), what, at(&["embedded", "state"]));
            }
            _ => {}
        }
    }
}

fn used_here(path: &Path, below: &[PathBuf], what: &str, key: Key) -> Used {
    Used {
        machine: THIS_MACHINE.to_owned(),
        path: plain(path),
        below: below.iter().map(|path| plain(path)).collect(),
        what: what.to_owned(),
        key,
    }
}

/// The additional files of a database.
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
    /// Both have the same path.
    Same,
    /// One is inside a path that the other creates.
    Within(PathBuf),
    /// Both have the same path on a disk that does not distinguish `a` from `A`.
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
    let small = |path: &Path| path.to_string_lossy().to_lowercase();
    (small(&one.path) == small(&other.path)).then_some(Clash::ButForCase)
}
