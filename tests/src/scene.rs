//! A zone at a real provider, a state folder, and acmite with the arguments for both.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::acmite::Acmite;
use crate::name_server::{NameServer, TSIG_SECRET};
use crate::pebble::Pebble;
use crate::powerdns::PowerDns;
use crate::step_ca::StepCa;

/// The parts of a run that stay the same in a test.
pub struct Scene {
    folder: tempfile::TempDir,
    plugin: &'static str,
    resolver: SocketAddr,
}

impl Scene {
    /// With the provider `powerdns` at `api_url`, PowerDNS's own or a proxy before it.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn powerdns(peer: &PowerDns, api_url: &str) -> Self {
        let text = format!("server_url = \"{api_url}\"\napi_key = \"{}\"\n", peer.api_key);
        Self::new("powerdns", peer.server.address, &text)
    }

    /// With the provider `rfc2136` and HMAC-SHA256.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn rfc2136(peer: &NameServer) -> Self {
        Self::rfc2136_through(peer, peer.address)
    }

    /// The same with a resolver of its own.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn rfc2136_through(peer: &NameServer, resolver: SocketAddr) -> Self {
        let text = format!(
            "server = \"{}\"\ntsig_key_name = \"acmite\"\ntsig_secret = \"{TSIG_SECRET}\"\n\
             tsig_algorithm = \"hmac-sha256\"\n",
            peer.address
        );
        Self::new("rfc2136", resolver, &text)
    }

    /// With the provider `duckdns`.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn duckdns(resolver: SocketAddr, token: &str) -> Self {
        Self::new("duckdns", resolver, &format!("token = \"{token}\"\n"))
    }

    /// With any provider; `credentials` is the text of its file.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn new(plugin: &'static str, resolver: SocketAddr, credentials: &str) -> Self {
        let scene = Self { folder: tempfile::tempdir().expect("a folder"), plugin, resolver };
        scene.private_file("credentials.toml", credentials);
        scene
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Panics
    /// If that fails.
    pub fn private_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changed");
        path
    }

    /// Writes another text in the place of one in the credentials file.
    ///
    /// # Panics
    /// If that fails.
    pub fn change_credentials(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.credentials()).expect("the credentials");
        std::fs::write(self.credentials(), text.replace(from, to)).expect("written");
    }

    /// Who may read the credentials file.
    ///
    /// # Panics
    /// If that cannot be changed.
    pub fn set_credentials_mode(&self, mode: u32) {
        std::fs::set_permissions(self.credentials(), std::fs::Permissions::from_mode(mode)).expect("changed");
    }

    /// The folder that holds all that runs leave: state, logs, credentials.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The credentials file.
    pub fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials.toml")
    }

    /// Where the files of a certificate are.
    pub fn live(&self, name: &str) -> PathBuf {
        self.state().join("live").join(name)
    }

    /// `acmite issue` with all but the names.
    pub fn issue(&self, ca: &impl Ca) -> Acmite {
        let run = self.run("issue").args(ca.arguments()).args(["--email", "admin@example.test", "--agree-tos"]);
        run.args(["--dns-plugin", self.plugin])
    }

    /// `acmite cleanup`.
    pub fn cleanup(&self) -> Acmite {
        self.run("cleanup")
    }

    /// `acmite plugin check` of the provider.
    pub fn check(&self) -> Acmite {
        let command = format!("plugin check {}", self.plugin);
        Acmite::new(&command, &self.state()).args(["--credentials"]).args([self.credentials()])
    }

    /// `acmite plugin test` of the provider in a zone.
    pub fn test(&self, zone: &str) -> Acmite {
        self.run(&format!("plugin test {} --zone {zone}", self.plugin))
    }

    fn run(&self, command: &str) -> Acmite {
        let resolver = self.resolver.to_string();
        Acmite::new(command, &self.state())
            .args(["--dns-resolver", &resolver, "--credentials"])
            .args([self.credentials()])
    }

    /// The text of an acmite.toml beside the scene's credentials, with `certificates`.
    pub fn described(&self, ca: &Pebble, certificates: &str) -> String {
        described_for(self.plugin, self.resolver, ca, certificates)
    }

    /// The entries of the journal, and what else lies there.
    ///
    /// # Panics
    /// If there is no journal.
    pub fn journal(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state().join("journal")).expect("a journal");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// The text of an acmite.toml beside a scene's credentials for `rfc2136`, with `certificates`.
pub fn described(server: &NameServer, ca: &Pebble, certificates: &str) -> String {
    described_for("rfc2136", server.address, ca, certificates)
}

fn described_for(plugin: &str, resolver: SocketAddr, ca: &Pebble, certificates: &str) -> String {
    let (directory, bundle) = (&ca.directory, ca.ca_bundle.display());
    format!(
        "[ca.test]\ndirectory = \"{directory}\"\nca_bundle = \"{bundle}\"\nagree_tos = true\n\
         contact = [\"admin@example.test\"]\n[provider.own]\nplugin = \"{plugin}\"\ncredentials = \"credentials.toml\"\n\
         [defaults]\nprofile = \"default\"\n[defaults.dns]\nresolvers = [\"{resolver}\"]\n{certificates}"
    )
}

/// A certificate authority, as a user names it.
pub trait Ca {
    /// `--server` and what it needs.
    fn arguments(&self) -> Vec<String>;
}

impl Ca for Pebble {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = server(&self.directory, &self.ca_bundle);
        if let Some(profile) = self.profile {
            arguments.extend(["--profile".to_owned(), profile.to_owned()]);
        }
        arguments
    }
}

impl Ca for StepCa {
    fn arguments(&self) -> Vec<String> {
        server(&self.directory, &self.ca_bundle)
    }
}

fn server(directory: &str, ca_bundle: &Path) -> Vec<String> {
    let bundle = ca_bundle.display().to_string();
    vec!["--server".to_owned(), directory.to_owned(), "--ca-bundle".to_owned(), bundle]
}
