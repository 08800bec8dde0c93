//! Implements [`RouterWriter`] for nginx: installs a configuration and moves the traffic.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::installed::Source;
use super::{Nginx, SwitchMode};
use crate::adapters::live_pointer::{Admission, Pointer};
use crate::inventory::Target;
use crate::ports::{DoctorTest, FailureKind, RebaseOrder, Result, RouterWriter, SwitchOrder};

/// Installs configurations in an nginx and switches its targets.
pub struct NginxWriter {
    nginx: Arc<Nginx>,
    // Serializes reloads. Of two concurrent reloads, each would read answers about the configuration of the other.
    reloading: Mutex<()>,
}

impl NginxWriter {
    pub fn new(nginx: Arc<Nginx>) -> Self {
        Self {
            nginx,
            reloading: Mutex::new(()),
        }
    }

    /// Installs the configuration of a source with this pointer, unless the file already has this content and nginx has
    /// loaded it.
    async fn put(
        &self,
        target: &Target,
        doing: &str,
        old: Option<&str>,
        (source, pointer): (Source, Pointer),
    ) -> Result<()> {
        let new = self.nginx.render_source(&source, pointer)?;
        if old == Some(&new.text) && self.nginx.has_loaded(target, &new.mark).await {
            return Ok(());
        }
        self.nginx.apply(target, doing, old, &new).await?;
        self.nginx.note_installed(target, &new, source).await
    }

    async fn installed(&self, target: &Target, doing: &str) -> Result<String> {
        let old = self.nginx.on_disk(target).await?;
        old.ok_or_else(|| {
            let message = format!(
                "the configuration of {target} is not installed: greenroom repair installs it"
            );
            self.nginx.failure(FailureKind::Missing, doing, message)
        })
    }

    async fn switch_by_reload(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        let doing = format!("switching {target} to {}", order.to);
        let _alone = self.reloading.lock().await;
        let old = self.installed(target, &doing).await?;
        let current = self.nginx.current_pointer(target, Some(&old)).await?;
        let next = match current.admits(current.token, order) {
            Ok(Admission::Done) => current,
            Ok(Admission::Next) => Pointer::after(order),
            Err(refusal) => {
                let place = format!("nginx on {}", self.nginx.host().place());
                return Err(refusal.failure(place, target, order));
            }
        };
        let site = self.nginx.site(target, &doing)?;
        let source = self.nginx.source_of_switch(site, &doing, &old).await?;
        self.put(target, &doing, Some(&old), (source, next)).await
    }

    async fn rebase_by_reload(&self, target: &Target, order: &RebaseOrder) -> Result<()> {
        let doing =
            format!("writing the token of the current lock to the configuration of {target}");
        let _alone = self.reloading.lock().await;
        let old = self.installed(target, &doing).await?;
        let now = self.nginx.current_pointer(target, Some(&old)).await?;
        let Some(slot) = now.slot else {
            return Ok(());
        };
        let next = Pointer {
            slot: Some(slot),
            generation: order.generation,
            token: order.token,
        };
        let expected = order
            .from
            .slots
            .get(slot)
            .map(|last| Pointer::of(slot, last));
        if now != next && (order.from.live != Some(slot) || expected != Some(now)) {
            let message = "the configuration is not as it was when the plan was made: repair again to make a new plan";
            return Err(self.nginx.failure(FailureKind::Conflict, doing, message));
        }
        let site = self.nginx.site(target, &doing)?;
        let source = self.nginx.source_of_switch(site, &doing, &old).await?;
        self.put(target, &doing, Some(&old), (source, next)).await
    }
}

#[async_trait]
impl RouterWriter for NginxWriter {
    fn doctor_tests(&self) -> Vec<DoctorTest<'_>> {
        self.nginx.writing_tests()
    }

    async fn install(&self, target: &Target) -> Result<()> {
        let doing = format!("installing the configuration of {target}");
        let source = self.nginx.configured(self.nginx.site(target, &doing)?)?;
        let _alone = self.reloading.lock().await;
        self.nginx.pointer.prepare(target).await?;
        let old = self.nginx.on_disk(target).await?;
        let current = self.nginx.current_pointer(target, old.as_deref()).await?;
        if self.nginx.options.config.switch == SwitchMode::Pointer {
            // The pointer must be correct before nginx reads it. Otherwise the traffic would go to the slot of an
            // earlier switch.
            self.nginx.pointer.adopt(target, current).await?;
        }
        self.put(target, &doing, old.as_deref(), (source, current))
            .await
    }

    async fn make_ready(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        let doing = format!("preparing the switch of {target} to {}", order.to);
        let site = self.nginx.site(target, &doing)?;
        self.nginx.refuse_other_mode(site, &doing).await?;
        match self.nginx.options.config.switch {
            SwitchMode::Pointer => self.nginx.pointer.make_ready(target, order).await,
            SwitchMode::Reload => {
                // Problems with the file are found before the route in the store changes.
                let old = self.installed(target, &doing).await?;
                let source = self.nginx.source_of_switch(site, &doing, &old).await?;
                let rendered = self.nginx.render_source(&source, Pointer::after(order));
                rendered.map(drop)
            }
        }
    }

    async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        self.nginx.site(target, "switching")?;
        match self.nginx.options.config.switch {
            SwitchMode::Pointer => self.nginx.pointer.switch(target, order).await,
            SwitchMode::Reload => self.switch_by_reload(target, order).await,
        }
    }

    async fn rebase(&self, target: &Target, order: &RebaseOrder) -> Result<()> {
        self.nginx
            .site(target, "writing the token of the current lock")?;
        match self.nginx.options.config.switch {
            SwitchMode::Pointer => self.nginx.pointer.rebase(target, order).await,
            SwitchMode::Reload => self.rebase_by_reload(target, order).await,
        }
    }
}
