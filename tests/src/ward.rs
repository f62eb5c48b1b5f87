//! A lab whose CA and name servers work, a state folder, and what the doctor says of both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use acmite_lab::ca::CaOptions;
use acmite_lab::dns::{Dns, TsigAlgorithm, TsigKey};
use acmite_lab::{Builder, Lab};
use hickory_proto::rr::RecordType;
use serde_json::Value;

use crate::acmite::{Acmite, Finished};
use crate::scene::Scene;

/// Values as they stand at a challenge's name.
pub const VALUES: [&str; 2] =
    ["LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"];

/// The lab and the folder.
pub struct Ward {
    /// The zone example.test, on two servers unless told otherwise.
    pub lab: Lab,
    /// State, and the credentials for the lab's PowerDNS.
    pub scene: Scene,
    root: PathBuf,
    resolver: SocketAddr,
}

impl Ward {
    /// A lab of two name servers.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// The same with a CA of one's own.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with_ca(options: CaOptions) -> Self {
        Self::with(|builder| builder.ca(options)).await
    }

    /// The same, changed otherwise.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let lab = change(Lab::builder().zone("example.test").nameservers(2)).start().await.expect("a lab");
        let description = lab.description();
        let (url, key) = (&description.powerdns_url, &description.powerdns_key);
        let credentials = format!("server_url = \"{url}\"\napi_key = \"{key}\"\n");
        let scene = Scene::new("powerdns", description.resolver, &credentials);
        let root = scene.private_file("root.pem", &description.tls_root_pem);
        Self { resolver: description.resolver, lab, scene, root }
    }

    /// Puts a record into example.test.
    ///
    /// # Panics
    /// If it is none.
    pub fn add(&self, owner: &str, kind: RecordType, value: &str) {
        self.lab.dns.store().add("example.test", owner, kind, 60, value).expect("a record");
    }

    /// A resolver that is none of the zone's servers, which it asks at `address`, their port.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn resolver_apart(&mut self, ip: &str) -> Dns {
        let address = SocketAddr::new(ip.parse().expect("an address"), self.resolver.port());
        let key = TsigKey::generate(TsigAlgorithm::default()).expect("a key");
        let apart = Dns::start_at(self.lab.dns.store().clone(), &[address], &key).await.expect("a resolver");
        self.resolver = address;
        apart
    }

    /// `--server`, `--ca-bundle` and `--dns-resolver`.
    pub fn peers(&self) -> Vec<String> {
        let root = self.root.display().to_string();
        let mut peers = ["--server", &self.lab.ca.directory_url(), "--ca-bundle", &root].map(str::to_owned).to_vec();
        peers.extend(["--dns-resolver".to_owned(), self.resolver.to_string()]);
        peers
    }

    /// A command with the provider.
    pub fn command(&self, command: &str) -> Acmite {
        let run = Acmite::new(command, &self.scene.state()).args(self.peers());
        run.args(["--dns-plugin", "powerdns", "--credentials"]).args([self.scene.credentials()])
    }

    /// Gets a certificate for a name.
    ///
    /// # Panics
    /// If it does not end with `code`.
    pub async fn issue(&self, name: &str, more: &[&str], code: i32) {
        let run = self.command("issue").args(["--email", "a@example.test", "--agree-tos"]).names([name]).args(more);
        ended(run).await.expect_code(code);
    }

    /// What the doctor says of a name before its first certificate, proven by DNS.
    ///
    /// # Panics
    /// If it says it otherwise than documented.
    pub async fn doctor(&self, name: &str, more: &[&str]) -> Diagnosis {
        Diagnosis::of(ended(self.command("doctor --json").args([name]).args(more)).await)
    }

    /// What it says of a name with these options in place of the provider's.
    ///
    /// # Panics
    /// If it says it otherwise than documented.
    pub async fn doctor_without_provider(&self, name: &str, more: &[&str]) -> Diagnosis {
        let run = Acmite::new("doctor --json", &self.scene.state()).args(self.peers());
        Diagnosis::of(ended(run.args([name]).args(more)).await)
    }

    /// What it says of everything that is kept, but for the timer.
    ///
    /// # Panics
    /// If it says it otherwise than documented.
    pub async fn doctor_of_all(&self) -> Diagnosis {
        Diagnosis::of(ended(Acmite::new("doctor --json --own-timer", &self.scene.state())).await)
    }

    /// A file that is kept.
    pub fn kept(&self, path: impl AsRef<Path>) -> PathBuf {
        self.scene.state().join(path)
    }
}

/// Runs it to its end while the lab goes on.
///
/// # Panics
/// If it takes too long.
pub async fn ended(run: Acmite) -> Finished {
    tokio::task::spawn_blocking(|| run.run()).await.expect("a run")
}

/// The doctor's one document.
#[derive(Debug)]
pub struct Diagnosis(Value);

impl Diagnosis {
    /// Reads it; the exit code must fit it.
    ///
    /// # Panics
    /// If it is not one document, or does not fit.
    pub fn of(run: Finished) -> Self {
        let mut documents = run.events();
        assert!(documents.len() == 1 && documents[0]["event"] == "doctor", "{run}");
        let document = documents.remove(0);
        let found = document["findings"].as_array().expect("findings").len();
        assert_eq!(document["healthy"], found == 0, "{run}");
        assert_eq!(run.code, Some(if found == 0 { 0 } else { 14 }), "{run}");
        Self(document)
    }

    /// The codes of all findings, sorted.
    pub fn codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = self.findings().iter().filter_map(|one| one["code"].as_str()).collect();
        codes.sort_unstable();
        codes
    }

    /// The facts of the first finding with this code.
    ///
    /// # Panics
    /// If there is none, or what to do about it is not said.
    #[track_caller]
    pub fn facts(&self, code: &str) -> &Value {
        let found = self.findings().iter().find(|one| one["code"] == code);
        let found = found.unwrap_or_else(|| panic!("{code} was not found: {self:#?}"));
        assert!(found["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{found}");
        &found["facts"]
    }

    /// That there is one finding, with this code; gives its facts.
    ///
    /// # Panics
    /// If there are others.
    #[track_caller]
    pub fn only(&self, code: &str) -> &Value {
        assert_eq!(self.codes(), [code], "{self:#?}");
        self.facts(code)
    }

    fn findings(&self) -> &[Value] {
        self.0["findings"].as_array().map(Vec::as_slice).unwrap_or_default()
    }
}
