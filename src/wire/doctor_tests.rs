//! The tests of `greenroom doctor` on this machine: the archive, the directories that Greenroom writes to, and what the
//! inbox of the agent reads when it starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use super::App;
use crate::adapters::archive::Archive as File;
use crate::adapters::inbound::{Inbox, Validity};
use crate::adapters::live_pointer::ThisHost;
use crate::adapters::secrets::LocalSecrets;
use crate::inventory::local_time;
use crate::inventory::servers::{SenderConfig, ServerTls};
use crate::ports::{
    DoctorResult, DoctorTest, Failure, FailureKind, ProxyHost, Result, Secrets, Writable,
};
use crate::settings::{ProxyConfig, RuntimeConfig, Settings, StoreConfig, state_directory};

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
        // The unit of an agent has a state directory of its own, which replaces the user's.
        let of_user = state_directory();
        let archive = self.archive.parent();
        let archive = archive.filter(|it| of_user.is_none_or(|own| !it.starts_with(own)));
        written.chain(of_proxies).chain(archive).collect()
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

/// A certificate that expires within this time should have been renewed.
const RENEWAL: SignedDuration = SignedDuration::from_hours(14 * 24);

impl App {
    /// Reads the credentials and the certificate of the inbox, as far as this machine and user have them. A credential
    /// must be read within a time. Each test has its place. Nothing listens.
    pub fn try_inbox(&self, within: Duration) -> Vec<(String, DoctorTest<'_>)> {
        let Some(inbox) = &self.inbox else {
            return Vec::new();
        };
        let secrets: Arc<dyn Secrets> = Arc::new(LocalSecrets::default());
        let senders = inbox.senders.iter().map(|(name, sender)| {
            let tested = try_sender((name, sender), Arc::clone(&secrets), within);
            (
                format!("inbox.{name}"),
                DoctorTest::new("credential", tested),
            )
        });
        let certificate = inbox.tls.iter().map(|tls| {
            let tested = self.try_certificate(tls);
            ("inbox".to_owned(), DoctorTest::new("certificate", tested))
        });
        certificate.chain(senders).collect()
    }

    async fn try_certificate(&self, tls: &ServerTls) -> DoctorResult {
        let validity = match Inbox::check_certificate(tls).await {
            Ok(validity) => validity,
            Err(failure) if matches!(failure.kind, FailureKind::Missing | FailureKind::Denied) => {
                return not_here(&format!("{}: {}", failure.target, failure.message));
            }
            Err(failure) => return DoctorResult::Failed(failure),
        };
        let file = tls.certificate.display();
        let Some((wrong, hint)) = wrong_date(validity, self.engine.clock().now()) else {
            let until = local_time::moment(validity.until);
            return DoctorResult::Works(format!(
                "{file} is valid until {until}, and its key belongs to it"
            ));
        };
        let doing = format!("checking the dates of {file}");
        let failure = Failure::new(FailureKind::Rejected, "this host", doing, wrong);
        DoctorResult::Failed(failure.hint(hint))
    }
}

/// Fails only for a credential that was read and cannot be used. The sources of the credentials may exist only where the
/// agent runs.
async fn try_sender(
    (name, sender): (&str, &SenderConfig),
    secrets: Arc<dyn Secrets>,
    within: Duration,
) -> DoctorResult {
    if let Some(credential) = sender.credential() {
        let read = secrets.kept(credential.source());
        let Ok(read) = timeout(within, read).await else {
            return not_here(&format!(
                "the credential was not read within {within:?}, the limit of the doctor"
            ));
        };
        if let Err(failure) = read
            && failure.kind != FailureKind::Garbled
        {
            return not_here(&format!("{}: {}", failure.target, failure.message));
        }
    }
    let checked = Inbox::check_sender(name, sender, secrets).await;
    let kind = sender.kind.as_str();
    let used = checked.map(|()| format!("the credential of the {kind} sender can be used"));
    used.into()
}

fn not_here(why: &str) -> DoctorResult {
    let text = "This matters only on the machine where the agent runs, for its user.";
    DoctorResult::NotTried(format!("{why}. {text}"))
}

/// What is wrong with the dates of a certificate, with a hint. A certificate that is valid for a short time, e.g. six
/// days, is renewed late, so only the last third of its time counts.
fn wrong_date(
    Validity { from, until }: Validity,
    now: Timestamp,
) -> Option<(String, &'static str)> {
    let renewal = RENEWAL.min(until.duration_since(from) / 3);
    let renew = "renew the certificate; the running agent reads the new files by itself";
    if now < from {
        let wrong = format!("it is valid only from {}", local_time::moment(from));
        let hint = "wait until then, or check the clock of this machine";
        Some((wrong, hint))
    } else if now > until {
        let wrong = format!("it expired on {}", local_time::moment(until));
        Some((wrong, renew))
    } else if until.duration_since(now) < renewal {
        let wrong = format!("it expires on {}", local_time::moment(until));
        Some((wrong, renew))
    } else {
        None
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

/// The directories of this machine to which Greenroom, or a proxy that tests a configuration, writes. The directories
/// inside a container are not on this machine.
pub(super) fn proxy_directories(settings: &Settings) -> BTreeSet<PathBuf> {
    let mut written = BTreeSet::new();
    for environment in &settings.environments {
        match &environment.proxy {
            Some(ProxyConfig::Nginx(nginx)) if nginx.container.is_none() => {
                written.extend([nginx.sites.clone(), nginx.state.clone()]);
                // The configuration that nginx tests is written next to the configuration that it has.
                let main = nginx.configuration.parent().map(Path::to_owned);
                written.extend(main.into_iter().chain(nginx.access_log.clone()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::SecretSource;
    use crate::inventory::servers::SenderKind;

    #[test]
    fn a_certificate_is_to_be_renewed_in_time() {
        let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        for (days, now, wrong) in [
            (90, -1, Some(("valid only from", "wait"))),
            (90, 0, None),
            (90, 75, None),
            (90, 77, Some(("expires on", "renew"))),
            (90, 91, Some(("expired on", "renew"))),
            (6, 1, None),
            (6, 5, Some(("expires on", "renew"))),
        ] {
            let validity = Validity {
                from: day(0),
                until: day(days),
            };
            let said = wrong_date(validity, day(now));
            let is_said = match (&said, wrong) {
                (Some((said, hint)), Some((wrong, next))) => {
                    said.contains(wrong) && hint.starts_with(next)
                }
                (said, wrong) => said.is_none() && wrong.is_none(),
            };
            assert!(is_said, "day {now} of {days}: {said:?}");
        }
    }

    async fn tried(argv: &[&str]) -> DoctorResult {
        let argv = argv.iter().map(|&it| it.to_owned()).collect();
        let sender = SenderConfig {
            kind: SenderKind::Signed,
            token: None,
            user: None,
            password: None,
            secret: Some(SecretSource::Command(argv)),
        };
        let secrets = Arc::new(LocalSecrets::default());
        try_sender(("ci", &sender), secrets, Duration::from_secs(2)).await
    }

    #[tokio::test]
    async fn a_credential_that_this_machine_does_not_have_is_no_failure() {
        for (argv, why) in [
            (&["/no/such/program"][..], "/no/such/program"),
            (&["false"], "exit status: 1"),
            (&["sleep", "60"], "within 2s, the limit of the doctor"),
        ] {
            let tried = tried(argv).await;
            let is_said = |text: &str| text.contains(why) && text.contains("the agent runs");
            let is_right = matches!(&tried, DoctorResult::NotTried(text) if is_said(text));
            assert!(is_right, "{argv:?}: {tried:?}");
        }
    }

    #[tokio::test]
    async fn a_credential_that_was_read_must_be_usable() {
        for argv in [&["echo", "short"][..], &["true"], &["printf", r"\377"]] {
            let tried = tried(argv).await;
            assert!(
                matches!(tried, DoctorResult::Failed(_)),
                "{argv:?}: {tried:?}"
            );
        }
    }
}
