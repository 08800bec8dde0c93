//! Finds directives of nginx's `http` block that the servers of a target do not inherit. If a server has its own
//! `add_header`, for example, it inherits no `add_header` from the `http` block. The servers of a target have several
//! directives of this kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::include::{Directive, directives, matches};

/// A block inherits these directives only if it has no directive of the same name itself.
const REPLACED: [&str; 4] = [
    "add_header",
    "proxy_set_header",
    "proxy_hide_header",
    "access_log",
];
/// The start of the line before each file in the output of `nginx -T`.
const FILE_HEADER: &str = "# configuration file ";
/// How many levels of includes are followed.
const DEEPEST: usize = 16;

/// The directives of the `http` block that do not apply in `ours`, the file of a target, and are not repeated in that
/// file. `dump` is the output of `nginx -T`, and `main` the path of the main configuration.
pub(super) fn not_inherited(dump: &str, main: &Path, ours: &str) -> Vec<String> {
    let ours = directives(ours);
    let http = http_directives(dump, main);
    let merges = |directive: &Directive| {
        directive.name == "add_header_inherit" && directive.argument() == "merge"
    };
    let merges_headers = http.iter().chain(&ours).any(merges);
    let is_lost = |directive: &&Directive| {
        let is_merged = directive.name == "add_header" && merges_headers;
        if is_merged || is_off(directive) || !REPLACED.contains(&directive.name.as_str()) {
            return false;
        }
        let same_name = |own: &&Directive| own.name == directive.name && !is_off(own);
        let mut own = ours.iter().filter(same_name).peekable();
        let same_argument =
            |own: &Directive| own.argument().eq_ignore_ascii_case(directive.argument());
        own.peek().is_some() && !own.any(same_argument)
    };
    let mut lost: Vec<String> = http.iter().filter(is_lost).map(describe).collect();
    lost.dedup();
    lost
}

fn is_off(directive: &Directive) -> bool {
    directive.name == "access_log" && directive.argument() == "off"
}

fn describe(directive: &Directive) -> String {
    format!("{} {}", directive.name, directive.arguments.join(" "))
}

/// The directives of the `http` block itself, including the directives from included files.
fn http_directives(dump: &str, main: &Path) -> Vec<Directive> {
    let files = files_in(dump);
    let mut found = Vec::new();
    follow(&files, main, main, &[], DEEPEST, &mut found);
    found
}

fn follow(
    files: &BTreeMap<PathBuf, &str>,
    main: &Path,
    file: &Path,
    within: &[String],
    depth: usize,
    found: &mut Vec<Directive>,
) {
    let Some(text) = files.get(file) else {
        return;
    };
    for mut directive in directives(text) {
        directive.blocks.splice(0..0, within.iter().cloned());
        if directive.name == "include" && depth > 0 {
            let directory = main.parent().unwrap_or(Path::new("/"));
            let pattern = directory.join(directive.argument());
            for included in files.keys().filter(|file| is_included(&pattern, file)) {
                follow(files, main, included, &directive.blocks, depth - 1, found);
            }
        } else if directive.blocks == ["http"] {
            found.push(directive);
        }
    }
}

/// Whether an include with this pattern reads the file. Every file of the dump was included by nginx, so matching
/// each part of its path is sufficient.
fn is_included(pattern: &Path, file: &Path) -> bool {
    let (globs, names) = (pattern.components(), file.components());
    let pairs = globs.clone().zip(names.clone());
    globs.count() == names.count()
        && pairs.into_iter().all(|(glob, name)| {
            let (glob, name) = (glob.as_os_str(), name.as_os_str());
            glob == name || matches(&glob.to_string_lossy(), &name.to_string_lossy())
        })
}

fn files_in(dump: &str) -> BTreeMap<PathBuf, &str> {
    let mut files = BTreeMap::new();
    for part in dump.split(&format!("\n{FILE_HEADER}")) {
        let part = part.strip_prefix(FILE_HEADER).unwrap_or(part);
        if let Some((name, text)) = part.split_once(":\n") {
            files.insert(PathBuf::from(name), text);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "server { add_header X-Greenroom-Slot blue always; location / { \
                        proxy_set_header Host $http_host; } access_log off; }";

    fn lost(http: &str) -> Vec<String> {
        let dump = format!(
            "nginx: configuration file /etc/nginx/nginx.conf test is successful\n\
             # configuration file /etc/nginx/nginx.conf:\n{http}\n\n\
             # configuration file /etc/nginx/conf.d/security.conf:\n\
             add_header Strict-Transport-Security \"max-age=63072000; preload\" always;\n\
             server {{ add_header X-Other 1; }}\n\n"
        );
        not_inherited(&dump, Path::new("/etc/nginx/nginx.conf"), OURS)
    }

    #[test]
    fn a_header_of_the_http_block_is_lost_when_a_server_adds_another_header() {
        assert_eq!(
            lost("events {}\nhttp { include conf.d/*.conf; add_header X-Frame-Options DENY; }"),
            [
                "add_header Strict-Transport-Security max-age=63072000; preload always",
                "add_header X-Frame-Options DENY"
            ]
        );
        assert_eq!(
            lost(
                "http { proxy_set_header X-Region eu; proxy_set_header Host $host; access_log /a; }"
            ),
            ["proxy_set_header X-Region eu"]
        );
    }

    #[test]
    fn inherited_directives_are_not_lost() {
        for kept in [
            "http { add_header_inherit merge; include conf.d/*.conf; }",
            "http { server { include conf.d/*.conf; } }",
            "http { add_header X-Greenroom-Slot none; gzip on; proxy_hide_header X-Powered-By; }",
            "stream { add_header X-A b; }",
        ] {
            assert_eq!(lost(kept), Vec::<String>::new(), "{kept}");
        }
    }
}
