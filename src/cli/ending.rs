//! The last output of a command that drove a release. After a failure: the last log lines and the next
//! command. If a person has to look: the next commands. In all cases: what could not be archived or sent.

use super::arguments::Common;
use super::{Exit, history};
use crate::history::KeptLog;
use crate::inventory::{ReleaseId, Target};
use crate::wire::App;

/// How many of the last lines of each log are shown.
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
                let logs = match history::archive(app).await {
                    Some(archive) => archive.read.logs(release).await.unwrap_or_default(),
                    None => Vec::new(),
                };
                after_failure(release, &logs)
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

/// The last lines of each log, oldest first, and the command that shows all of them.
fn after_failure(release: ReleaseId, logs: &[KeptLog]) -> Vec<String> {
    let mut lines = Vec::new();
    for KeptLog { owner, log } in logs {
        let texts: Vec<&str> = log.kept_lines().map(|line| line.text.as_str()).collect();
        let last = &texts[texts.len().saturating_sub(LAST_LINES)..];
        lines.push(format!("the last log lines of {}:", owner.words()));
        lines.extend(last.iter().map(|line| format!("  {line}")));
    }
    lines.push(format!("next: greenroom show {release} --logs"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{LogOwner, OutputLog, WrittenBy, WrittenLine};

    #[test]
    fn a_failure_shows_the_candidates_last_lines_and_the_next_command() {
        let line = |number: usize| WrittenLine {
            at: None,
            by: WrittenBy::Out,
            text: format!("line {number}"),
        };
        let log = OutputLog {
            first: (0..3).map(line).collect(),
            left_out: 100,
            last: (103..110).map(line).collect(),
        };
        let release = ReleaseId(ulid::Ulid::from_parts(1, 1));
        let kept = KeptLog {
            owner: LogOwner::Candidate,
            log,
        };
        let lines = after_failure(release, &[kept]);
        assert_eq!(lines.len(), LAST_LINES + 2);
        assert_eq!(lines[1], "  line 0");
        assert_eq!(lines[LAST_LINES], "  line 109");
        let next = format!("next: greenroom show {release} --logs");
        assert_eq!(lines.last(), Some(&next));
        assert_eq!(after_failure(release, &[]), [next]);
    }
}
