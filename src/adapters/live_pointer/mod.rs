//! The live pointer: the files that a proxy reads at every request to find the live slot of a target, and the one
//! `rename(2)` that changes it. This module defines the layout of the files and decides which switches are allowed. It
//! does not know which proxy reads the files or why a release changes them.
//!
//! ```text
//! {state}/{service}/{environment}/
//!     blue/  is-blue   answer.json      {"slot":"blue","generation":41,"token":8801,"target":"web/qa"}
//!     green/ is-green  answer.json      {"slot":"green","generation":42,"token":8840,"target":"web/qa"}
//!     live -> green                     absent before the first release
//! ```
//!
//! A proxy that can only test whether a file exists tests `live/is-blue` and `live/is-green`.

mod admission;
mod answer;
mod durable;
mod this_host;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

pub use admission::{Admission, Refusal};
pub use answer::Pointer;
pub use this_host::ThisHost;

use crate::inventory::{FencingToken, Slot, Target};
use crate::ports::{
    Bound, Failure, FailureKind, PointerState, ProxyHost, RebaseOrder, Result, SwitchOrder,
    TimeLimit, Writable,
};
use crate::sanitize::sanitize;

/// The limits for reading files and command output on this machine.
pub const BOUNDS: [Bound; 2] = [
    bound(
        "a file of the proxy",
        durable::LARGEST,
        TimeLimit::Within(this_host::DEADLINE),
    ),
    bound(
        "the output of a command of the proxy",
        this_host::MOST_OUTPUT as u64,
        TimeLimit::Within(this_host::DEADLINE),
    ),
];

const fn bound(answer: &'static str, bytes: u64, time: TimeLimit) -> Bound {
    Bound {
        server: "this machine",
        answer,
        bytes,
        time,
    }
}

/// Reads and changes the live pointers below one state directory.
pub struct LivePointer {
    host: Arc<dyn ProxyHost>,
    state: PathBuf,
    // Serializes the switches of one process, from reading to renaming. The transaction in the store has already
    // ordered the drivers of different processes.
    switching: Mutex<()>,
}

impl LivePointer {
    /// Makes the pointers below `state`, a path on `host`.
    pub fn new(host: Arc<dyn ProxyHost>, state: impl Into<PathBuf>) -> Self {
        Self {
            host,
            state: state.into(),
            switching: Mutex::new(()),
        }
    }

    pub fn directory(&self, target: &Target) -> PathBuf {
        self.state
            .join(target.service.as_str())
            .join(target.environment.as_str())
    }

    /// The symbolic link that points at the directory of the live slot.
    pub fn link(&self, target: &Target) -> PathBuf {
        self.directory(target).join("live")
    }

    /// The name of the marker file in the directory of a slot. A proxy tests whether this file exists below `live`.
    pub fn marker(slot: Slot) -> &'static str {
        match slot {
            Slot::Blue => "is-blue",
            Slot::Green => "is-green",
        }
    }

    /// The file that records the last switch to a slot.
    pub fn answer_file(&self, target: &Target, slot: Slot) -> PathBuf {
        self.directory(target)
            .join(slot.as_str())
            .join("answer.json")
    }

    /// Reads the live slot and its last switch. Returns [`Pointer::default`] if there is no link, as before the first
    /// release.
    pub async fn read(&self, target: &Target) -> Result<Pointer> {
        let link = self.link(target);
        let Some(to) = self.host.read_link(&link).await? else {
            return Ok(Pointer::default());
        };
        let slot = slot_of(&to).ok_or_else(|| {
            self.failure(
                FailureKind::Garbled,
                format!("reading {}", link.display()),
                format!(
                    "the link points at {} instead of blue or green",
                    sanitize(&to.display().to_string())
                ),
            )
            .hint("point the link at the live slot, or remove the link if no slot is live")
        })?;
        self.slot_pointer(target, slot).await?.ok_or_else(|| {
            let file = self.answer_file(target, slot);
            self.failure(
                FailureKind::Garbled,
                format!("reading {}", file.display()),
                format!("{slot} is live, but this file does not exist"),
            )
            .hint("find out what removed the file, restore it from a backup, then check `greenroom status`")
        })
    }

    /// Tests that pointers can be written, for `greenroom doctor`. If the caller knows that a target is installed
    /// (`is_installed`), a missing state directory is a failure.
    pub async fn try_state(&self, is_installed: bool) -> Result<String> {
        let state = self.state.display();
        match self.host.try_writing(&self.state).await? {
            Writable::Here => Ok(format!("{state}: a file was written and removed")),
            Writable::In(above) if !is_installed => Ok(format!(
                "{state} does not exist yet: the next release creates it. In {}, a file was written and removed",
                above.display()
            )),
            Writable::In(_) => {
                let doing = format!("looking for {state}");
                let message = "the directory does not exist, but it must contain the live pointers";
                let hint =
                    "restore the directory, or check `greenroom status` and run `greenroom repair`";
                let kind = FailureKind::Missing;
                Err(self.failure(kind, doing, message.to_owned()).hint(hint))
            }
        }
    }

    /// Creates the directories and markers of a target. Existing directories and markers are not changed.
    pub async fn prepare(&self, target: &Target) -> Result<()> {
        for slot in Slot::BOTH {
            let marker = self
                .directory(target)
                .join(slot.as_str())
                .join(Self::marker(slot));
            if self.host.read(&marker).await?.is_none() {
                self.host.write(&marker, b"").await?;
            }
        }
        Ok(())
    }

    /// Writes the files of a switch, but does not move the link, so a full disk is detected before traffic moves.
    /// Fails for the same orders as [`LivePointer::switch`]. If `order.to` is live already, nothing is written.
    pub async fn make_ready(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        let _alone = self.switching.lock().await;
        let now = self.read(target).await?;
        // The proxy already reads the file of the live slot, so only the switch itself may change it.
        if self.admits(target, now, order).await? == Admission::Next && now.slot != Some(order.to) {
            self.write_answer(target, order).await?;
        }
        Ok(())
    }

    /// Moves the traffic. Writes the answer file of the slot, stages a new link and renames the new link over the old
    /// link, so a crash before the rename leaves the old slot live. Repeating a completed order changes nothing.
    ///
    /// A late rename by an earlier driver moves nothing. Staging removes the links that earlier switches staged. A
    /// switch that stages its link later reads the answer file that this switch has written, and then stops.
    ///
    /// Fails with [`FailureKind::Fenced`] if the token is lower than the token of either slot. Fails with
    /// [`FailureKind::Conflict`] if the pointer is not at `order.from`, or if the generation is not higher than the
    /// current generation.
    pub async fn switch(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        let _alone = self.switching.lock().await;
        let now = self.read(target).await?;
        if self.admits(target, now, order).await? == Admission::Done {
            return Ok(());
        }
        self.write_answer(target, order).await?;
        let link = self.link(target);
        let staged = self.host.stage(&link, Path::new(order.to.as_str())).await?;
        // If another driver has switched after this order was admitted, an answer file has a higher token or
        // generation.
        let current = self.slot_pointers(target).await?;
        if let Some(newer) = current.into_iter().find_map(|it| it.overtakes(order)) {
            return Err(self.refused(target, order, newer));
        }
        self.host.put(&staged, &link).await
    }

    /// The live slot, and for each slot the last switch that was prepared or made.
    pub async fn state(&self, target: &Target) -> Result<PointerState> {
        let live = self.read(target).await?.slot;
        let mut state = PointerState {
            live,
            ..PointerState::default()
        };
        for pointer in self.slot_pointers(target).await? {
            if let Some(slot) = pointer.slot {
                *state.slots.get_mut(slot) = Some(pointer.last_switch());
            }
        }
        Ok(state)
    }

    /// Replaces a token that the store's locks can no longer reach with the token of the current lock: see
    /// [`crate::ports::RouterWriter::rebase`].
    ///
    /// A driver from before the restore of the store may still be running, with a higher token than the new lock. The
    /// new generation stops that driver. The file of the live slot has the new generation before this call stages its
    /// link, and a switch compares generations after it has staged its own link. So the old switch sees the new
    /// generation, or this call removes the link of the old switch. If the old switch moved the traffic earlier, the
    /// check after staging reports a conflict.
    pub async fn rebase(&self, target: &Target, order: &RebaseOrder) -> Result<()> {
        let _alone = self.switching.lock().await;
        let now = self.state(target).await?;
        let mut next = now;
        for slot in Slot::BOTH {
            if let Some(last) = next.slots.get_mut(slot) {
                last.token = order.token;
                if now.live == Some(slot) {
                    last.generation = order.generation;
                }
            }
        }
        if now == next {
            return Ok(());
        }
        // An earlier attempt of this order may have written some of the files.
        let is_expected = |slot: Slot| {
            let written = now.slots.get(slot);
            written == order.from.slots.get(slot) || written == next.slots.get(slot)
        };
        if now.live != order.from.live || !Slot::BOTH.into_iter().all(is_expected) {
            return Err(self.written_by_another(target));
        }
        let Some(live) = now.live else {
            return self.write_tokens(target, next, None).await;
        };
        if let Some(last) = next.slots.get(live) {
            let file = self.answer_file(target, live);
            let content = Pointer::of(live, *last).to_file(target);
            self.host.write(&file, &content).await?;
        }
        let link = self.link(target);
        let staged = self.host.stage(&link, Path::new(live.as_str())).await?;
        // Staging removed the links of earlier drivers, so none of their switches can move the link any more.
        let current = self.state(target).await?;
        let other = live.other();
        if current.live != Some(live)
            || current.slots.get(live) != next.slots.get(live)
            || current.slots.get(other) != now.slots.get(other)
        {
            return Err(self.written_by_another(target));
        }
        self.write_tokens(target, next, Some(live)).await?;
        self.host.put(&staged, &link).await
    }

    /// Writes the last switches in `state` to the files of all slots except `except`.
    async fn write_tokens(
        &self,
        target: &Target,
        state: PointerState,
        except: Option<Slot>,
    ) -> Result<()> {
        for slot in Slot::BOTH.into_iter().filter(|slot| Some(*slot) != except) {
            if let Some(last) = state.slots.get(slot) {
                let file = self.answer_file(target, slot);
                let content = Pointer::of(slot, *last).to_file(target);
                self.host.write(&file, &content).await?;
            }
        }
        Ok(())
    }

    fn written_by_another(&self, target: &Target) -> Failure {
        let doing = format!("writing the token of the current lock to the pointer of {target}");
        let message = "the live pointer is not as it was when the plan was made".to_owned();
        let hint = format!(
            "another driver or a person may have changed the pointer. Wait until no driver is running, then run: greenroom repair {} {}",
            target.service, target.environment
        );
        self.failure(FailureKind::Conflict, doing, message)
            .hint(hint)
    }

    /// Copies `other`, the pointer in a configuration file, if its generation is higher than the generation of this
    /// pointer.
    pub async fn adopt(&self, target: &Target, other: Pointer) -> Result<()> {
        let _alone = self.switching.lock().await;
        let Some(slot) = other.slot else {
            return Ok(());
        };
        if other.generation <= self.read(target).await?.generation {
            return Ok(());
        }
        self.host
            .write(&self.answer_file(target, slot), &other.to_file(target))
            .await?;
        let link = self.link(target);
        let staged = self.host.stage(&link, Path::new(slot.as_str())).await?;
        self.host.put(&staged, &link).await
    }

    async fn admits(
        &self,
        target: &Target,
        now: Pointer,
        order: &SwitchOrder,
    ) -> Result<Admission> {
        let highest = self.highest_token(target).await?;
        now.admits(highest, order)
            .map_err(|refusal| self.refused(target, order, refusal))
    }

    /// Writes the answer file of the slot that the order makes live.
    async fn write_answer(&self, target: &Target, order: &SwitchOrder) -> Result<()> {
        self.prepare(target).await?;
        let next = Pointer::after(order);
        let file = self.answer_file(target, order.to);
        self.host.write(&file, &next.to_file(target)).await
    }

    async fn highest_token(&self, target: &Target) -> Result<FencingToken> {
        let current = self.slot_pointers(target).await?;
        let tokens = current.into_iter().map(|pointer| pointer.token);
        Ok(tokens.max().unwrap_or_default())
    }

    /// For each slot, the last switch to it that was prepared or made. A slot without a switch is left out.
    async fn slot_pointers(&self, target: &Target) -> Result<Vec<Pointer>> {
        let mut pointers = Vec::new();
        for slot in Slot::BOTH {
            pointers.extend(self.slot_pointer(target, slot).await?);
        }
        Ok(pointers)
    }

    async fn slot_pointer(&self, target: &Target, slot: Slot) -> Result<Option<Pointer>> {
        let file = self.answer_file(target, slot);
        let Some(content) = self.host.read(&file).await? else {
            return Ok(None);
        };
        if let Some(owner) = answer::owner(&content).filter(|owner| *owner != target.to_string()) {
            let owner = sanitize(&owner);
            return Err(self
                .failure(
                    FailureKind::Conflict,
                    format!("reading {}", file.display()),
                    format!("the file belongs to the live pointer of {owner}, not of {target}. Greenroom did not change it"),
                )
                .hint(format!(
                    "find out who copied or linked {}. Do not move this directory away while {target} has traffic: without the directory the proxy refuses every request. Replace the directory with a copy in which both answer.json files name {target} as \"target\", then run: greenroom repair {} {}",
                    self.directory(target).display(),
                    target.service,
                    target.environment
                )));
        }
        Pointer::from_json(slot, &content)
            .map(Some)
            .map_err(|error| {
                self.failure(
                    FailureKind::Garbled,
                    format!("reading {}", file.display()),
                    sanitize(&error),
                )
                .hint("only Greenroom may write this file: find out which program changed it, restore the file from a backup, then check `greenroom status`")
            })
    }

    fn refused(&self, target: &Target, order: &SwitchOrder, refusal: Refusal) -> Failure {
        refusal.failure(self.place(), target, order)
    }

    fn place(&self) -> String {
        format!("live pointer on {}", self.host.place())
    }

    fn failure(&self, kind: FailureKind, doing: String, message: String) -> Failure {
        Failure::new(kind, self.place(), doing, message)
    }
}

fn slot_of(to: &Path) -> Option<Slot> {
    to.to_str()?.trim_end_matches('/').parse().ok()
}

#[cfg(test)]
mod rebase_tests;
#[cfg(test)]
mod tests;
