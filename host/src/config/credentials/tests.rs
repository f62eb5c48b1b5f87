//! Each place that values come from.

use super::*;
use crate::secure_file::write_whole;

fn fields() -> Vec<FieldSpec> {
    let token = FieldSpec {
        name: "api_token".into(),
        secret: true,
        required: true,
        certbot: vec!["dns_quill_api_token".into()],
        lego: vec!["QUILL_TOKEN".into()],
        ..FieldSpec::default()
    };
    vec![token, FieldSpec { name: "region".into(), default: Some("eu".into()), ..FieldSpec::default() }]
}

fn from_file(text: &str, mode: u32, instance: Option<&str>) -> Result<Resolved, CredentialsError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("credentials");
    write_whole(&path, text.as_bytes(), mode).expect("written");
    let instance = instance.map(str::to_owned);
    let sources = CredentialSources { file: Some(path), instance, plugin_id: "quill".into(), ..Default::default() };
    resolve(&fields(), &sources)
}

fn key_fields() -> Vec<FieldSpec> {
    let field = |name: &str, secret, required, env: &str| FieldSpec {
        name: name.into(),
        secret,
        required,
        env: vec![env.into()],
        ..FieldSpec::default()
    };
    vec![
        field("access_key_id", false, true, "AWS_ACCESS_KEY_ID"),
        field("secret_access_key", true, true, "AWS_SECRET_ACCESS_KEY"),
        field("session_token", true, false, "AWS_SESSION_TOKEN"),
    ]
}

/// With this credentials file in the home folder.
fn from_profile(text: &str, environment: &[(&str, &str)]) -> Result<Resolved, CredentialsError> {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join(".aws")).expect("a folder");
    write_whole(&home.path().join(".aws/credentials"), text.as_bytes(), 0o600).expect("written");
    let mut environment: Vec<(OsString, OsString)> =
        environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    environment.push(("HOME".into(), home.path().into()));
    resolve(&key_fields(), &CredentialSources { environment, plugin_id: "route53".into(), ..Default::default() })
}

const PROFILES: &str = "[default]\naws_access_key_id=AKIA1\naws_secret_access_key=one\n[work]\n\
                        aws_access_key_id=ASIA2\naws_secret_access_key=two\naws_session_token=token\n";

#[test]
fn an_aws_profile_gives_its_key_whole_where_the_environment_has_no_part_of_one() {
    let found = |environment: &[(&str, &str)]| {
        let resolved = from_profile(PROFILES, environment).expect("a key");
        let secrets: Vec<String> =
            resolved.secrets.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        (resolved.settings[0].1.clone(), secrets.join(" "))
    };
    assert_eq!(found(&[]), ("AKIA1".into(), "one".into()));
    assert_eq!(found(&[("AWS_PROFILE", "work")]), ("ASIA2".into(), "two token".into()));
    let own = [("AWS_PROFILE", "work"), ("AWS_ACCESS_KEY_ID", "AKIA3"), ("AWS_SECRET_ACCESS_KEY", "three")];
    assert_eq!(found(&own), ("AKIA3".into(), "three".into()));
}

#[test]
fn half_a_key_in_the_environment_is_not_completed_by_a_profile() {
    let error = from_profile(PROFILES, &[("AWS_ACCESS_KEY_ID", "AKIA3")]).expect_err("no secret key");
    assert!(matches!(error, CredentialsError::Missing { ref field, .. } if field == "secret_access_key"), "{error}");
    let error = from_profile(PROFILES, &[("AWS_PROFILE", "absent")]).expect_err("no such profile");
    assert!(matches!(error, CredentialsError::Profile(ProfileError::Absent { .. })), "{error}");
}

#[test]
fn an_alias_of_another_tool_counts_as_the_value_it_stands_for() {
    let alias = [("quill-eu".to_owned(), "eu".to_owned())].into();
    let region = FieldSpec { name: "region".into(), one_of: vec!["eu".into()], alias, ..FieldSpec::default() };
    let region = |value: &str| {
        let environment = vec![("ACMITE_QUILL_REGION".into(), value.into())];
        let sources = CredentialSources { environment, plugin_id: "quill".into(), ..Default::default() };
        resolve(std::slice::from_ref(&region), &sources).map(|resolved| resolved.settings[0].1.clone())
    };
    assert_eq!(region("quill-eu").expect("taken"), "eu");
    assert_eq!(region("eu").expect("taken"), "eu");
    assert!(matches!(region("quill-us"), Err(CredentialsError::NotAllowed { .. })));
}

#[test]
fn each_form_of_file_gives_the_token_and_debug_does_not_show_it() {
    for text in [
        "api_token = \"hush\"",
        "[other]\nx = 1\n[quill]\napi_token = 'hush'",
        "# certbot\ndns_quill_api_token = hush\n",
        "export QUILL_TOKEN=\"hush\"\n",
    ] {
        let resolved = from_file(text, 0o600, None).expect(text);
        assert_eq!(resolved.secrets[0].1.as_slice(), b"hush", "{text}");
        assert_eq!(resolved.settings, [("region".to_owned(), "eu".to_owned())]);
        assert!(!format!("{resolved:?}").contains("hush"));
    }
    let both = "[quill]\napi_token = 'plain'\n[quill.work]\napi_token = 'work'";
    assert_eq!(from_file(both, 0o600, Some("work")).expect("found").secrets[0].1.as_slice(), b"work");
}

#[test]
fn what_is_wrong_is_named_by_line_without_the_secret() {
    let refused = |text, mode| from_file(text, mode, None).expect_err("refused");
    assert!(matches!(refused("api_token = 'x'", 0o644), CredentialsError::Read(SecureReadError::Mode { .. })));
    assert!(matches!(refused("region = 'a'\ntoken = 'x'", 0o600), CredentialsError::UnknownKey { line: 2, .. }));
    assert!(matches!(refused("api_token = ''", 0o600), CredentialsError::Empty { .. }));
    assert!(matches!(refused("region = 'a'", 0o600), CredentialsError::Missing { .. }));
    let bad = refused("region = 'a'\napi_token = hush", 0o600);
    assert!(matches!(bad, CredentialsError::Syntax { line: 2, .. }), "{bad}");
    assert!(!format!("{bad} {bad:?}").contains("hush"));
}

#[test]
fn an_instance_takes_nothing_from_the_variables_of_another() {
    let environment = vec![("QUILL_TOKEN".into(), "hush".into())];
    let mut sources = CredentialSources { environment, plugin_id: "quill".into(), ..Default::default() };
    assert_eq!(resolve(&fields(), &sources).expect("found").secrets[0].1.as_slice(), b"hush");
    sources.instance = Some("work".into());
    assert!(matches!(resolve(&fields(), &sources), Err(CredentialsError::Missing { .. })));
    sources.environment.push(("ACMITE_QUILL_WORK_API_TOKEN".into(), "work".into()));
    assert_eq!(resolve(&fields(), &sources).expect("found").secrets[0].1.as_slice(), b"work");
}

#[test]
fn a_variable_may_name_a_file_for_a_secret_but_not_for_a_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    write_whole(&path, b"hush\n", 0o600).expect("written");
    let environment = ["QUILL_TOKEN_FILE", "ACMITE_QUILL_REGION_FILE"].map(|n| (n.into(), path.clone().into()));
    let environment = environment.to_vec();
    let sources = CredentialSources { environment, plugin_id: "quill".into(), ..Default::default() };
    let resolved = resolve(&fields(), &sources).expect("found");
    assert_eq!(resolved.secrets[0].1.as_slice(), b"hush");
    assert_eq!(resolved.settings, [("region".to_owned(), "eu".to_owned())]);
    write_whole(&path, b"hush\n", 0o644).expect("written");
    assert!(matches!(resolve(&fields(), &sources), Err(CredentialsError::Read(_))));
}

#[test]
fn the_credentials_directory_holds_a_file_for_the_plugin_or_for_one_secret() {
    for (name, text) in [("quill", "api_token = 'hush'"), ("quill.api_token", "hush\n")] {
        let folder = tempfile::tempdir().expect("a folder");
        write_whole(&folder.path().join(name), text.as_bytes(), 0o400).expect("written");
        let credentials_directory = Some(folder.path().to_owned());
        let sources = CredentialSources { credentials_directory, plugin_id: "quill".into(), ..Default::default() };
        assert_eq!(resolve(&fields(), &sources).expect(name).secrets[0].1.as_slice(), b"hush");
    }
}

/// The names that certbot's plugins and lego have, for each bundled provider; all of a line belong together, and lines
/// that acmite has no use for are passed over. certbot's are those of the plugins on the Python Package Index on
/// 2026-11-28: certbot-dns-cloudflare, -digitalocean, -linode, -ovh and -rfc2136 5.8.0, -azure 2.6.1, -duckdns 1.9.0,
/// -hetzner 4.0.0, -hetzner-cloud 1.1.0, -inwx 3.0.3, -pdns 0.1.1, -porkbun 0.11.0, -powerdns 0.2.1, -tencentcloud 2.1.1.
/// Namecheap is not here: its client_ip has no name elsewhere.
const NAMES_OF_OTHERS: &[(&str, &str, usize)] = &[
    ("cloudflare", "dns_cloudflare_api_token = x", 1),
    ("cloudflare", "CLOUDFLARE_DNS_API_TOKEN=x", 1),
    ("cloudflare", "CF_DNS_API_TOKEN=x", 1),
    ("cloudflare", "dns_cloudflare_email = x\ndns_cloudflare_api_key = x", 2),
    ("cloudflare", "CLOUDFLARE_EMAIL=x\nCLOUDFLARE_API_KEY=x", 2),
    ("digitalocean", "dns_digitalocean_token = x", 1),
    ("digitalocean", "DO_AUTH_TOKEN=x", 1),
    ("dnspod", "TENCENTCLOUD_SECRET_ID=x\nTENCENTCLOUD_SECRET_KEY=x", 2),
    ("dnspod", "dns_tencentcloud_secret_id = x\ndns_tencentcloud_secret_key = x", 2),
    ("duckdns", "dns_duckdns_token = x", 1),
    ("duckdns", "DUCKDNS_TOKEN=x", 1),
    ("hetzner", "HETZNER_API_TOKEN=x", 1),
    ("hetzner", "dns_hetzner_api_token = x", 1),
    ("hetzner", "dns_hetzner_cloud_api_token = x", 1),
    ("linode", "dns_linode_key = x\ndns_linode_version = 4", 1),
    ("linode", "LINODE_TOKEN=x\nLINODE_TTL=300", 1),
    (
        "inwx",
        "dns_inwx_url = https://api.domrobot.com/xmlrpc/\ndns_inwx_username = x\ndns_inwx_password = x\n\
             dns_inwx_shared_secret = x",
        3,
    ),
    ("inwx", "INWX_USERNAME=x\nINWX_PASSWORD=x\nINWX_SHARED_SECRET=x", 3),
    (
        "ovh",
        "dns_ovh_endpoint = ovh-eu\ndns_ovh_application_key = x\ndns_ovh_application_secret = x\n\
             dns_ovh_consumer_key = x",
        4,
    ),
    ("ovh", "OVH_ENDPOINT=ovh-ca\nOVH_APPLICATION_KEY=x\nOVH_APPLICATION_SECRET=x\nOVH_CONSUMER_KEY=x", 4),
    ("porkbun", "dns_porkbun_key = x\ndns_porkbun_secret = x", 2),
    ("porkbun", "PORKBUN_API_KEY=x\nPORKBUN_SECRET_API_KEY=x", 2),
    ("powerdns", "PDNS_API_URL=http://127.0.0.1:8081\nPDNS_API_KEY=x\nPDNS_SERVER_NAME=x", 3),
    ("powerdns", "dns_powerdns_api_url = https://ns.example\ndns_powerdns_api_key = x", 2),
    (
        "powerdns",
        "dns_pdns_endpoint = https://ns.example\ndns_pdns_api_key = x\ndns_pdns_server_id = localhost\n\
             dns_pdns_disable_notify = false",
        3,
    ),
    (
        "rfc2136",
        "# Target DNS server\ndns_rfc2136_server = 192.0.2.1\n# Target DNS port\ndns_rfc2136_port = 53\n\
             # TSIG key name\ndns_rfc2136_name = keyname.\n# TSIG key secret\ndns_rfc2136_secret = eA==\n\
             # TSIG key algorithm\ndns_rfc2136_algorithm = HMAC-SHA512\n# TSIG sign SOA query\n\
             dns_rfc2136_sign_query = false",
        5,
    ),
    ("rfc2136", "RFC2136_NAMESERVER=192.0.2.1\nRFC2136_TSIG_KEY=k.\nRFC2136_TSIG_SECRET=eA==", 3),
    ("route53", "AWS_ACCESS_KEY_ID=x\nAWS_SECRET_ACCESS_KEY=x\nAWS_SESSION_TOKEN=x", 3),
    (
        "azure",
        "AZURE_TENANT_ID=x\nAZURE_CLIENT_ID=x\nAZURE_CLIENT_SECRET=x\nAZURE_SUBSCRIPTION_ID=x\n\
               AZURE_RESOURCE_GROUP=x",
        5,
    ),
    (
        "azure",
        "dns_azure_sp_client_id = x\ndns_azure_sp_client_secret = x\ndns_azure_tenant_id = x\n\
               dns_azure_environment = \"AzurePublicCloud\"\n\
               dns_azure_zone1 = example.com:/subscriptions/s/resourceGroups/dns1\n\
               dns_azure_zone2 = example.org:/subscriptions/s/resourceGroups/dns2",
        5,
    ),
    (
        "azure",
        "dns_azure_msi_system_assigned = true\ndns_azure_environment = AzureUSGovernmentCloud\n\
               dns_azure_zone1 = example.com:/subscriptions/s/resourceGroups/dns1",
        3,
    ),
    ("azure", "dns_azure_msi_client_id = x\ndns_azure_zone1 = example.com:/subscriptions/s/resourceGroups/dns1", 2),
    ("google", r#"{"type": "service_account", "project_id": "p", "private_key": "k", "client_email": "e"}"#, 1),
];

#[test]
fn the_files_of_certbot_and_lego_are_taken_as_they_are() {
    let mut untaken = Vec::new();
    for (id, text, count) in NAMES_OF_OTHERS.iter().copied() {
        let component = crate::plugin::bundled::component(id).expect("a bundled provider");
        let manifest = crate::plugin::inspect::inspect(component).expect("a provider").manifest;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credentials");
        write_whole(&path, text.as_bytes(), 0o600).expect("written");
        let sources = CredentialSources { file: Some(path.clone()), plugin_id: id.into(), ..Default::default() };
        match resolve(&manifest.fields, &sources) {
            Ok(resolved) => {
                let from_file = resolved.places.iter().filter(|(_, place)| place.contains("credentials")).count();
                assert_eq!(from_file, count, "{id}: {text}");
            }
            Err(error) => untaken.push(format!("{id}: {error}")),
        }
    }
    assert!(untaken.is_empty(), "{untaken:#?}");
}
