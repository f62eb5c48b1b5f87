//! What OpenSSL says of stored certificates.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Checks the files of a `live/NAME` folder: the chain leads to `root_pem`, the key belongs to the certificate, and
/// fullchain is cert and chain. Gives the certificate as text.
///
/// # Panics
/// If anything is wrong with them.
pub fn verify(live: &Path, root_pem: &str) -> String {
    verify_with_key(live, &live.join("privkey.pem"), root_pem)
}

/// The same with a key that is kept elsewhere.
///
/// # Panics
/// If anything is wrong with them.
pub fn verify_with_key(live: &Path, key: &Path, root_pem: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.pem");
    std::fs::write(&root, root_pem).expect("written");
    let path = |name: &str| live.join(name).display().to_string();
    let root = root.display().to_string();
    run(&["verify", "-CAfile", &root, "-untrusted", &path("chain.pem"), &path("cert.pem")]);
    let of_certificate = run(&["x509", "-in", &path("cert.pem"), "-noout", "-pubkey"]);
    let of_key = run(&["pkey", "-in", &key.display().to_string(), "-pubout"]);
    assert_eq!(of_certificate, of_key, "the key is another's");
    let read = |name: &str| std::fs::read_to_string(live.join(name)).expect(name);
    assert_eq!(read("fullchain.pem"), read("cert.pem") + &read("chain.pem"));
    run(&["x509", "-in", &path("cert.pem"), "-noout", "-text"])
}

/// Makes a key, of ECDSA where `more`, openssl's own options, say no other, and a request for it. Gives both files,
/// `NAME.key` and `NAME.csr` in the folder.
///
/// # Panics
/// If openssl does not.
pub fn request(folder: &Path, name: &str, subject: &str, more: &[&str]) -> (PathBuf, PathBuf) {
    let [key, csr] = ["key", "csr"].map(|ending| folder.join(format!("{name}.{ending}")));
    let (key_file, csr_file) = (key.display().to_string(), csr.display().to_string());
    let ecdsa = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let kind = if more.contains(&"-newkey") { &[][..] } else { &ecdsa };
    let files = ["-keyout", &key_file, "-out", &csr_file, "-subj", subject];
    run(&[&["req", "-new", "-nodes"], kind, &files, more].concat());
    (key, csr)
}

/// The DNS names of a certificate's text, sorted.
pub fn dns_names(text: &str) -> Vec<String> {
    let words = text.split([',', '\n']).filter_map(|word| word.trim().strip_prefix("DNS:"));
    let mut names: Vec<String> = words.map(str::to_owned).collect();
    names.sort();
    names
}

/// The common name of a certificate's subject.
///
/// # Panics
/// If it has none.
pub fn subject_name(pem: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("certificate.pem");
    std::fs::write(&file, pem).expect("written");
    let file = file.display().to_string();
    let text = run(&["x509", "-in", &file, "-noout", "-subject", "-nameopt", "multiline"]);
    let name = text.lines().find_map(|line| line.trim().strip_prefix("commonName")?.split_once("= "));
    name.expect("a common name").1.to_owned()
}

/// Runs openssl and gives what it printed.
///
/// # Panics
/// If it is not there or says no.
pub fn run(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl; run cargo xtask peers");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {said}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether openssl ends with a no, as `-checkend` does for a certificate that is over by then.
///
/// # Panics
/// If it is not there.
pub fn says_no(arguments: &[&str]) -> bool {
    let output = Command::new("openssl").args(arguments).output().expect("openssl; run cargo xtask peers");
    !output.status.success()
}
