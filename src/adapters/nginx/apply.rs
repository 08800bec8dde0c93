//! Applies a configuration to nginx. If that fails, restores the old state and reports why. The configuration is
//! applied when nginx answers with the mark of the configuration over new connections. `nginx -t` and `nginx -s reload`
//! prove nothing: they return 0 even if a port of the configuration is in use.

use std::path::Path;
use std::time::{Duration, Instant};

use super::answer;
use super::doctor_tests::{is_probe, is_read};
use super::owner::{self, NotOurs};
use super::refusal::{Refusal, complaints, quoted};
use super::render::Rendered;
use super::{Nginx, include};
use crate::inventory::Target;
use crate::ports::{Failure, FailureKind, Result};

/// The pause between two requests to the answer server.
const ANSWER_PAUSE: Duration = Duration::from_millis(20);

/// How many answers in a row must match, because old workers continue to answer for a moment after a reload.
const IN_A_ROW: usize = 3;

/// How many bytes at the end of the error log are read.
const LOG_END_BYTES: &str = "16384";

impl Nginx {
    /// Tests the new file, installs it, reloads nginx and checks the answer.
    pub(super) async fn apply(
        &self,
        target: &Target,
        doing: &str,
        old: Option<&str>,
        new: &Rendered,
    ) -> Result<()> {
        match old {
            Some(text) => self.refuse_not_ours(&self.file(target), text, target, doing)?,
            None => {
                if let Some(NotOurs { message, hint }) = self.under_another_name(target).await? {
                    return Err(self
                        .failure(FailureKind::Conflict, doing, message)
                        .hint(hint));
                }
            }
        }
        let main = self.main_text(doing).await?;
        let is_in_place = self.test(target, doing, &main, old, new).await?;
        let was_loaded = self.loaded_mark(target).await;
        let logged = self.error_log(&main).await;
        let file = self.file(target);
        if !is_in_place {
            self.host().write(&file, new.text.as_bytes()).await?;
        }
        let Err(refusal) = self
            .reload_until(target, |mark| mark == Some(&new.mark))
            .await
        else {
            return Ok(());
        };
        let complaint = complaints(&logged, &self.error_log(&main).await);
        let restored = self.put_back(target, old, was_loaded.as_deref(), new).await;
        let kind = if restored.is_err() {
            FailureKind::Ambiguous
        } else {
            refusal.kind
        };
        let restored = restored.unwrap_or_else(|message| message);
        let parts = [refusal.message, complaint, restored];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Err(self
            .failure(kind, doing, parts.join("; "))
            .hint(refusal.hint))
    }

    fn refuse_not_ours(&self, path: &Path, text: &str, target: &Target, doing: &str) -> Result<()> {
        match owner::not_ours(path, text, target) {
            Some(NotOurs { message, hint }) => Err(self
                .failure(FailureKind::Conflict, doing, message)
                .hint(hint)),
            None => Ok(()),
        }
    }

    /// Refuses to overwrite a file of another target or of a person. A file of this target that remains after a crash
    /// may be overwritten.
    async fn refuse_others(&self, path: &Path, target: &Target, doing: &str) -> Result<()> {
        match self.host().read(path).await? {
            Some(bytes) => {
                self.refuse_not_ours(path, &String::from_utf8_lossy(&bytes), target, doing)
            }
            None => Ok(()),
        }
    }

    async fn main_text(&self, doing: &str) -> Result<String> {
        let main = &self.options.config.configuration;
        match self.host().read(main).await? {
            Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            None => Err(self
                .failure(
                    FailureKind::Missing,
                    doing,
                    format!("{} does not exist", main.display()),
                )
                .hint(
                    "correct the path of nginx's main configuration in Greenroom's configuration",
                )),
        }
    }

    /// Tests the new file as part of the whole configuration. Returns whether the test has installed the new file.
    async fn test(
        &self,
        target: &Target,
        doing: &str,
        main: &str,
        old: Option<&str>,
        new: &Rendered,
    ) -> Result<bool> {
        if self
            .test_without_installing(target, doing, main, new)
            .await?
        {
            return Ok(false);
        }
        self.test_in_place(target, doing, old, new).await?;
        Ok(true)
    }

    /// Tests the new file without installing it. Returns false if nginx did not read the new file. This happens if the
    /// include of the sites is not in the main configuration, or if the parser does not understand the include.
    async fn test_without_installing(
        &self,
        target: &Target,
        doing: &str,
        main: &str,
        new: &Rendered,
    ) -> Result<bool> {
        let sites = &self.options.config.sites;
        let (proposed, test_main) = (self.proposed_file(target), self.test_main(target));
        let mut present = self.host().list(sites).await?;
        present.retain(|name| !is_probe(name));
        let wrapped = include::wrap(
            main,
            self.options.config.configuration.parent().unwrap_or(sites),
            sites,
            &present,
            &owner::file_name(target),
            &proposed,
        );
        let Some(wrapped) = wrapped else {
            return Ok(false);
        };
        for path in [&proposed, &test_main] {
            self.refuse_others(path, target, doing).await?;
        }
        let wrapped = format!("{wrapped}\n{}", owner::line(target));
        let tested = async {
            self.host().write(&proposed, new.text.as_bytes()).await?;
            self.host().write(&test_main, wrapped.as_bytes()).await?;
            self.dump(&test_main).await
        }
        .await;
        let removed = [
            self.host().remove(&test_main).await,
            self.host().remove(&proposed).await,
        ];
        let tested = tested?;
        for done in removed {
            done?;
        }
        match tested {
            Ok(files) => Ok(files.iter().any(|file| Path::new(file) == proposed)),
            Err(output) => {
                let output = output
                    .replace(&*proposed.to_string_lossy(), "the new file")
                    .replace(&*test_main.to_string_lossy(), "the main configuration");
                Err(self.not_accepted(doing, &output))
            }
        }
    }

    /// Installs the new file and tests it. If nginx does not accept or does not include the new file, restores the old
    /// file. nginx is not reloaded, so it continues with its loaded configuration.
    async fn test_in_place(
        &self,
        target: &Target,
        doing: &str,
        old: Option<&str>,
        new: &Rendered,
    ) -> Result<()> {
        let name = owner::file_name(target);
        if !self.host().is_directory(&self.options.config.sites).await? {
            let sites = self.options.config.sites.display();
            let message = format!("{sites} does not exist");
            let hint = format!(
                "create it (mkdir -p {sites}), and add `include {sites}/*.conf;` to nginx's http block"
            );
            return Err(self
                .failure(FailureKind::Rejected, doing, message)
                .hint(hint));
        }
        let file = self.file(target);
        self.host().write(&file, new.text.as_bytes()).await?;
        let refused = match self.dump(&self.options.config.configuration).await {
            Ok(Ok(files)) if is_read(&files, &name) => return Ok(()),
            Ok(Ok(_)) => self.not_included(doing, &name),
            Ok(Err(output)) => self.not_accepted(doing, &output),
            Err(failure) => failure,
        };
        match self.restore(target, old).await {
            Ok(_) => Err(refused),
            Err(failure) => {
                let message = format!(
                    "{}; the old state could not be restored: {failure}",
                    refused.message
                );
                let hint = format!(
                    "nginx reads {} when it is reloaded or restarted: correct or remove the file before that",
                    file.display()
                );
                Err(self
                    .failure(FailureKind::Ambiguous, doing, message)
                    .hint(hint))
            }
        }
    }

    /// Restores the old file, or removes the new file if there was no old file. Says which of them it did.
    async fn restore(&self, target: &Target, old: Option<&str>) -> Result<&'static str> {
        let file = self.file(target);
        if let Some(text) = old {
            self.host().write(&file, text.as_bytes()).await?;
            return Ok("the old file was restored");
        }
        self.host().remove(&file).await?;
        Ok("the new file was removed")
    }

    fn not_accepted(&self, doing: &str, output: &str) -> Failure {
        let message = format!("nginx rejects the new configuration: {}", quoted(output));
        self.failure(FailureKind::Rejected, doing, message)
            .hint("nothing was changed")
    }

    /// Restores the old state, reloads nginx and waits until nginx answers as before. Both results are texts for people.
    async fn put_back(
        &self,
        target: &Target,
        old: Option<&str>,
        was_loaded: Option<&str>,
        new: &Rendered,
    ) -> std::result::Result<String, String> {
        let outcome = match self.restore(target, old).await {
            Ok(outcome) => outcome,
            Err(failure) => return Err(format!("the old state could not be restored: {failure}")),
        };
        let as_before = |mark: Option<&str>| match (was_loaded, mark) {
            (_, Some(mark)) if mark == new.mark => false,
            (Some(_), Some(mark)) => old.is_some_and(|text| text.contains(mark)),
            (Some(_), None) => false,
            (None, _) => true,
        };
        match self.reload_until(target, as_before).await {
            Ok(()) => Ok(format!("{outcome}, and nginx answers as before")),
            Err(refusal) => Err(format!(
                "{outcome}, but nginx does not answer as before: {}",
                refusal.message
            )),
        }
    }

    /// Reloads nginx and waits until `wanted` accepts the mark that nginx answers with. The mark is None if nginx gives
    /// no usable answer.
    async fn reload_until(
        &self,
        target: &Target,
        wanted: impl Fn(Option<&str>) -> bool,
    ) -> std::result::Result<(), Refusal> {
        let command = self.command(&["-s", "reload"], &self.options.config.configuration);
        let reloaded = self.run(&command).await.map_err(Refusal::from)?;
        if reloaded.code != Some(0) {
            return Err(Refusal::of_reload(&reloaded.output));
        }
        let until = Instant::now() + self.options.time_limit;
        let mut in_a_row = 0;
        loop {
            let answer = answer::ask(&self.options.config.answer.address(), target).await;
            let mark = answer
                .as_ref()
                .ok()
                .map(|answer| answer.configuration.as_str());
            in_a_row = if wanted(mark) { in_a_row + 1 } else { 0 };
            if in_a_row == IN_A_ROW {
                return Ok(());
            }
            if in_a_row == 0 && Instant::now() >= until {
                return Err(Refusal::not_applied(self.options.time_limit, answer));
            }
            tokio::time::sleep(ANSWER_PAUSE).await;
        }
    }

    /// Whether nginx answers with this configuration.
    pub(super) async fn has_loaded(&self, target: &Target, mark: &str) -> bool {
        self.loaded_mark(target).await.as_deref() == Some(mark)
    }

    async fn loaded_mark(&self, target: &Target) -> Option<String> {
        let answer = answer::ask(&self.options.config.answer.address(), target).await;
        answer.ok().map(|answer| answer.configuration)
    }

    /// The end of the error log, which is only quoted in texts. Empty if the log is a link or cannot be read.
    async fn error_log(&self, main: &str) -> String {
        let Some(path) = include::error_log(main) else {
            return String::new();
        };
        // In a container the log is often a link to a stream, and reading a stream would never end.
        if !matches!(self.host().read_link(path.as_ref()).await, Ok(None)) {
            return String::new();
        }
        let command = ["tail", "-c", LOG_END_BYTES, &path].map(str::to_owned);
        match self.host().run(&command).await {
            Ok(ended) if ended.code == Some(0) => ended.output,
            _ => String::new(),
        }
    }
}
