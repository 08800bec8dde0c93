//! The formats that the schema names. Each refusal says what to write instead.

use super::problem::WrongValue;
use crate::console::keymap::Chord;
use crate::inventory::units::{Percent, Size, Time, Unit as _};
use crate::inventory::{
    ADDRESS_FORMS, Address, Addresses, Endpoint, ImageReference, InvalidAddress, InvalidAddresses,
    Limit, ServiceName, TagPattern, plain,
};
use crate::sanitize::visible;

/// The longest path of a unix socket in bytes: the kernel's `sockaddr_un` has 108 bytes with the closing zero.
const LONGEST_SOCKET: usize = 107;

/// Checks that `text` has the format. Unknown formats are accepted.
pub(super) fn check(format: &str, text: &str) -> Result<(), WrongValue> {
    match format {
        "duration" => Ok(Time::read(text).map(drop)?),
        "limit" => Ok(Limit::try_from(text.to_owned()).map(drop)?),
        "size" => Ok(Size::read(text).map(drop)?),
        "percent" => Ok(Percent::read(text).map(drop)?),
        "name" => text.parse::<ServiceName>().map(drop).map_err(|_| {
            WrongValue(format!(
                "`{}` is not a name: use 1 to 40 lower-case letters, digits and single hyphens, starting and ending with a letter or digit",
                visible(text)
            ))
        }),
        "endpoint" => endpoint(text),
        "address" => address(text),
        "addresses" => addresses(text),
        "docker-address" => docker_address(text),
        "http-path" => http_path(text),
        "http-method" => http_method(text),
        "repository" => repository(text),
        "image" => text
            .parse::<ImageReference>()
            .map(drop)
            .map_err(|refused| WrongValue(refused.to_string())),
        "tag-pattern" => text.parse::<TagPattern>().map(drop).map_err(|_| {
            WrongValue(format!(
                "`{}` is not a pattern of tags: write a tag of letters, digits, `.`, `_` and `-`, with `*` for any text, e.g. \"develop\" or \"v*\"",
                visible(text)
            ))
        }),
        "key" => Chord::parse(text)
            .map(drop)
            .map_err(|says| WrongValue(says.replace(text, &visible(text)))),
        _ => Ok(()),
    }
}

/// How messages describe a text of this format; `None` for a format without a description.
pub(super) fn description(format: &str) -> Option<&'static str> {
    Some(match format {
        "duration" => "a duration such as \"30s\"",
        "limit" => "a duration such as \"30s\", or \"never\"",
        "size" => "a size such as \"256MiB\"",
        "percent" => "a percentage such as \"5%\"",
        "addresses" => "an address or a range of ports such as \"127.0.0.1:8081-8083\"",
        "address" | "endpoint" => {
            "an address such as \"127.0.0.1:8080\" or \"unix:/absolute/path.sock\""
        }
        _ => return None,
    })
}

/// Checks an address to connect to.
fn address(text: &str) -> Result<(), WrongValue> {
    match text.parse() {
        Ok(Address::Unix(_)) => endpoint(text),
        Ok(_) => Ok(()),
        Err(InvalidAddress { .. }) if text.starts_with('/') => endpoint(text),
        Err(InvalidAddress { why, .. }) => Err(WrongValue(format!(
            "{} is not an address: {why}; {ADDRESS_FORMS}",
            quoted(text)
        ))),
    }
}

/// Checks an address to connect to, or a range of ports.
fn addresses(text: &str) -> Result<(), WrongValue> {
    match text.parse::<Addresses>() {
        Err(refused @ (InvalidAddresses::Backwards | InvalidAddresses::TooMany(_))) => {
            Err(WrongValue(format!("{}: {refused}", quoted(text))))
        }
        // A range of ports is no address.
        Ok(_) if text.parse::<Address>().is_err() => Ok(()),
        _ => address(text),
    }
}

/// The text of an address for a message. A text with a user may contain a password, and is not repeated.
fn quoted(text: &str) -> String {
    if text.contains('@') {
        return "this".to_owned();
    }
    format!("`{}`", visible(text))
}

/// Checks an address to listen at.
fn endpoint(text: &str) -> Result<(), WrongValue> {
    let shown = visible(text);
    match (text.parse::<Endpoint>(), text.parse::<Address>()) {
        (Ok(Endpoint::Tcp(address)), _) if address.port() == 0 => Err(WrongValue(format!(
            "`{shown}` has no fixed port: use a port other than 0, so that the address is the same after a restart"
        ))),
        (Ok(Endpoint::Unix(path)), _) if path.as_os_str().len() > LONGEST_SOCKET => {
            Err(WrongValue(format!(
                "the path in `{shown}` is too long for a unix socket: use at most {LONGEST_SOCKET} bytes"
            )))
        }
        (Ok(_), _) => Ok(()),
        (Err(_), Ok(Address::Name { port, .. })) => Err(WrongValue(format!(
            "`{shown}` has a host name, and a program listens at an IP address: write 127.0.0.1:{port}, or 0.0.0.0:{port} for all addresses of the machine"
        ))),
        (Err(_), Ok(Address::Ip { at, .. })) => Err(WrongValue(format!(
            "`{shown}` has a scheme, which an address to listen at cannot have: write {at}"
        ))),
        (Err(_), _) if text.starts_with('/') => Err(WrongValue(format!(
            "`{shown}` is not an address; did you mean `unix:{shown}`?"
        ))),
        (Err(_), _) => Err(WrongValue(format!(
            "{} is not an address: write 127.0.0.1:8080, [::1]:8080 or unix:/absolute/path.sock",
            quoted(text)
        ))),
    }
}

fn docker_address(text: &str) -> Result<(), WrongValue> {
    if let Some(path) = text.strip_prefix("unix://")
        && path.len() > LONGEST_SOCKET
    {
        return Err(WrongValue(format!(
            "the path in `{}` is too long for a unix socket: use at most {LONGEST_SOCKET} bytes",
            visible(text)
        )));
    }
    let good = match text.split_once("://") {
        Some(("unix", path)) => path.starts_with('/'),
        Some(("tcp", place)) => plain::is_host_and_port(place),
        _ => false,
    };
    if good {
        return Ok(());
    }
    Err(WrongValue(format!(
        "`{}` is not the address of a Docker engine: write unix:///run/docker.sock or tcp://host:2376",
        visible(text)
    )))
}

fn http_path(text: &str) -> Result<(), WrongValue> {
    if text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(WrongValue(format!(
        "`{}` is not a URL path: start it with `/`, and percent-encode spaces and all non-ASCII characters (a space is %20)",
        visible(text)
    )))
}

fn http_method(text: &str) -> Result<(), WrongValue> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(WrongValue(format!(
        "`{}` is not a method: write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
        visible(text)
    )))
}

fn repository(text: &str) -> Result<(), WrongValue> {
    let shown = visible(text);
    let last = text.rsplit('/').next().unwrap_or(text);
    if last.contains(':') || text.contains('@') {
        return Err(WrongValue(format!(
            "`{shown}` has a tag or digest: write only the repository; the version is chosen at each release"
        )));
    }
    let first_is_host = text.contains('/');
    let good = text.split('/').enumerate().all(|(index, part)| {
        let host = index == 0 && first_is_host;
        !part.is_empty()
            && part.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || b"._-".contains(&b)
                    || (host && (b == b':' || b.is_ascii_uppercase()))
            })
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    });
    if good {
        return Ok(());
    }
    Err(WrongValue(format!(
        "`{shown}` is not an image repository: write it as registry.example/team/web, in lower case"
    )))
}
