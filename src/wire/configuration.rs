//! Detects changes of the settings files on disk and reports the differences. The console continues with the settings
//! that it started with.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::console::model::{ConfigurationChange, FoundConfiguration, NewConfiguration};
use crate::sanitize::sanitize;
use crate::settings::{self, EffectiveValue, Loaded, Request, SettingChange, Settings};

/// How often the files are checked, with one `stat` each.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Identifies one written state of a file: time of change (seconds and nanoseconds), size, device and inode.
type Stamp = (i64, i64, u64, u64, u64);

/// Watches the settings files in use for as long as the future is polled. The receiver has the last differences that
/// were found. If the settings were read from a pipe, they cannot be read again, and the future ends immediately.
pub fn watch(
    request: Request,
    used: Loaded,
) -> (
    watch::Receiver<Option<Arc<NewConfiguration>>>,
    impl Future<Output = ()> + Send,
) {
    let (publish, found) = watch::channel(None);
    let templates = templates(&used.settings);
    let used = Arc::new(InUse {
        request,
        loaded: used,
        templates,
    });
    (found, watching(used, publish))
}

/// The settings that the console uses.
struct InUse {
    request: Request,
    loaded: Loaded,
    /// The text of each template file that the settings name. None if it could not be read.
    templates: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

async fn watching(used: Arc<InUse>, publish: watch::Sender<Option<Arc<NewConfiguration>>>) {
    if used.loaded.settings.is_read_once {
        return;
    }
    let mut files = used.loaded.settings.files();
    let mut compared = Vec::new();
    let mut last_stamps = Vec::new();
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let paths = files.clone();
        let Some(stamps) = run_blocking(move || stamps(&paths)).await else {
            return;
        };
        // Another program may still be writing a file, so the files are read only if they have not changed since the
        // last check.
        let is_settled = last_stamps == stamps;
        last_stamps.clone_from(&stamps);
        if stamps == compared || !is_settled {
            continue;
        }
        let in_use = Arc::clone(&used);
        let Some((now, found)) = run_blocking(move || in_use.compare()).await else {
            return;
        };
        if now == files {
            compared = stamps;
        } else {
            // The settings on disk name other files. From now on Greenroom watches those files, and compares everything
            // once more.
            files = now;
        }
        publish.send_if_modified(|last| {
            let differs = *last != found;
            *last = found;
            differs
        });
    }
}

/// Runs work that may wait for a disk. None if the work panicked or the program is exiting.
async fn run_blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|file| stamp(file)).collect()
}

impl InUse {
    /// The files to watch. Also the settings on disk, if they differ from the settings in use or have errors.
    fn compare(&self) -> (Vec<PathBuf>, Option<Arc<NewConfiguration>>) {
        let mut files = self.loaded.settings.files();
        let found = match Settings::load(&self.request) {
            Ok(new) => {
                for file in new.settings.files() {
                    if !files.contains(&file) {
                        files.push(file);
                    }
                }
                self.differences(&new)
            }
            Err(problems) => {
                let errors = problems.errors.iter();
                let errors = errors.map(|error| sanitize(&error.to_string())).collect();
                Some((
                    self.loaded.settings.file.clone(),
                    FoundConfiguration::Broken(errors),
                ))
            }
        };
        let found = found.map(|(file, found)| {
            let name = file.file_name().unwrap_or(file.as_os_str());
            Arc::new(NewConfiguration {
                file: sanitize(&name.to_string_lossy()),
                changed_at: changed_at(&file),
                found,
            })
        });
        (files, found)
    }

    fn differences(&self, new: &Loaded) -> Option<(PathBuf, FoundConfiguration)> {
        let mut differences = settings::compare(&self.loaded, new);
        let mut changes: Vec<ConfigurationChange> =
            differences.changes.iter().map(describe).collect();
        let mut file = self.loaded.settings.file.clone();
        for (template, text) in templates(&new.settings) {
            let was = self.templates.get(&template);
            if was.is_none_or(|was| *was == text) {
                continue;
            }
            if changes.is_empty() {
                file.clone_from(&template);
            }
            changes.push(ConfigurationChange {
                key: sanitize(&format!("the text of {}", template.display())),
                before: None,
                after: None,
                place: String::new(),
            });
            let targets = new.settings.targets_behind(&template);
            differences.targets.extend(targets.cloned());
        }
        if changes.is_empty() {
            return None;
        }
        let targets = differences.targets.into_iter().collect();
        Some((file, FoundConfiguration::Differs { changes, targets }))
    }
}

fn describe(change: &SettingChange) -> ConfigurationChange {
    let value = |shown: &Option<EffectiveValue>| shown.as_ref().map(|shown| sanitize(&shown.value));
    let place = change.after.as_ref();
    ConfigurationChange {
        key: sanitize(change.key()),
        before: value(&change.before),
        after: value(&change.after),
        place: place.map_or(String::new(), |shown| sanitize(&shown.origin.to_string())),
    }
}

fn templates(settings: &Settings) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let files = settings.files().into_iter().skip(1);
    files
        .map(|file| {
            let text = std::fs::read(&file).ok();
            (file, text)
        })
        .collect()
}

fn stamp(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    let at = (found.mtime(), found.mtime_nsec());
    Some((at.0, at.1, found.len(), found.dev(), found.ino()))
}

/// When a file was last changed. The current time if that is unknown.
fn changed_at(file: &Path) -> Timestamp {
    let changed = std::fs::metadata(file).and_then(|found| found.modified());
    let changed = changed.ok().and_then(|at| Timestamp::try_from(at).ok());
    changed.unwrap_or_else(Timestamp::now)
}
