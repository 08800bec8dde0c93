//! All themes: the themes that come with Greenroom, and the operator's own. An operator's theme can inherit from
//! any other theme. An invalid theme is reported and not used.

use std::collections::BTreeMap;

use super::file::{self, Look, ThemeError};
use super::{Charset, Depth, Meaning, SHIPPED, Theme};

/// The text of an operator's own theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub name: String,
    /// The path of the file, as errors show it.
    pub file: String,
    pub text: String,
}

/// The themes that the operator can choose.
#[derive(Debug, Clone)]
pub struct ThemeSet {
    themes: Vec<Theme>,
    /// Used only if there are no themes.
    bare: Theme,
}

impl From<Theme> for ThemeSet {
    fn from(theme: Theme) -> Self {
        Self {
            bare: theme.clone(),
            themes: vec![theme],
        }
    }
}

impl ThemeSet {
    /// Loads all themes. An operator's theme replaces the Greenroom theme with the same name. The second value has
    /// the name and the error of each theme that cannot be used.
    pub fn new(
        own: &[Written],
        depth: Depth,
        charset: Charset,
    ) -> (Self, Vec<(String, ThemeError)>) {
        let mut theme_set = Self {
            themes: Vec::new(),
            bare: Theme::bare(charset),
        };
        let mut errors = Vec::new();
        for name in all_names(own) {
            let theme = Theme::load(name, own, depth, charset).or_else(|error| {
                errors.push((name.to_owned(), error));
                // If an operator's theme is invalid, the Greenroom theme with the same name is used.
                Theme::named(name, depth, charset)
            });
            theme_set.themes.extend(theme);
        }
        (theme_set, errors)
    }

    /// The names of the themes, in the order of the theme list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.themes.iter().map(Theme::name)
    }

    pub fn get(&self, name: &str) -> Option<&Theme> {
        self.themes.iter().find(|theme| theme.name() == name)
    }

    /// The theme with this name. If no theme has this name, the first theme.
    pub fn get_or_first(&self, name: &str) -> &Theme {
        self.get(name)
            .or_else(|| self.themes.first())
            .unwrap_or(&self.bare)
    }
}

/// The styles that a theme defines or inherits.
pub(super) fn looks_of(name: &str, own: &[Written]) -> Result<BTreeMap<Meaning, Look>, ThemeError> {
    let mut source = Source::find(name, own, Among::All).ok_or_else(|| unknown(name, own))?;
    let mut visited = vec![source];
    let mut layers = Vec::new();
    loop {
        let parsed = file::parse(source.file, source.text)?;
        layers.push(parsed.meanings);
        let Some(parent) = parsed.inherits else {
            break;
        };
        // An operator's theme `dark` that inherits from `dark` means the Greenroom theme `dark`.
        let among = if parent == source.name {
            Among::Shipped
        } else {
            Among::All
        };
        source = match Source::find(&parent, own, among) {
            Some(next) if !visited.contains(&next) => next,
            None if parent != source.name => {
                return Err(parsed.place.error(unknown(&parent, own).to_string()));
            }
            _ => {
                let problem = format!(
                    "the theme `{parent}` inherits from itself, directly or through other themes; name another theme in `inherits`"
                );
                return Err(parsed.place.error(problem));
            }
        };
        visited.push(source);
    }
    let mut styles = BTreeMap::new();
    for layer in layers.into_iter().rev() {
        styles.extend(layer);
    }
    Ok(styles)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Source<'a> {
    name: &'a str,
    file: &'a str,
    text: &'a str,
}

/// The themes in which a name is looked up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    All,
    Shipped,
}

impl<'a> Source<'a> {
    fn find(name: &str, own: &'a [Written], among: Among) -> Option<Self> {
        let written = own
            .iter()
            .find(|written| among == Among::All && written.name == name);
        if let Some(Written { name, file, text }) = written {
            return Some(Self { name, file, text });
        }
        let (name, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        let file = name;
        Some(Self { name, file, text })
    }
}

/// The names of all themes, each once.
fn all_names(own: &[Written]) -> Vec<&str> {
    let mut names: Vec<&str> = Theme::shipped().collect();
    for written in own {
        if !names.contains(&written.name.as_str()) {
            names.push(&written.name);
        }
    }
    names
}

fn unknown(name: &str, own: &[Written]) -> ThemeError {
    ThemeError::Unknown {
        name: crate::sanitize::sanitize(name),
        known: all_names(own).join(", "),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    fn written(name: &str, text: &str) -> Written {
        Written {
            name: name.to_owned(),
            file: format!("themes/{name}.toml"),
            text: text.to_owned(),
        }
    }

    fn theme_set(own: &[Written]) -> (ThemeSet, Vec<String>) {
        let (theme_set, wrong) = ThemeSet::new(own, Depth::True, Charset::Unicode);
        (
            theme_set,
            wrong.iter().map(|(_, error)| error.to_string()).collect(),
        )
    }

    fn colour(theme_set: &ThemeSet, name: &str, meaning: Meaning) -> Option<Color> {
        theme_set
            .get(name)
            .and_then(|theme| theme.style(meaning).fg)
    }

    #[test]
    fn an_own_theme_inherits_the_meanings_that_it_does_not_give() {
        let own = [
            written(
                "mine",
                "inherits = \"ours\"\n[meanings]\nok = { fg = \"#010203\" }",
            ),
            written(
                "ours",
                "inherits = \"light\"\n[meanings]\nbad = { fg = \"#040506\" }",
            ),
        ];
        let (theme_set, wrong) = theme_set(&own);
        assert_eq!(wrong, Vec::<String>::new());
        let name = "mine";
        assert_eq!(
            colour(&theme_set, name, Meaning::Ok),
            Some(Color::Rgb(1, 2, 3))
        );
        assert_eq!(
            colour(&theme_set, name, Meaning::Bad),
            Some(Color::Rgb(4, 5, 6))
        );
        let light = colour(&theme_set, "light", Meaning::Title);
        assert!(light.is_some());
        assert_eq!(colour(&theme_set, name, Meaning::Title), light);
    }

    #[test]
    fn an_own_theme_can_have_a_shipped_name_and_inherit_from_it() {
        let own = [written(
            "dark",
            "inherits = \"dark\"\n[meanings]\nok = { fg = \"red\" }",
        )];
        let (theme_set, wrong) = theme_set(&own);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(theme_set.names().filter(|name| *name == "dark").count(), 1);
        assert_eq!(colour(&theme_set, "dark", Meaning::Ok), Some(Color::Red));
        let shipped = Theme::named("dark", Depth::True, Charset::Unicode).unwrap();
        let title = shipped.style(Meaning::Title).fg;
        assert_eq!(colour(&theme_set, "dark", Meaning::Title), title);
    }

    #[test]
    fn an_invalid_theme_is_reported_with_its_line_and_left_out() {
        let own = [
            written("round", "inherits = \"about\""),
            written("about", "inherits = \"round\""),
            written("self", "inherits = \"self\""),
            written("orphan", "inherits = \"drak\""),
            written("typo", "[meanings]\nok = {}\nbadd = {}"),
            written("good", "inherits = \"mono\""),
        ];
        let (theme_set, wrong) = theme_set(&own);
        assert_eq!(wrong.len(), 5, "{wrong:?}");
        assert!(wrong[0].contains("about.toml:1"), "{wrong:?}");
        assert!(wrong[2].contains("itself"), "{wrong:?}");
        assert!(wrong[3].contains("no theme `drak`"), "{wrong:?}");
        assert!(wrong[4].contains("typo.toml:3"), "{wrong:?}");
        assert_eq!(theme_set.names().count(), 7);
    }
}
