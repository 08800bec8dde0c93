//! Versions of the sample application that no other test has: in a separate repository, each with
//! its own digest, so that an engine has to pull it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{docker, from_environment, registry};
use crate::docker::fixture::{PASSWORD, PrivateRegistry, USER};

const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.oci.image.manifest.v1+json";

/// A client of a registry, with the user and password that the registry asks for.
struct RegistryClient {
    client: Client,
    host: String,
    login: Option<(&'static str, &'static str)>,
}

impl RegistryClient {
    fn url(&self, what: &str) -> String {
        format!("http://{}/v2/{what}", self.host)
    }

    fn get(&self, what: &str) -> RequestBuilder {
        self.with_login(self.client.get(self.url(what)))
    }

    fn post(&self, what: &str) -> RequestBuilder {
        self.with_login(self.client.post(self.url(what)))
    }

    fn put(&self, url: &str) -> RequestBuilder {
        self.with_login(self.client.put(url))
    }

    fn with_login(&self, request: RequestBuilder) -> RequestBuilder {
        match self.login {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    async fn upload(&self, repository: &str, digest: &str, content: Vec<u8>) {
        let upload = good(
            self.post(&format!("{repository}/blobs/uploads/"))
                .send()
                .await,
        );
        let to = upload.headers()[LOCATION].to_str().expect("an address");
        let to = match to.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.host),
            None => to.to_owned(),
        };
        let joint = if to.contains('?') { '&' } else { '?' };
        let put = self.put(&format!("{to}{joint}digest={digest}"));
        good(put.body(content).send().await);
    }
}

/// A repository that is filled one version at a time.
pub(crate) struct Versions {
    registry: RegistryClient,
    name: String,
    /// The parts of a version: the media type, manifest and settings of a good one.
    manifest: (String, Value),
    settings: Value,
    made: AtomicU32,
}

impl Versions {
    /// An empty repository of that name.
    pub(crate) async fn in_repository(name: &str) -> Self {
        let image = from_environment("GREENROOM_TEST_IMAGE");
        Self::of(&image, registry(), None, name).await
    }

    /// The same, with psql in each version.
    pub(crate) async fn with_psql(name: &str) -> Self {
        let image = from_environment("GREENROOM_TEST_PSQL_IMAGE");
        Self::of(&image, registry(), None, name).await
    }

    /// An empty repository of that name in a private registry.
    pub(crate) async fn in_private(registry: &PrivateRegistry, name: &str) -> Self {
        let image = from_environment("GREENROOM_TEST_IMAGE");
        let login = Some((USER, PASSWORD));
        Self::of(&image, registry.host.clone(), login, name).await
    }

    /// `image` is the one whose version 1.9.0 all versions are made from.
    async fn of(
        image: &str,
        host: String,
        login: Option<(&'static str, &'static str)>,
        name: &str,
    ) -> Self {
        let client = super::http_client().build().expect("a client");
        let samples = RegistryClient {
            client: client.clone(),
            host: registry(),
            login: None,
        };
        let target = RegistryClient {
            client,
            host,
            login,
        };
        let (_, sample) = image.split_once('/').expect("registry/repository");
        let manifest = samples
            .get(&format!("{sample}/manifests/1.9.0"))
            .header(ACCEPT, MANIFESTS);
        let manifest = good(manifest.send().await);
        let kind = manifest.headers()[CONTENT_TYPE].to_str().expect("a type");
        let kind = kind.to_owned();
        let manifest: Value = manifest.json().await.expect("a manifest");
        let settings = manifest["config"]["digest"].as_str().expect("a digest");
        let settings = samples.get(&format!("{sample}/blobs/{settings}"));
        let settings = good(settings.send().await).json().await;
        for layer in manifest["layers"].as_array().expect("layers") {
            let digest = layer["digest"].as_str().expect("a digest");
            if target.host == samples.host {
                let mount = format!("{name}/blobs/uploads/?mount={digest}&from={sample}");
                let mounted = good(target.post(&mount).send().await);
                assert_eq!(mounted.status(), 201, "the layer is shared");
            } else {
                let layer = samples.get(&format!("{sample}/blobs/{digest}"));
                let content = good(layer.send().await).bytes().await;
                let content = content.expect("the layer").to_vec();
                target.upload(name, digest, content).await;
            }
        }
        Self {
            registry: target,
            name: name.to_owned(),
            manifest: (kind, manifest),
            settings: settings.expect("settings"),
            made: AtomicU32::new(0),
        }
    }

    /// As a configuration names it.
    pub(crate) fn image(&self) -> String {
        format!("{}/{}", self.registry.host, self.name)
    }

    /// Adds a version and returns its tag. `fault` is one that the sample application knows.
    pub(crate) async fn another(&self, fault: &str) -> String {
        let tag = format!("1.{}.0", 1 + self.made.fetch_add(1, Ordering::SeqCst));
        let mut settings = self.settings.clone();
        let own = &mut settings["config"];
        own["Labels"]["org.opencontainers.image.version"] = tag.as_str().into();
        // No other version has the same content, so removing this one affects no other.
        own["Labels"]["org.opencontainers.image.title"] = self.name.as_str().into();
        for variable in own["Env"].as_array_mut().expect("variables") {
            let name = variable
                .as_str()
                .and_then(|it| it.split_once('='))
                .map(|(name, _)| name);
            match name {
                Some("SAMPLE_VERSION") => *variable = format!("SAMPLE_VERSION={tag}").into(),
                Some("SAMPLE_FAULT") => *variable = format!("SAMPLE_FAULT={fault}").into(),
                _ => {}
            }
        }
        let settings = serde_json::to_vec(&settings).expect("text");
        let digest = format!("sha256:{}", hex(&Sha256::digest(&settings)));
        let (kind, mut manifest) = self.manifest.clone();
        manifest["config"]["digest"] = digest.as_str().into();
        manifest["config"]["size"] = settings.len().into();

        self.registry.upload(&self.name, &digest, settings).await;
        let to = self.registry.url(&format!("{}/manifests/{tag}", self.name));
        let put = self.registry.put(&to).header(CONTENT_TYPE, kind);
        good(put.body(manifest.to_string()).send().await);
        tag
    }
}

impl Drop for Versions {
    /// The engine may be shared.
    fn drop(&mut self) {
        let engine = |arguments: &[&str]| {
            let mut command = Command::new("docker");
            command.args(["-H", &docker()]).args(arguments);
            command.stderr(Stdio::null()).output()
        };
        let Ok(listed) = engine(&["images", "--quiet", &self.image()]) else {
            return;
        };
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        for image in listed.lines() {
            let _ = engine(&["rmi", "-f", image]);
        }
    }
}

fn good(answer: reqwest::Result<Response>) -> Response {
    let answer = answer.expect("the registry answers");
    answer.error_for_status().expect("the registry takes it")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
