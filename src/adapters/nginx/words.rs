//! The calls that a change of nginx would make, in words that an operator can check by hand.

use super::{Nginx, SwitchMode};
use crate::inventory::{Slot, Target};
use crate::ports::{RebaseOrder, SwitchOrder};
use crate::sanitize::sanitize;

/// How many directives a warning quotes, and how much of each, in characters.
const MOST_QUOTED: usize = 5;
const LONGEST_QUOTED: usize = 120;

/// What an installation does.
pub(super) fn install(nginx: &Nginx, target: &Target) -> Vec<String> {
    if !nginx.sites.contains_key(target) {
        return vec![format!("{target} is not behind this nginx")];
    }
    let place = nginx.host().place();
    let directory = nginx.pointer.directory(target);
    let directory = directory.display();
    let mut calls = vec![format!(
        "on {place}: make {directory}/blue/is-blue and {directory}/green/is-green where they are missing"
    )];
    calls.extend(apply(nginx, target));
    calls
}

/// What a switch does, and what it may cost.
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
                    "on {place}: read that {} is at {from}, and that no newer lock token stands there",
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
                "on {place}: read that {} says {from}, and no newer lock token",
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

/// What writing the token of the current lock does, and what it may cost.
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
        "on {place}: write generation {generation} and the token of this repair's lock over token {token} in {}, only if no other driver wrote it since; {cost}, and no traffic moves",
        what.display()
    )]
}

/// What the `http` block says and the service's servers will not do.
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
        "nginx's http block says {}{more}, and that does not apply to {target}: a server with directives of the same name inherits none of them. To keep them, repeat them in a `template` of your own{merge}",
        quoted.join(", ")
    ))
}

/// A preview server that is reachable from elsewhere, and asks for nothing.
pub(super) fn open_preview(listen: &str) -> String {
    format!(
        "the preview server at {listen} shows the candidate to every client that can reach it: set preview_allow or preview_users to limit it"
    )
}

/// A reload ends the workers that hold the connections of every target.
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
            "write {} and {}, run `{test}`, remove both: the whole tree with the new file in it",
            nginx.candidate(target).display(),
            nginx.trial(target).display()
        ),
        format!(
            "write {}; where nginx did not read it in that test, test it here, and put the old file back if it is refused",
            nginx.file(target).display()
        ),
        reloads(&reload, &nginx.beside(target)),
        format!(
            "ask {} until it names the new configuration, for {:?}; else put the old file back and reload again",
            nginx.arrangement.answer_at, nginx.arrangement.time_limit
        ),
    ]
}
