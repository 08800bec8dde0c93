//! Checks of the agent's inbox: an address where it cannot listen, credentials that would be sent without encryption,
//! and senders without a usable credential.

use super::super::model::AgentSection;
use super::Checker;
use crate::inventory::Endpoint;
use crate::inventory::servers::{CredentialKind, SenderConfig};

impl Checker<'_> {
    pub(super) fn agent(&mut self, section: &AgentSection) {
        let files = [("certificate", &section.certificate), ("key", &section.key)];
        for (key, file) in files {
            self.file(&["agent", key], file.as_deref());
        }
        if section.certificate.is_some() != section.key.is_some() {
            self.error(
                &["agent"],
                "a certificate needs its key: set both `certificate` and `key`, or neither",
            );
        }
        self.inbox(section);
        for (name, sender) in section.senders.iter() {
            self.sender(name, sender);
        }
    }

    fn inbox(&mut self, section: &AgentSection) {
        let at = ["agent", "listen"];
        let has_senders = !section.senders.0.is_empty();
        match &section.listen {
            None if has_senders || section.certificate.is_some() || section.key.is_some() => {
                self.error(
                    &["agent"],
                    "`listen` is missing, so there is no inbox: set it, e.g. listen = \"0.0.0.0:8470\", or remove the other keys of the inbox",
                );
            }
            None => {}
            Some(Endpoint::Unix(_)) => self.error(
                &at,
                "the inbox cannot listen on a unix socket: use an address such as 127.0.0.1:8470",
            ),
            Some(Endpoint::Tcp(address)) => {
                if !address.ip().is_loopback() && section.certificate.is_none() {
                    self.warning(
                        &at,
                        "without `certificate` and `key`, senders on other machines send their credentials unencrypted: set both, or listen on a loopback address behind a proxy with TLS",
                    );
                }
                if !has_senders {
                    self.warning(
                        &at,
                        "no sender is configured, so the inbox accepts no push: add [agent.senders.NAME]",
                    );
                }
            }
        }
    }

    fn sender(&mut self, name: &str, sender: &SenderConfig) {
        let table = ["agent", "senders", name];
        let at = |key: &'static str| [table[0], table[1], table[2], key];
        self.secret(&at("token"), sender.token.as_ref());
        self.secret(&at("secret"), sender.secret.as_ref());
        self.login(&table, sender.user.as_ref(), sender.password.as_ref());
        let kind = sender.kind.as_str();
        let usable = sender.kind.credentials();
        let keys: Vec<String> = usable.iter().copied().map(keys_of).collect();
        let keys = keys.join(", or ");
        let set: Vec<CredentialKind> = CredentialKind::ALL
            .into_iter()
            .filter(|it| sender.has(*it))
            .collect();
        for wrong in set.iter().filter(|it| !usable.contains(it)) {
            let first = wrong.keys().first().copied().unwrap_or_default();
            self.error(
                &at(first),
                format!("a sender with kind = \"{kind}\" does not use this credential: remove it, and set {keys}"),
            );
        }
        match set.len() {
            0 => self.error(
                &table,
                format!("the sender needs a credential, because anyone could report pushes without it: set {keys}, with the source of the secret, e.g. {{ env = \"NAME\" }}"),
            ),
            1 => {}
            _ if set.iter().all(|it| usable.contains(it)) => self.error(
                &table,
                format!("the sender has two credentials: set only {keys}"),
            ),
            _ => {}
        }
    }
}

fn keys_of(kind: CredentialKind) -> String {
    let keys: Vec<String> = kind.keys().iter().map(|key| format!("`{key}`")).collect();
    keys.join(" and ")
}
