//! Implementations that are not ours, from the Python Package Index: the packages of `tests/oracles/requirements.txt`
//! in a virtual environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::peers;

/// One line of the file: `name[extra]==version  # purpose`.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    purpose: &'a str,
}

/// Installs what is missing where that can be done, prints what there is, and names what is still missing.
pub(crate) fn ensure() -> Vec<String> {
    let text = std::fs::read_to_string(requirements()).unwrap_or_default();
    let packages: Vec<Package<'_>> = text.lines().filter_map(Package::parse).collect();
    if packages.iter().any(|package| !package.is_there()) {
        install();
    }
    packages.iter().filter(|package| !package.report()).map(|package| package.name.to_owned()).collect()
}

impl<'a> Package<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (package, purpose) = line.split_once("  # ")?;
        let (name, version) = package.split_once("==")?;
        Some(Self { name: name.split('[').next().unwrap_or(name), version, purpose })
    }

    /// In just this version, by the folder of its metadata.
    fn is_there(&self) -> bool {
        let folder = format!("{}-{}.dist-info", self.name.replace('-', "_"), self.version);
        let lib = std::fs::read_dir(environment().join("lib")).into_iter().flatten().flatten();
        lib.into_iter().any(|python| python.path().join("site-packages").join(&folder).is_dir())
    }

    fn report(&self) -> bool {
        let Self { name, version, purpose } = self;
        match self.is_there() {
            true => println!("peer {name:<16} {}  ({version})", environment().display()),
            false => println!("peer {name:<16} MISSING ({purpose}); {}", remedy()),
        }
        self.is_there()
    }
}

fn install() {
    let Some(python) = peers::find("python3") else {
        println!("the Python packages are left out: no python3 program");
        return;
    };
    let has_venv = Command::new(&python).args(["-c", "import ensurepip, venv"]).output();
    if !has_venv.is_ok_and(|output| output.status.success()) {
        peers::install_packages(&["python3-venv"]);
    }
    if !environment().join("bin/python").is_file() {
        peers::run("python3", Command::new(&python).args(["-m", "venv"]).arg(environment()));
    }
    let mut pip = Command::new(environment().join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements());
    peers::run("pip", &mut pip);
}

fn remedy() -> String {
    let (environment, requirements) = (environment(), requirements());
    let (environment, requirements) = (environment.display(), requirements.display());
    format!("run: python3 -m venv {environment} && {environment}/bin/pip install -r {requirements}")
}

fn requirements() -> PathBuf {
    root().join("tests/oracles/requirements.txt")
}

/// In the project's own target folder, as all that is not Debian's.
fn environment() -> PathBuf {
    root().join("target/peers/python")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository")
}
