//! Describes how Greenroom changes nginx, call by call, so that an operator can check the calls in the plan.

use super::{Nginx, SwitchMode};
use crate::inventory::{Slot, Target};
use crate::ports::{RebaseOrder, SwitchOrder};
use crate::sanitize::sanitize;

/// The most directives or targets that a text lists.
const MOST_QUOTED: usize = 5;
/// The most characters of a directive that a text quotes.
const LONGEST_QUOTED: usize = 120;

pub(super) fn install(nginx: &Nginx, target: &Target) -> Vec<String> {
    if !nginx.sites.contains_key(target) {
        return vec![format!("this nginx does not serve {target}")];
    }
    let place = nginx.host().place();
    let directory = nginx.pointer.directory(target);
    let directory = directory.display();
    let mut calls = vec![format!(
        "on {place}: create {directory}/blue/is-blue and {directory}/green/is-green if they do not exist"
    )];
    calls.extend(apply(nginx, target));
    calls
}

/// The calls of a switch. The texts say which connections the switch may cut.
pub(super) fn switch(nginx: &Nginx, target: &Target, order: &SwitchOrder) -> Vec<String> {
    if !nginx.sites.contains_key(target) {
        return vec![format!("this nginx does not serve {target}")];
    }
    let place = nginx.host().place();
    let (to, generation) = (order.to, order.generation);
    let from = order.from.map_or("no slot", Slot::as_str);
    match nginx.options.config.switch {
        SwitchMode::Pointer => {
            let answer = nginx.pointer.answer_file(target, to);
            let link = nginx.pointer.link(target);
            vec![
                format!(
                    "on {place}: check that {} points at {from}, and that no newer lock has written its token",
                    link.display()
                ),
                format!(
                    "write {} with generation {generation} and the lock's token",
                    answer.display()
                ),
                format!(
                    "replace {} with a link to {to} by one rename; no reload, no connection is cut",
                    link.display()
                ),
            ]
        }
        SwitchMode::Reload => {
            let mut calls = vec![format!(
                "on {place}: check that {} names {from}, and that no newer lock has written its token",
                nginx.file(target).display()
            )];
            calls.extend(apply(nginx, target));
            calls.push(format!(
                "the new file names {to}, generation {generation} and the lock's token; the reload may cut kept-alive connections"
            ));
            calls
        }
    }
}

/// The calls that write the token of the current lock. The texts say which connections these calls may cut.
pub(super) fn rebase(nginx: &Nginx, target: &Target, order: &RebaseOrder) -> Vec<String> {
    let place = nginx.host().place();
    let (token, generation) = (order.from.highest_token(), order.generation);
    let (path, cost) = match nginx.options.config.switch {
        SwitchMode::Pointer => (nginx.pointer.directory(target), "no reload"),
        SwitchMode::Reload => (
            nginx.file(target),
            "the reload may cut kept-alive connections",
        ),
    };
    vec![format!(
        "on {place}: if the pointer is unchanged, write generation {generation} and the token of this repair's lock in place of token {token} to {}; {cost}; no traffic moves",
        path.display()
    )]
}

/// A warning about directives of the `http` block that do not apply to the servers of the target. None if `lost` is
/// empty.
pub(super) fn not_inherited(target: &Target, lost: &[String]) -> Option<String> {
    if lost.is_empty() {
        return None;
    }
    let quoted: Vec<String> = lost
        .iter()
        .take(MOST_QUOTED)
        .map(|directive| {
            format!(
                "`{}`",
                sanitize(directive)
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
    let headers = lost
        .iter()
        .any(|directive| directive.starts_with("add_header "));
    let merge = if headers {
        ". With nginx 1.29.3 or newer you can instead write `add_header_inherit merge;` in the http block, for headers of answers"
    } else {
        ""
    };
    Some(format!(
        "the servers of {target} do not inherit these directives of nginx's http block: {}{more}. The servers have directives of the same name, and nginx then inherits none. To keep these directives, repeat them in your own `template`{merge}",
        quoted.join(", ")
    ))
}

/// A warning about a preview server that every client can reach.
pub(super) fn open_preview(listen: &str) -> String {
    format!(
        "the preview server at {listen} shows the candidate to every client that can reach this address: set preview_allow or preview_users to limit access"
    )
}

/// Describes a reload, and names the other targets, because the reload may cut their connections.
fn reloads(reload: &str, others: &[Target]) -> String {
    if others.is_empty() {
        return format!("run `{reload}`");
    }
    let names: Vec<String> = others
        .iter()
        .take(MOST_QUOTED)
        .map(ToString::to_string)
        .collect();
    let more = match others.len().saturating_sub(MOST_QUOTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "run `{reload}`: this nginx also serves {}{more}, and the reload may cut their kept-alive connections",
        names.join(", ")
    )
}

fn apply(nginx: &Nginx, target: &Target) -> Vec<String> {
    let test = nginx.command(&["-T"], &nginx.test_main(target)).join(" ");
    let reload = nginx
        .command(&["-s", "reload"], &nginx.options.config.configuration)
        .join(" ");
    vec![
        format!(
            "write {} and {}, run `{test}` to test the whole configuration with the new file, then remove both",
            nginx.proposed_file(target).display(),
            nginx.test_main(target).display()
        ),
        format!(
            "write {}. Only if nginx did not read the new file in the test above: run `nginx -T` again now, and undo this write if the test fails",
            nginx.file(target).display()
        ),
        reloads(&reload, &nginx.other_targets(target)),
        format!(
            "ask {} until nginx has loaded the new configuration, for up to {:?}; otherwise restore the old file and reload again",
            nginx.options.config.answer.address(),
            nginx.options.time_limit
        ),
    ]
}
