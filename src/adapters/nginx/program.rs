//! Runs the program of nginx. If the program is not found, but exists in one of the usual directories, the error names
//! its path.

use std::path::Path;

use super::Nginx;
use crate::ports::{CommandOutput, Failure, FailureKind, Result};

/// System directories that the `PATH` of an ordinary user often lacks.
const DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin"];
/// The exit codes with which a shell or Docker reports a missing program.
const NO_PROGRAM: [i64; 2] = [126, 127];

impl Nginx {
    /// Runs a command that starts with nginx's program.
    pub(super) async fn run(&self, command: &[String]) -> Result<CommandOutput> {
        let program = self.program();
        match self.host().run(command).await {
            Err(failure) if failure.kind == FailureKind::Missing => {
                Err(self.no_program(program, failure.doing).await)
            }
            Ok(ended)
                if ended.code.is_some_and(|code| NO_PROGRAM.contains(&code))
                    && ended.output.contains("not found") =>
            {
                let doing = format!("running {program}");
                Err(self.no_program(program, doing).await)
            }
            ran => ran,
        }
    }

    /// The name or path of the program.
    pub(super) fn program(&self) -> &str {
        let mut command = self.options.command.iter();
        command.next().map_or("nginx", String::as_str)
    }

    async fn no_program(&self, program: &str, doing: String) -> Failure {
        let message = if program.contains('/') {
            format!("there is no program {program}")
        } else {
            format!("there is no program {program} in any directory of PATH")
        };
        let failure = self.failure(FailureKind::Missing, doing, message);
        let name = Path::new(program).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        for directory in DIRECTORIES {
            let listed = self.host().list(Path::new(directory)).await;
            if listed.is_ok_and(|names| names.iter().any(|it| *it == name)) {
                return failure.hint(format!(
                    "{directory}/{name} exists: set binary = \"{directory}/{name}\" in the nginx table"
                ));
            }
        }
        failure.hint(
            "check that nginx is installed. If its program is in another directory, for example /usr/sbin, set `binary` in the nginx table",
        )
    }
}
