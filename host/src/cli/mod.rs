//! The commands.

pub mod exit;

pub mod printer;

mod usage;

pub mod setup;

pub mod providers;

pub mod challenges;

pub mod registration;

pub mod publishing;

mod hook_args;

mod csr;

mod described;

pub mod logging;

mod configured;

mod timings;

mod issue;

mod view;

mod renew_report;

mod renew;

mod apply_report;

mod apply;

mod run;

mod list;

mod show;

mod revoke;

mod delete;

mod timer;

mod persist;

mod account;

mod import;

mod cleanup;

mod hook;

mod doctor;

mod verify;

mod plugin;

mod completions;

mod man;

mod debug_bundle;

mod lab;

use clap::{Args, Parser, Subcommand, ValueEnum};

use exit::Exit;
use printer::{Mode, Printer};

/// Gets and renews TLS certificates over ACME (RFC 8555), with DNS-01 by sandboxed providers.
///
/// Example: acmite issue -d example.com -d '*.example.com' --dns-plugin cloudflare --email me@example.com --agree-tos
#[derive(Parser)]
#[command(name = "acmite", version, arg_required_else_help = true, propagate_version = true, max_term_width = 100)]
#[command(after_long_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "State and output")]
pub struct Global {
    /// Folder of everything acmite keeps [default: /var/lib/acmite for root, else the user's XDG state folder]
    #[arg(long, global = true, value_name = "DIR", env = "ACMITE_STATE_DIR")]
    pub state_dir: Option<std::path::PathBuf>,
    /// Write results and events to standard output as JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more: -v what is asked of whom, -vv every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Whether to draw a live timeline
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub progress: Progress,
    /// Append the log to this file, whatever -v and -q say; it is rotated when it has grown
    #[arg(long, global = true, value_name = "FILE", env = "ACMITE_LOG_FILE")]
    pub log_file: Option<std::path::PathBuf>,
}

/// When the timeline is drawn.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// On a terminal.
    Auto,
    /// A line for each event.
    Plain,
    /// Not at all.
    None,
}

#[derive(Subcommand)]
enum Command {
    Issue(Box<issue::Args>),
    Persist(Box<persist::Args>),
    #[command(subcommand)]
    Account(account::Command),
    Renew(renew::Args),
    Apply(apply::Args),
    Run(run::Args),
    List(list::Args),
    Show(show::Args),
    Revoke(revoke::Args),
    Delete(delete::Args),
    #[command(subcommand)]
    Timer(timer::Command),
    #[command(subcommand)]
    Import(Box<import::Command>),
    Cleanup(cleanup::Args),
    Hook(hook::Args),
    Doctor(Box<doctor::Args>),
    Verify(verify::Args),
    #[command(subcommand)]
    Plugin(plugin::Command),
    Lab(lab::Args),
    Completions(completions::Args),
    Man(man::Args),
    DebugBundle(debug_bundle::Args),
}

impl Cli {
    /// Where logs go and how much.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// Runs the command, and says how it ended.
    pub async fn run(self) -> Exit {
        let printer = std::sync::Arc::new(Printer::new(Mode::of(&self.global)));
        let done = match self.command {
            Command::Issue(args) => issue::run(*args, &self.global, &printer).await,
            Command::Persist(args) => persist::run(*args, &self.global, &printer).await,
            Command::Account(command) => account::run(command, &self.global, &printer).await,
            Command::Renew(args) => renew::run(args, &self.global, &printer).await,
            Command::Apply(args) => apply::run(args, &self.global, &printer).await,
            Command::Run(args) => run::run(args, &self.global, &printer).await,
            Command::List(args) => list::run(&args, &self.global, &printer),
            Command::Show(args) => show::run(&args, &self.global, &printer),
            Command::Revoke(args) => revoke::run(args, &self.global, &printer).await,
            Command::Delete(args) => delete::run(&args, &self.global, &printer),
            Command::Timer(command) => timer::run(&command, &self.global, &printer),
            Command::Import(command) => import::run(*command, &self.global, &printer),
            Command::Cleanup(args) => cleanup::run(args, &self.global, &printer).await,
            Command::Hook(args) => hook::run(args, &self.global, &printer).await,
            Command::Doctor(args) => doctor::run(*args, &self.global, &printer).await,
            Command::Verify(args) => verify::run(&args, &printer),
            Command::Plugin(command) => plugin::run(command, &self.global, &printer).await,
            Command::Lab(args) => lab::run(args, &printer).await,
            Command::Completions(args) => completions::run(&args, &printer),
            Command::Man(args) => man::run(&args, &printer),
            Command::DebugBundle(args) => debug_bundle::run(&args, &self.global, &printer),
        };
        printer.settled(done.unwrap_or_else(|failure| {
            printer.failure(&failure);
            failure.exit
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn without_example(command: &mut clap::Command, path: &str) -> Vec<String> {
        let name = format!("{path} {}", command.get_name());
        let name = name.trim_start();
        if command.has_subcommands() {
            return command.get_subcommands_mut().flat_map(|inner| without_example(inner, name)).collect();
        }
        let help = command.render_long_help().to_string();
        let has_example = help.contains("Example") && help.lines().any(|line| line.contains(name));
        if has_example { Vec::new() } else { vec![name.to_owned()] }
    }

    #[test]
    fn the_help_of_every_command_shows_an_example() {
        let mut cli = Cli::command();
        assert!(cli.get_subcommands().count() > 15);
        assert_eq!(without_example(&mut cli, ""), Vec::<String>::new());
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
