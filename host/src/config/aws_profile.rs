//! Keys out of the files that AWS's own tools keep.
//!
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html> (seen 2026-11-24): profiles are
//! `[name]` in the credentials file and `[profile name]` in the config file; the former counts first.

use zeroize::Zeroizing;

/// A key of a profile, under the names of Route 53's fields.
#[derive(Default)]
pub struct AwsKey {
    /// Name of the field and its value.
    pub values: Vec<(&'static str, Zeroizing<String>)>,
}

/// The key of a profile in one of these files; `None` if the profile is not there.
pub fn key_in(text: &str, profile: &str, kind: AwsFile) -> Result<Option<AwsKey>, ProfileError> {
    let Some(lines) = section(text, profile, kind) else { return Ok(None) };
    let find = |key: &str| lines.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value);
    let value = |(name, field)| find(name).map(|text| (field, Zeroizing::new(text.to_owned())));
    let values: Vec<_> = KEYS.into_iter().filter_map(value).collect();
    let elsewhere = ELSEWHERE.into_iter().find(|key| find(key).is_some());
    match (values.as_slice(), elsewhere) {
        ([(ID, _), (SECRET, _), ..], _) => Ok(Some(AwsKey { values })),
        (_, Some(key)) => Err(ProfileError::Elsewhere { profile: profile.to_owned(), key }),
        ([], None) => Ok(None),
        _ => Err(ProfileError::Half { profile: profile.to_owned() }),
    }
}

/// Which of the two files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsFile {
    /// `~/.aws/credentials`.
    Credentials,
    /// `~/.aws/config`.
    Config,
}

/// The pairs of a profile; lines that are indented belong to the one above and hold no keys.
fn section<'a>(text: &'a str, profile: &str, kind: AwsFile) -> Option<Vec<(&'a str, &'a str)>> {
    let is_ours = |name: &str| match kind {
        AwsFile::Credentials => name == profile,
        AwsFile::Config if profile == DEFAULT_PROFILE => name == profile || name == "profile default",
        AwsFile::Config => name.strip_prefix("profile ").is_some_and(|name| name.trim() == profile),
    };
    let mut found = None;
    let mut inside = false;
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#', ';'])) {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = is_ours(name.trim());
            found = found.or_else(|| inside.then(Vec::new));
        } else if let (true, Some((key, value)), Some(pairs)) = (inside, line.split_once('='), found.as_mut()) {
            pairs.push((key.trim(), value.trim()));
        }
    }
    found
}

/// The profile where none is named.
pub const DEFAULT_PROFILE: &str = "default";
const ID: &str = "access_key_id";
const SECRET: &str = "secret_access_key";
const KEYS: [(&str, &str); 3] =
    [("aws_access_key_id", ID), ("aws_secret_access_key", SECRET), ("aws_session_token", "session_token")];
/// Keys that say that another party gives the key.
const ELSEWHERE: [&str; 6] =
    ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file", "credential_source"];

/// Why a profile gives no key. Values are never shown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The key comes from a party that acmite does not ask.
    #[error(
        "the AWS profile {profile:?} takes its key by {key}, which acmite does not do; run `aws configure export-credentials --profile {profile} --format env` and put what it prints into the environment"
    )]
    Elsewhere {
        /// Its name.
        profile: String,
        /// What says so.
        key: &'static str,
    },
    /// Only one half of the key is there.
    #[error("the AWS profile {profile:?} has only one of aws_access_key_id and aws_secret_access_key; add the other")]
    Half {
        /// Its name.
        profile: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=first/+=\n\n[work]\n\
                               aws_access_key_id=ASIA2\naws_secret_access_key = second\naws_session_token = token==\n";

    fn shown(key: Option<AwsKey>) -> Vec<String> {
        let values = key.expect("a key").values;
        values.iter().map(|(field, value)| format!("{field}={}", value.as_str())).collect()
    }

    #[test]
    fn a_profile_has_its_own_key_and_token() {
        let key = |profile| key_in(CREDENTIALS, profile, AwsFile::Credentials).expect("understood");
        assert_eq!(shown(key("default")), ["access_key_id=AKIA1", "secret_access_key=first/+="]);
        assert_eq!(shown(key("work")), ["access_key_id=ASIA2", "secret_access_key=second", "session_token=token=="]);
        assert!(key("other").is_none());
    }

    #[test]
    fn the_config_file_names_profiles_otherwise_and_nested_lines_are_no_keys() {
        let text = "[default]\nregion = eu-west-1\ns3 =\n  aws_access_key_id = nested\n[profile work]\n\
                    aws_access_key_id = AKIA3\naws_secret_access_key = third\n";
        let key = |profile| key_in(text, profile, AwsFile::Config).expect("understood");
        assert!(key("default").is_none());
        assert_eq!(shown(key("work")), ["access_key_id=AKIA3", "secret_access_key=third"]);
        assert!(key_in(text, "work", AwsFile::Credentials).expect("understood").is_none());
    }

    #[test]
    fn a_key_that_another_party_gives_is_told_with_the_way_out() {
        let text = "[profile admin]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n[profile half]\n\
                    aws_access_key_id = AKIA4\n";
        let error = |profile| key_in(text, profile, AwsFile::Config).err().expect("an error").to_string();
        assert!(error("admin").contains("role_arn") && error("admin").contains("export-credentials"));
        assert!(error("half").contains("only one of"));
    }
}
