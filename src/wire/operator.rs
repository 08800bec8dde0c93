//! Finds out who the operator is: the configured name, or else the login name of the user.

use nix::unistd::{User, getuid};

use super::WireError;
use crate::inventory::{Operator, operator_name};
use crate::sanitize::sanitize;
use crate::settings::OperatorSettings;

/// The name of the user of this process in the user database.
fn name_in_user_database() -> Option<String> {
    let user = User::from_uid(getuid()).ok()??;
    Some(user.name).filter(|name| !name.is_empty())
}

/// The login name of the user. It does not prove who the user is, but colleagues know it.
fn login_name() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let mut named = named.filter_map(|variable| std::env::var(variable).ok());
    let name = named.find(|name| !name.is_empty());
    name.or_else(name_in_user_database)
        .unwrap_or_else(|| format!("uid-{}", getuid()))
}

/// The user of this process: its name in the user database, or its number.
pub fn process_user() -> String {
    name_in_user_database().unwrap_or_else(|| getuid().to_string())
}

pub(super) fn find(settings: &OperatorSettings) -> Result<Operator, WireError> {
    let host = || {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    };
    let written = settings.name.clone().unwrap_or_else(login_name);
    let name = operator_name(&written).map_err(|why| {
        let name: String = sanitize(&written).chars().take(80).collect();
        WireError::Settings(format!(
            "the operator's name cannot be {name:?}: {why}\n  Set `name` in [operator], or --set operator.name=NAME."
        ))
    })?;
    Ok(Operator {
        name,
        host: sanitize(&settings.host.clone().unwrap_or_else(host)),
    })
}
