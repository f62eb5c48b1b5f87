//! A lab in this process with one zone, and acmite with all it needs to know of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acmite::pki::{CertificateKey, Leaf};
use acmite_lab::Lab;
use acmite_lab::ca::{CaOptions, Endpoint, Fault, RequestLog};

use crate::acmite::{Acmite, PATIENCE, Running};
use crate::process::wait_until;

/// A running lab and the files that lead to it.
pub struct World {
    /// CA, name servers, APIs.
    pub lab: Lab,
    folder: tempfile::TempDir,
    // After the lab, which needs it to end.
    _runtime: tokio::runtime::Runtime,
}

/// What there was before a trial.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// Certificates that the CA had made.
    pub certificates: usize,
    /// Orders that it had taken.
    pub orders: usize,
}

impl World {
    /// A CA that is in no hurry to be polled, one name server, and a record in the zone that is not acmite's.
    ///
    /// # Panics
    /// If the lab does not start.
    pub fn start() -> Self {
        Self::with(CaOptions { retry_after: Duration::ZERO, ..CaOptions::default() })
    }

    /// The same with a CA of another kind.
    ///
    /// # Panics
    /// If the lab does not start.
    pub fn with(options: CaOptions) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let lab = runtime.block_on(Lab::builder().zone(ZONE).ca(options).start()).expect("a lab");
        let text = hickory_proto::rr::RecordType::TXT;
        lab.dns.store().add(ZONE, CHALLENGE_NAME, text, 60, FOREIGN).expect("a record");
        let world = Self { lab, folder: tempfile::tempdir().expect("a folder"), _runtime: runtime };
        std::fs::write(world.path("tls-root.pem"), world.lab.ca.tls_root_pem()).expect("written");
        world.lead_to(&world.lab.powerdns.base_url());
        world
    }

    /// Leads the provider to its API at another URL.
    ///
    /// # Panics
    /// If its file cannot be written.
    pub fn lead_to(&self, api_url: &str) {
        let key = self.lab.description().powerdns_key;
        let path = self.path("powerdns.toml");
        std::fs::write(&path, format!("server_url = \"{api_url}\"\napi_key = \"{key}\"\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changed");
    }

    /// A state folder that is not there yet.
    pub fn fresh_state(&self) -> PathBuf {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        self.path(&format!("state{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    }

    /// A state folder with a certificate in it, a copy of one that was made once.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn issued_state(&self) -> PathBuf {
        let template = self.path("template");
        if !template.exists() {
            self.issue(&template).run().expect_code(0);
        }
        let copy = self.fresh_state();
        let status = std::process::Command::new("cp").arg("-a").args([&template, &copy]).status();
        assert!(status.is_ok_and(|status| status.success()), "cp");
        copy
    }

    /// `acmite issue` of two names that share a challenge name.
    pub fn issue(&self, state: &Path) -> Acmite {
        self.issue_any(state).names([ZONE, "*.example.test"])
    }

    /// `acmite issue` of another certificate.
    pub fn issue_other(&self, state: &Path) -> Acmite {
        self.issue_any(state).names(["other.example.test"])
    }

    /// The same that trusts the CA's listener as the system's certificates would make it.
    pub fn issue_by_system_roots(&self, state: &Path) -> Acmite {
        let file = self.tls_root().display().to_string();
        self.without_bundle("issue", state).env("SSL_CERT_FILE", &file).names([ZONE, "*.example.test"])
    }

    /// `acmite persist`.
    pub fn persist(&self, state: &Path) -> Acmite {
        self.at_the_ca("persist", state).names([ZONE])
    }

    /// `acmite issue` without any name.
    pub fn issue_any(&self, state: &Path) -> Acmite {
        self.at_the_ca("issue", state)
    }

    fn at_the_ca(&self, command: &str, state: &Path) -> Acmite {
        self.without_bundle(command, state).args(["--ca-bundle".as_ref(), self.tls_root().as_os_str()])
    }

    fn without_bundle(&self, command: &str, state: &Path) -> Acmite {
        Acmite::new(command, state)
            .args(["--server", &self.lab.ca.directory_url(), "--dns-resolver", &self.resolver()])
            .args(["--email", "me@example.test", "--agree-tos", "--dns-plugin", "powerdns"])
            .args(["--credentials".as_ref(), self.path("powerdns.toml").as_os_str()])
    }

    /// Writes an acmite.toml with `certificates`.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn describe(&self, certificates: &str) -> PathBuf {
        let (directory, resolver) = (self.lab.ca.directory_url(), self.resolver());
        let text = format!(
            "[ca.lab]\ndirectory = \"{directory}\"\nca_bundle = \"tls-root.pem\"\nagree_tos = true\n\
             [provider.own]\nplugin = \"powerdns\"\ncredentials = \"powerdns.toml\"\n\
             [defaults]\nca = \"lab\"\n[defaults.dns]\nresolvers = [\"{resolver}\"]\n{certificates}"
        );
        let path = self.path("acmite.toml");
        std::fs::write(&path, text).expect("written");
        path
    }

    fn tls_root(&self) -> PathBuf {
        self.path("tls-root.pem")
    }

    /// `acmite renew --force`.
    pub fn renew(&self, state: &Path) -> Acmite {
        Acmite::new("renew --force", state)
    }

    /// `acmite renew`.
    pub fn renew_due(&self, state: &Path) -> Acmite {
        Acmite::new("renew", state)
    }

    /// How many pages of 4 KiB the folder takes on a tmpfs: those of its files, and its folders and links take none.
    pub fn pages_used(&self, state: &Path) -> usize {
        let mut files = Vec::new();
        collect(state, &mut files);
        let size = |path: &PathBuf| std::fs::symlink_metadata(path).map_or(0, |facts| facts.len());
        let files = files.iter().filter(|path| !path.is_symlink());
        files.map(|path| usize::try_from(size(path)).unwrap_or(0).div_ceil(4096)).sum()
    }

    /// `acmite cleanup`.
    pub fn cleanup(&self, state: &Path) -> Acmite {
        let credentials = self.path("powerdns.toml");
        Acmite::new("cleanup", state).args(["--credentials".as_ref(), credentials.as_os_str()])
    }

    /// Starts a run whose request `number` to the CA is never answered, and waits until it hangs there; `None` if it
    /// needed fewer, and so ended well.
    ///
    /// # Panics
    /// If it does neither.
    pub fn hanging(&self, run: Acmite, number: usize, fault: Fault) -> Option<Running> {
        let sent = self.lab.ca.requests().len();
        self.lab.ca.fail_at(number, fault);
        let mut run = run.start();
        let hangs = || self.lab.ca.requests().get(sent + number - 1).is_some_and(|one| one.status == 0);
        wait_until("the request", PATIENCE, || hangs() || run.has_ended());
        if hangs() {
            return Some(run);
        }
        self.lab.ca.forget_faults();
        run.finish().expect_code(0);
        None
    }

    fn resolver(&self) -> String {
        self.lab.dns.resolver_addr().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How much the CA has done so far.
    pub fn before(&self) -> Before {
        Before { certificates: self.lab.ca.certificates().len(), orders: self.orders() }
    }

    fn orders(&self) -> usize {
        let is_order = |one: &&RequestLog| one.endpoint == Endpoint::NewOrder && one.status == 201;
        self.lab.ca.requests().iter().filter(is_order).count()
    }

    /// The live certificate if there is one, PEM; then its files must be whole and belong together.
    ///
    /// # Panics
    /// If they are not or do not.
    pub fn whole_pair(&self, state: &Path) -> Option<String> {
        let live = state.join("live").join(ZONE);
        // Not even a link that leads nowhere.
        std::fs::symlink_metadata(&live).ok()?;
        let read = |name: &str| {
            let path = live.join(name);
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (leaf, chain) = (read("cert.pem"), read("chain.pem"));
        let certificate = Leaf::from_pem(&leaf).expect("a whole certificate");
        let key = CertificateKey::from_pem(&read("privkey.pem")).expect("a whole key");
        assert!(certificate.matches(&key), "{} holds a key that does not match", live.display());
        assert_eq!(read("fullchain.pem"), format!("{leaf}{chain}"));
        let mode = std::fs::metadata(live.join("privkey.pem")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Some(leaf)
    }

    /// Nothing of ours is in the zone, and nothing in the journal says that there is.
    ///
    /// # Panics
    /// If there is.
    pub fn assert_clean(&self, state: &Path) {
        let left: Vec<String> = self.published();
        assert_eq!(left, [FOREIGN.trim_matches('"')], "left in the zone");
        let journal: Vec<_> = std::fs::read_dir(state.join("journal")).expect("a journal").collect();
        assert!(journal.is_empty(), "{journal:?}");
    }

    /// No file that was begun is left, no key without a certificate, and no version that is not whole.
    ///
    /// # Panics
    /// If there is.
    pub fn assert_tidy(&self, state: &Path) {
        let mut files = Vec::new();
        collect(state, &mut files);
        let stray = |path: &&PathBuf| {
            path.extension().is_some_and(|end| end == "tmp" || end == "new") || path.parent().is_some_and(is_pending)
        };
        let stray: Vec<_> = files.iter().filter(stray).collect();
        assert!(stray.is_empty(), "{stray:?}");
        let versions = std::fs::read_dir(state.join("archive").join(ZONE)).expect("a folder");
        for version in versions.map(|entry| entry.expect("an entry").path()).filter(|path| !is_pending(path)) {
            assert_eq!(std::fs::read_dir(&version).expect("a folder").count(), 4, "{}", version.display());
        }
    }

    /// The TXT values in the zone.
    ///
    /// # Panics
    /// If there is no zone.
    pub fn published(&self) -> Vec<String> {
        let records = self.lab.dns.store().records(ZONE).expect("the zone");
        let text = |entry: &acmite_lab::dns::Entry| entry.record.record_type().to_string() == "TXT";
        records.iter().filter(|entry| text(entry)).map(|entry| entry.value().trim_matches('"').to_owned()).collect()
    }
}

fn is_pending(folder: &Path) -> bool {
    folder.ends_with("pending")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

const ZONE: &str = "example.test";
const CHALLENGE_NAME: &str = "_acme-challenge.example.test";
const FOREIGN: &str = "\"foreign\"";
