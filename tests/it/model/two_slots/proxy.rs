//! The proxy: the pointer's two answers and its link, changed as `adapters::live_pointer` does and
//! admitted by the same function.

use greenroom::adapters::live_pointer::{Admission, Pointer};
use greenroom::inventory::{FencingToken, Slot, SwitchOrder};
use greenroom::ports::FailureKind;

use super::engine::index;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Proxy {
    pub(crate) link: Option<Slot>,
    /// Generation and token of the last switch to each slot.
    answers: [Option<(u64, i64)>; 2],
    /// Generation and token of the prepared switch; preparing another removes it.
    staged: Option<(u64, i64)>,
}

impl Proxy {
    pub(crate) fn at(generation: u64, slot: Slot) -> Self {
        let mut answers = [None; 2];
        answers[index(slot)] = Some((generation, 0));
        Self {
            link: Some(slot),
            answers,
            staged: None,
        }
    }

    /// No pointer, and nothing that would make one.
    pub(crate) fn none() -> Self {
        Self {
            link: None,
            answers: [None; 2],
            staged: None,
        }
    }

    pub(crate) fn pointer(&self) -> Pointer {
        let Some(slot) = self.link else {
            return Pointer::default();
        };
        let (generation, token) = self.answers[index(slot)].expect("a link to an answer");
        Pointer {
            slot: Some(slot),
            generation,
            token: FencingToken(token),
        }
    }

    /// Generation and token of the last switch to a slot.
    pub(crate) fn answer(&self, slot: Slot) -> Option<(u64, i64)> {
        self.answers[index(slot)]
    }

    /// A person links the other slot, with an older answer if there is none.
    pub(crate) fn point_elsewhere(&mut self) {
        if let Some(slot) = self.link {
            self.answers[index(slot.other())].get_or_insert((40, 0));
            self.link = Some(slot.other());
        }
    }

    pub(crate) fn highest(&self) -> i64 {
        let tokens = self.answers.iter().flatten().map(|(_, token)| *token);
        tokens.max().unwrap_or_default()
    }

    /// Writes the part of a switch that no request sees: the answer of a slot that is not live.
    /// Returns whether it was written.
    pub(crate) fn make_ready(
        &mut self,
        order: &SwitchOrder,
        takes_any: bool,
    ) -> Result<bool, FailureKind> {
        let highest = if takes_any { 0 } else { self.highest() };
        let admitted = self.pointer().admits(FencingToken(highest), order);
        let admission = admitted.map_err(|refusal| refusal.kind)?;
        let writes = admission == Admission::Next && self.link != Some(order.to);
        if writes {
            self.answers[index(order.to)] = Some((order.generation, order.token.0));
        }
        Ok(writes)
    }

    /// The first half of a switch: it is checked against the current state, the answer is written,
    /// and the new link is prepared.
    pub(crate) fn prepare(
        &mut self,
        order: &SwitchOrder,
        takes_any: bool,
    ) -> Result<Admission, FailureKind> {
        let highest = if takes_any { 0 } else { self.highest() };
        let admitted = self.pointer().admits(FencingToken(highest), order);
        let admission = admitted.map_err(|refusal| refusal.kind)?;
        if admission == Admission::Next {
            let own = Some((order.generation, order.token.0));
            self.answers[index(order.to)] = own;
            self.staged = own;
        }
        Ok(admission)
    }

    /// The second half: unless overtaken meanwhile, the prepared link replaces the current one.
    pub(crate) fn rename(
        &mut self,
        order: &SwitchOrder,
        takes_any: bool,
    ) -> Result<(), FailureKind> {
        if order.token.0 < self.highest() && !takes_any {
            return Err(FailureKind::Fenced);
        }
        let own = Some((order.generation, order.token.0));
        if self.staged != own && !takes_any {
            return Err(FailureKind::Missing);
        }
        self.staged = None;
        self.link = Some(order.to);
        Ok(())
    }
}
