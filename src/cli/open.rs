//! From the common arguments to an application: configuration read, everything built.

use super::Exit;
use super::arguments::Common;
use crate::settings::{Loaded, Request, Settings};
use crate::vacant::OutgoingPorts;
use crate::wire::{self, App};

/// Reads the configuration, or says everything that is wrong with it.
pub(super) fn load(common: &Common) -> Result<Loaded, Exit> {
    let request = request(common)?;
    match Settings::load(&request) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                warn_line!("warning: {warning}");
            }
            Ok(loaded)
        }
        Err(problems) => {
            warn_line!("{problems}");
            Err(Exit::Usage)
        }
    }
}

/// The configuration's request, from the arguments and the variables of this process.
pub(super) fn request(common: &Common) -> Result<Request, Exit> {
    let mut overrides = Vec::new();
    for pair in &common.set {
        let Some((key, value)) = pair.split_once('=') else {
            warn_line!("greenroom: --set takes KEY=VALUE, not {pair:?}");
            return Err(Exit::Usage);
        };
        overrides.push((key.to_owned(), value.to_owned()));
    }
    Ok(Request {
        path: common.config.clone(),
        environment: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        overrides,
        outgoing: OutgoingPorts::of_this_machine(),
    })
}

/// Reads the configuration and builds everything it names. Nothing is connected to yet.
pub(super) async fn app(common: &Common) -> Result<App, Exit> {
    let loaded = load(common)?;
    match wire::build(&loaded.settings, common.read_only).await {
        Ok(app) => Ok(app),
        Err(report) => {
            warn_line!("greenroom: {report}");
            Err(Exit::Usage)
        }
    }
}
