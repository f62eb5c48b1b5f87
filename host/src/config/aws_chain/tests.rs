//! Which source is taken, and what is said of the others.

use std::ffi::OsString;

use super::*;

const CREDENTIALS: &str = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key=first/+=\n[half]\n\
                           aws_access_key_id = AKIA4\n";
const CONFIG: &str = "[profile admin]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\nregion = eu-west-1\n\
                      external_id = e\nrole_session_name = s\nduration_seconds = 900\n\
                      [profile twice]\nrole_arn = arn:aws:iam::2:role/y\nsource_profile = admin\n\
                      [profile itself]\nrole_arn = arn:aws:iam::1:role/z\nsource_profile = itself\n\
                      aws_access_key_id = AKIA5\naws_secret_access_key = five\n\
                      [profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = a\n\
                      [profile machine]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n\
                      [profile pod]\nrole_arn = r\ncredential_source = EcsContainer\n\
                      [profile variables]\nrole_arn = r\ncredential_source = Environment\n\
                      [profile web]\nrole_arn = r\nweb_identity_token_file = /token\n\
                      [profile code]\nrole_arn = r\nsource_profile = default\nmfa_serial = arn:aws:iam::1:mfa/me\n\
                      [profile alone]\nrole_arn = r\n[profile sso]\nsso_session = s\n[profile empty]\nregion = x\n";

fn chain(variables: &[(&str, &str)]) -> Result<AwsChain, ProfileError> {
    let variables: Vec<(OsString, OsString)> =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    aws_chain(Environment(&variables), Profiles { credentials: CREDENTIALS, config: CONFIG })
}

fn profile(name: &str) -> Result<AwsSource, ProfileError> {
    chain(&[("AWS_PROFILE", name)]).map(|chain| chain.source.expect("a source"))
}

fn without_files(variables: &[(&str, &str)]) -> AwsChain {
    let variables: Vec<(OsString, OsString)> =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    aws_chain(Environment(&variables), Profiles::default()).expect("a chain")
}

#[test]
fn a_role_is_taken_with_the_key_of_its_source() {
    let AwsSource::Role { with, role, sts } = profile("admin").expect("a role") else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Key(ref key) if key.value(ACCESS_KEY_ID) == Some("AKIA1")));
    assert_eq!((role.arn.as_str(), role.session_name.as_str()), ("arn:aws:iam::1:role/x", "s"));
    assert_eq!((role.external_id.as_deref(), role.duration_seconds.as_deref()), (Some("e"), Some("900")));
    assert_eq!(sts.url, "https://sts.eu-west-1.amazonaws.com/");
    let AwsSource::Role { with, .. } = profile("twice").expect("a role") else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Role { .. }));
    let AwsSource::Role { with, .. } = profile("itself").expect("a role") else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Key(ref key) if key.value(SECRET_ACCESS_KEY) == Some("five")));
    assert!(matches!(profile("web"), Ok(AwsSource::WebIdentity { .. })));
}

#[test]
fn a_role_is_taken_with_what_credential_source_names() {
    let AwsSource::Role { with, .. } = profile("machine").expect("a role") else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Instance { patience: Patience::Known, .. }));
    let pod = [("AWS_PROFILE", "pod"), ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")];
    let Some(AwsSource::Role { with, .. }) = chain(&pod).expect("a chain").source else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Container { ref url, .. } if url == "http://169.254.170.2/x"));
    let key = [("AWS_PROFILE", "variables"), ("AWS_ACCESS_KEY_ID", "AKIA6"), ("AWS_SECRET_ACCESS_KEY", "six")];
    let Some(AwsSource::Role { with, .. }) = chain(&key).expect("a chain").source else { panic!("no role") };
    assert!(matches!(*with, AwsSource::Key(ref key) if key.value(ACCESS_KEY_ID) == Some("AKIA6")));
}

#[test]
fn what_a_profile_lacks_is_told_with_the_way_out() {
    let told = |name| profile(name).expect_err("an error").to_string();
    assert!(told("half").contains("only one of"));
    assert!(told("sso").contains("sso_session") && told("sso").contains("export-credentials"));
    assert!(told("a").contains("its own source"));
    assert!(told("pod").contains("EcsContainer"));
    assert!(told("variables").contains("AWS_ACCESS_KEY_ID is not set"));
    assert!(told("code").contains("mfa_serial"));
    assert!(told("alone").contains("source_profile"));
    assert!(told("absent").contains("no key for the AWS profile \"absent\""));
}

#[test]
fn the_order_is_that_of_awss_tools_and_what_was_passed_over_is_kept() {
    let container = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/creds");
    let web = [container, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "r")];
    assert!(matches!(chain(&web).expect("a chain").source, Some(AwsSource::WebIdentity { .. })));
    assert!(matches!(chain(&web[..2]).expect("a chain").source, Some(AwsSource::Key(_))));
    let found = without_files(&[container, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t")]);
    let Some(AwsSource::Container { authorization: ContainerAuthorization::File(_), .. }) = found.source else {
        panic!("no container");
    };
    assert_eq!(found.tried.len(), 3);
    let Some(AwsSource::Instance { endpoint, patience }) = without_files(&[]).source else { panic!("no instance") };
    assert_eq!((endpoint.as_str(), patience), ("http://169.254.169.254", Patience::Guess));
    let none = without_files(&[("AWS_EC2_METADATA_DISABLED", "True")]);
    assert!(none.source.is_none());
    assert_eq!(none.tried.len(), 5);
    assert!(chain(&[("AWS_PROFILE", "empty")]).expect("a chain").tried.join("; ").contains("no key and no role"));
}
