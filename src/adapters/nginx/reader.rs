//! Implements [`RouterReader`] for nginx.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::installed::Comparison;
use super::owner::{self, NotOurs};
use super::refusal::quoted;
use super::traffic::{self, Logs};
use super::{Nginx, SwitchMode, answer, describe, inherited, sockets};
use crate::adapters::live_pointer::Pointer;
use crate::inventory::{Address, PerSlot, ProxyAnswer, Rates, RequestCount, Slot, Target};
use crate::ports::{
    Connections, DoctorTest, Failure, FailureKind, Installation, LogChunk, PointerState,
    RebaseOrder, Result, RouterReader, SwitchOrder,
};
use crate::sanitize::sanitize;

/// Reads from an nginx and changes nothing.
pub struct NginxReader {
    nginx: Arc<Nginx>,
    logs: Logs,
}

impl NginxReader {
    pub fn new(nginx: Arc<Nginx>) -> Self {
        Self {
            nginx,
            logs: Logs::default(),
        }
    }
}

#[async_trait]
impl RouterReader for NginxReader {
    fn address(&self) -> String {
        self.nginx.address()
    }

    async fn proxy(&self) -> Result<String> {
        let mut command = self.nginx.options.command.clone();
        command.push("-v".to_owned());
        let ended = self.nginx.run(&command).await?;
        let version = ended
            .output
            .lines()
            .find_map(|line| line.strip_prefix("nginx version: "));
        version
            .map(|version| sanitize(version.trim()))
            .ok_or_else(|| {
                let message = format!(
                    "the command with `-v` printed no line `nginx version: …`; its output was {:?}",
                    sanitize(ended.output.trim())
                );
                self.nginx
                    .failure(FailureKind::Garbled, "reading its version", message)
            })
    }

    fn doctor_tests(&self) -> Vec<DoctorTest<'_>> {
        let mut doctor_tests = self.nginx.reading_tests();
        doctor_tests.insert(0, DoctorTest::new("proxy", self.proxy()));
        doctor_tests
    }

    fn describe_install(&self, target: &Target) -> Vec<String> {
        describe::install(&self.nginx, target)
    }

    fn describe_switch(&self, target: &Target, order: &SwitchOrder) -> Vec<String> {
        describe::switch(&self.nginx, target, order)
    }

    async fn installation(&self, target: &Target) -> Result<Installation> {
        let nginx = &self.nginx;
        let doing = "comparing its configuration";
        let site = nginx.site(target, doing)?;
        // An unreadable template is reported even before the first release.
        nginx.inputs(site)?;
        let Some(on_disk) = nginx.on_disk(target).await? else {
            let renamed = nginx.under_another_name(target).await?;
            return Ok(
                renamed.map_or(Installation::Missing, |NotOurs { message, hint }| {
                    Installation::Foreign(format!("{message}: {hint}"))
                }),
            );
        };
        let file = nginx.file(target);
        if let Some(NotOurs { message, hint }) = owner::not_ours(&file, &on_disk, target) {
            return Ok(Installation::Foreign(format!("{message}: {hint}")));
        }
        let file = file.display();
        let current = nginx.current_pointer(target, Some(&on_disk)).await?;
        let mut wanted = nginx.render(site, current)?;
        if on_disk != wanted.text {
            match nginx.compare_installed(site, &on_disk).await? {
                Comparison::NewerSettings(_, reason) => return Ok(Installation::Newer(reason)),
                // The file that a newer Greenroom rendered from the same settings is the wanted file.
                Comparison::NewerGreenroom(installed) => wanted.mark = installed.mark,
                Comparison::NotNewer => {
                    let reason = format!("{file} differs from what Greenroom would install");
                    return Ok(Installation::Outdated(reason));
                }
            }
        }
        match answer::ask(&nginx.options.config.answer.address(), target).await {
            Ok(answer) if answer.configuration == wanted.mark => Ok(Installation::Current),
            Ok(answer) => Ok(Installation::Outdated(format!(
                "{file} is correct, but nginx has loaded configuration {} instead of {}",
                answer.configuration, wanted.mark
            ))),
            // Perhaps nginx is just slow, so the loaded configuration is unknown. The call fails instead of reporting the
            // configuration as outdated.
            Err(miss) if miss.late => Err(nginx.failure(miss.kind, doing, miss.message)),
            Err(miss) => Ok(Installation::Outdated(format!(
                "{file} is correct, but nginx does not confirm that it is loaded: {}",
                miss.message
            ))),
        }
    }

    fn touched_by_install(&self, target: &Target) -> Vec<Target> {
        self.nginx.other_targets(target)
    }

    fn touched_by_switch(&self, target: &Target) -> Vec<Target> {
        match self.nginx.options.config.switch {
            SwitchMode::Pointer => Vec::new(),
            SwitchMode::Reload => self.nginx.other_targets(target),
        }
    }

    fn warnings(&self, target: &Target) -> Vec<String> {
        let site = self.nginx.sites.get(target);
        let open = site.and_then(|site| site.open_preview());
        open.map(describe::open_preview).into_iter().collect()
    }

    async fn install_warnings(&self, target: &Target) -> Result<Vec<String>> {
        let nginx = &self.nginx;
        let doing = "reading the directives of its http block";
        let site = nginx.site(target, doing)?;
        let ours = nginx.render(site, Pointer::default())?.text;
        let main = &nginx.options.config.configuration;
        let dump = nginx.run(&nginx.command(&["-T"], main)).await?;
        if dump.code != Some(0) {
            let message = format!("`nginx -T` failed: {}", quoted(&dump.output));
            return Err(nginx.failure(FailureKind::Rejected, doing, message));
        }
        let lost = inherited::not_inherited(&dump.output, main, &ours);
        Ok(describe::not_inherited(target, &lost).into_iter().collect())
    }

    async fn answer(&self, target: &Target) -> Result<ProxyAnswer> {
        let doing = self.nginx.doing_ask(target);
        self.nginx.site(target, &doing)?;
        let at = &self.nginx.options.config.answer.address();
        let first = answer::ask(at, target).await;
        let answered = match first {
            // During a switch, the header of an answer can be from before the switch and its body from after it. A
            // second request gets a consistent answer.
            Err(miss) if miss.kind == FailureKind::Garbled => answer::ask(at, target).await,
            other => other,
        };
        answered.map_err(|miss| {
            let hint = miss.hint();
            self.nginx
                .failure(miss.kind, doing, miss.message)
                .hint(hint)
        })
    }

    async fn pointer(&self, target: &Target) -> Result<Option<PointerState>> {
        let nginx = &self.nginx;
        nginx.site(target, "reading its pointer")?;
        nginx.pointer_state(target).await.map(Some)
    }

    fn describe_rebase(&self, target: &Target, order: &RebaseOrder) -> Vec<String> {
        describe::rebase(&self.nginx, target, order)
    }

    async fn connections(&self, target: &Target, slot: Slot) -> Result<Connections> {
        let doing = format!("counting the connections to {slot} of {target}");
        let mut open = 0;
        for address in self.nginx.site(target, &doing)?.endpoints.get(slot) {
            match self.connections_to(address, &doing).await? {
                Connections::Open(count) => open += count,
                uncounted @ Connections::Uncounted(_) => return Ok(uncounted),
            }
        }
        Ok(Connections::Open(open))
    }

    async fn rates(&self, target: &Target) -> Result<PerSlot<Option<Rates>>> {
        self.logs.rates(&self.nginx, target).await
    }

    async fn traffic(
        &self,
        target: &Target,
        slot: Slot,
        since: Timestamp,
    ) -> Result<Option<RequestCount>> {
        let counted = self.logs.traffic(&self.nginx, target, slot, since).await;
        match counted {
            Ok(count) => Ok(Some(count)),
            // Without an access log there is nothing to count.
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::Unsupported | FailureKind::Missing
                ) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn log(
        &self,
        target: &Target,
        tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        traffic::lines(Arc::clone(&self.nginx), target, tail).await
    }
}

impl NginxReader {
    /// The connections to one member of a slot.
    async fn connections_to(&self, address: &Address, doing: &str) -> Result<Connections> {
        match address {
            Address::Ip { at: remote, .. } => {
                let mut tables = Vec::new();
                for table in ["tcp", "tcp6"] {
                    tables.push(self.nginx.host().socket_table(table).await?);
                }
                let needed = usize::from(remote.is_ipv6());
                if tables[needed].is_none() {
                    return Ok(uncounted(
                        "the socket table of the proxy's host cannot be read",
                    ));
                }
                let mut open = 0;
                for table in tables.iter().flatten() {
                    open += sockets::tcp_to(table, *remote)
                        .map_err(|error| self.garbled(doing, &error))?;
                }
                Ok(Connections::Open(open))
            }
            // `Site::problems` refuses a host name.
            Address::Name { .. } => Ok(uncounted("the slot has a host name")),
            Address::Unix(path) => {
                let table = self.nginx.host().socket_table("unix").await?;
                let open = table.and_then(|table| sockets::unix_to(&table, path));
                Ok(open.map_or_else(
                    || uncounted("the socket table of the proxy's host cannot be read, or has no listener with this path"),
                    Connections::Open,
                ))
            }
        }
    }

    fn garbled(&self, doing: &str, message: &str) -> Failure {
        self.nginx.failure(FailureKind::Garbled, doing, message)
    }
}

fn uncounted(why: &str) -> Connections {
    Connections::Uncounted(why.to_owned())
}
