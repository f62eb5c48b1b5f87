//! What lego calls a provider's credentials in the environment, acmite takes: held to the lego that is installed.

use std::process::Command;

use acmite::plugin::manifest::Manifest;
use acmite_tests::plugins::repository;
use acmite_tests::process::peer;

/// acmite's id, and the code after lego's `--dns`.
const CODES: [(&str, &str); 15] = [
    ("azure", "azure"),
    ("cloudflare", "cloudflare"),
    ("digitalocean", "digitalocean"),
    ("dnspod", "tencentcloud"),
    ("duckdns", "duckdns"),
    ("google", "gcloud"),
    ("hetzner", "hetzner"),
    ("inwx", "inwx"),
    ("linode", "linode"),
    ("namecheap", "namecheap"),
    ("ovh", "ovh"),
    ("porkbun", "porkbun"),
    ("powerdns", "pdns"),
    ("rfc2136", "rfc2136"),
    ("route53", "route53"),
];

/// Variables that no field has, and why.
const OTHERWISE: [(&str, &str); 8] = [
    ("AWS_ASSUME_ROLE_ARN", "a role stands in a profile (role_arn, source_profile), as for all other tools of AWS"),
    ("AWS_PROFILE", "the host reads it: host/src/config/aws_chain.rs"),
    ("AWS_REGION", "Route 53 has one endpoint"),
    ("AWS_SDK_LOAD_CONFIG", "~/.aws/config is always read"),
    ("CF_ZONE_API_TOKEN", "one token finds the zone and writes its records: it needs Zone:Read beside DNS:Edit"),
    ("CLOUDFLARE_ZONE_API_TOKEN", "the same"),
    ("GCE_SERVICE_ACCOUNT_FILE", "each variable of a secret may end in _FILE"),
    ("HETZNER_API_KEY", "lego 4.9 asks the DNS console, an API of its own with keys of its own, and not the Cloud"),
];

#[test]
fn every_credential_of_lego_is_taken_or_why_not_stands_here() {
    let Some(lego) = peer("lego") else { return };
    let (mut untaken, mut in_vain) = (Vec::new(), Vec::new());
    for (id, code) in CODES {
        let text = std::fs::read_to_string(repository().join(format!("plugins/{id}/plugin.toml"))).expect("a manifest");
        let manifest = Manifest::parse(&text).expect("a manifest");
        let takes = |name: &String| manifest.fields.iter().any(|f| f.lego.contains(name) || f.env.contains(name));
        let help = Command::new(&lego).args(["dnshelp", "--code", code]).output().expect("lego");
        let credentials = credentials(&String::from_utf8_lossy(&help.stdout));
        assert!(!credentials.is_empty(), "{code}: {help:?}");
        for name in credentials {
            let is_excepted = OTHERWISE.iter().any(|(known, _)| *known == name);
            match (takes(&name), is_excepted) {
                (false, false) => untaken.push(format!("{id}: {name}")),
                (true, true) => in_vain.push(name),
                _ => {}
            }
        }
    }
    assert_eq!((untaken, in_vain), (Vec::new(), Vec::new()), "not taken; excepted in vain");
}

/// The variables under "Credentials:", which stand there as `- "NAME":  what it is`.
fn credentials(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| line.trim() != "Credentials:").skip(1);
    let names = listed.take_while(|line| !line.trim().is_empty()).filter_map(|line| line.split('"').nth(1));
    let is_variable = |name: &&str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    names.filter(is_variable).map(str::to_owned).collect()
}
