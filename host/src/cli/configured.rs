//! Which `acmite.toml`, and what the command line, the environment and the file say together.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::described::{Described, read};
use super::exit::Failure;
use super::logging;
use super::setup::{absolute, is_root, open_state_or};
use crate::flow::{Choice, RenewOptions};
use crate::store::StateDir;

/// Which file.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigFile {
    /// The description of the certificates [default: /etc/acmite/acmite.toml for root, else acmite/acmite.toml in the
    /// user's XDG configuration folder]
    #[arg(long, value_name = "FILE", env = "ACMITE_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that is meant.
    pub(super) fn path(&self) -> PathBuf {
        let default = || default_path(is_root(), &|name| std::env::var_os(name).map(PathBuf::from));
        self.config.as_deref().map(absolute).unwrap_or_else(default)
    }

    /// Whether the file was named, so that it must be there.
    pub(super) fn is_named(&self) -> bool {
        self.config.is_some()
    }
}

/// Which file, and what wins over it.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    file: ConfigFile,
    /// How many certificates to get at once [default: what the file says, else 4]
    #[arg(long, value_name = "NUMBER", env = "ACMITE_AT_ONCE", value_parser = clap::value_parser!(u8).range(1..=64))]
    at_once: Option<u8>,
}

/// What holds for one look at the file.
#[derive(Debug)]
pub(super) struct Configured {
    /// The file.
    pub(super) file: PathBuf,
    /// What the file describes.
    pub(super) described: Described,
    /// Where everything is kept.
    pub(super) state: StateDir,
    /// How many certificates at once.
    pub(super) at_once: u8,
    /// Where the log is kept besides.
    pub(super) log_file: Option<PathBuf>,
}

impl ConfigArgs {
    /// The file that is meant.
    pub(super) fn path(&self) -> PathBuf {
        self.file.path()
    }

    /// Whether the file was named, so that it must be there.
    pub(super) fn is_named(&self) -> bool {
        self.file.is_named()
    }

    /// Reads the file, and opens the state folder.
    pub(super) fn read(&self, global: &Global) -> Result<Configured, Failure> {
        self.settle(global, read(&self.path())?)
    }

    /// What holds where the file says `described`; the log goes there from now on.
    pub(super) fn settle(&self, global: &Global, described: Described) -> Result<Configured, Failure> {
        let state = open_state_or(global, described.state_dir.as_deref())?;
        let at_once = self.at_once.or(described.at_once).unwrap_or(USUAL_AT_ONCE);
        let log_file = global.log_file.clone().or_else(|| described.log_file.clone());
        logging::keep_in(log_file.as_deref())?;
        Ok(Configured { file: self.path(), described, state, at_once, log_file })
    }
}

const USUAL_AT_ONCE: u8 = 4;

impl Configured {
    /// How certificates are got with it.
    pub(super) fn options(&self, choice: Choice) -> RenewOptions {
        RenewOptions {
            choice,
            ca_bundle: None,
            resolvers: Vec::new(),
            zone: None,
            at_once: usize::from(self.at_once),
            next_run: std::time::Duration::ZERO,
            ignores_rate_limits: false,
        }
    }
}

fn default_path(is_root: bool, env: &dyn Fn(&str) -> Option<PathBuf>) -> PathBuf {
    if is_root {
        return PathBuf::from("/etc/acmite/acmite.toml");
    }
    // A relative path there is to be ignored (XDG Base Directory Specification 0.8).
    let xdg = env("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let home = || env("HOME").unwrap_or_default().join(".config");
    xdg.unwrap_or_else(home).join(Path::new("acmite/acmite.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_systems_for_root_and_the_users_for_others() {
        let env = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/a"));
        assert_eq!(default_path(true, &env), Path::new("/etc/acmite/acmite.toml"));
        assert_eq!(default_path(false, &env), Path::new("/home/a/.config/acmite/acmite.toml"));
        let env = |name: &str| Some(PathBuf::from(if name == "HOME" { "/home/a" } else { "/conf" }));
        assert_eq!(default_path(false, &env), Path::new("/conf/acmite/acmite.toml"));
    }
}
