//! A Debian binary package (deb(5)): an ar archive of a version, a control archive and a data archive.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use md5::{Digest as _, Md5};

/// What the package says of itself.
pub(super) struct Control<'a> {
    pub(super) version: &'a str,
    pub(super) architecture: &'a str,
    pub(super) depends: &'a str,
}

/// A file to be installed, or a folder where there is no content.
pub(super) struct File {
    /// Below `/`.
    pub(super) path: String,
    mode: u32,
    content: Option<Vec<u8>>,
}

impl File {
    pub(super) fn program(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o755, content: Some(content) }
    }

    pub(super) fn plain(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o644, content: Some(content) }
    }

    pub(super) fn private_folder(path: &str) -> Self {
        Self { path: path.to_owned(), mode: 0o700, content: None }
    }

    pub(super) fn zipped(path: &str, content: &[u8]) -> Self {
        Self::plain(path, zip(content).expect("a vector takes all that is written to it"))
    }
}

/// Two packages of the same files are the same to the byte: nothing in them knows when they were made.
pub(super) fn package(control: &Control<'_>, files: &[File]) -> io::Result<Vec<u8>> {
    let mut package = b"!<arch>\n".to_vec();
    let mut about = vec![
        File::plain("control", description(control, files).into_bytes()),
        File::plain("md5sums", sums(files).into_bytes()),
    ];
    about.extend(SCRIPTS.map(|(name, text)| File::program(name, text.into())));
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tar_gz(&about, "")?),
        ("data.tar.gz", tar_gz(files, "")?),
    ];
    for (name, content) in members {
        writeln!(package, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", content.len())?;
        package.extend(&content);
        // Members begin at even places.
        package.extend((content.len() % 2 == 1).then_some(b'\n'));
    }
    Ok(package)
}

/// What dpkg runs; nothing of the package lies in /etc, so that there are no conffiles.
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("maintainer/postinst")),
    ("prerm", include_str!("maintainer/prerm")),
    ("postrm", include_str!("maintainer/postrm")),
];

/// The same files for those without dpkg, to be unpacked at `/usr/local` or anywhere.
pub(super) fn archive(files: &[File]) -> io::Result<Vec<u8>> {
    let prefix = format!("acmite-{}/", env!("CARGO_PKG_VERSION"));
    tar_gz(files, &prefix)
}

fn description(control: &Control<'_>, files: &[File]) -> String {
    let Control { version, architecture, depends } = control;
    let kilobytes: usize =
        files.iter().flat_map(|file| &file.content).map(|content| content.len().div_ceil(1024)).sum();
    format!(
        "Package: acmite\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {kilobytes}\nDepends: {depends}\nSection: net\nPriority: optional\n\
         Homepage: https://github.com/acmite/acmite\n\
         Description: ACME client whose DNS providers are sandboxed\n \
         Gets and renews TLS certificates (RFC 8555). Each DNS provider is a\n \
         WebAssembly component that may do nothing but add and remove the TXT\n \
         records of the order in hand, and never sees the credential it uses.\n"
    )
}

const MAINTAINER: &str = "The acmite authors <acmite@users.noreply.github.com>";

fn sums(files: &[File]) -> String {
    let mut text = String::new();
    for file in files {
        let Some(content) = &file.content else { continue };
        let digest = Md5::digest(content);
        digest.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a text takes all"));
        writeln!(text, "  {}", file.path).expect("a text takes all");
    }
    text
}

fn tar_gz(files: &[File], prefix: &str) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for file in files {
        let path = format!("{prefix}{}", file.path);
        let above: Vec<&Path> = Path::new(&path).ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
            if folders.insert(folder.to_owned()) {
                append(&mut archive, tar::EntryType::Directory, &format!("{}/", folder.display()), 0o755, &[])?;
            }
        }
        match &file.content {
            Some(content) => append(&mut archive, tar::EntryType::Regular, &path, file.mode, content)?,
            None => append(&mut archive, tar::EntryType::Directory, &format!("{path}/"), file.mode, &[])?,
        }
    }
    zip(&archive.into_inner()?)
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    kind: tar::EntryType,
    path: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_mtime(NO_DATE_SECONDS);
    archive.append_data(&mut header, path, content)
}

/// 2026-01-01: what Debian's tools take for the date of a file, where 1970 is refused.
const NO_DATE_SECONDS: u64 = 1_767_225_600;

fn zip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(content)?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn sample() -> Vec<u8> {
        let files = [
            File::program("usr/bin/acmite", b"#!/bin/sh\necho odd\n\n".to_vec()),
            File::zipped("usr/share/man/man1/acmite.1.gz", b".TH acmite 1\n"),
        ];
        package(&Control { version: "1.2.3", architecture: "amd64", depends: "ca-certificates" }, &files).expect("made")
    }

    fn dpkg_deb(arguments: &[&str]) -> String {
        let output = Command::new("dpkg-deb").args(arguments).output().expect("dpkg-deb");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn dpkg_reads_what_is_in_it() {
        if Command::new("dpkg-deb").arg("--version").output().is_err() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "dpkg-deb is missing");
            return;
        }
        let path = std::env::temp_dir().join(format!("acmite-{}.deb", std::process::id()));
        std::fs::write(&path, sample()).expect("written");
        let name = path.display().to_string();
        let fields = dpkg_deb(&["-f", &name]);
        assert!(fields.contains("Package: acmite\nVersion: 1.2.3\nArchitecture: amd64\n"), "{fields}");
        let listing = dpkg_deb(&["-c", &name]);
        assert!(listing.contains("-rwxr-xr-x") && listing.contains(" usr/bin/acmite\n"), "{listing}");
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn the_same_files_make_the_same_package() {
        assert_eq!(sample(), sample());
    }
}
