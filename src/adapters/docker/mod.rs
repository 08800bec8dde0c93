//! Docker as the runtime, over its API with `bollard`. Instances are containers, identified by their labels. Reader and
//! writer are two types over one [`Engine`], so that read-only use never builds the writer. This module knows nothing
//! about the release procedure and does not poll: it answers calls or follows events.

mod address;
mod api_version;
mod checks;
mod configuration;
mod connection;
mod create;
mod engine;
mod exec;
mod exits;
mod failure;
mod images;
mod labels;
mod log_frames;
mod log_lines;
mod mend;
mod names;
mod observe;
mod occupancy;
mod passthrough;
mod proxy_host;
mod pull;
mod quiet;
mod read;
mod report_file;
mod secret_files;
mod socket;
mod tar;
mod tasks;
mod write;

use crate::ports::{Bound, TimeLimit};

/// The read limits for Docker.
pub const BOUNDS: [Bound; 7] = [
    bound(
        "an answer",
        connection::ANSWER,
        TimeLimit::Within(engine::QUICK),
    ),
    bound(
        "an answer to create, start, stop or remove",
        connection::ANSWER,
        TimeLimit::Within(write::SLOW),
    ),
    bound("a line of events", connection::ITEM, TimeLimit::Endless),
    bound(
        "a line of a pull",
        connection::ITEM,
        TimeLimit::Idle(pull::IDLE),
    ),
    bound("a frame of logs", connection::ITEM, TimeLimit::Endless),
    bound(
        "the output of a command in a container",
        exec::LONGEST as u64,
        TimeLimit::Within(exec::DEADLINE),
    ),
    bound(
        "the report of a check in a container",
        checks::LARGEST_ARCHIVE,
        TimeLimit::Within(write::SLOW),
    ),
];

const fn bound(answer: &'static str, bytes: u64, time: TimeLimit) -> Bound {
    Bound {
        server: "Docker engine",
        answer,
        bytes,
        time,
    }
}

pub use address::{DockerAddress, InvalidDockerAddress, TlsFiles};
pub use engine::Engine;
pub use passthrough::wrong_options;
pub use proxy_host::ContainerHost;
pub use read::DockerReader;
pub use write::DockerWriter;
