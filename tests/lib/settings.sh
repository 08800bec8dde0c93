# shellcheck shell=bash
write_settings() { : >"$1"; }
