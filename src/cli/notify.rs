//! `greenroom notify`: reports a push, for a CI job whose image registry sends no webhook.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::man::Manual;
use super::promote::refuse;
use super::{Exit, json, open};
use crate::inventory::{Digest, ServiceName, is_tag};
use crate::release::Notification;
use crate::sanitize::sanitize;

/// Reports a push: an agent releases it in the environments that follow its tag
///
/// For a CI job whose image registry sends no webhook. Stores the push in the queue of each environment that follows
/// the tag. An agent asks the image registry for the version of the tag and releases it. In a protected environment,
/// the version is only offered, and an operator promotes it.
#[derive(Debug, Args)]
pub(crate) struct Notify {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The tag that was pushed, e.g. develop
    #[arg(value_parser = tag)]
    tag: String,
    /// The digest that was pushed, e.g. sha256:4f5e...; kept with the entry
    #[arg(long)]
    digest: Option<Digest>,
}

impl VerbDefinition for Notify {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("notify", &[("greenroom notify web develop", "Reports that develop names a new image of web.")], &["queue", "promote"], &["agent"]),
    ];

    fn changes(&self) -> bool {
        true
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, self).await
    }
}

async fn run(common: &Common, verb: Notify) -> Exit {
    let app = match open::app_for(common, Some(&verb.service), None) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let Notify {
        service,
        tag,
        digest,
    } = verb;
    let notification = Notification {
        service,
        tag,
        digest,
    };
    let notified = match app.engine.notify(&notification).await {
        Ok(notified) => notified,
        Err(refused) => return refuse(&refused),
    };
    let (mut queued, mut refused) = (Vec::new(), Vec::new());
    for (target, added) in notified {
        match added {
            Ok(entry) => {
                if !common.json {
                    let id = entry.id.short();
                    say_line!("{target}: queued {} as entry {id}", notification.tag);
                }
                queued.push(entry);
            }
            Err(why) => {
                warn_line!("greenroom: {target}: {}", sanitize(&why.to_string()));
                refused.push(serde_json::json!({ "target": target, "message": why.to_string() }));
            }
        }
    }
    let exit = if refused.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    json::answer(serde_json::json!({ "queued": queued, "refused": refused }));
    exit
}

/// Parses a tag.
fn tag(text: &str) -> Result<String, String> {
    if is_tag(text) {
        return Ok(text.to_owned());
    }
    Err(
        "write a tag: at most 128 of A-Z, a-z, 0-9, `_`, `.` and `-`, not starting with `.` or `-`"
            .into(),
    )
}
