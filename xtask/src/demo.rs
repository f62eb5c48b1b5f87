//! `cargo xtask demo`: a wildcard certificate from a CA, name servers and a provider's API that all run here.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde::Deserialize;

use crate::plugins;
use crate::steps::{StepError, cargo};

/// Starts the lab, issues from it, and proves the chain.
pub(crate) fn run() -> Result<(), StepError> {
    plugins::build()?;
    cargo("acmite", &["build", "--locked", "--package", "acmite"])?;
    Ok(show()?)
}

fn show() -> Result<(), DemoError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository");
    let acmite = root.join("target/debug/acmite");
    let folder = root.join("target/demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|source| DemoError::Folder { path: folder.clone(), source })?;
    }
    std::fs::create_dir_all(&folder).map_err(|source| DemoError::Folder { path: folder.clone(), source })?;
    let (_lab, facts) = start_lab(&acmite, &folder)?;
    println!(
        "==> a CA at {}, name servers at {:?}, and Cloudflare's API, all on loopback",
        facts.directory_url, facts.nameservers
    );
    let names = ["example.test", "*.example.test"];
    let state = folder.join("state");
    let mut issue = Command::new(&acmite);
    issue.args(["issue", "--server", &facts.directory_url, "--dns-plugin", "cloudflare"]);
    issue.arg("--ca-bundle").arg(&facts.tls_root).arg("--state-dir").arg(&state);
    issue.arg("--credentials").arg(&facts.cloudflare_credentials);
    issue.args(["--dns-resolver", &facts.resolver, "--email", "admin@example.test", "--agree-tos"]);
    issue.args(names.iter().flat_map(|name| ["-d", name]));
    issue.env("ACMITE_LAB_ORIGINS", &facts.origins);
    println!("==> ACMITE_LAB_ORIGINS={:?} {}", facts.origins, shown(&issue));
    run_to_success(issue)?;
    println!("==> the chain against the lab's root");
    let mut verify = Command::new(&acmite);
    verify.arg("verify").arg("--root").arg(&facts.ca_root).arg(state.join("live/example.test"));
    verify.args(names);
    run_to_success(verify)?;
    println!("==> everything is in {}", folder.display());
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn run_to_success(mut command: Command) -> Result<(), DemoError> {
    let status = command.status().map_err(|source| DemoError::NotStarted { command: shown(&command), source })?;
    if status.success() { Ok(()) } else { Err(DemoError::Ended { command: shown(&command), status }) }
}

/// Where the lab is, as `acmite lab --json` prints it.
#[derive(Deserialize)]
struct Facts {
    directory_url: String,
    resolver: String,
    nameservers: Vec<String>,
    origins: String,
    tls_root: PathBuf,
    ca_root: PathBuf,
    cloudflare_credentials: PathBuf,
}

/// A running lab, ended when dropped.
struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start_lab(acmite: &Path, folder: &Path) -> Result<(Lab, Facts), DemoError> {
    let mut command = Command::new(acmite);
    command.args(["lab", "--json", "--zone", "example.test", "--nameservers", "2"]);
    command.arg("--files").arg(folder.join("lab")).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|source| DemoError::NotStarted { command: shown(&command), source })?;
    let output = child.stdout.take().expect("it is piped");
    let lab = Lab(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).map_err(|source| DemoError::NoFacts { source: source.into() })?;
    let facts = serde_json::from_str(&line).map_err(|source| DemoError::NoFacts { source: source.into() })?;
    Ok((lab, facts))
}

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("could not make {} anew: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("could not start `{command}`: {source}")]
    NotStarted { command: String, source: std::io::Error },
    #[error("`{command}` ended with {status}")]
    Ended { command: String, status: ExitStatus },
    #[error("the lab did not say where it is: {source}")]
    NoFacts { source: Box<dyn std::error::Error> },
}
