//! The tests of `greenroom doctor` for nginx. They check whether nginx accepts signals and reads the files in `sites`,
//! and whether Greenroom can write the files that an installation and a switch write. This module does not parse the
//! configuration of nginx, but asks nginx which files it reads.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use ulid::Ulid;

use super::owner;
use super::refusal::{Refusal, quoted};
use super::{Nginx, answer};
use crate::inventory::Target;
use crate::ports::{DoctorResult, DoctorTest, Failure, FailureKind, Result, Writable};

/// The time limit for nginx to print its configuration. It is shorter than the limit of the doctor, because the probe
/// file has to be removed afterwards.
const DUMP: Duration = Duration::from_secs(3);

/// The start of the line that nginx prints before each file of its configuration.
const FILE_HEADER: &str = "# configuration file ";

/// A part of the name of the probe file. It has an underscore, which the name of a target cannot have, so the names of
/// the files of targets do not contain this part.
const PROBE_NAME: &str = "._doctor.";
/// The content of the probe file. nginx reads only a comment.
const PROBE: &str =
    "# Written by Greenroom's doctor to test whether nginx reads this file. You can delete it.\n";

const START: &str = "start nginx, or read its error log";
const NO_TARGETS: &str = "no target uses this nginx";
const READ_ONLY: &str = "read-only mode: this test has to write a file";

impl Nginx {
    pub(super) fn reading_tests(&self) -> Vec<DoctorTest<'_>> {
        vec![
            DoctorTest::new("running", self.try_answering()),
            DoctorTest::new("include", self.try_include(false)),
            DoctorTest::new("access log", self.try_access_log()),
        ]
    }

    pub(super) fn writing_tests(&self) -> Vec<DoctorTest<'_>> {
        vec![
            DoctorTest::new("running", self.try_signal()),
            DoctorTest::new("include", self.try_include(true)),
            DoctorTest::new("sites", self.try_existing(&self.options.config.sites)),
            DoctorTest::new("main", self.try_directory_of_main()),
            DoctorTest::new("state", self.try_state()),
            DoctorTest::new("access log", self.try_access_log()),
        ]
    }

    /// Makes nginx reopen its logs. This signal cuts no connection, and reaches nginx in the same way as a reload.
    async fn try_signal(&self) -> Result<String> {
        let command = self.command(&["-s", "reopen"], &self.options.config.configuration);
        let ended = self.run(&command).await?;
        if ended.code == Some(0) {
            let program = self.program();
            return Ok(format!(
                "nginx is running and accepts signals: `{program} -s reopen` succeeded"
            ));
        }
        let refusal = Refusal::of_signal(&ended.output);
        let doing = "sending a signal";
        let hint = if refusal.kind == FailureKind::Unreachable {
            format!(
                "start nginx with {}",
                self.options.config.configuration.display()
            )
        } else {
            "check that `nginx -t` succeeds, and that this user is allowed to reload nginx"
                .to_owned()
        };
        Err(self
            .failure(refusal.kind, doing, refusal.message)
            .hint(hint))
    }

    async fn try_answering(&self) -> DoctorResult {
        let names = match self.host().list(&self.options.config.sites).await {
            Ok(names) => names,
            Err(failure) => return DoctorResult::Failed(failure),
        };
        let installed = |target: &&Target| names.contains(&owner::file_name(target));
        if self.sites.is_empty() {
            return DoctorResult::NotTried(NO_TARGETS.to_owned());
        }
        let Some(target) = self.sites.keys().find(installed) else {
            let why = "read-only mode: no configuration is installed yet that could answer";
            return DoctorResult::NotTried(why.to_owned());
        };
        match answer::ask(&self.options.config.answer.address(), target).await {
            Ok(_) => DoctorResult::Works("nginx is running and answers".to_owned()),
            Err(miss) => {
                let doing = self.doing_ask(target);
                let hint = if miss.kind == FailureKind::Unreachable {
                    START
                } else {
                    miss.hint()
                };
                DoctorResult::Failed(self.failure(miss.kind, doing, miss.message).hint(hint))
            }
        }
    }

    /// Tests whether nginx reads the files of targets. If `may_write` is set and a target has no file, this writes a
    /// temporary probe file with only a comment.
    async fn try_include(&self, may_write: bool) -> DoctorResult {
        let sites = &self.options.config.sites;
        let listed = tokio::try_join!(self.host().is_directory(sites), self.host().list(sites));
        let names = match listed {
            Ok((true, names)) => names,
            Ok((false, _)) => return DoctorResult::Failed(self.no_directory(sites)),
            Err(failure) => return DoctorResult::Failed(failure),
        };
        let names_of_targets = self.sites.keys().map(owner::file_name);
        let (present, missing): (Vec<String>, Vec<String>) =
            names_of_targets.partition(|name| names.contains(name));
        let probe = missing.first().filter(|_| may_write);
        let probe = probe.map(|name| {
            // The name starts like the name of the missing file, so a pattern that includes the missing file very
            // likely includes the probe.
            let name = name.trim_end_matches(".conf");
            format!("{name}{PROBE_NAME}{}.conf", Ulid::generate())
        });
        if present.is_empty() && probe.is_none() {
            let why = if self.sites.is_empty() {
                NO_TARGETS
            } else {
                READ_ONLY
            };
            return DoctorResult::NotTried(why.to_owned());
        }
        let read = self.read_with(probe.as_deref()).await;
        let read = match read {
            Ok(read) => read,
            Err(failure) => return DoctorResult::Failed(failure),
        };
        let expected = present.iter().chain(&probe);
        let unread = expected.filter(|name| !is_read(&read, name));
        let unread: Vec<&str> = unread.map(String::as_str).collect();
        if unread.is_empty() {
            return DoctorResult::Works(format!(
                "nginx reads the files in {}, as `{} -T` shows",
                sites.display(),
                self.program()
            ));
        }
        DoctorResult::Failed(
            self.not_included("listing the files that it reads", &unread.join(", ")),
        )
    }

    /// The files that nginx reads while a probe file of this name exists in `sites`. If `probe` is None, no probe file
    /// is written.
    async fn read_with(&self, probe: Option<&str>) -> Result<Vec<String>> {
        let Some(name) = probe else {
            return self.files_read().await;
        };
        let file = self.options.config.sites.join(name);
        self.host().write(&file, PROBE.as_bytes()).await?;
        let read = self.files_read().await;
        self.host().remove(&file).await?;
        read
    }

    async fn files_read(&self) -> Result<Vec<String>> {
        let doing = "listing the files that it reads";
        let dumped = timeout(DUMP, self.dump(&self.options.config.configuration)).await;
        let dump = dumped.map_err(|_| {
            let message = format!("`nginx -T` did not finish within {DUMP:?}");
            self.failure(FailureKind::Unreachable, doing, message)
        })??;
        dump.map_err(|output| {
            let message = format!("nginx rejects its configuration: {}", quoted(&output));
            let hint = "correct the configuration until `nginx -t` succeeds: before that, Greenroom cannot install anything";
            self.failure(FailureKind::Rejected, doing, message).hint(hint)
        })
    }

    /// The files that nginx reads with `main`. The inner error is the output of nginx if it rejects the configuration.
    pub(super) async fn dump(
        &self,
        main: &Path,
    ) -> Result<std::result::Result<Vec<String>, String>> {
        let command = self.command(&["-T"], main);
        let ended = self.run(&command).await?;
        Ok(if ended.code == Some(0) {
            Ok(files(&ended.output))
        } else {
            Err(ended.output)
        })
    }

    /// The failure when nginx does not read a file in `sites`.
    pub(super) fn not_included(&self, doing: &str, name: &str) -> Failure {
        let sites = self.options.config.sites.display();
        let main = self.options.config.configuration.display();
        let message = format!("{main} does not include {sites}/{name}");
        let hint = format!("add `include {sites}/*.conf;` to the http block");
        self.failure(FailureKind::Rejected, doing, message)
            .hint(hint)
    }

    async fn try_existing(&self, directory: &Path) -> Result<String> {
        match self.host().try_writing(directory).await? {
            Writable::Here => Ok(format!(
                "{}: a file was written and removed",
                directory.display()
            )),
            Writable::In(_) => Err(self.no_directory(directory)),
        }
    }

    async fn try_directory_of_main(&self) -> Result<String> {
        let main = &self.options.config.configuration;
        self.try_existing(main.parent().unwrap_or(main)).await
    }

    async fn try_state(&self) -> Result<String> {
        let names = self.host().list(&self.options.config.sites).await?;
        let mut names_of_targets = self.sites.keys().map(owner::file_name);
        let is_installed = names_of_targets.any(|name| names.contains(&name));
        self.pointer.try_state(is_installed).await
    }

    /// Tests that the directory of the access logs exists. nginx rejects a configuration if it cannot open the log.
    async fn try_access_log(&self) -> DoctorResult {
        let Some(directory) = &self.options.config.access_log else {
            return DoctorResult::NotTried("no access log is configured".to_owned());
        };
        match self.host().is_directory(directory).await {
            Ok(true) => DoctorResult::Works(format!("{} exists", directory.display())),
            Ok(false) => DoctorResult::Failed(self.no_directory(directory)),
            Err(failure) => DoctorResult::Failed(failure),
        }
    }

    fn no_directory(&self, directory: &Path) -> Failure {
        let directory = directory.display();
        let message = format!("{directory} does not exist");
        let hint = format!("create it: mkdir -p {directory}");
        let doing = format!("looking for {directory}");
        self.failure(FailureKind::Missing, doing, message)
            .hint(hint)
    }
}

/// Whether `files` contains a file of this name. Directories are not compared, because links can change them.
pub(super) fn is_read(files: &[String], name: &str) -> bool {
    let mut names = files.iter().filter_map(|file| file.rsplit('/').next());
    names.any(|read| read == name)
}

/// Whether this is the name of a probe file of the doctor.
pub(super) fn is_probe(name: &str) -> bool {
    name.contains(PROBE_NAME)
}

/// The names of the files in the output of `nginx -T`.
fn files(dump: &str) -> Vec<String> {
    let headers = dump
        .lines()
        .filter_map(|line| line.strip_prefix(FILE_HEADER));
    let names = headers.filter_map(|line| line.strip_suffix(':'));
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_headers() {
        let dump = "nginx: configuration file /etc/nginx/nginx.conf test is successful\n\
            # configuration file /etc/nginx/nginx.conf:\nevents {}\n# configuration file\n\n\
            # configuration file /etc/nginx/conf.d/greenroom-web.qa.conf:\n# Written\n";
        assert_eq!(
            files(dump),
            [
                "/etc/nginx/nginx.conf",
                "/etc/nginx/conf.d/greenroom-web.qa.conf"
            ]
        );
    }
}
