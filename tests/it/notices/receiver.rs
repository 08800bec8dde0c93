//! A receiver of notices on a private port, which keeps what it got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// The secret part of an incoming webhook's address.
pub(super) const PATH: &str = "T0000/B0000/hunter2";

/// Makes an answer from a request and its number.
type Responds = Box<dyn Fn(&Got, usize) -> Response + Send + Sync>;

#[derive(Clone)]
pub(super) struct Got {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(super) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    /// The event of a signed notice.
    pub(super) fn event(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }
}

#[derive(Default)]
pub(super) struct Inbox {
    pub(super) got: Mutex<Vec<Got>>,
    /// The status of the next answers; 200 afterwards.
    pub(super) answers: Mutex<VecDeque<StatusCode>>,
    /// Makes each answer, if it is set.
    pub(super) responds: Option<Responds>,
    /// Whether requests stay unanswered.
    pub(super) hangs: bool,
    pub(super) never: Notify,
}

impl Inbox {
    async fn take(&self, got: Got) -> Response {
        let number = {
            let mut all = self.got.lock().expect("got");
            all.push(got.clone());
            all.len()
        };
        if self.hangs {
            self.never.notified().await;
        }
        if let Some(responds) = &self.responds {
            return responds(&got, number);
        }
        let answer = self.answers.lock().expect("answers").pop_front();
        let refusal = "no <b>thanks</b>\u{1b}[31m";
        (answer.unwrap_or(StatusCode::OK), refusal).into_response()
    }
}

/// A receiver that ends when it is dropped.
pub(super) struct Receiver {
    pub(super) inbox: Arc<Inbox>,
    pub(super) address: String,
    runtime: Option<Runtime>,
}

impl Receiver {
    pub(super) fn start(inbox: Inbox) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("its address"));
        listener.set_nonblocking(true).expect("set");
        let inbox = Arc::new(inbox);
        let take = |State(inbox): State<Arc<Inbox>>,
                    method: Method,
                    uri: Uri,
                    headers: HeaderMap,
                    body: String| async move {
            let path = uri.path().to_owned();
            let got = Got {
                method,
                path,
                headers,
                body,
            };
            inbox.take(got).await
        };
        let app = axum::Router::new()
            .fallback(take)
            .with_state(Arc::clone(&inbox));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, app).await
        });
        Self {
            inbox,
            address,
            runtime: Some(runtime),
        }
    }

    pub(super) fn answering(answers: impl Into<VecDeque<StatusCode>>) -> Self {
        Self::start(Inbox {
            answers: Mutex::new(answers.into()),
            ..Inbox::default()
        })
    }

    pub(super) fn responding(
        responds: impl Fn(&Got, usize) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::start(Inbox {
            responds: Some(Box::new(responds)),
            ..Inbox::default()
        })
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.inbox.got.lock().expect("got").clone()
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.got().iter().map(Got::event).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // A test with a runtime of its own must not wait here.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
