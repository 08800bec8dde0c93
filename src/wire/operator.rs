//! Who acts: as configured, else as the operating system knows them.

use crate::harmless::harmless;
use crate::inventory::Operator;
use crate::settings::OperatorSettings;

pub(super) fn find(settings: &OperatorSettings) -> Operator {
    // The name of a login is not a proof of identity; it is what a colleague would look for.
    let login = || {
        ["SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()))
            .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
    };
    let host = || {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    };
    Operator {
        name: harmless(&settings.name.clone().unwrap_or_else(login)),
        host: harmless(&settings.host.clone().unwrap_or_else(host)),
    }
}
