//! Parses the configuration of nginx only as far as its directives and blocks. The include of the sites in the main
//! configuration can be replaced, so that a new file can be tested as part of the whole configuration before it is
//! installed. The parser may be wrong, so nginx itself reports later whether it read the new file. If the parser finds
//! no include, nginx may still find one.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

/// The end of the name of every directive that has a block of Lua code.
const LUA_BLOCK: &str = "_by_lua_block";

/// A directive with arguments, such as `include conf.d/*.conf;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) name: String,
    /// The arguments; at least one.
    pub(super) arguments: Vec<String>,
    /// The names of the blocks around the directive, outermost first: `http`, `server`.
    pub(super) blocks: Vec<String>,
    /// The position in the text, from the name to the semicolon.
    span: Range<usize>,
}

impl Directive {
    pub(super) fn argument(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }
}

/// The main configuration in which every include that would read `site` in `sites` is replaced by one include for
/// each matching file, with `proposed` instead of `site`. None if no include reads `site`.
pub(super) fn wrap(
    main: &str,
    main_directory: &Path,
    sites: &Path,
    present: &[String],
    site: &str,
    proposed: &Path,
) -> Option<String> {
    let mut wrapped = String::new();
    let mut copied = 0;
    for include in directives(main).into_iter().filter(|d| d.name == "include") {
        let pattern = main_directory.join(include.argument());
        let Some(glob) = pattern.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if pattern.parent() != Some(sites) || !matches(glob, site) {
            continue;
        }
        wrapped.push_str(&main[copied..include.span.start]);
        copied = include.span.end;
        let mut names: Vec<&str> = present
            .iter()
            .map(String::as_str)
            .filter(|name| *name != site && matches(glob, name))
            .chain([site])
            .collect();
        names.sort_unstable();
        for name in names {
            let file = if name == site {
                proposed.to_path_buf()
            } else {
                sites.join(name)
            };
            let _ = writeln!(wrapped, "include {};", quoted(&file));
        }
    }
    if copied == 0 {
        return None;
    }
    wrapped.push_str(&main[copied..]);
    Some(wrapped)
}

/// The path of the error log that the main configuration names, if it is an absolute path.
pub(super) fn error_log(main: &str) -> Option<String> {
    directives(main)
        .into_iter()
        .find(|d| d.name == "error_log" && d.argument().starts_with('/'))
        .map(|d| d.argument().to_owned())
}

pub(super) fn directives(text: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut blocks: Vec<String> = Vec::new();
    let mut words: Vec<(String, usize)> = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            '#' => while rest.next_if(|(_, c)| *c != '\n').is_some() {},
            '{' => {
                let name = words
                    .drain(..)
                    .next()
                    .map_or_else(String::new, |word| word.0);
                if name.ends_with(LUA_BLOCK) {
                    skip_block(&mut rest);
                } else {
                    blocks.push(name);
                }
            }
            '}' => {
                words.clear();
                blocks.pop();
            }
            ';' => {
                let mut parts = words.drain(..);
                let first = parts.next();
                let arguments: Vec<String> = parts.map(|(word, _)| word).collect();
                if let Some((name, start)) = first.filter(|_| !arguments.is_empty()) {
                    found.push(Directive {
                        name,
                        arguments,
                        blocks: blocks.clone(),
                        span: start..at + 1,
                    });
                }
            }
            c if c.is_whitespace() => {}
            '"' | '\'' => words.push((quoted_word(&mut rest, c), at)),
            c => {
                let mut word = String::from(c);
                while let Some((_, c)) =
                    rest.next_if(|(_, c)| !c.is_whitespace() && !matches!(c, ';' | '{' | '}'))
                {
                    word.push(c);
                }
                words.push((word, at));
            }
        }
    }
    found
}

/// Skips to the brace that ends a block of Lua code.
fn skip_block(rest: &mut impl Iterator<Item = (usize, char)>) {
    let mut depth = 1;
    for (_, c) in rest {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn quoted_word(rest: &mut impl Iterator<Item = (usize, char)>, quote: char) -> String {
    let mut word = String::new();
    while let Some((_, c)) = rest.next() {
        match c {
            '\\' => word.extend(rest.next().map(|(_, c)| c)),
            c if c == quote => break,
            c => word.push(c),
        }
    }
    word
}

/// Matches `*` and `?`, which do not match a leading dot, as in glob(7). A pattern with a bracket matches nothing, so
/// that no test uses other files than nginx reads.
pub(super) fn matches(glob: &str, name: &str) -> bool {
    if glob.contains('[') || (name.starts_with('.') && !glob.starts_with('.')) {
        return false;
    }
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut g, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if glob.get(g) == Some(&'*') {
            star = Some((g, n));
            g += 1;
        } else if glob.get(g).is_some_and(|c| *c == '?' || *c == name[n]) {
            (g, n) = (g + 1, n + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (g, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(main: &str) -> Option<String> {
        let present = [
            "z.conf",
            "a.conf",
            "greenroom-web.conf",
            "note.txt",
            ".x.conf",
        ];
        wrap(
            main,
            Path::new("/etc/nginx"),
            Path::new("/etc/nginx/conf.d"),
            &present.map(str::to_owned),
            "greenroom-web.conf",
            Path::new("/state/candidate.conf"),
        )
    }

    #[test]
    fn the_include_of_the_sites_is_replaced_by_its_files_with_the_new_file() {
        let main = "events {}\nhttp { include mime.types; include conf.d/*.conf; }\n";
        assert_eq!(
            wrapped(main).unwrap(),
            "events {}\nhttp { include mime.types; include \"/etc/nginx/conf.d/a.conf\";\n\
             include \"/state/candidate.conf\";\ninclude \"/etc/nginx/conf.d/z.conf\";\n }\n"
        );
        for same in [
            "http{include /etc/nginx/conf.d/*;}",
            "http { include '/etc/nginx/conf.d/greenroom-*.conf' ; }",
            "http {\n\tinclude\n\"conf.d/greenroom-web.conf\"; }",
            "http { init_by_lua_block { local a = { b = \"it's\" } } include conf.d/*.conf; }",
        ] {
            assert!(wrapped(same).unwrap().contains("candidate"), "{same}");
        }
    }

    #[test]
    fn an_include_that_does_not_read_the_site_is_not_replaced() {
        for other in [
            "http { # include conf.d/*.conf;\n }",
            "http { include conf.d/a*.conf; }",
            "http { include sites/*.conf; }",
            "http { include conf.d/[g]*.conf; }",
            "http { log_format x 'include conf.d/*.conf;'; }",
            "include",
            "\"",
            "'\\",
            "",
        ] {
            assert_eq!(wrapped(other), None, "{other}");
        }
    }

    #[test]
    fn an_error_log_with_an_absolute_path_is_found() {
        let main = "error_log /var/log/nginx/error.log warn; http {}";
        assert_eq!(error_log(main).unwrap(), "/var/log/nginx/error.log");
        assert_eq!(error_log("error_log stderr;"), None);
    }
}
