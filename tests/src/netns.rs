//! A test that runs in a network namespace of its own: the test binary executes itself there.

use std::path::PathBuf;
use std::process::Command;

use crate::process::find;

/// What the machine inside is like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine<'a> {
    /// Addresses of its own, at the loopback interface.
    pub own: &'a [&'a str],
    /// Networks whose every packet is lost on the way.
    pub lost: &'a [&'a str],
    /// The address in its `resolv.conf`.
    pub resolver: &'a str,
}

/// Runs `body` inside `machine`; `test` is the name of the calling test. Where no namespace can be made the test is
/// skipped, and says so.
///
/// # Panics
/// If `body` does.
pub fn inside(test: &str, machine: &Machine<'_>, body: impl Future<Output = ()>) {
    if std::env::var(INSIDE).as_deref() == Ok(test) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(body);
    }
    let Some(namespace) = Namespace::new() else { return };
    namespace.set_up(machine);
    let itself = std::env::current_exe().expect("a test binary");
    let mut command = namespace.ip(&["netns", "exec", &namespace.name]);
    let output = command.arg(itself).args(["--exact", test, "--nocapture"]).env(INSIDE, test).output();
    let output = output.expect("ip runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "inside the namespace:\n{text}");
}

const INSIDE: &str = "ACMITE_TEST_INSIDE";

/// Deleted on drop, with the processes' files of it.
struct Namespace {
    ip: PathBuf,
    name: String,
}

impl Namespace {
    fn new() -> Option<Self> {
        let Some(ip) = find("ip") else {
            skipped("ip is missing; install iproute2");
            return None;
        };
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let namespace = Self { ip, name: format!("acmite-test-{}-{number}", std::process::id()) };
        let added = namespace.ip(&["netns", "add", &namespace.name]).output().expect("ip runs");
        if !added.status.success() {
            skipped(String::from_utf8_lossy(&added.stderr).trim());
            return None;
        }
        Some(namespace)
    }

    fn set_up(&self, machine: &Machine<'_>) {
        self.run(&["link", "set", "lo", "up"]);
        for address in machine.own {
            self.run(&["address", "add", address, "dev", "lo"]);
        }
        if !machine.lost.is_empty() {
            self.run(&["link", "add", "hole", "type", "veth", "peer", "name", "nowhere"]);
            self.run(&["link", "set", "nowhere", "up"]);
            // Without ARP a packet is sent off and lost; with it the kernel would find out and say so.
            self.run(&["link", "set", "hole", "up", "arp", "off"]);
        }
        for network in machine.lost {
            self.run(&["route", "add", network, "dev", "hole"]);
        }
        std::fs::create_dir_all(self.etc()).expect("a folder");
        let resolver = format!("nameserver {}\n", machine.resolver);
        std::fs::write(self.etc().join("resolv.conf"), resolver).expect("a file");
    }

    fn run(&self, arguments: &[&str]) {
        let output = self.ip(&["-n", &self.name]).args(arguments).output().expect("ip runs");
        assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn ip(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(arguments);
        command
    }

    /// What `ip netns exec` lays over /etc.
    fn etc(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.name)
    }
}

static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

impl Drop for Namespace {
    fn drop(&mut self) {
        self.ip(&["netns", "delete", &self.name]).output().ok();
        std::fs::remove_dir_all(self.etc()).ok();
        // Only if no other namespace has files there.
        std::fs::remove_dir("/etc/netns").ok();
    }
}

#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: no network namespace can be made: {why}");
}
