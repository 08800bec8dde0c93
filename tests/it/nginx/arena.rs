//! A private nginx with two small upstreams, in a directory that is removed.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use greenroom::adapters::live_pointer::ThisHost;
use greenroom::adapters::nginx::{Nginx, NginxOptions, NginxReader, NginxWriter, Site, SwitchMode};
use greenroom::inventory::servers::{AnswerConfig, NginxConfig};
use greenroom::inventory::{Address, Endpoint, FencingToken, PerSlot, Slot, Target};
use greenroom::ports::{RouterReader, SwitchOrder};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::support::reload::nginx_workers;
use crate::support::{eventually, free_port, http_client};

/// An upstream that answers every request with its own name.
pub(super) struct Upstream {
    task: JoinHandle<()>,
}

impl Upstream {
    pub(super) async fn start(address: &Address, slot: Slot) -> Self {
        let app = Router::new().fallback(move |headers: HeaderMap| async move {
            let host = headers.get("host").and_then(|h| h.to_str().ok());
            (
                [("x-greenroom-slot", "forged")],
                format!("{slot} for {}", host.unwrap_or("nobody")),
            )
        });
        let task = match address.endpoint().expect("an endpoint") {
            Endpoint::Tcp(address) => {
                let listener = tokio::net::TcpListener::bind(address).await.expect("bind");
                tokio::spawn(async move { axum::serve(listener, app).await.expect("serve") })
            }
            Endpoint::Unix(path) => {
                let listener = tokio::net::UnixListener::bind(path).expect("bind");
                tokio::spawn(async move { axum::serve(listener, app).await.expect("serve") })
            }
        };
        Self { task }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A running nginx and its configuration.
pub(super) struct Arena {
    pub(super) place: TempDir,
    pub(super) arrangement: NginxOptions,
    pub(super) target: Target,
    pub(super) public: u16,
    pub(super) preview: u16,
    server: Option<Child>,
}

impl Arena {
    /// A running nginx with nothing installed.
    pub(super) async fn start() -> Self {
        let arena = Self::arrange();
        arena.run().await
    }

    /// The same with slots on unix sockets.
    pub(super) async fn start_on_sockets() -> Self {
        let mut arena = Self::arrange();
        let place = arena.place.path().to_owned();
        arena.arrangement.targets[0].endpoints =
            PerSlot::from_fn(|slot| Address::Unix(place.join(format!("{slot}.sock"))).into());
        arena.run().await
    }

    /// Stops or continues nginx's workers.
    pub(super) fn signal_workers(&self, signal: &str) {
        let workers = nginx_workers(self.place.path());
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .args(&workers)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{workers:?}");
    }

    fn arrange() -> Self {
        let place = tempfile::Builder::new()
            .prefix("greenroom-nginx")
            .tempdir()
            .expect("a directory");
        let at = place.path().to_owned();
        for directory in ["conf.d", "logs", "state"] {
            fs::create_dir(at.join(directory)).expect("a directory");
        }
        let main = at.join("nginx.conf");
        let text = format!(
            "user root;\ndaemon off;\nworker_processes 2;\npid {0}/nginx.pid;\n\
             error_log {0}/logs/error.log warn;\nevents {{ worker_connections 512; }}\n\
             http {{\n    access_log off;\n    client_body_temp_path {0}/body;\n    \
             proxy_temp_path {0}/proxy;\n    fastcgi_temp_path {0}/fastcgi;\n    \
             uwsgi_temp_path {0}/uwsgi;\n    scgi_temp_path {0}/scgi;\n    \
             open_file_cache max=100;\n    include {0}/conf.d/*.conf;\n}}\n",
            at.display()
        );
        fs::write(&main, text).expect("the main configuration");
        let (public, preview, answer) = (free_port(), free_port(), free_port());
        let target = Target::new(
            "web".parse().expect("a name"),
            "production".parse().expect("a name"),
        );
        let answer = Endpoint::Tcp(([127, 0, 0, 1], answer).into());
        let site = Site {
            target: target.clone(),
            server_names: vec!["shop.example.com".into()],
            listen: vec![format!("127.0.0.1:{public}")],
            preview_server_names: vec!["preview.example.com".into()],
            preview_listen: vec![format!("127.0.0.1:{preview}")],
            preview_allow: Vec::new(),
            preview_users: None,
            endpoints: PerSlot::from_fn(|_| SocketAddr::from(([127, 0, 0, 1], free_port())).into()),
        };
        Self {
            arrangement: NginxOptions {
                host: Arc::new(ThisHost),
                command: vec!["nginx".into(), "-p".into(), at.display().to_string()],
                config: NginxConfig {
                    binary: "nginx".into(),
                    container: None,
                    configuration: main,
                    sites: at.join("conf.d"),
                    state: at.join("state"),
                    answer: AnswerConfig {
                        listen: answer.clone(),
                        connect: Some(answer.into()),
                    },
                    access_log: None,
                    template: None,
                    switch: SwitchMode::Pointer,
                },
                configured_at: None,
                template: None,
                time_limit: Duration::from_secs(5),
                targets: vec![site],
            },
            place,
            target,
            public,
            preview,
            server: None,
        }
    }

    /// Starts nginx, and waits until it can be signalled.
    pub(super) async fn run(mut self) -> Self {
        let child = Command::new("nginx")
            .args(["-p", &self.place.path().display().to_string(), "-c"])
            .arg(&self.arrangement.config.configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        self.server = Some(child);
        let pid = self.place.path().join("nginx.pid");
        eventually("nginx starts", Duration::from_secs(10), || async {
            fs::read_to_string(&pid).is_ok_and(|text| !text.trim().is_empty())
        })
        .await;
        self
    }

    pub(super) fn kill(&mut self) {
        let Some(mut child) = self.server.take() else {
            return;
        };
        // A quit and not a kill, or its workers would survive.
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let _ = child.wait();
    }

    pub(super) fn nginx(&self) -> Arc<Nginx> {
        Nginx::new(self.arrangement.clone()).expect("an arrangement")
    }

    pub(super) fn reader(&self) -> NginxReader {
        NginxReader::new(self.nginx())
    }

    pub(super) fn writer(&self) -> NginxWriter {
        NginxWriter::new(self.nginx())
    }

    pub(super) fn site(&self) -> &Site {
        &self.arrangement.targets[0]
    }

    pub(super) fn site_file(&self) -> PathBuf {
        self.arrangement
            .config
            .sites
            .join("greenroom-web.production.conf")
    }

    pub(super) async fn upstream(&self, slot: Slot) -> Upstream {
        Upstream::start(
            self.site().endpoints.get(slot).first().expect("an address"),
            slot,
        )
        .await
    }

    pub(super) async fn live(&self) -> Option<Slot> {
        let answer = self.reader().answer(&self.target).await.expect("an answer");
        answer.slot
    }

    /// The names and contents of all files below a directory, to check that nothing changed.
    pub(super) fn files(&self, directory: &str) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        let mut open = vec![self.place.path().join(directory)];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    found.push((path, text));
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn order(from: Option<Slot>, to: Slot, generation: u64) -> SwitchOrder {
    order_under(from, to, generation, 1)
}

pub(super) fn order_under(
    from: Option<Slot>,
    to: Slot,
    generation: u64,
    token: i64,
) -> SwitchOrder {
    SwitchOrder {
        from,
        to,
        generation,
        token: FencingToken(token),
    }
}

/// The answer to a request: status, the slot in its header, and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) slot: Option<String>,
    pub(super) body: String,
}

/// A client that keeps its connections, or opens one for each request.
pub(super) fn client(kept: bool) -> reqwest::Client {
    http_client()
        .http1_only()
        .pool_max_idle_per_host(usize::from(kept))
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client")
}

pub(super) async fn get(client: &reqwest::Client, port: u16, host: &str) -> Result<Got, String> {
    let response = client
        .get(format!("http://127.0.0.1:{port}/"))
        .header("host", host)
        .send()
        .await
        .map_err(|error| format!("{error:?}"))?;
    let slot = response.headers().get("x-greenroom-slot");
    Ok(Got {
        status: response.status().as_u16(),
        slot: slot.and_then(|s| s.to_str().ok()).map(str::to_owned),
        body: response
            .text()
            .await
            .map_err(|error| format!("{error:?}"))?,
    })
}
