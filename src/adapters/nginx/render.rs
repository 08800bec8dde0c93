//! Renders the configuration of one target: the operator's template or the built-in one, filled with values that
//! cannot end a directive. Pure.

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
use crate::inventory::{Door, Endpoint, Slot, Target};

/// The built-in template, for targets without their own.
pub const DEFAULT_TEMPLATE: &str = include_str!("site.conf.jinja");

/// Counts the changes to what the built-in template gives for the same settings. Raise it with every such change: a
/// console with an older Greenroom then keeps the newer file.
pub(super) const GENERATION: u32 = 2;

/// The start of the line in which a configuration with the switch mode `reload` keeps its pointer.
const POINTER_LINE: &str = "# greenroom-pointer: ";

/// The longest name that fits into nginx's hash buckets with all its additions.
const LONGEST_NAME: usize = 32;

/// How many digits of a hash make a mark.
const MARK_DIGITS: usize = 16;

/// A rendered configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The content of the file.
    pub(super) text: String,
    /// The mark with which its answer server answers.
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
    /// The target's access log. None keeps no log.
    pub(super) access_log: Option<PathBuf>,
    /// The current pointer. Used only in the switch mode `reload`.
    pub(super) pointer: Pointer,
}

/// The server name of a target's answer server. nginx's hash buckets for server names also have 64 bytes.
pub(super) fn answer_name(target: &Target) -> String {
    let readable = target.joined();
    if readable.len() <= LONGEST_NAME {
        format!("{readable}.greenroom.internal")
    } else {
        format!("{}.greenroom.internal", mark_of(&target.to_string()))
    }
}

/// Fills the template. An error says what is wrong with it.
pub(super) fn render(site: &Site, frame: &Frame<'_>) -> Result<Rendered, String> {
    let unmarked = fill(site, frame, "")?;
    let mark = mark_of(&unmarked);
    let text = fill(site, frame, &mark)?;
    let name = answer_name(&site.target);
    for (needed, variable) in [(&mark, "mark"), (&name, "answer_name")] {
        if !text.contains(needed.as_str()) {
            return Err(format!(
                "the template does not use {{{{ {variable} }}}}, which Greenroom needs to check what is loaded"
            ));
        }
    }
    match missing_limit(site, &text) {
        Some(missing) => Err(format!(
            "the template does not use {missing}, but this target limits its preview server with it"
        )),
        None => Ok(Rendered { text, mark }),
    }
}

/// A limit of the preview server that an operator's template lacks, so that it would have no effect.
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
    // Without it, a `satisfy any` in the main configuration would make one of the two sufficient.
    (!site.preview_allow.is_empty() && !has("satisfy", "all")).then_some("`satisfy all;`")
}

/// The directives of a configuration, with one space between words, whatever the layout. Without comments.
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

/// The pointer in a configuration, if its switch mode is `reload`.
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
                // The text consists of numbers and two words, and the template quotes it.
                answer => Value::from_safe_string(answer),
                directory => frame.directory.to_string_lossy(),
                endpoints => context! {
                    blue => site.endpoints.blue.to_string(),
                    green => site.endpoints.green.to_string(),
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
        .map_err(|error| in_words(&error))?;
    text.push_str(&body);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// What a template needs to log requests. The formats use nginx's own variables and one of Greenroom's.
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
    // A named escape, so that the output of a macro or block counts as text of the template.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("nginx".into()));
    environment.set_formatter(write_plain);
    environment
}

/// nginx has no escape that works everywhere, so values that would need one are refused.
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

/// `greenroom_web__production`: variables cannot have hyphens. No name has an underscore or two hyphens in a row, so
/// no two targets have the same one. nginx keeps variables in buckets of 64 bytes and refuses the whole configuration
/// when one does not fit, so long names are hashed; a hashed name has no underscore after the first.
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

/// Whether the text is byte for byte the one that was rendered with this mark.
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

fn in_words(error: &Error) -> String {
    let at = error
        .line()
        .map_or(String::new(), |line| format!("line {line}: "));
    let detail = error.detail().unwrap_or("it cannot be filled in");
    format!("the template: {at}{}: {detail}", error.kind())
}

#[cfg(test)]
mod tests;
