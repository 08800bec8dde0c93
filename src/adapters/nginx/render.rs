//! Renders the configuration of one target: fills the configured template or the built-in template with values that
//! cannot end a directive.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, context,
};
use sha2::{Digest as _, Sha256};

use super::{Site, SwitchMode, access_log, owner};
use crate::adapters::live_pointer::Pointer;
use crate::inventory::{Addresses, Door, Endpoint, Slot, Target};

/// The built-in template, which is used if no other is configured.
pub const DEFAULT_TEMPLATE: &str = include_str!("site.conf.jinja");

/// The version number of the text that the built-in template renders for the same settings. Raise the number with every
/// change of that text: a console with an older Greenroom then keeps the newer file.
pub(super) const GENERATION: u32 = 3;

/// The start of the line that contains the pointer. A configuration has such a line only in the switch mode `reload`.
const POINTER_LINE: &str = "# greenroom-pointer: ";

/// The longest readable name in bytes. Greenroom and the template add a prefix or a suffix to a name, and the result
/// must fit into the hash buckets of nginx.
const LONGEST_NAME: usize = 32;

/// How many hexadecimal digits of a hash make a mark.
const MARK_DIGITS: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) text: String,
    /// The mark of this text. The answer server of the target answers with this mark.
    pub(super) mark: String,
}

/// What rendering needs in addition to the site.
#[derive(Debug, Clone)]
pub(super) struct Frame<'a> {
    pub(super) template: &'a str,
    pub(super) mode: SwitchMode,
    /// The directory of the target's live pointer.
    pub(super) directory: &'a Path,
    pub(super) answer_listen: &'a Endpoint,
    /// The path of the access log. None means that nginx writes no access log.
    pub(super) access_log: Option<PathBuf>,
    /// The current pointer, which is used only in the switch mode `reload`.
    pub(super) pointer: Pointer,
}

/// The server name of a target's answer server. A long name is hashed, because nginx's hash buckets for server names
/// have 64 bytes.
pub(super) fn answer_name(target: &Target) -> String {
    let readable = target.joined();
    if readable.len() <= LONGEST_NAME {
        format!("{readable}.greenroom.internal")
    } else {
        format!("{}.greenroom.internal", mark_of(&target.to_string()))
    }
}

/// Fills the template. The error says what is wrong with the template.
pub(super) fn render(site: &Site, frame: &Frame<'_>) -> Result<Rendered, String> {
    let unmarked = fill(site, frame, "")?;
    let mark = mark_of(&unmarked);
    let text = fill(site, frame, &mark)?;
    let name = answer_name(&site.target);
    for (needed, variable) in [(&mark, "mark"), (&name, "answer_name")] {
        if !text.contains(needed.as_str()) {
            return Err(format!(
                "the template does not use {{{{ {variable} }}}}, which Greenroom needs to check what nginx has loaded"
            ));
        }
    }
    match missing_limit(site, &text) {
        Some(missing) => Err(format!(
            "the template does not use {missing}, so every client could use the preview server of this target in spite of its limits"
        )),
        None => Ok(Rendered { text, mark }),
    }
}

/// The first configured limit of the preview server that does not appear in the rendered text. None if all limits
/// appear.
fn missing_limit(site: &Site, text: &str) -> Option<&'static str> {
    let directives = directives(text);
    let has = |directive: &str, value: &str| directives.contains(&format!("{directive} {value}"));
    let mut allowed = site.preview_allow.iter();
    let is_kept = site.preview_allow.is_empty()
        || (has("deny", "all") && allowed.all(|range| has("allow", &range.to_string())));
    if !is_kept {
        return Some("{{ preview.allow }}");
    }
    let users = site.preview_users.as_ref()?;
    if !has("auth_basic_user_file", &users.to_string_lossy()) {
        return Some("{{ preview.users }}");
    }
    // Without `satisfy all;`, a `satisfy any` in the main configuration would make one of the two limits sufficient.
    (!site.preview_allow.is_empty() && !has("satisfy", "all")).then_some("`satisfy all;`")
}

/// The directives of a configuration without comments, with one space between words, for any layout.
fn directives(text: &str) -> BTreeSet<String> {
    let without_comment = |line: &str| -> Vec<String> {
        let words = line.split_whitespace();
        let words = words.take_while(|word| !word.starts_with('#'));
        words.map(str::to_owned).collect()
    };
    let words: Vec<String> = text.lines().flat_map(without_comment).collect();
    let directives = words.join(" ");
    let directives = directives.split([';', '{', '}']);
    directives.map(|it| it.trim().to_owned()).collect()
}

/// Reads the pointer from a configuration in the switch mode `reload`. None in the other mode, and if no slot is live.
pub(super) fn pointer_in(text: &str) -> Option<Pointer> {
    let line = text.lines().find_map(|l| l.strip_prefix(POINTER_LINE))?;
    Slot::BOTH
        .into_iter()
        .find_map(|slot| Pointer::from_json(slot, line.as_bytes()).ok())
}

fn fill(site: &Site, frame: &Frame<'_>, mark: &str) -> Result<String, String> {
    let target = &site.target;
    let answer = String::from_utf8_lossy(&frame.pointer.to_json())
        .trim_end()
        .to_owned();
    let mut text = owner::line(target);
    if frame.mode == SwitchMode::Reload {
        let _ = writeln!(text, "{POINTER_LINE}{answer}");
    }
    let body = environment()
        .render_named_str(
            "template",
            frame.template,
            context! {
                name => unique_name(target),
                target => context! {
                    service => target.service.as_str(),
                    environment => target.environment.as_str(),
                },
                mark,
                pointer => frame.mode == SwitchMode::Pointer,
                slot => frame.pointer.slot.map_or("none", Slot::as_str),
                // The text consists only of numbers and known words, and the template quotes it.
                answer => Value::from_safe_string(answer),
                directory => frame.directory.to_string_lossy(),
                endpoints => context! {
                    blue => texts(&site.endpoints.blue),
                    green => texts(&site.endpoints.green),
                },
                public => context! { names => &site.server_names, listen => &site.listen },
                preview => context! {
                    names => &site.preview_server_names,
                    listen => &site.preview_listen,
                    allow => site.preview_allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    users => site.preview_users.as_ref().map(|path| path.to_string_lossy()),
                },
                answer_listen => frame.answer_listen.to_string(),
                answer_name => answer_name(target),
                log => frame.access_log.as_ref().map(|path| log(target, path)),
            },
        )
        .map_err(|error| describe(&error))?;
    text.push_str(&body);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The addresses of a slot as texts, one for each member.
fn texts(addresses: &Addresses) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// The variables with which a template logs requests. The log formats contain variables of nginx and one variable of
/// Greenroom.
fn log(target: &Target, path: &Path) -> Value {
    let name = unique_name(target);
    let public = access_log::format(&format!("{name}_slot"), Door::Public);
    let preview = access_log::format(&format!("{name}_other"), Door::Preview);
    context! {
        file => path.to_string_lossy(),
        public => Value::from_safe_string(public),
        preview => Value::from_safe_string(preview),
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A named escape, so that minijinja treats the output of a macro or block as text of the template.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("nginx".into()));
    environment.set_formatter(write_plain);
    environment
}

/// Writes a value. nginx has no escape that works everywhere, so a value that would need one is refused.
fn write_plain(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = value.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/:*[]=,@".contains(c);
    if !value.is_safe() && !text.chars().all(plain) {
        return Err(Error::new(
            ErrorKind::BadEscape,
            format!("{text:?} has characters with a special meaning in nginx"),
        ));
    }
    out.write_str(&text).map_err(Error::from)
}

/// The name of a target in variables: `greenroom_web__production`, because variables cannot have hyphens. A service or
/// environment has no underscore and no two hyphens in a row, so no two targets get the same name. nginx keeps
/// variables in buckets of 64 bytes and refuses the whole configuration if a variable does not fit, so long names are
/// hashed. A hashed name has only one underscore, so it differs from every readable name.
fn unique_name(target: &Target) -> String {
    let plain = |name: &str| name.replace('-', "_");
    let readable = format!(
        "greenroom_{}__{}",
        plain(target.service.as_str()),
        plain(target.environment.as_str())
    );
    if readable.len() <= LONGEST_NAME {
        readable
    } else {
        format!("greenroom_{}", mark_of(&target.to_string()))
    }
}

/// Whether the text is unchanged since it was rendered with this mark.
pub(super) fn has_mark(text: &str, mark: &str) -> bool {
    !mark.is_empty() && mark_of(&text.replace(mark, "")) == mark
}

fn mark_of(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let mut digits = String::new();
    for byte in hash {
        let _ = write!(digits, "{byte:02x}");
    }
    digits.truncate(MARK_DIGITS);
    digits
}

fn describe(error: &Error) -> String {
    let at = error
        .line()
        .map_or(String::new(), |line| format!("line {line}: "));
    let detail = error.detail().unwrap_or("no details");
    format!(
        "the template cannot be rendered: {at}{}: {detail}",
        error.kind()
    )
}

#[cfg(test)]
mod tests;
