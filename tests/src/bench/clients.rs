//! The clients, each with a fresh account in a fresh folder, asked for the same names.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::measure::{Counts, Run, run};
use super::servers::Servers;
use crate::name_server::TSIG_SECRET;
use crate::process::find;
use crate::scene::{Ca as _, Scene};

/// A client at one of the two providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// acmite with PowerDNS; its compiled provider is kept from run to run.
    Acmite,
    /// The same without the compiled provider.
    AcmiteCold,
    /// The bare client with PowerDNS.
    Floor,
    /// lego with PowerDNS, told not to wait for name servers, which it would look for at port 53.
    Lego,
    /// acmite with BIND.
    AcmiteUpdate,
    /// certbot with BIND, told not to wait at all; it waits 60 s else.
    Certbot,
}

impl Client {
    /// As the tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acmite => "acmite",
            Self::AcmiteCold => "acmite, cold cache",
            Self::Floor => "floor",
            Self::Lego => "lego",
            Self::AcmiteUpdate => "acmite (BIND)",
            Self::Certbot => "certbot (BIND)",
        }
    }

    /// Whether it is there.
    pub fn is_there(self) -> bool {
        match self {
            Self::Lego => find("lego").is_some(),
            Self::Certbot => find("certbot").is_some(),
            _ => true,
        }
    }

    fn counts(self, servers: &Servers) -> Counts {
        match self {
            Self::AcmiteUpdate | Self::Certbot => servers.update_counts(),
            _ => servers.api_counts(),
        }
    }
}

/// What the clients run with.
pub struct Stage<'a> {
    servers: &'a Servers,
    zones: &'a [String],
    floor: PathBuf,
    folder: tempfile::TempDir,
    api: Scene,
    update: Scene,
}

impl<'a> Stage<'a> {
    /// With the program of the floor.
    ///
    /// # Panics
    /// If there is no room for its folders.
    pub fn new(servers: &'a Servers, zones: &'a [String], floor: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let api = Scene::powerdns(&servers.powerdns, &servers.powerdns.api_url);
        Self { servers, zones, floor, folder, api, update: Scene::rfc2136(&servers.bind) }
    }

    /// One certificate by one client.
    ///
    /// # Panics
    /// If the client fails.
    pub fn issue(&self, client: Client, names: &[String]) -> Run {
        self.clear(client);
        let command = self.command(client, names);
        let before = client.counts(self.servers);
        let done = run(command, &self.folder.path().join("output"));
        Run { counts: client.counts(self.servers).since(before), ..done }
    }

    /// The requests of the floor's last run.
    pub fn floor_log(&self) -> String {
        std::fs::read_to_string(self.floor_log_path()).unwrap_or_default()
    }

    fn floor_log_path(&self) -> PathBuf {
        self.folder.path().join("floor.log")
    }

    /// Everything of the run before goes, but for a cache that is to be warm.
    fn clear(&self, client: Client) {
        match client {
            Client::Acmite => empty(&self.api.state(), &["cache"]),
            Client::AcmiteCold => empty(&self.api.state(), &[]),
            Client::AcmiteUpdate => empty(&self.update.state(), &["cache"]),
            Client::Lego => empty(&self.folder.path().join("lego"), &[]),
            Client::Certbot => empty(&self.folder.path().join("certbot"), &[]),
            Client::Floor => {}
        }
    }

    fn command(&self, client: Client, names: &[String]) -> Command {
        let Servers { api_ca, update_ca, .. } = self.servers;
        match client {
            Client::Acmite | Client::AcmiteCold => self.api.issue(api_ca).names(names).into_command(),
            Client::AcmiteUpdate => self.update.issue(update_ca).names(names).into_command(),
            Client::Floor => self.floor(names),
            Client::Lego => self.lego(names),
            Client::Certbot => self.certbot(names),
        }
    }

    fn floor(&self, names: &[String]) -> Command {
        let mut command = Command::new(&self.floor);
        let api = &self.servers.powerdns;
        command.args(self.servers.api_ca.arguments()).args(["--api", &api.api_url, "--api-key", &api.api_key]);
        command.args(["--zones", &[self.zones, &[super::servers::ZONE.to_owned()]].concat().join(",")]);
        command.args(["-d", &names.join(",")]).arg("--log").arg(self.floor_log_path());
        command
    }

    fn lego(&self, names: &[String]) -> Command {
        let (api, ca) = (&self.servers.powerdns, &self.servers.api_ca);
        let mut command = Command::new("lego");
        command.env("LEGO_CA_CERTIFICATES", &ca.ca_bundle).env("PDNS_API_URL", &api.api_url);
        command.env("PDNS_API_KEY", &api.api_key).arg("--path").arg(self.folder.path().join("lego"));
        command.args(["--server", &ca.directory, "--email", "admin@example.test", "--accept-tos"]);
        command.args(["--dns", "pdns", "--dns.disable-cp", "--dns.resolvers", &api.server.address.to_string()]);
        command.args(names.iter().flat_map(|name| ["--domains", name]));
        command.arg("run");
        command
    }

    fn certbot(&self, names: &[String]) -> Command {
        let (bind, ca, home) = (&self.servers.bind, &self.servers.update_ca, self.folder.path().join("certbot"));
        let ini = self.update.private_file("certbot.ini", &credentials(bind.address));
        let mut command = Command::new("certbot");
        command.env("REQUESTS_CA_BUNDLE", &ca.ca_bundle).args(["certonly", "--non-interactive", "--agree-tos"]);
        command.args(["--email", "admin@example.test", "--no-eff-email", "--server", &ca.directory]);
        for (option, folder) in [("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs")] {
            command.arg(option).arg(home.join(folder));
        }
        command.args(["--dns-rfc2136", "--dns-rfc2136-propagation-seconds", "0", "--dns-rfc2136-credentials"]);
        command.arg(ini);
        command.args(names.iter().flat_map(|name| ["-d", name]));
        command
    }
}

fn credentials(server: std::net::SocketAddr) -> String {
    let key = |name: &str, value: &str| format!("dns_rfc2136_{name} = {value}\n");
    [
        key("server", &server.ip().to_string()),
        key("port", &server.port().to_string()),
        key("name", "acmite"),
        key("secret", TSIG_SECRET),
        key("algorithm", "HMAC-SHA256"),
    ]
    .concat()
}

/// Empties a folder but for some of its entries, and makes it where it is missing.
pub(super) fn empty(folder: &Path, kept: &[&str]) {
    std::fs::create_dir_all(folder).expect("a folder");
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if !kept.iter().any(|name| entry.file_name() == *name) {
            let path = entry.path();
            let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            gone.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
