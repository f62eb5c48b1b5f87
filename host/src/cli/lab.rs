//! `acmite lab`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use acmite_lab::{Lab, LabDescription};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::printer::Printer;
use super::setup::{absolute, on_signals};
use crate::secure_file::{create_private_dir, write_whole};

/// Run a CA, name servers and mock provider APIs on loopback, to try acmite or a provider without any account.
///
/// Prints where everything is, and a command that issues from it; runs until it is interrupted.
///
/// Example: acmite lab --zone example.test --nameservers 2 --files ./lab
#[derive(clap::Args)]
pub(super) struct Args {
    /// A zone to serve; may be repeated
    #[arg(long, value_name = "NAME", default_value = "example.test")]
    zone: Vec<String>,
    /// How many name servers serve every zone
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    nameservers: u8,
    /// Percentage of requests that the CA refuses with badNonce
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=90))]
    bad_nonces: u8,
    /// Folder for root certificates and credentials; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "acmite-lab")]
    files: PathBuf,
}

pub(super) async fn run(args: Args, printer: &Arc<Printer>) -> Result<Exit, Failure> {
    let builder = Lab::builder().nameservers(args.nameservers).refused_nonces_percent(args.bad_nonces);
    let builder = args.zone.iter().fold(builder, |builder, zone| builder.zone(zone));
    let lab = builder.start().await.map_err(|error| Failure::of(Exit::Failed, &error))?;
    let facts = lab.description();
    let files = Files::write(&absolute(&args.files), &facts)?;
    printer.result(&text(&facts, &files), &described(&facts, &files));
    printer.note("running; Ctrl-C ends it");
    on_signals(printer)?.requested().await;
    Ok(Exit::Done)
}

struct Files {
    tls_root: PathBuf,
    ca_root: PathBuf,
    cloudflare: PathBuf,
    powerdns: PathBuf,
    rfc2136: PathBuf,
    template: PathBuf,
}

impl Files {
    fn write(folder: &Path, facts: &LabDescription) -> Result<Self, Failure> {
        create_private_dir(folder).map_err(|error| Failure::of(Exit::Configuration, &error))?;
        let write = |name: &str, content: &str, mode| {
            let path = folder.join(name);
            write_whole(&path, content.as_bytes(), mode).map_err(|error| Failure::of(Exit::Configuration, &error))?;
            Ok::<_, Failure>(path)
        };
        let powerdns = format!("server_url = {:?}\napi_key = {:?}\n", facts.powerdns_url, facts.powerdns_key);
        let algorithm = serde_json::to_value(facts.tsig.algorithm).unwrap_or_default();
        let rfc2136 = format!(
            "server = \"{}\"\ntsig_key_name = {:?}\ntsig_algorithm = {algorithm}\ntsig_secret = {:?}\n",
            facts.nameservers[0], facts.tsig.name, facts.tsig.secret
        );
        Ok(Self {
            tls_root: write("tls-root.pem", &facts.tls_root_pem, 0o644)?,
            ca_root: write("ca-root.pem", &facts.ca_root_pem, 0o644)?,
            cloudflare: write("cloudflare.toml", &format!("api_token = {:?}\n", facts.cloudflare_token), 0o600)?,
            powerdns: write("powerdns.toml", &powerdns, 0o600)?,
            rfc2136: write("rfc2136.toml", &rfc2136, 0o600)?,
            template: write("template.toml", &format!("token = {:?}\n", facts.template_token), 0o600)?,
        })
    }
}

/// What leads the bundled providers to the mocks.
fn origins(facts: &LabDescription) -> String {
    format!("cloudflare.api={}", facts.cloudflare_url)
}

fn described(facts: &LabDescription, files: &Files) -> Value {
    let mut json = serde_json::to_value(facts).unwrap_or_default();
    json["event"] = json!("lab");
    json["origins"] = json!(origins(facts));
    json["tls_root"] = json!(files.tls_root);
    json["ca_root"] = json!(files.ca_root);
    json["cloudflare_credentials"] = json!(files.cloudflare);
    json["powerdns_credentials"] = json!(files.powerdns);
    json["rfc2136_credentials"] = json!(files.rfc2136);
    json["template_credentials"] = json!(files.template);
    json
}

fn text(facts: &LabDescription, files: &Files) -> String {
    let zone = facts.zones.first().map_or("", String::as_str);
    let servers: Vec<String> = facts.nameservers.iter().map(ToString::to_string).collect();
    let credentials = [&files.cloudflare, &files.powerdns, &files.rfc2136, &files.template];
    let credentials: Vec<String> = credentials.iter().map(|path| path.display().to_string()).collect();
    format!(
        "directory     {}\nresolver      {resolver}\nname servers  {}\nzones         {}\nCA bundle     {bundle}\n\
         CA root       {}\ncredentials   {}\n\ntry acmite:\n  ACMITE_LAB_ORIGINS={} acmite issue --server {} \
         --ca-bundle {bundle} --dns-resolver {resolver} --state-dir ./state --email me@example.test --agree-tos \
         -d {zone} -d '*.{zone}' --dns-plugin cloudflare --credentials {}\n\n\
         test a provider that was begun with `acmite plugin new ID`:\n  ACMITE_LAB_ORIGINS=ID.api={} acmite plugin test \
         ID.wasm --zone {zone} --dns-resolver {resolver} --state-dir ./state --credentials {}",
        facts.directory_url,
        servers.join(", "),
        facts.zones.join(", "),
        files.ca_root.display(),
        credentials.join("\n              "),
        origins(facts),
        facts.directory_url,
        files.cloudflare.display(),
        facts.template_url,
        files.template.display(),
        resolver = facts.resolver,
        bundle = files.tls_root.display(),
    )
}
