//! The tests of `greenroom doctor` on this machine: the archive, and the directories that Greenroom writes to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::App;
use crate::adapters::archive::Archive as File;
use crate::adapters::live_pointer::ThisHost;
use crate::ports::{DoctorResult, DoctorTest, Failure, FailureKind, ProxyHost, Result, Writable};
use crate::settings::{ProxyConfig, RuntimeConfig, Settings, StoreConfig};

impl App {
    /// Tests that the archive can be written, or that it can be created. Leaves no new file behind.
    pub async fn try_archive(&self) -> Result<String> {
        let path = self.archive.display();
        let directory = self.archive.parent().unwrap_or(Path::new("/"));
        let tried = try_directory(directory).await?;
        if let Some(releases) = File::try_out(&self.archive).await? {
            return Ok(format!(
                "{path} can be written; it contains {releases} releases"
            ));
        }
        Ok(format!(
            "{path} does not exist yet and is created when it is first needed; {tried}"
        ))
    }

    /// The directories of this machine to which a release writes, also those of a proxy.
    pub fn directories_to_write(&self) -> BTreeSet<&Path> {
        let written = self.written_directories.iter();
        let written = written.map(|(_, directory)| directory.as_path());
        let of_proxies = self.proxy_directories.iter().map(PathBuf::as_path);
        written.chain(of_proxies).collect()
    }

    /// Tests the directories of this machine that stores and processes use.
    pub fn try_directories(&self) -> Vec<DoctorTest<'_>> {
        let directories = self.written_directories.iter();
        directories
            .map(|(purpose, directory)| {
                DoctorTest::new(purpose, async {
                    if let Some(why) = &self.read_only {
                        return DoctorResult::NotTried(format!("{}: {why}", directory.display()));
                    }
                    try_directory(directory).await.into()
                })
            })
            .collect()
    }
}

/// The directories of this machine that a release writes to, without the directories of the proxy.
pub(super) fn written_directories(settings: &Settings) -> BTreeSet<(&'static str, PathBuf)> {
    let mut written = BTreeSet::new();
    for environment in &settings.environments {
        if let StoreConfig::Sqlite(path) = &environment.store
            && let Some(directory) = path.parent()
        {
            written.insert(("store", directory.to_owned()));
        }
        if let RuntimeConfig::Process(config) = &environment.runtime {
            written.insert(("processes", config.state.clone()));
        }
    }
    written
}

/// The directories of this machine to which Greenroom writes the configuration of proxies. The directories inside a
/// container are not on this machine.
pub(super) fn proxy_directories(settings: &Settings) -> BTreeSet<PathBuf> {
    let mut written = BTreeSet::new();
    for environment in &settings.environments {
        match &environment.proxy {
            Some(ProxyConfig::Nginx(nginx)) if nginx.container.is_none() => {
                written.extend([nginx.sites.clone(), nginx.state.clone()]);
            }
            Some(ProxyConfig::Embedded(embedded)) => {
                written.insert(embedded.state.clone());
            }
            _ => {}
        }
    }
    written
}

/// Tests that files can be written to a directory of this machine, or that the directory can be created.
pub async fn try_directory(directory: &Path) -> Result<String> {
    let absolute = std::path::absolute(directory).map_err(|error| {
        let doing = format!("checking the directory {}", directory.display());
        Failure::new(FailureKind::Missing, "this host", doing, error.to_string())
    })?;
    Ok(match ThisHost.try_writing(&absolute).await? {
        Writable::Here => format!("{}: a file was written and removed", absolute.display()),
        Writable::In(above) => format!(
            "{} can be created: a file was written to {} and removed",
            absolute.display(),
            above.display()
        ),
    })
}
