//! Asks instances and the public address over HTTP, on TCP and on unix sockets. Reports what it
//! heard and never fails: no answer is an answer too. Must not know what an answer means for a
//! release; whether a case passed is said by the pure judge.

mod asking;
mod fresh;
mod kept;
mod transcript;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use asking::{Asked, ask};
use fresh::Fresh;
use kept::Kept;

use crate::checks::{Answer, Case, CaseReport, HealthCheck, Verdict, judge};
use crate::inventory::{BodyClass, Endpoint, Probe, PublicAddress, PublicAnswer, Slot};
use crate::ports::{Checker, Connection};

/// How long the public address may take to answer.
const PUBLIC_PATIENCE: Duration = Duration::from_secs(5);

/// The header in which the proxy names the slot that answered.
const SLOT_HEADER: &str = "x-greenroom-slot";

/// What a proxy in front of an instance adds to a request from this machine, so that an instance that is asked
/// directly has no reason to answer otherwise.
const FORWARDED: [(&str, &str); 3] = [
    ("x-real-ip", "127.0.0.1"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-proto", "http"),
];

/// How Greenroom calls itself.
const AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));

/// A checker over HTTP. Redirects are not followed, proxies of the environment are not used: what is
/// asked is what answers.
#[derive(Default)]
pub struct HttpChecker {
    fresh: Fresh,
    kept: Kept,
}

impl HttpChecker {
    /// A checker without any connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    async fn afresh(&self, asked: &Asked<'_>) -> Result<Answer, String> {
        ask(&self.fresh.client(asked.at)?, asked).await
    }
}

#[async_trait]
impl Checker for HttpChecker {
    async fn health(&self, at: &Endpoint, check: &HealthCheck) -> Probe {
        let began = Instant::now();
        let asked = Asked {
            host: check.host.as_deref(),
            headers: Some(&check.headers),
            ..Asked::get(at, &check.path, check.timeout)
        };
        match self.afresh(&asked).await {
            Ok(answer) => Probe {
                healthy: (200..300).contains(&answer.status),
                detail: words::of_answer(&answer),
                took: answer.took,
            },
            Err(detail) => Probe {
                healthy: false,
                detail,
                took: began.elapsed(),
            },
        }
    }

    async fn run(&self, case: &Case, at: &Endpoint, preview: Option<&PublicAddress>) -> CaseReport {
        let began = Instant::now();
        let (at, host) = match (case.through_preview, preview) {
            (false, _) => (at, None),
            (true, Some(address)) => (&address.endpoint, Some(address.host.as_str())),
            (true, None) => {
                let why = "it asks for the preview, and this target has none".to_owned();
                return errored(case, why, Duration::ZERO, String::new());
            }
        };
        let asked = Asked {
            method: &case.method,
            host,
            headers: Some(&case.headers),
            body: case.body.as_deref(),
            ..Asked::get(at, &case.path, case.timeout)
        };
        let request = transcript::request(&asked);
        match self.afresh(&asked).await {
            Ok(answer) => {
                let judged = judge(case, &answer);
                CaseReport {
                    request,
                    response: transcript::response(&answer, judged.verdict),
                    ..judged
                }
            }
            Err(detail) => errored(case, detail, began.elapsed(), request),
        }
    }

    async fn public(&self, address: &PublicAddress, connection: Connection) -> PublicAnswer {
        let asked = Asked {
            host: Some(&address.host),
            ..Asked::get(&address.endpoint, &address.path, PUBLIC_PATIENCE)
        };
        let answered = match connection {
            Connection::Fresh => self.afresh(&asked).await,
            Connection::Kept => self.kept.ask(address, PUBLIC_PATIENCE).await,
        };
        public_answer(answered)
    }

    async fn direct(
        &self,
        at: &Endpoint,
        address: &PublicAddress,
        headers: &BTreeMap<String, String>,
    ) -> PublicAnswer {
        let mut sent =
            BTreeMap::from(FORWARDED.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, value) in headers {
            sent.insert(name.to_ascii_lowercase(), value.clone());
        }
        let asked = Asked {
            host: Some(&address.host),
            headers: Some(&sent),
            ..Asked::get(at, &address.path, PUBLIC_PATIENCE)
        };
        PublicAnswer {
            slot: None,
            ..public_answer(self.afresh(&asked).await)
        }
    }
}

fn public_answer(answered: Result<Answer, String>) -> PublicAnswer {
    match answered {
        Ok(answer) => PublicAnswer {
            slot: slot_of(&answer),
            status: Some(answer.status),
            body: Some(BodyClass::of(header(&answer, "content-type"), &answer.body)),
            detail: if answer.status >= 500 {
                words::of_answer(&answer)
            } else {
                String::new()
            },
        },
        Err(detail) => PublicAnswer {
            slot: None,
            status: None,
            body: None,
            detail,
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
        name: case.name.clone(),
        required: case.required,
        verdict: Verdict::Errored,
        detail,
        took,
        request,
        response: String::new(),
    }
}
