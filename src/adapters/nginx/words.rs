//! Describes the calls of a change to nginx, so that an operator can check them by hand.

use super::{Nginx, SwitchMode};
use crate::inventory::{Slot, Target};
use crate::ports::{RebaseOrder, SwitchOrder};
use crate::sanitize::sanitize;

/// The most directives in a warning, and the most characters of each.
const MOST_QUOTED: usize = 5;
const LONGEST_QUOTED: usize = 120;

/// The steps of an installation.
pub(super) fn install(nginx: &Nginx, target: &Target) -> Vec<String> {
    if !nginx.sites.contains_key(target) {
        return vec![format!("{target} is not behind this nginx")];
    }
    let place = nginx.host().place();
    let directory = nginx.pointer.directory(target);
    let directory = directory.display();
    let mut calls = vec![format!(
        "on {place}: create {directory}/blue/is-blue and {directory}/green/is-green where they are missing"
    )];
    calls.extend(apply(nginx, target));
    calls
}

/// The steps of a switch, and what it may cost.
pub(super) fn switch(nginx: &Nginx, target: &Target, order: &SwitchOrder) -> Vec<String> {
    if !nginx.sites.contains_key(target) {
        return vec![format!("{target} is not behind this nginx")];
    }
    let place = nginx.host().place();
    let (to, generation) = (order.to, order.generation);
    let from = order.from.map_or("no slot", Slot::as_str);
    match nginx.arrangement.mode {
        SwitchMode::Pointer => {
            let answer = nginx.pointer.answer_file(target, to);
            let link = nginx.pointer.link(target);
            vec![
                format!(
                    "on {place}: check that {} is at {from}, and that no newer lock token is there",
                    link.display()
                ),
                format!(
                    "write {}: generation {generation}, with the lock's token",
                    answer.display()
                ),
                format!(
                    "rename a new link over {}: it points at {to}; no reload, no connection is cut",
                    link.display()
                ),
            ]
        }
        SwitchMode::Reload => {
            let mut calls = vec![format!(
                "on {place}: check that {} says {from}, and no newer lock token",
                nginx.file(target).display()
            )];
            calls.extend(apply(nginx, target));
            calls.push(format!(
                "the file says {to}, generation {generation}, with the lock's token; reload: kept-alive connections may be cut"
            ));
            calls
        }
    }
}

/// The steps of writing the current lock's token, and what they may cost.
pub(super) fn rebase(nginx: &Nginx, target: &Target, order: &RebaseOrder) -> Vec<String> {
    let place = nginx.host().place();
    let (token, generation) = (order.from.highest_token(), order.generation);
    let (what, cost) = match nginx.arrangement.mode {
        SwitchMode::Pointer => (nginx.pointer.directory(target), "no reload"),
        SwitchMode::Reload => (
            nginx.file(target),
            "reload: kept-alive connections may be cut",
        ),
    };
    vec![format!(
        "on {place}: write generation {generation} and the token of this repair's lock over token {token} in {}, only if no other driver wrote it since; {cost}, no traffic moves",
        what.display()
    )]
}

/// The directives of the `http` block that the service's servers do not inherit.
pub(super) fn not_inherited(target: &Target, lost: &[String]) -> Option<String> {
    if lost.is_empty() {
        return None;
    }
    let quoted: Vec<String> = lost
        .iter()
        .take(MOST_QUOTED)
        .map(|said| {
            format!(
                "`{}`",
                sanitize(said)
                    .chars()
                    .take(LONGEST_QUOTED)
                    .collect::<String>()
            )
        })
        .collect();
    let more = match lost.len().saturating_sub(MOST_QUOTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let headers = lost.iter().any(|said| said.starts_with("add_header "));
    let merge = if headers {
        "; for headers of answers, nginx 1.29.3 or newer has `add_header_inherit merge;` for the http block"
    } else {
        ""
    };
    Some(format!(
        "nginx's http block has {}{more}, which does not apply to {target}: a server with directives of the same name inherits none of them. To keep them, repeat them in your own `template`{merge}",
        quoted.join(", ")
    ))
}

/// A preview server without limits that other machines can reach.
pub(super) fn open_preview(listen: &str) -> String {
    format!(
        "the preview server at {listen} shows the candidate to every client that can reach it: set preview_allow or preview_users to limit it"
    )
}

/// A reload ends the workers with the connections of every target.
fn reloads(reload: &str, others: &[Target]) -> String {
    if others.is_empty() {
        return format!("run `{reload}`");
    }
    let named: Vec<String> = others
        .iter()
        .take(MOST_QUOTED)
        .map(ToString::to_string)
        .collect();
    let more = match others.len().saturating_sub(MOST_QUOTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "run `{reload}`: this nginx also serves {}{more}, and a reload may cut kept-alive connections there",
        named.join(", ")
    )
}

fn apply(nginx: &Nginx, target: &Target) -> Vec<String> {
    let test = nginx.command(&["-T"], &nginx.trial(target)).join(" ");
    let reload = nginx
        .command(&["-s", "reload"], &nginx.arrangement.main)
        .join(" ");
    vec![
        format!(
            "write {} and {}, run `{test}`, remove both: it tests the whole configuration with the new file",
            nginx.candidate(target).display(),
            nginx.trial(target).display()
        ),
        format!(
            "write {}; if nginx did not read it in that test, test it here, and restore the old file if nginx rejects it",
            nginx.file(target).display()
        ),
        reloads(&reload, &nginx.beside(target)),
        format!(
            "ask {} until it names the new configuration, for {:?}; else restore the old file and reload again",
            nginx.arrangement.answer_at, nginx.arrangement.time_limit
        ),
    ]
}
