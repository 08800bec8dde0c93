//! A unit for systemd that runs the agent with as few permissions as it needs.

use std::fmt::Write as _;

use crate::wire::{App, process_user};

/// The text of the unit. Its user is the user of this process.
pub(super) fn text(app: &App) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "greenroom".into());
    let mut text = format!(
        "# Save as /etc/systemd/system/greenroom-agent.service, then run:
#   systemctl daemon-reload && systemctl enable --now greenroom-agent
[Unit]
Description=Greenroom agent: releases pushed versions
Documentation=man:greenroom-agent(1)
Wants=network-online.target
After=network-online.target docker.service etcd.service

[Service]
Type=exec
User={}
ExecStart={} --config {} agent
Restart=on-failure
RestartSec=5
# At its end, the agent stops its drivers and releases their locks, so that their releases can be resumed at once.
TimeoutStopSec=30
StateDirectory=greenroom
CacheDirectory=greenroom
Environment=XDG_STATE_HOME=%S XDG_CACHE_HOME=%C
",
        process_user(),
        word(&program.display().to_string()),
        word(&app.file.display().to_string()),
    );
    for directory in app.directories_to_write() {
        let path = word(&directory.display().to_string());
        // With the dash, a directory that does not exist yet is no error.
        let _ = writeln!(text, "ReadWritePaths=-{path}");
    }
    text.push_str(
        "# nginx opens its logs and its pid file when it tests a configuration. Add their directories here if they are elsewhere.
ReadWritePaths=-/var/log/nginx -/var/lib/nginx -/run
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=multi-user.target
",
    );
    text
}

/// A word of a unit file: quoted, and without specifiers and variables.
fn word(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    if escaped == text && !text.contains(char::is_whitespace) {
        return escaped;
    }
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word() {
        for (path, expected) in [
            ("/usr/bin/greenroom", "/usr/bin/greenroom"),
            ("/opt/an a/g.toml", "\"/opt/an a/g.toml\""),
            ("/100%/$x\"y", "\"/100%%/$$x\\\"y\""),
        ] {
            assert_eq!(word(path), expected);
        }
    }
}
