//! Lists instances, and follows their changes and their logs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::query_parameters::EventsOptions;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyStream;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::Engine;
use super::connection::{Meter, TooLarge};
use super::failure::{Act, failure, oversized_item};
use super::labels::{Labels, SERVICE};
use super::log_frames::{Frame, Frames};
use super::log_lines::Lines;
use super::names::container_id;
use crate::inventory::{
    Address, Addresses, EngineImage, Exit, Instance, InstanceId, Slot, Target, TaskRun, Version,
};
use crate::ports::{EngineInfo, Failure, FailureKind, LogChunk, Occupancy, Result, RuntimeReader};

/// The events that [`RuntimeReader::changes`] reports. Docker also sends events about executed commands and copied
/// files, which change no instance.
const EVENTS: [&str; 11] = [
    "create",
    "start",
    "die",
    "destroy",
    "restart",
    "pause",
    "unpause",
    "oom",
    "rename",
    "stop",
    "health_status",
];

#[derive(Debug, Clone)]
pub struct DockerReader {
    engine: Arc<Engine>,
}

impl DockerReader {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl RuntimeReader for DockerReader {
    fn address(&self) -> String {
        self.engine.target()
    }

    async fn engine(&self) -> Result<EngineInfo> {
        self.engine.info().await
    }

    async fn clock(&self) -> Result<Option<Timestamp>> {
        self.engine.clock().await
    }

    async fn instances(&self, target: &Target) -> Result<Vec<Instance>> {
        let labels = Labels::filter(target, None);
        let doing = format!("listing the containers of {target}");
        self.engine.ours(labels, &doing).await
    }

    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>> {
        let instances = self
            .engine
            .ours(vec![SERVICE.to_owned()], "listing containers")
            .await?;
        let mut by_target: BTreeMap<Target, Vec<Instance>> = BTreeMap::new();
        for instance in instances {
            by_target
                .entry(instance.target.clone())
                .or_default()
                .push(instance);
        }
        Ok(by_target)
    }

    async fn last_exit(&self, instance: &InstanceId) -> Result<Option<Exit>> {
        self.engine.last_exit(instance).await
    }

    async fn jobs(&self, instance: &InstanceId, command: &[String]) -> Result<u64> {
        self.engine.jobs(instance, command).await
    }

    async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        addresses: &Addresses,
    ) -> Result<Occupancy> {
        let endpoints = addresses.iter().map(Address::endpoint);
        let endpoints = endpoints.collect::<std::result::Result<Vec<_>, _>>();
        let endpoints = endpoints.map_err(|error| {
            let doing = format!("looking for what is in {slot} of {target}");
            self.engine
                .refuse(FailureKind::Rejected, &doing, error.to_string())
        })?;
        let members = addresses.members();
        let of = (members, &endpoints[..]);
        self.engine.occupancy(target, slot, of).await
    }

    async fn all_tasks(&self, target: &Target) -> Result<Vec<TaskRun>> {
        self.engine.tasks(target).await
    }

    async fn has_image(&self, version: &Version) -> Result<bool> {
        self.engine.has_image(&version.into()).await
    }

    async fn images(&self, repository: &str) -> Result<Vec<EngineImage>> {
        self.engine.images(repository).await
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>> {
        let text = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        let filters = HashMap::from([
            ("type".to_owned(), text(&["container"])),
            ("label".to_owned(), text(&[SERVICE])),
            ("event".to_owned(), text(&EVENTS)),
        ]);
        let docker = self.engine.docker().await?;
        // The request is sent only at the first poll, so it asks for all events since now. The time of Docker's machine
        // is used; if Docker reports no valid time, the time of this machine.
        let doing = "following events";
        let info = self
            .engine
            .quick(Act::Read, doing, || docker.info())
            .await?;
        let now = info
            .system_time
            .and_then(|t| t.parse().ok())
            .unwrap_or_else(Timestamp::now);
        let options = EventsOptions {
            since: Some(now.as_second().to_string()),
            until: None,
            filters: Some(filters),
        };
        let (docker, meter) = self.engine.streaming().await?;
        let events = docker.events(Some(options)).map(|event| event.map(|_| ()));
        let reason = "Docker ended the stream of events";
        let end = self.engine.refuse(FailureKind::Unreachable, doing, reason);
        Ok(until_failure(
            events,
            meter,
            self.engine.target(),
            (doing.to_owned(), "an event"),
            Some(end),
        ))
    }

    async fn logs(
        &self,
        instance: &InstanceId,
        since: Option<Timestamp>,
        tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        let doing = format!("following the logs of {}", instance.short());
        let Some(id) = container_id(instance) else {
            let reason = "the id is not a full container id";
            return Err(self.engine.refuse(FailureKind::Rejected, doing, reason));
        };
        let Some(container) = self.engine.inspect(id, &doing).await? else {
            return Err(self.engine.refuse(
                FailureKind::Missing,
                doing,
                "the container does not exist",
            ));
        };
        if container.log_driver == "none" {
            let reason = "the container's log driver is `none`, which keeps no logs";
            return Err(self.engine.refuse(FailureKind::Unsupported, doing, reason));
        }
        let since = since.map_or_else(|| "0".to_owned(), exact);
        let tail = match tail {
            usize::MAX => "all".to_owned(),
            tail => tail.to_string(),
        };
        let path = format!(
            "/containers/{id}/logs?follow=true&stdout=true&stderr=true&timestamps=true&since={since}&tail={tail}"
        );
        let (request, meter) = self.engine.raw_stream(&path).await?;
        // If the last line has no line end, Docker may lose the line when the container exits. A new request since the
        // last line returns the lost line.
        let frames = frames(request, meter.clone(), Frames::new(container.has_terminal));
        Ok(lines(frames, meter, self.engine.target(), doing))
    }
}

/// A stream that ends with the failure that interrupted it. If no failure interrupted the stream, it ends with the
/// failure `end`, if there is one.
fn until_failure<T: Send + 'static>(
    items: impl Stream<Item = std::result::Result<T, Error>> + Send + 'static,
    meter: Meter,
    target: String,
    (doing, item): (String, &'static str),
    end: Option<Failure>,
) -> BoxStream<'static, Result<T>> {
    let described = items
        .map(move |next| match (next, meter.check()) {
            (Ok(item), _) => {
                meter.restart();
                Ok(item)
            }
            (Err(error), metered) => Err(match metered.err().or_else(|| TooLarge::of(&error)) {
                Some(large) => oversized_item(large, item, target.clone(), &doing),
                None => failure(&error, Act::Read, target.clone(), &doing),
            }),
        })
        .chain(stream::iter(end.map(Err)));
    let mut broken = false;
    described
        .take_while(move |item| {
            let continues = !broken;
            broken = item.is_err();
            std::future::ready(continues)
        })
        .boxed()
}

/// A time in Docker's format for `since`, to the nanosecond.
pub(super) fn exact(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

/// The frames of a log as they arrive. If the last line of a terminal has no line end, the stream ends with this line.
fn frames(
    request: impl Future<Output = std::result::Result<Incoming, Error>> + Send + 'static,
    meter: Meter,
    frames: Frames,
) -> impl Stream<Item = std::result::Result<Frame, Error>> + Send + 'static {
    let too_large = |large| Error::IOError {
        err: std::io::Error::other(large),
    };
    let bodies = stream::once(request).map_ok(BodyStream::new);
    let bytes = bodies
        .map_ok(|body| body.map_err(Error::from))
        .try_flatten();
    // `None` marks the end, after which the unfinished line is returned.
    let marked = bytes.map_ok(Some).chain(stream::iter([Ok(None)]));
    let taken = marked.scan(frames, move |frames, arrived| {
        let taken = match arrived {
            Ok(Some(arrived)) => {
                meter.restart();
                let bytes = arrived.into_data().unwrap_or_default();
                frames.take(&bytes).map_err(too_large)
            }
            Ok(None) => Ok(frames.rest().into_iter().collect()),
            Err(error) => Err(error),
        };
        std::future::ready(Some(taken))
    });
    taken
        .map_ok(|frames| stream::iter(frames.into_iter().map(Ok)))
        .try_flatten()
}

fn lines(
    frames: impl Stream<Item = std::result::Result<Frame, Error>> + Send + 'static,
    meter: Meter,
    target: String,
    doing: String,
) -> BoxStream<'static, Result<LogChunk>> {
    let doing = (doing, "one line of the output");
    let frames = until_failure(frames, meter, target, doing, None).map(|item| item.map(Some));
    // Each of the two marks after the last frame returns the unfinished line of one stream.
    let marked = frames.chain(stream::iter([Ok(None), Ok(None)]));
    marked
        .scan(Lines::default(), |lines, item| {
            let line = match item {
                Ok(Some(frame)) => lines.take(frame).map(Ok),
                Ok(None) => lines.rest().map(Ok),
                Err(failure) => Some(Err(failure)),
            };
            std::future::ready(Some(line))
        })
        .filter_map(std::future::ready)
        .boxed()
}
