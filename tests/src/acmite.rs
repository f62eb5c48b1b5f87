//! The built `acmite`, run as a user runs it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::plugins::{self, repository};
use crate::process::{self, or_skip, wait_or_kill, wait_until};

/// A run of acmite to be: its arguments, environment and state folder.
pub struct Acmite {
    command: Command,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed as result.
    pub stdout: String,
    /// What it said besides.
    pub stderr: String,
}

/// A run that goes on, ended with its test.
pub struct Running {
    child: Child,
    output: tempfile::TempDir,
}

impl Acmite {
    /// A run of `acmite COMMAND` with a state folder. It sees nothing of the environment but where programs are.
    pub fn new(command: &str, state: &Path) -> Self {
        Self::without_state(command, state).args(["--state-dir"]).args([state])
    }

    /// The same without a word about its state folder; `home` is the user's.
    pub fn without_state(command: &str, home: &Path) -> Self {
        let mut built = Command::new(binary());
        built.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
        built.args(command.split(' '));
        Self { command: built }
    }

    /// The same by the user nobody.
    pub fn as_nobody(command: &str, state: &Path) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut run = Self::new(command, state);
        run.command.uid(NOBODY).gid(NOBODY);
        run
    }

    /// More arguments.
    pub fn args<T: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.command.args(arguments);
        self
    }

    /// `-d NAME` for each.
    pub fn names<T: AsRef<str>>(self, names: impl IntoIterator<Item = T>) -> Self {
        names.into_iter().fold(self, |run, name| run.args(["-d", name.as_ref()]))
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The same run as the child of another program, which comes with its own arguments.
    pub fn under<T: AsRef<std::ffi::OsStr>>(self, program: &str, arguments: impl IntoIterator<Item = T>) -> Self {
        let mut outer = Command::new(program);
        outer.args(arguments).arg(self.command.get_program()).args(self.command.get_args()).env_clear();
        outer.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { command: outer }
    }

    /// The same run with file systems of its own, which `mounts`, a shell script, has changed before; `None` where that
    /// is not allowed, which is said.
    ///
    /// # Panics
    /// Under CI=true if it is not allowed.
    pub fn with_mounts(self, mounts: &str) -> Option<Self> {
        let allowed = Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
        or_skip("unshare --mount", allowed.then(|| PathBuf::from("unshare")))?;
        let script = format!("{mounts}\nexec \"$0\" \"$@\"");
        Some(self.under("unshare", ["--mount", "sh", "-euc", &script]))
    }

    /// The same as a command, for whoever runs it in another way.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Starts it and leaves it running.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut self) -> Running {
        let output = tempfile::tempdir().expect("a folder");
        let file = |name: &str| File::create(output.path().join(name)).expect("a file");
        self.command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        Running { child: self.command.spawn().expect("acmite that starts"), output }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub fn run(self) -> Finished {
        self.start().finish()
    }
}

/// The user id of nobody.
pub const NOBODY: u32 = 65534;

/// For one run; far more than any needs.
pub const PATIENCE: Duration = Duration::from_secs(180);

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(self.output.path().join("stdout")).unwrap_or_default()
    }

    /// What it has told of so far; for a run with `--json`. The last line may still be being written.
    pub fn events(&self) -> Vec<Value> {
        self.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it said besides so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.output.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until it has told of an event; for a run with `--json`.
    ///
    /// # Panics
    /// If it ends first or takes too long.
    pub fn await_event(&mut self, event: &str) {
        self.await_events(event, 1);
    }

    /// Waits until it has told of so many events of a kind, and gives the last of them.
    ///
    /// # Panics
    /// If it ends first or takes too long.
    pub fn await_events(&mut self, event: &str, count: usize) -> Value {
        let told = |run: &Self| run.events().into_iter().filter(|one| one["event"] == event).collect::<Vec<_>>();
        wait_until(event, PATIENCE, || {
            let ended = self.child.try_wait().expect("a child's state");
            told(self).len() >= count || {
                assert!(ended.is_none(), "it ended before {event}: {ended:?}\n{}{}", self.stdout(), self.stderr());
                false
            }
        });
        told(self).pop().expect("it was told")
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child's state").is_some()
    }

    /// Sends it a signal by name, as `INT`.
    ///
    /// # Panics
    /// If that fails.
    pub fn signal(&self, name: &str) {
        process::signal(self.id(), name);
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(mut self) {
        self.child.kill().expect("a process that can be killed");
        self.child.wait().expect("a process that was killed");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub fn finish(mut self) -> Finished {
        let status = wait_or_kill(&mut self.child, PATIENCE);
        let finished =
            Finished { code: status.and_then(|status| status.code()), stdout: self.stdout(), stderr: self.stderr() };
        assert!(status.is_some(), "acmite did not end within {PATIENCE:?}: {finished}");
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that has ended already is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Finished {
    /// Hands the run through if it ended with this exit code.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The lines of `--json`.
    ///
    /// # Panics
    /// If a line of standard output is no JSON object.
    pub fn events(&self) -> Vec<Value> {
        let whole = self.stdout.lines().filter(|line| !line.is_empty());
        let parsed = whole.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
        let events: Vec<Value> = parsed.collect();
        assert!(events.iter().all(Value::is_object), "{self}");
        events
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The binary, for what is run by its path.
pub fn program() -> PathBuf {
    binary().to_owned()
}

/// Where the binary is: what `ACMITE_BIN` says, else it is built, once in a test process.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("ACMITE_BIN").map_or_else(build, PathBuf::from))
}

/// Bundles the providers that the tests use, as `cargo xtask plugins` does with all, and builds the workspace's binary.
fn build() -> PathBuf {
    let folder = repository().join("target/plugins");
    std::fs::create_dir_all(&folder).expect("a folder");
    for id in ["powerdns", "rfc2136", "duckdns"] {
        let (path, component) = (folder.join(format!("{id}.wasm")), plugins::build(&plugins::folder(id)));
        // The same bytes must not look new: all of acmite would be compiled again.
        if std::fs::read(&path).ok().as_ref() != Some(&component) {
            std::fs::write(&path, component).expect("written");
        }
    }
    workspace_program("acmite")
}

/// A program of the workspace, built as the tests were: with the features of the whole workspace.
///
/// # Panics
/// If it does not build.
pub fn workspace_program(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--workspace", "--bin", name])
        .current_dir(repository())
        .status()
        .expect("cargo that starts");
    assert!(status.success(), "{name} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    target.join("debug").join(name)
}
