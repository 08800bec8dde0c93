//! Docker as the runtime, over its API by `bollard`: instances are containers, known by their
//! labels. Reading and writing are two values over one [`Engine`], so that read-only never builds
//! the writer. Must not know what a release is for, nor poll: it is asked, or it follows events.

mod address;
mod configuration;
mod create;
mod engine;
mod exits;
mod failure;
mod images;
mod labels;
mod log_lines;
mod mend;
mod names;
mod observe;
mod occupancy;
mod proxy_host;
mod pull;
mod read;
mod socket;
mod write;

pub use address::{DockerAddress, InvalidDockerAddress, TlsFiles};
pub use engine::Engine;
pub use proxy_host::ContainerHost;
pub use read::DockerReader;
pub use write::DockerWriter;
