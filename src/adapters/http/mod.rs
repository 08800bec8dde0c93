//! Sends HTTP requests to instances and to the public address, over TCP with or without TLS, and over unix sockets. A missing answer is reported
//! like any other result. This module does not know what an answer means for a release: `checks::judge` decides
//! whether a case passed.

mod describe;
mod kept;
mod request;
mod transcript;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use kept::Kept;
use request::{OutgoingRequest, ask};
use values::Values;

use crate::checks::{Answer, Case, CaseReport, HealthCheck, Verdict, hide_in_query, judge};
use crate::inventory::{
    Address, BodyClass, EnvironmentValue, Mask, Probe, PublicAddress, PublicAnswer, Slot,
};
use crate::ports::{Bound, Checker, Connection, Secrets, TargetSecrets, TimeLimit};

/// The time limit for an answer of the public address.
const PUBLIC_TIMEOUT: Duration = Duration::from_secs(5);

/// The header in which the proxy names the slot that answered.
const SLOT_HEADER: &str = "x-greenroom-slot";

const AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));

/// The read limits for instances and for the public address.
pub const BOUNDS: [Bound; 3] = [
    bound(
        "the body of an answer",
        request::LONGEST,
        TimeLimit::Configured("timeout"),
    ),
    bound(
        "the headers of an answer",
        describe::HEADERS,
        TimeLimit::Configured("timeout"),
    ),
    bound(
        "the public or preview answer",
        request::LONGEST,
        TimeLimit::Within(PUBLIC_TIMEOUT),
    ),
];

const fn bound(answer: &'static str, bytes: usize, time: TimeLimit) -> Bound {
    Bound {
        server: "health and checks",
        answer,
        bytes: bytes as u64,
        time,
    }
}

/// A checker over HTTP. It follows no redirects and uses no forward proxy, so the answer always comes from the probed
/// address.
#[derive(Default)]
pub struct HttpChecker {
    kept: Arc<Kept>,
    values: Values,
}

impl HttpChecker {
    /// A checker that reads no secrets: a check that needs a secret ends with an error.
    pub fn new() -> Self {
        Self::default()
    }

    /// A checker that reads the secrets of checks from `secrets`, each when it is needed for the first time.
    pub fn reading(secrets: Arc<dyn Secrets>) -> Self {
        Self {
            values: Values::reading(secrets),
            ..Self::default()
        }
    }

    /// A checker for one target, which hides the target's secrets in every answer. The new checker shares the
    /// connections of this checker.
    #[must_use]
    pub fn for_target(&self, target: TargetSecrets) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            values: self.values.for_target(target),
        }
    }
}

#[async_trait]
impl Checker for HttpChecker {
    async fn health(&self, at: &Address, check: &HealthCheck) -> Probe {
        let began = Instant::now();
        let failed = |detail| Probe {
            healthy: false,
            detail,
            took: began.elapsed(),
        };
        let values = &self.values;
        let prepared = values.prepare(&check.path, &check.query, &check.headers, None);
        let prepared = match prepared.await {
            Ok(prepared) => prepared,
            Err(detail) => return failed(detail),
        };
        let outgoing = OutgoingRequest {
            host: check.host.as_deref(),
            headers: Some(&prepared.headers),
            ..OutgoingRequest::get(at, &prepared.path, check.timeout)
        };
        match ask(&outgoing).await {
            Ok(answer) => {
                let detail = describe::of_answer(&prepared.shown(&answer));
                values.renew_if_denied(prepared, &answer);
                Probe {
                    healthy: (200..300).contains(&answer.status),
                    detail,
                    took: answer.took,
                }
            }
            Err(detail) => failed(prepared.mask.hide(&detail)),
        }
    }

    async fn run(&self, case: &Case, at: &Address, preview: Option<&PublicAddress>) -> CaseReport {
        let began = Instant::now();
        let Some(wanted) = case.request() else {
            let why = "the check is no request".to_owned();
            return errored(case, why, Duration::ZERO, String::new());
        };
        let (at, host) = match (wanted.through_preview, preview) {
            (false, _) => (at, None),
            (true, Some(address)) => (&address.endpoint, Some(address.host.as_str())),
            (true, None) => {
                let why = "the check uses the preview URL, but this target has none: configure a preview, or remove through_preview".to_owned();
                return errored(case, why, Duration::ZERO, String::new());
            }
        };
        let values = &self.values;
        let body = wanted.body.as_deref();
        let prepared = values.prepare(&wanted.path, &wanted.query, &wanted.headers, body);
        let prepared = match prepared.await {
            Ok(prepared) => prepared,
            Err(why) => return errored(case, why, began.elapsed(), String::new()),
        };
        let outgoing = OutgoingRequest {
            method: &wanted.method,
            host,
            headers: Some(&prepared.headers),
            body,
            ..OutgoingRequest::get(at, &prepared.path, case.timeout)
        };
        let mask = prepared.mask.clone();
        let request = transcript::request(&OutgoingRequest {
            path: &prepared.shown_path,
            headers: Some(&prepared.shown_headers),
            ..outgoing
        });
        match ask(&outgoing).await {
            Ok(answer) => {
                values.renew_if_denied(prepared, &answer);
                let shown = values::shown(&answer, &mask);
                let mut judged = judge((case, wanted), &answer, &mask);
                if judged.verdict == Verdict::Failed && answer.body.len() >= request::LONGEST {
                    let most = request::LONGEST / (1024 * 1024);
                    let detail = judged.detail;
                    judged.detail =
                        format!("{detail}; only the first {most} MiB of the body was read");
                }
                CaseReport {
                    overridden: None,
                    tests: Vec::new(),
                    request,
                    response: transcript::response(&shown, answer.body.len(), judged.verdict),
                    ..judged
                }
            }
            Err(detail) => {
                let detail = mask.hide(&detail);
                errored(case, detail, began.elapsed(), request)
            }
        }
    }

    async fn public(&self, address: &PublicAddress, connection: Connection) -> PublicAnswer {
        let answered = match connection {
            Connection::Fresh => ask(&OutgoingRequest::public(address, PUBLIC_TIMEOUT)).await,
            Connection::Kept => self.kept.ask(address, PUBLIC_TIMEOUT).await,
        };
        let (_, hidden) = hide_in_query(&address.path);
        public_answer(answered, &self.values.mask(hidden, None).await)
    }

    async fn mask(&self) -> Mask {
        self.values.target_mask().await
    }

    fn known_mask(&self) -> Mask {
        self.values.known_mask()
    }

    fn mask_revision(&self) -> u64 {
        self.values.mask_revision()
    }

    fn knows_secrets(&self) -> bool {
        self.values.knows_secrets()
    }

    async fn direct(
        &self,
        at: &Address,
        address: &PublicAddress,
        headers: &BTreeMap<String, EnvironmentValue>,
    ) -> PublicAnswer {
        let forwarded = [
            ("x-real-ip", "127.0.0.1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", address.endpoint.scheme()),
        ];
        // With the headers that a proxy adds, an instance has no reason to answer a direct request differently.
        let mut sent = BTreeMap::from(forwarded.map(|(name, value)| (name.into(), value.into())));
        let none = BTreeMap::new();
        let prepared = self.values.prepare(&address.path, &none, headers, None);
        let prepared = match prepared.await {
            Ok(prepared) => prepared,
            Err(why) => return public_answer(Err(why), &Mask::default()),
        };
        for (name, value) in &prepared.headers {
            sent.insert(name.to_ascii_lowercase(), value.clone());
        }
        let outgoing = OutgoingRequest {
            host: Some(&address.host),
            headers: Some(&sent),
            ..OutgoingRequest::get(at, &address.path, PUBLIC_TIMEOUT)
        };
        PublicAnswer {
            slot: None,
            ..public_answer(ask(&outgoing).await, &prepared.mask)
        }
    }
}

fn public_answer(answered: Result<Answer, String>, mask: &Mask) -> PublicAnswer {
    match answered {
        Ok(answer) => PublicAnswer {
            slot: slot_of(&answer),
            status: Some(answer.status),
            body: Some(BodyClass::of(header(&answer, "content-type"), &answer.body)),
            detail: if answer.status >= 500 {
                describe::of_answer(&values::shown(&answer, mask))
            } else {
                String::new()
            },
        },
        Err(detail) => PublicAnswer {
            slot: None,
            status: None,
            body: None,
            detail: mask.hide(&detail),
        },
    }
}

fn header<'a>(answer: &'a Answer, wanted: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.as_str())
}

fn slot_of(answer: &Answer) -> Option<Slot> {
    header(answer, SLOT_HEADER)?.parse().ok()
}

fn errored(case: &Case, detail: String, took: Duration, request: String) -> CaseReport {
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: case.name.clone(),
        required: case.required,
        verdict: Verdict::Errored,
        detail,
        took,
        request,
        response: String::new(),
    }
}
