//! Commands of the user's around a renewal, with certbot's variables beside acmite's own.
//!
//! An entry is a command with its arguments, quoted as in a shell and run without one; or `shell: COMMAND`,
//! `reload: UNIT` (systemd), `copy: FOLDER [owner=] [group=] [mode=]`, `bundle: FILE [owner=] [group=] [mode=]`,
//! `pkcs12: FILE password-file= [alias=] [owner=] [group=] [mode=]`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::deployers::{DeployError, Target};
use super::pkcs12::KeystoreTarget;
use crate::secure_file::check_own;
use crate::store::certificate::CertificateStore;
use crate::store::renewal::Hooks;
use crate::store::{HookKind, StateDir};

/// What a hook is told.
#[derive(Clone, Debug)]
pub struct HookContext {
    kind: HookKind,
    certificate: String,
    live: Option<PathBuf>,
    variables: Vec<(&'static str, String)>,
}

impl HookContext {
    /// About one certificate: before it is renewed, or when it was stored.
    pub fn certificate(kind: HookKind, state: &StateDir, name: &str, names: &[String]) -> Self {
        let live = state.live(name);
        let (folder, domains) = (live.display().to_string(), names.join(" "));
        let mut variables = vec![
            ("ACMITE_CERTIFICATE", name.to_owned()),
            ("ACMITE_NAMES", domains.clone()),
            ("ACMITE_LIVE", folder.clone()),
            ("ACMITE_FULLCHAIN", live.join("fullchain.pem").display().to_string()),
        ];
        if CertificateStore::new(state, name).request().is_none() {
            variables.push(("ACMITE_PRIVKEY", live.join("privkey.pem").display().to_string()));
        }
        if kind == HookKind::Deploy {
            variables.extend([("RENEWED_DOMAINS", domains), ("RENEWED_LINEAGE", folder)]);
        }
        Self { kind, certificate: name.to_owned(), live: Some(live), variables }.of_state(state)
    }

    /// About a run that is over.
    pub fn run(state: &StateDir, renewed: &[String], failed: &[String]) -> Self {
        let variables = vec![("RENEWED_DOMAINS", renewed.join(" ")), ("FAILED_DOMAINS", failed.join(" "))];
        Self { kind: HookKind::Post, certificate: String::new(), live: None, variables }.of_state(state)
    }

    fn of_state(mut self, state: &StateDir) -> Self {
        let folder = state.root().display().to_string();
        self.variables.extend([("ACMITE_HOOK", self.kind.to_string()), ("ACMITE_STATE_DIR", folder)]);
        self
    }
}

/// The deploy hooks of a certificate: its own, then those of every certificate.
pub fn deploy_hooks(state: &StateDir, hooks: &Hooks) -> Vec<String> {
    hooks.deploy.iter().cloned().chain(in_folder(state, HookKind::Deploy)).collect()
}

/// The executable files of the folder of a kind as entries, sorted by name.
pub fn in_folder(state: &StateDir, kind: HookKind) -> Vec<String> {
    let entries = std::fs::read_dir(state.hooks_dir(kind)).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_hook(path)).collect();
    paths.sort();
    // A NUL, which alone cannot be quoted, is in no path.
    paths.iter().filter_map(|path| shlex::try_quote(path.to_str()?).ok().map(Into::into)).collect()
}

/// Editors leave `x~` and `.x.swp` behind.
fn is_hook(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let executable = |facts: &std::fs::Metadata| facts.is_file() && facts.permissions().mode() & 0o111 != 0;
    if name.starts_with('.') || name.ends_with('~') {
        return false;
    }
    std::fs::metadata(path).is_ok_and(|facts| executable(&facts) && is_own(path, &facts))
}

fn is_own(path: &Path, facts: &std::fs::Metadata) -> bool {
    let checked = check_own(path, facts);
    if let Err(error) = &checked {
        tracing::warn!(%error, "a hook is not run");
    }
    checked.is_ok()
}

/// Whether an entry can be understood.
pub fn check(entry: &str) -> Result<(), HookError> {
    Action::parse(entry).map(|_| ())
}

/// Refuses an entry that works with the certificate's key, for one whose key is elsewhere.
pub fn check_without_key(entry: &str) -> Result<(), HookError> {
    match Action::parse(entry)? {
        Action::Bundle(_) | Action::Keystore(_) => Err(DeployError::KeyElsewhere.into()),
        Action::Command(_) | Action::Copy(_) => Ok(()),
    }
}

/// Runs an entry, and gives what it printed.
pub async fn run(entry: &str, context: &HookContext, limit: Duration) -> Result<String, HookError> {
    match Action::parse(entry)? {
        Action::Command(words) => run_command(&words, context, limit).await,
        Action::Copy(target) => deploy(context, move |live| target.copy(live)).await,
        Action::Bundle(target) => deploy(context, move |live| target.bundle(live)).await,
        Action::Keystore(target) => {
            let name = context.certificate.clone();
            deploy(context, move |live| target.write(live, &name)).await
        }
    }
}

/// How long a hook may take.
pub const HOOK_TIME: Duration = Duration::from_secs(600);

enum Action {
    Command(Vec<String>),
    Copy(Target),
    Bundle(Target),
    Keystore(KeystoreTarget),
}

impl Action {
    fn parse(entry: &str) -> Result<Self, HookError> {
        let entry = entry.trim();
        let words = |words: &[&str]| Self::Command(words.iter().map(|word| (*word).to_owned()).collect());
        match entry.split_once(':').map(|(kind, rest)| (kind, rest.trim())) {
            Some((_, "")) => Err(HookError::Empty),
            Some(("shell", line)) => Ok(words(&["/bin/sh", "-c", line])),
            Some(("reload", unit)) => Ok(words(&["systemctl", "reload", "--", unit])),
            Some(("copy", target)) => Ok(Self::Copy(target.parse()?)),
            Some(("bundle", target)) => Ok(Self::Bundle(target.parse()?)),
            Some(("pkcs12", target)) => Ok(Self::Keystore(target.parse()?)),
            _ => match shlex::split(entry) {
                Some(words) if !words.is_empty() => Ok(Self::Command(words)),
                Some(_) => Err(HookError::Empty),
                None => Err(HookError::Quotes { entry: entry.to_owned() }),
            },
        }
    }
}

async fn deploy(
    context: &HookContext,
    put: impl FnOnce(&Path) -> Result<(), DeployError> + Send + 'static,
) -> Result<String, HookError> {
    let live = context.live.clone().ok_or(HookError::NotDeploy)?;
    let done = tokio::task::spawn_blocking(move || put(&live)).await;
    done.map_err(|_| HookError::Interrupted)??;
    Ok(String::new())
}

async fn run_command(words: &[String], context: &HookContext, limit: Duration) -> Result<String, HookError> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).envs(context.variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that what it has started ends with it.
    command.process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|source| HookError::NotStarted { program: words[0].clone(), source })?;
    let output = Arc::new(Mutex::new(Vec::new()));
    let readers = [read(child.stdout.take(), &output), read(child.stderr.take(), &output)];
    let ended = wait(&mut child, limit).await;
    // A process that the hook left running keeps the pipes open.
    let _ = timeout(LAST_WORDS, futures_util::future::join_all(readers)).await;
    let output = String::from_utf8_lossy(&lock(&output)).trim_end().to_owned();
    match ended {
        Ok(Some(status)) if status.success() => Ok(output),
        Ok(Some(status)) => Err(HookError::Failed { status, output }),
        Ok(None) => Err(HookError::TimedOut { limit, output }),
        Err(source) => Err(HookError::NotStarted { program: words[0].clone(), source }),
    }
}

/// How it ended; `None` if it had to be ended.
async fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    if let Ok(status) = timeout(limit, child.wait()).await {
        return status.map(Some);
    }
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    if let Some(group) = group
        && let Err(error) = rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
    {
        tracing::warn!(%error, "a hook that took too long could not be ended");
    }
    child.wait().await.map(|_| None)
}

type Output = Arc<Mutex<Vec<u8>>>;

fn read(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, output: &Output) -> tokio::task::JoinHandle<()> {
    let output = output.clone();
    tokio::spawn(async move {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let mut all = lock(&output);
            all.extend_from_slice(&buffer[..count]);
            let beyond = all.len().saturating_sub(MOST_OUTPUT_BYTES);
            all.drain(..beyond);
        }
    })
}

fn lock(output: &Output) -> std::sync::MutexGuard<'_, Vec<u8>> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

const LAST_WORDS: Duration = Duration::from_secs(2);
/// Of the end of what a hook prints.
const MOST_OUTPUT_BYTES: usize = 16 * 1024;

/// Why a hook did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Nothing to run.
    #[error("it is empty; write a command, or `shell: COMMAND`")]
    Empty,
    /// An open quote.
    #[error("the quotes in {entry:?} do not match; close them, or write `shell: COMMAND`")]
    Quotes {
        /// As it was written.
        entry: String,
    },
    /// It could not be started.
    #[error("could not run {program}; check that it is there and executable")]
    NotStarted {
        /// The first word.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("it ended with {status}{}", said(.output))]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// It did not end.
    #[error("it was still running after {} s and was ended{}", limit.as_secs(), said(.output))]
    TimedOut {
        /// The time it had.
        limit: Duration,
        /// What it printed.
        output: String,
    },
    /// The certificate was not put in its place.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A deployer where no certificate is.
    #[error("copy, bundle and pkcs12 need a certificate; make it a deploy hook")]
    NotDeploy,
    /// The thread died.
    #[error("it was interrupted; it is run again next time")]
    Interrupted,
}

fn said(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(", saying: {output}") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn state(folder: &tempfile::TempDir) -> StateDir {
        StateDir::open(&folder.path().join("state")).expect("opened")
    }

    fn context(folder: &tempfile::TempDir) -> HookContext {
        let names = ["example.com".to_owned(), "*.example.com".to_owned()];
        HookContext::certificate(HookKind::Deploy, &state(folder), "example.com", &names)
    }

    async fn outcome(entry: &str) -> Result<String, HookError> {
        let folder = tempfile::tempdir().expect("a folder");
        run(entry, &context(&folder), Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn a_command_is_run_without_a_shell_and_with_one_where_it_says_so() {
        assert_eq!(outcome("echo '$RENEWED_DOMAINS' a;b").await.expect("done"), "$RENEWED_DOMAINS a;b");
        assert_eq!(outcome("shell: echo $RENEWED_DOMAINS | tr m M").await.expect("done"), "exaMple.coM *.exaMple.coM");
    }

    #[tokio::test]
    async fn certbots_variables_stand_beside_acmites_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = "shell: echo $RENEWED_LINEAGE $ACMITE_LIVE $ACMITE_CERTIFICATE $ACMITE_HOOK";
        let said = run(entry, &context(&folder), HOOK_TIME).await.expect("done");
        let live = state(&folder).live("example.com").display().to_string();
        assert_eq!(said, format!("{live} {live} example.com deploy"));
        let after = HookContext::run(&state(&folder), &["a".into()], &["b".into(), "c".into()]);
        let said = run("shell: echo $RENEWED_DOMAINS, $FAILED_DOMAINS", &after, HOOK_TIME).await.expect("done");
        assert_eq!(said, "a, b c");
    }

    #[tokio::test]
    async fn a_failure_says_how_it_ended_and_what_was_printed() {
        let error = outcome("shell: echo out; echo err >&2; exit 3").await.expect_err("failed").to_string();
        assert!(error.contains("exit status: 3") && error.contains("out") && error.contains("err"), "{error}");
        assert!(matches!(outcome("/no/such/program").await, Err(HookError::NotStarted { .. })));
    }

    #[tokio::test]
    async fn a_hook_that_takes_too_long_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let entry = format!("shell: sleep 1000 & echo $! > {}; echo begun; wait", pid.display());
        let error = run(&entry, &context(&folder), Duration::from_secs(2)).await.expect_err("too long");
        assert!(matches!(&error, HookError::TimedOut { output, .. } if output == "begun"), "{error}");
        let started = fs::read_to_string(pid).expect("written").trim().to_owned();
        let ended = |status: String| status.lines().any(|line| line.starts_with("State:\tZ"));
        // A signal that was sent takes a moment to end its process.
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(format!("/proc/{started}/status")).map_or(true, ended) {
            assert!(std::time::Instant::now() < deadline, "the process it started is still there");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let said = outcome("shell: seq 1 100000").await.expect("done");
        assert!(said.ends_with("\n100000") && said.len() <= MOST_OUTPUT_BYTES, "{} bytes", said.len());
    }

    #[test]
    fn entries_that_cannot_be_understood_are_refused() {
        for entry in ["", " ", "shell:", "echo 'a", "copy: relative", "bundle:"] {
            assert!(check(entry).is_err(), "{entry:?} was taken");
        }
        for entry in ["systemctl reload nginx", "/usr/bin/x:y", "shell: a 'b", "reload: nginx.service"] {
            assert!(check(entry).is_ok(), "{entry:?} was refused");
        }
    }

    #[test]
    fn the_folders_executables_come_after_the_certificates_own_sorted() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = state(&folder);
        let place = state.hooks_dir(HookKind::Deploy);
        for (name, mode) in [
            ("20-b", 0o755),
            ("10 a", 0o755),
            ("30-c", 0o644),
            ("40-d~", 0o755),
            (".e.swp", 0o755),
            ("50-f", 0o775),
            ("60-g", 0o757),
        ] {
            fs::write(place.join(name), "").expect("written");
            fs::set_permissions(place.join(name), fs::Permissions::from_mode(mode)).expect("changed");
        }
        let own = Hooks { deploy: vec!["own".to_owned()], ..Hooks::default() };
        let (first, second) = (place.join("10 a"), place.join("20-b"));
        let expected = ["own".to_owned(), format!("'{}'", first.display()), second.display().to_string()];
        assert_eq!(deploy_hooks(&state, &own), expected);
    }
}
