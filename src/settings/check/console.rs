//! Checks of the console: keys that cannot be bound to their action, and themes that do not exist.

use std::path::Path;

use super::super::model::{ConsoleSettings, Root};
use super::super::problem::nearest;
use super::super::read::suggestion;
use super::super::themes;
use super::Checker;
use crate::console::action::Action;
use crate::console::keymap::Chord;
use crate::console::theme::Theme;
use crate::sanitize::visible;

impl Checker<'_> {
    pub(super) fn console(&mut self, root: &Root) {
        self.keys(&root.console);
        self.theme(&["console", "theme"], Some(&root.console.theme));
        for (tier, name) in root.console.theme_by_tier.iter() {
            self.theme(&["console", "theme_by_tier", &tier.to_string()], name);
        }
    }

    fn keys(&mut self, console: &ConsoleSettings) {
        for (name, keys) in &console.keys.0 {
            let Some(action) = Action::named(name) else {
                continue;
            };
            for (index, key) in keys.iter().enumerate() {
                let may = Chord::parse(key).and_then(|chord| chord.check_for(action));
                if let Err(says) = may {
                    let index = format!("[{index}]");
                    self.error(&["console", "keys", name, &index], says);
                }
            }
        }
    }

    fn theme(&mut self, path: &[&str], name: Option<&String>) {
        let Some(name) = name else {
            return;
        };
        let own = themes::files();
        let mut known: Vec<&str> = Theme::shipped().collect();
        known.extend(own.iter().filter_map(|path| stem(path)));
        if known.contains(&name.as_str()) {
            return;
        }
        let hint = suggestion(nearest(name, known.iter().copied()));
        let says = format!(
            "there is no theme `{}`; use one of {}{hint}",
            visible(name),
            known.join(", ")
        );
        self.error(path, says);
    }
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|stem| stem.to_str())
}
