//! The last output of a command that drove a release. After a failure: the candidate's last log lines and the next
//! command. If a person has to look: the next commands. In all cases: what could not be archived or sent.

use super::arguments::Common;
use super::{Exit, history};
use crate::history::CandidateLog;
use crate::inventory::{ReleaseId, Target};
use crate::wire::App;

/// How many of the candidate's last log lines are shown.
const LAST_LINES: usize = 10;

/// Copies the release to the archive, waits until its notices are sent, and prints the last output of the command.
/// Returns `exit`, which says how the command ended.
pub(super) async fn finish(
    app: &App,
    common: &Common,
    target: &Target,
    release: ReleaseId,
    exit: Exit,
) -> Exit {
    let (not_archived, unsent) = tokio::join!(app.keep(target, release), app.wait_for_notices());
    if !common.json {
        let lines = match exit {
            Exit::Failed => {
                let log = match history::archive(app).await {
                    Some(archive) => archive.read.log(release).await.ok().flatten(),
                    None => None,
                };
                after_failure(release, log.as_ref())
            }
            Exit::NeedsPerson => vec![format!(
                "next: greenroom show {release}, then greenroom status {} {}",
                target.service, target.environment
            )],
            Exit::Done | Exit::Usage | Exit::Cancelled => Vec::new(),
        };
        for line in lines {
            warn_line!("{line}");
        }
    }
    for problem in not_archived.iter().chain(&unsent) {
        warn_line!("{problem}");
    }
    exit
}

/// The candidate's last log lines, oldest first, and the command that shows all of them.
fn after_failure(release: ReleaseId, log: Option<&CandidateLog>) -> Vec<String> {
    let logged = log
        .into_iter()
        .flat_map(|log| log.first.iter().chain(&log.last));
    let texts: Vec<&str> = logged.map(|line| line.text.as_str()).collect();
    let last = &texts[texts.len().saturating_sub(LAST_LINES)..];
    let mut lines = Vec::new();
    if !last.is_empty() {
        lines.push("the last log lines of the candidate:".to_owned());
        lines.extend(last.iter().map(|line| format!("  {line}")));
    }
    lines.push(format!("next: greenroom show {release} --logs"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{WrittenBy, WrittenLine};

    #[test]
    fn a_failure_shows_the_candidates_last_lines_and_the_next_command() {
        let line = |number: usize| WrittenLine {
            at: None,
            by: WrittenBy::Out,
            text: format!("line {number}"),
        };
        let log = CandidateLog {
            first: (0..3).map(line).collect(),
            left_out: 100,
            last: (103..110).map(line).collect(),
        };
        let release = ReleaseId(ulid::Ulid::from_parts(1, 1));
        let lines = after_failure(release, Some(&log));
        assert_eq!(lines.len(), LAST_LINES + 2);
        assert_eq!(lines[1], "  line 0");
        assert_eq!(lines[LAST_LINES], "  line 109");
        let next = format!("next: greenroom show {release} --logs");
        assert_eq!(lines.last(), Some(&next));
        assert_eq!(after_failure(release, None), [next]);
    }
}
