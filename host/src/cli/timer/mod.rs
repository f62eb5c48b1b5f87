//! `acmite timer`.

mod units;

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::setup::{absolute, open_state, state_path};
use super::{Global, Printer};
use crate::secure_file::write_whole;
use units::Installation;

/// Renew by itself, twice a day: a hardened systemd service with its timer or one that goes on, or a cron job.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the files
    ///
    /// Example: acmite timer print --cron
    Print(Kind),
    /// Write the files and enable the timer, or the service
    ///
    /// Examples: acmite timer install --credential cloudflare:/etc/acmite/cloudflare.toml; acmite timer install --service
    Install(Install),
}

#[derive(Args)]
pub(super) struct Kind {
    /// A systemd service and timer; what is meant if nothing is said
    #[arg(long, conflicts_with = "cron")]
    systemd: bool,
    /// A systemd service that goes on and follows acmite.toml, `acmite run`, in place of the timer
    #[arg(long, conflicts_with_all = ["cron", "systemd"])]
    service: bool,
    /// A file for /etc/cron.d
    #[arg(long)]
    cron: bool,
    /// Hand a provider its credentials by systemd's LoadCredential; may be repeated
    #[arg(long, value_name = "PLUGIN:FILE", conflicts_with = "cron", value_parser = credential)]
    credential: Vec<String>,
    /// Run the acmite that is there, in place of this one
    #[arg(long, value_name = "PATH", value_parser = absolute_path)]
    program: Option<PathBuf>,
}

fn absolute_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_absolute() { Ok(path) } else { Err("give an absolute path".into()) }
}

#[derive(Args)]
pub(super) struct Install {
    #[command(flatten)]
    kind: Kind,
    /// Write the files into this folder and enable nothing
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

fn credential(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((plugin, file)) if !plugin.is_empty() && Path::new(file).is_absolute() && !file.contains('\n') => {
            Ok(text.to_owned())
        }
        _ => Err("give PLUGIN:FILE with an absolute path".into()),
    }
}

pub(super) fn run(command: &Command, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    match command {
        Command::Print(kind) => {
            // Another machine's, perhaps: nothing is made here.
            let files = files(kind, &absolute(&state_path(global)))?;
            let text: Vec<String> = files.iter().map(|(name, text)| format!("# {name}\n{text}")).collect();
            let json = files.iter().map(|(name, text)| json!({"name": name, "text": text})).collect::<Vec<_>>();
            printer.result(&text.join("\n"), &json!({"event": "timer", "files": json}));
        }
        Command::Install(install) => {
            let state = open_state(global)?;
            let folder = match &install.to {
                Some(folder) => folder.clone(),
                None => default_folder(&install.kind)?,
            };
            let written = write(&folder, &files(&install.kind, state.root())?)?;
            if install.to.is_none() && !install.kind.cron {
                enable(if install.kind.service { units::DAEMON_NAME } else { units::RENEWAL_TIMER })?;
            }
            let lines: Vec<String> = written.iter().map(|path| format!("wrote {}", path.display())).collect();
            printer.result(&lines.join("\n"), &json!({"event": "timer-installed", "files": written}));
        }
    }
    Ok(Exit::Done)
}

fn files(kind: &Kind, state_dir: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    let this = || std::env::current_exe();
    let program = kind.program.clone().map_or_else(this, Ok);
    let program =
        program.map_err(|error| Failure::new(Exit::Failed, format!("could not find this program: {error}")))?;
    let installation = Installation { program: &program, state_dir, credentials: &kind.credential };
    if kind.service {
        return Ok(vec![units::daemon(&installation)]);
    }
    if !kind.cron {
        return Ok(units::systemd(&installation).to_vec());
    }
    let text = units::cron(&installation);
    let text = text.ok_or_else(|| Failure::new(Exit::Configuration, "a path is not UTF-8; move what is there"))?;
    Ok(vec![("acmite", text)])
}

/// Where root's jobs are; a user's own would not run while they are away.
fn default_folder(kind: &Kind) -> Result<PathBuf, Failure> {
    if !rustix::process::geteuid().is_root() {
        let message = "only root may install a timer; use `acmite timer print`, or --to DIR";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(PathBuf::from(if kind.cron { "/etc/cron.d" } else { "/etc/systemd/system" }))
}

fn write(folder: &Path, files: &[(&'static str, String)]) -> Result<Vec<PathBuf>, Failure> {
    let folder = absolute(folder);
    let written = files.iter().map(|(name, text)| {
        let path = folder.join(name);
        write_whole(&path, text.as_bytes(), 0o644).map(|()| path)
    });
    written.collect::<Result<_, _>>().map_err(|error| Failure::of(Exit::Configuration, &error))
}

fn enable(unit: &str) -> Result<(), Failure> {
    for words in [vec!["daemon-reload"], vec!["enable", "--now", unit]] {
        let status = Process::new("systemctl").args(&words).status();
        let failed = |why: String| {
            let said = words.join(" ");
            Failure::new(Exit::Failed, format!("the files are written, and `systemctl {said}` failed: {why}"))
        };
        let status = status.map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(status.to_string()));
        }
    }
    Ok(())
}
