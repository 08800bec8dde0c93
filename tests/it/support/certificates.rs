//! Certificates for the tests of TLS, made by openssl.

use std::path::Path;
use std::process::Command;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("openssl");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {said}");
}

/// Writes `{name}.pem` and `{name}.key` of an authority.
pub(crate) fn authority(directory: &Path, name: &str) {
    authority_for(directory, name, 2);
}

/// Like [`authority`], valid for a number of days.
pub(crate) fn authority_for(directory: &Path, name: &str, days: i64) {
    let out = format!("-keyout {name}.key -out {name}.pem");
    let request = format!("req -x509 {KEY} {out} -subj /CN={name} -days {days}");
    openssl(directory, &request);
}

/// Writes `{name}.pem` and `{name}.key` of a certificate that the authority signed, with an extension such as
/// `subjectAltName=IP:127.0.0.1`.
pub(crate) fn certificate(directory: &Path, name: &str, authority: &str, extension: &str) {
    std::fs::write(directory.join("extensions"), format!("{extension}\n")).expect("written");
    let out = format!("-keyout {name}.key -out {name}.csr");
    openssl(directory, &format!("req {KEY} {out} -subj /CN={name}"));
    let signed = format!(
        "-in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -out {name}.pem"
    );
    let request = format!("x509 -req {signed} -days 2 -extfile extensions");
    openssl(directory, &request);
}
