//! Programs that tests run beside them: found, started, awaited, and ended with the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A running program with a folder for its files; both end with it, and a failing test shows what it said.
pub struct Process {
    name: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    /// Starts a program whose output goes to `log` in `folder`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command, folder: tempfile::TempDir) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        let errors = log.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.to_owned(), child, folder }
    }

    /// Waits until `ready` has no complaint left, and fails at once if the program ends before.
    ///
    /// # Panics
    /// If it ends or is not ready in time.
    pub fn await_ready(&mut self, mut ready: impl FnMut() -> Result<(), String>) {
        let deadline = Instant::now() + START_TIME;
        while let Err(why) = ready() {
            let ended = self.child.try_wait().expect("a child's state");
            assert!(ended.is_none(), "{} ended: {ended:?}", self.name);
            assert!(Instant::now() < deadline, "{} is not ready after {START_TIME:?}: {why}", self.name);
            std::thread::sleep(PAUSE);
        }
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How much of a processor it has had, all its threads together, in steps of 10 ms.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a running process");
        // The name may hold spaces; utime and stime are the fields 14 and 15 (proc_pid_stat(5)).
        let after_name = text.rsplit_once(") ").expect("a name in brackets").1;
        let ticks = after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().expect("a number"));
        TICK * ticks.sum::<u32>()
    }

    /// Sends it a signal by name, as `STOP`.
    ///
    /// # Panics
    /// If that fails.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Told to first: one that is killed leaves its workers behind. That it has ended already is what is wanted.
        Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status().ok();
        wait_or_kill(&mut self.child, END_TIME);
        if std::thread::panicking() {
            show(&format!("--- the log of {} ---\n{}", self.name, self.log()));
        }
    }
}

/// Sends a process a signal by name, as `INT`.
///
/// # Panics
/// If that fails.
pub fn signal(id: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), id.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name}");
}

/// USER_HZ, 100 on all machines that these tests run on.
const TICK: Duration = Duration::from_millis(10);
/// For a process to end its workers; one that is stopped, or stuck, is killed then.
const END_TIME: Duration = Duration::from_secs(3);
const START_TIME: Duration = Duration::from_secs(30);

/// Asks again and again, with short pauses, until `condition` holds.
///
/// # Panics
/// If it does not hold within `patience`.
pub fn wait_until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {patience:?} for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The exit status of a child, killed if it takes longer than `patience`; `None` if it had to be.
///
/// # Panics
/// If the system does not tell.
pub fn wait_or_kill(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("a child's state") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            child.kill().expect("a child that can be killed");
            child.wait().expect("a child that was killed");
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

const PAUSE: Duration = Duration::from_millis(20);

/// Where a program is, also in the folders of daemons.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Where a peer is, or `None` with a word about it.
///
/// # Panics
/// Under CI=true if it is not there.
pub fn peer(program: &str) -> Option<PathBuf> {
    or_skip(program, find(program))
}

/// Hands a peer through, or says that it is missing.
///
/// # Panics
/// Under CI=true if it is not there.
pub fn or_skip(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{name} is missing; run cargo xtask peers");
        show(&format!("SKIPPED: {name} is missing; run cargo xtask peers"));
    }
    found
}

/// Where `cargo xtask peers` puts the programs that Debian does not have.
pub fn built_peers() -> PathBuf {
    crate::plugins::repository().join("target/peers/bin")
}

#[expect(clippy::print_stderr, reason = "a test that fails or cannot run says why")]
fn show(text: &str) {
    eprintln!("{text}");
}

/// A port that nobody has on any of the loopback addresses used here, for UDP and TCP, and that no other test of this
/// process is given. Not of the range from which the system takes ports for connections.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static NEXT: Mutex<Option<u16>> = Mutex::new(None);
    let mut next = NEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let start = next.unwrap_or_else(|| FIRST_PORT + (std::process::id() % 64) as u16 * 150);
    let port = (start..LAST_PORT).chain(FIRST_PORT..start).find(|port| is_free(*port)).expect("a free port");
    *next = Some(port + 1);
    port
}

const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 32_000;

fn is_free(port: u16) -> bool {
    LOOPBACK.iter().all(|address| {
        std::net::TcpListener::bind((*address, port)).is_ok() && std::net::UdpSocket::bind((*address, port)).is_ok()
    })
}

const LOOPBACK: [&str; 2] = ["127.0.0.1", "127.0.0.2"];
