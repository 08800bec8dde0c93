//! The embedded proxy as a router. It reads from the answer listener and switches by changing the files of the live
//! pointer, so the proxy may run in another process on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::answer::{Answer, RESTART, ask, ask_counted, place};
use super::follow;
use super::site::Site;
use crate::adapters::live_pointer::{LivePointer, ThisHost};
use crate::inventory::{PerSlot, ProxyAnswer, Rates, RequestCount, Slot, Target};
use crate::ports::{
    Connections, DoctorTest, Failure, FailureKind, Installation, LogChunk, PointerState, ProxyHost,
    RebaseOrder, Result, RouterReader, RouterWriter, SwitchOrder,
};

pub struct EmbeddedRouter {
    sites: Vec<Site>,
    answer: SocketAddr,
    pointer: LivePointer,
}

impl EmbeddedRouter {
    /// Makes the router of a proxy that [`super::EmbeddedProxy::start`] started with the same values.
    pub fn new(sites: Vec<Site>, answer: SocketAddr, state: impl Into<PathBuf>) -> Self {
        Self {
            sites,
            answer,
            pointer: LivePointer::new(Arc::new(ThisHost), state),
        }
    }

    fn site(&self, target: &Target) -> Result<&Site> {
        let mut sites = self.sites.iter();
        sites.find(|site| site.target == *target).ok_or_else(|| {
            let message = "this proxy is not configured for the target";
            self.failure(
                FailureKind::Missing,
                format!("looking for {target}"),
                message,
            )
        })
    }

    async fn ask(&self, target: &Target) -> Result<Answer> {
        let doing = format!("reading how {target} is routed");
        ask(self.answer, target).await?.ok_or_else(|| {
            self.failure(
                FailureKind::Missing,
                doing,
                "the proxy does not serve this target",
            )
            .hint(RESTART)
        })
    }

    async fn is_prepared(&self, target: &Target) -> Result<bool> {
        for slot in Slot::BOTH {
            let directory = self.pointer.directory(target).join(slot.as_str());
            let marker = directory.join(LivePointer::marker(slot));
            if ThisHost.read(&marker).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn failure(&self, kind: FailureKind, doing: String, message: &str) -> Failure {
        Failure::new(kind, place(self.answer), doing, message)
    }
}

#[async_trait]
impl RouterReader for EmbeddedRouter {
    fn address(&self) -> String {
        place(self.answer)
    }

    async fn proxy(&self) -> Result<String> {
        if let Some(site) = self.sites.first() {
            ask(self.answer, &site.target).await?;
        }
        // The version of this program. The proxy may run in another process with another version, which its answer does
        // not contain.
        Ok(format!("greenroom/{}", env!("CARGO_PKG_VERSION")))
    }

    fn describe_install(&self, target: &Target) -> Vec<String> {
        let directory = self.pointer.directory(target);
        vec![format!(
            "create {0}/blue/is-blue and {0}/green/is-green if they do not exist",
            directory.display()
        )]
    }

    fn describe_switch(&self, target: &Target, order: &SwitchOrder) -> Vec<String> {
        let file = self.pointer.answer_file(target, order.to);
        vec![
            format!(
                "write generation {} to {}",
                order.generation,
                file.display()
            ),
            format!(
                "replace {} with a link to {} by one rename; no reload",
                self.pointer.link(target).display(),
                order.to
            ),
        ]
    }

    fn warnings(&self, target: &Target) -> Vec<String> {
        let site = self.sites.iter().find(|site| site.target == *target);
        let open =
            site.filter(|site| site.preview_allow.is_empty() && !site.preview.ip().is_loopback());
        let warning = open.map(|site| {
            format!(
                "the preview server at {} shows the candidate to every client that can reach this address: set preview_allow to limit access",
                site.preview
            )
        });
        warning.into_iter().collect()
    }

    async fn installation(&self, target: &Target) -> Result<Installation> {
        let wanted = self.site(target)?.fingerprint();
        let Some(answer) = ask(self.answer, target).await? else {
            return Ok(Installation::Missing);
        };
        if answer.proxy.configuration != wanted {
            let reason = "the running proxy was started with other addresses or another preview_allow for this target".to_owned();
            return Ok(Installation::Outdated(reason));
        }
        if !self.is_prepared(target).await? {
            return Ok(Installation::Missing);
        }
        Ok(Installation::Current)
    }

    async fn answer(&self, target: &Target) -> Result<ProxyAnswer> {
        Ok(self.ask(target).await?.proxy)
    }

    async fn pointer(&self, target: &Target) -> Result<Option<PointerState>> {
        self.site(target)?;
        self.pointer.state(target).await.map(Some)
    }

    async fn connections(&self, target: &Target, slot: Slot) -> Result<Connections> {
        Ok(Connections::Open(*self.ask(target).await?.open.get(slot)))
    }

    async fn rates(&self, target: &Target) -> Result<PerSlot<Option<Rates>>> {
        let rates = self.ask(target).await?.rates;
        Ok(rates.map_or_else(PerSlot::default, |rates| PerSlot {
            blue: Some(rates.blue),
            green: Some(rates.green),
        }))
    }

    async fn traffic(
        &self,
        target: &Target,
        slot: Slot,
        since: Timestamp,
    ) -> Result<Option<RequestCount>> {
        self.site(target)?;
        let counted = ask_counted(self.answer, target, since.as_second()).await?;
        Ok(counted.map(|counted| *counted.get(slot)))
    }

    async fn log(
        &self,
        target: &Target,
        tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        self.site(target)?;
        follow::stream(self.answer, target, tail).await
    }
}

#[async_trait]
impl RouterWriter for EmbeddedRouter {
    fn doctor_tests(&self) -> Vec<DoctorTest<'_>> {
        vec![DoctorTest::new("state", self.pointer.try_state(false))]
    }

    /// Creates the directories and marker files of the live pointer. The proxy opens its listeners only when it starts,
    /// so this call fails if the running proxy does not serve the target with the current configuration.
    async fn install(&self, target: &Target) -> Result<()> {
        self.site(target)?;
        self.pointer.prepare(target).await?;
        let doing = format!("installing {target}");
        match self.installation(target).await? {
            Installation::Current => Ok(()),
            Installation::Missing => Err(self
                .failure(
                    FailureKind::Rejected,
                    doing,
                    "the proxy does not serve this target",
                )
                .hint(RESTART)),
            Installation::Outdated(reason)
            | Installation::Newer(reason)
            | Installation::Foreign(reason) => Err(self
                .failure(FailureKind::Rejected, doing, &reason)
                .hint(RESTART)),
        }
    }

    async fn make_ready(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        self.site(target)?;
        self.pointer.make_ready(target, order).await
    }

    async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        self.site(target)?;
        self.pointer.switch(target, order).await
    }

    async fn rebase(&self, target: &Target, order: &RebaseOrder) -> Result<()> {
        self.site(target)?;
        self.pointer.rebase(target, order).await
    }
}
