//! Credentials that somebody gives to a machine, a container or a role: fetched by the host, used by the provider in the
//! sandbox, and fetched anew before they end. The givers are mocks that check what they are sent.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use acmite::config::credentials::{CredentialSources, CredentialsError, resolve};
use acmite::plugin::overrides::OriginOverrides;
use acmite::plugin::provider::{CallError, CallFault, Provider};
use acmite::plugin::supply::Supply;
use acmite_lab::api::{
    AWS_CONTAINER_TOKEN, AWS_EXTERNAL_ID, AWS_ROLE_ARN, AWS_USER_KEY_ID, AWS_USER_SECRET, AWS_WEB_TOKEN, AZURE_CLIENT,
    AZURE_GROUP, AZURE_SUBSCRIPTION, AZURE_TENANT, ENTRA_APP_HEADER, ENTRA_FEDERATED_TOKEN, GOOGLE_AUDIENCE,
    GOOGLE_PROJECT, GOOGLE_SUBJECT_TOKEN, MockApi, Reply, Request, aws_identity, azure, entra_identity, google,
    google_identity, route53,
};
use acmite_lab::dns::Store;
use acmite_tests::acmite::Acmite;
use acmite_tests::conformance::bench::{record, zone};
use acmite_tests::{openssl, plugins};
use tempfile::TempDir;

const SECRET: &str = "secret/of+the/role";
const HOUR: Duration = Duration::from_secs(3600);

/// A provider whose credential comes from its giver.
struct Given {
    api: MockApi,
    giver: MockApi,
    store: Store,
    home: TempDir,
}

impl Given {
    async fn new(
        api: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        giver: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        store: Store,
    ) -> Self {
        store.add_zone("example.test").expect("a zone");
        Self {
            api: MockApi::start(api).await.expect("a mock"),
            giver: MockApi::start(giver).await.expect("a mock"),
            store,
            home: tempfile::tempdir().expect("a folder"),
        }
    }

    async fn aws(lifetime: Duration) -> Self {
        let store = Store::default();
        Self::new(route53(store.clone(), SECRET.into()), aws_identity(SECRET.into(), lifetime), store).await
    }

    /// The certificate in DER is the application's.
    async fn azure(certificate: Vec<u8>) -> Self {
        let store = Store::default();
        Self::new(azure(store.clone(), SECRET.into()), entra_identity(SECRET, certificate), store).await
    }

    async fn google() -> Self {
        let store = Store::default();
        Self::new(google(store.clone(), String::new()), google_identity(), store).await
    }

    /// Azure's provider where the zone is, with these variables too.
    fn azure_provider(&self, variables: &[(&str, &str)]) -> Result<Provider, CredentialsError> {
        let zones = [("AZURE_SUBSCRIPTION_ID", AZURE_SUBSCRIPTION), ("AZURE_RESOURCE_GROUP", AZURE_GROUP)];
        self.provider("azure", "login,api", &zones.into_iter().chain(variables.iter().copied()).collect::<Vec<_>>())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        acmite::secure_file::write_whole(&path, text.as_bytes(), 0o600).expect("written");
        path.display().to_string()
    }

    /// The provider with these variables; `*` stands for the giver's address.
    fn provider(&self, id: &str, origins: &str, variables: &[(&str, &str)]) -> Result<Provider, CredentialsError> {
        let loaded = plugins::load(id);
        let sources = CredentialSources {
            environment: self.environment(variables),
            plugin_id: id.to_owned(),
            ..CredentialSources::default()
        };
        let found = resolve(&loaded.inspected.manifest.fields, &sources)?;
        let text: Vec<String> =
            origins.split(',').map(|origin| format!("{id}.{origin}={}", self.api.base_url())).collect();
        let overrides = OriginOverrides::parse(&text.join(",")).expect("mocks");
        let provider = Provider::new(loaded, found.settings, found.secrets, None, &overrides).expect("a provider");
        Ok(provider.with_supply(found.supplier.map(|supplier| supplier as Arc<dyn Supply>)))
    }

    fn environment(&self, variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        let of_giver = |value: &str| value.replace('*', &self.giver.base_url());
        let mut environment: Vec<(OsString, OsString)> =
            variables.iter().map(|(name, value)| ((*name).into(), of_giver(value).into())).collect();
        environment.push(("HOME".into(), self.home.path().into()));
        environment
    }

    /// Publishes and removes by this provider.
    async fn works(&self, provider: &Provider) {
        let (zone, records) = (zone("example.test"), [record("_acme-challenge.example.test", "value")]);
        let published = provider.present(&zone, &records, 60).await.expect("published");
        assert!(self.store.records("example.test").expect("the zone").iter().any(|entry| entry.value() == "value"));
        provider.cleanup(&zone, &records, &published).await.expect("removed");
    }

    fn asked(&self) -> Vec<String> {
        self.giver.requests().iter().map(|entry| format!("{} {}", entry.method, entry.path)).collect()
    }
}

fn why(result: Result<(), CallError>) -> String {
    match result.expect_err("an error").fault {
        CallFault::Supply(error) => error.to_string(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_role_is_taken_with_the_key_of_another_profile() {
    let given = Given::aws(HOUR).await;
    given.file(
        ".aws/credentials",
        &format!("[user]\naws_access_key_id={AWS_USER_KEY_ID}\naws_secret_access_key={AWS_USER_SECRET}\n"),
    );
    let role = |external: &str| {
        let lines = format!("role_arn = {AWS_ROLE_ARN}\nsource_profile = user\nexternal_id = {external}\n");
        format!("[profile dns]\n{lines}region = eu-central-1\n")
    };
    given.file(".aws/config", &role(AWS_EXTERNAL_ID));
    let variables = [("AWS_PROFILE", "dns"), ("AWS_ENDPOINT_URL_STS", "*")];
    let provider = given.provider("route53", "api", &variables).expect("a role");
    given.works(&provider).await;
    assert_eq!(given.asked(), ["POST /"], "one key serves all calls");
    given.file(".aws/config", &role("of another"));
    let refused = given.provider("route53", "api", &variables).expect("a role");
    let why = why(refused.ready().await);
    assert!(
        why.contains("AWS STS: answered 403: The request was refused.") && why.contains("give this machine a role"),
        "{why}"
    );
}

#[tokio::test]
async fn a_role_is_taken_with_the_token_of_another_identity_provider_which_is_read_each_time() {
    let given = Given::aws(HOUR).await;
    let token = given.file("token", "of yesterday\n");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", AWS_ROLE_ARN),
        ("AWS_ENDPOINT_URL_STS", "*"),
    ];
    let provider = given.provider("route53", "api", &variables).expect("a role");
    assert!(why(provider.ready().await).contains("answered 403"));
    given.file("token", &format!("{AWS_WEB_TOKEN}\n"));
    given.works(&provider).await;
    std::fs::remove_file(&token).expect("removed");
    given.works(&provider).await;
    let other = given.provider("route53", "api", &variables).expect("a role");
    assert!(why(other.ready().await).contains("token: No such file"));
}

#[tokio::test]
async fn a_container_is_given_a_key_for_what_it_shows() {
    let given = Given::aws(HOUR).await;
    let token = given.file("token", AWS_CONTAINER_TOKEN);
    let endpoint = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "*/v2/credentials");
    let by_file = [endpoint, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.as_str())];
    given.works(&given.provider("route53", "api", &by_file).expect("a container")).await;
    let by_value = [endpoint, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", AWS_CONTAINER_TOKEN)];
    given.works(&given.provider("route53", "api", &by_value).expect("a container")).await;
    let wrong = given.provider("route53", "api", &[endpoint]).expect("a container");
    assert!(why(wrong.ready().await).contains("answered 401: wrong authorization token"));
    let far = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/v2/credentials")];
    let far = given.provider("route53", "api", &far).expect("a container");
    assert!(why(far.ready().await).contains("neither https nor on this machine"));
}

#[tokio::test]
async fn a_machine_is_given_a_key_by_version_2_of_its_metadata_service_alone() {
    let given = Given::aws(HOUR).await;
    let provider = given.provider("route53", "api", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "*")]).expect("a machine");
    given.works(&provider).await;
    let role = "GET /latest/meta-data/iam/security-credentials/";
    assert_eq!(given.asked(), ["PUT /latest/api/token", role, &format!("{role}role-of-the-machine")]);
    let disabled = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "*"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let error = given.provider("route53", "api", &disabled).expect_err("nobody to ask").to_string();
    for tried in
        ["AWS_ACCESS_KEY_ID is not set", "AWS_WEB_IDENTITY_TOKEN_FILE", "~/.aws/config", "container:", "DISABLED"]
    {
        assert!(error.contains(tried), "{tried}: {error}");
    }
    assert_eq!(given.giver.received(), 3);
}

#[tokio::test]
async fn a_key_that_is_about_to_end_is_fetched_anew_and_one_that_cannot_be_is_used_until_its_end() {
    let given = Given::aws(Duration::from_secs(120)).await;
    let provider = given.provider("route53", "api", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "*")]).expect("a machine");
    given.works(&provider).await;
    assert!(given.giver.received() > 3, "the key ends within five minutes, so each call has its own");
    drop(given.giver);
    provider.check(Some(&zone("example.test"))).await.expect("the last key, which still holds");
}

#[tokio::test]
async fn a_key_that_the_api_refuses_is_not_used_again() {
    let given = Given::aws(HOUR).await;
    let other = MockApi::start(aws_identity("of another".into(), HOUR)).await.expect("a mock");
    let endpoint = other.base_url();
    let provider =
        given.provider("route53", "api", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]).expect("a machine");
    for asked in [3, 6] {
        provider.check(Some(&zone("example.test"))).await.expect_err("a wrong key");
        assert_eq!(other.received(), asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_which_sources_it_tried() {
    let given = Given::aws(HOUR).await;
    let check = |endpoint: &str| {
        let run = Acmite::new("plugin check route53 --zone example.test", &given.home.path().join("state"));
        let mocks = format!("route53.api={}", given.api.base_url());
        let run = run.env("ACMITE_LAB_ORIGINS", &mocks).env("HOME", &given.home.path().display().to_string());
        run.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint).run()
    };
    check(&given.giver.base_url()).expect_code(0);
    let nobody = check("http://127.0.0.1:1").expect_code(3);
    for words in
        ["AWS_WEB_IDENTITY_TOKEN_FILE is not set", "the instance metadata service: ", "give this machine a role"]
    {
        assert!(nobody.stderr.contains(words), "{words}: {nobody}");
    }
}

const APPLICATION: [(&str, &str); 3] =
    [("AZURE_TENANT_ID", AZURE_TENANT), ("AZURE_CLIENT_ID", AZURE_CLIENT), ("AZURE_AUTHORITY_HOST", "*")];

#[tokio::test]
async fn a_workload_is_given_a_token_for_azure_by_the_token_in_its_file() {
    let given = Given::azure(Vec::new()).await;
    let token = given.file("token", "of yesterday");
    let variables: Vec<_> = APPLICATION.into_iter().chain([("AZURE_FEDERATED_TOKEN_FILE", token.as_str())]).collect();
    let provider = given.azure_provider(&variables).expect("a workload");
    assert!(why(provider.ready().await).contains("Microsoft Entra ID: answered 401: AADSTS700027"));
    given.file("token", ENTRA_FEDERATED_TOKEN);
    given.works(&provider).await;
    assert_eq!(given.giver.received(), 2, "one token serves all calls");
}

#[tokio::test]
async fn an_application_proves_itself_to_entra_by_its_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate, der) = (path("key.pem"), path("certificate.pem"), path("certificate.der"));
    let name = ["-subj", "/CN=acmite", "-days", "2"];
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &certificate];
    openssl::run(&[&make[..], &name].concat());
    openssl::run(&["x509", "-in", &certificate, "-outform", "DER", "-out", &der]);
    let read = |path: &str| std::fs::read_to_string(path).expect("a file");
    let given = Given::azure(std::fs::read(&der).expect("a certificate")).await;
    let both = given.file("application.pem", &format!("{}{}", read(&certificate), read(&key)));
    let variables = |path| [("AZURE_CLIENT_CERTIFICATE_PATH", path)].into_iter().chain(APPLICATION).collect::<Vec<_>>();
    given.works(&given.azure_provider(&variables(&both)).expect("a certificate")).await;
    let alone = given.file("alone.pem", &read(&certificate));
    let error = given.azure_provider(&variables(&alone)).expect_err("no key").to_string();
    assert!(error.contains("alone.pem holds no private key"), "{error}");
    let other = Given::azure(Vec::new()).await;
    assert!(
        why(other.azure_provider(&variables(&both)).expect("a certificate").ready().await).contains("AADSTS700027")
    );
}

#[tokio::test]
async fn a_machine_and_an_app_are_given_a_token_for_azure_by_their_managed_identity() {
    let given = Given::azure(Vec::new()).await;
    let machine = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", "*")];
    given.works(&given.azure_provider(&machine).expect("a machine")).await;
    let app = [("IDENTITY_ENDPOINT", "*/msi/token"), ("IDENTITY_HEADER", ENTRA_APP_HEADER)];
    given.works(&given.azure_provider(&app).expect("an app")).await;
    assert_eq!(given.asked(), ["GET /metadata/identity/oauth2/token", "GET /msi/token"]);
    let another = [machine[0], ("AZURE_CLIENT_ID", "of another")];
    let why = why(given.azure_provider(&another).expect("a machine").ready().await);
    for words in ["client_secret is not set", "AZURE_FEDERATED_TOKEN_FILE", "Identity not found", "give tenant_id"] {
        assert!(why.contains(words), "{words}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certbots_file_for_azure_says_where_each_zone_is() {
    let given = Given::azure(Vec::new()).await;
    let zones = format!(
        "dns_azure_sp_client_id = {AZURE_CLIENT}\ndns_azure_sp_client_secret = {SECRET}\n\
         dns_azure_tenant_id = {AZURE_TENANT}\ndns_azure_environment = \"AzurePublicCloud\"\n\
         dns_azure_zone1 = example.org:/subscriptions/s/resourceGroups/other\n\
         dns_azure_zone2 = example.test:/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/{AZURE_GROUP}\n"
    );
    let file = given.file("azure.ini", &zones);
    let check = |zone: &str| {
        let run = Acmite::new("plugin check azure", &given.home.path().join("state"));
        let (api, login) = (given.api.base_url(), given.api.base_url());
        let run = run.env("ACMITE_LAB_ORIGINS", &format!("azure.api={api},azure.login={login}"));
        run.args(["--zone", zone, "--credentials", &file]).run()
    };
    check("example.test").expect_code(0);
    let elsewhere = check("example.org");
    assert!(elsewhere.stderr.contains("Resource group could not be found"), "{elsewhere}");
    let nowhere = check("example.net").expect_code(3);
    assert!(nowhere.stderr.contains("zones has no line for example.net"), "{nowhere}");
}

#[tokio::test]
async fn a_machine_of_googles_is_given_a_token_and_told_its_project() {
    let given = Given::google().await;
    let host = given.giver.base_url().replace("http://", "");
    given.works(&given.provider("google", "login,api", &[("GCE_METADATA_HOST", &host)]).expect("a machine")).await;
    let own = [("GCE_METADATA_HOST", host.as_str()), ("GOOGLE_CLOUD_PROJECT", GOOGLE_PROJECT)];
    given.works(&given.provider("google", "login,api", &own).expect("a machine")).await;
    let token = "GET /computeMetadata/v1/instance/service-accounts/default/token";
    assert_eq!(given.asked(), [token, "GET /computeMetadata/v1/project/project-id", token]);
    let nobody = given.provider("google", "login,api", &[("GCE_METADATA_HOST", "127.0.0.1:1")]).expect("a machine");
    let why = why(nobody.ready().await);
    assert!(why.contains("GOOGLE_APPLICATION_CREDENTIALS are not set") && why.contains("metadata server"), "{why}");
}

#[tokio::test]
async fn a_token_of_another_provider_is_exchanged_at_google_and_takes_a_service_account() {
    let given = Given::google().await;
    let giver = given.giver.base_url();
    let token = given.file("token", &format!(r#"{{"id_token": "{GOOGLE_SUBJECT_TOKEN}"}}"#));
    let account = |more: &str| {
        format!(
            r#"{{"type": "external_account", "audience": "{GOOGLE_AUDIENCE}", "token_url": "{giver}/v1/token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": {{"file": "{token}",
            "format": {{"type": "json", "subject_token_field_name": "id_token"}}}}{more}}}"#
        )
    };
    let provider = |json: &str| {
        let path = given.file("account.json", json);
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", path.as_str()), ("GCE_PROJECT", GOOGLE_PROJECT)];
        given.provider("google", "login,api", &variables).expect("an account")
    };
    given.works(&provider(&account(""))).await;
    let impersonated = format!(
        r#", "service_account_impersonation_url": "{giver}/v1/projects/-/serviceAccounts/acmite:generateAccessToken",
        "service_account_impersonation": {{"token_lifetime_seconds": 600}}"#
    );
    given.works(&provider(&account(&impersonated))).await;
    given.file("token", r#"{"id_token": "of yesterday"}"#);
    assert!(why(provider(&account("")).ready().await).contains("rejected by the attribute condition"));
    given.file("token", "{}");
    assert!(why(provider(&account("")).ready().await).contains("subject_token_field_name"));
}
