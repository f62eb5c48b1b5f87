//! The profiles of the files that AWS's own tools keep.
//!
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html> (seen 2026-11-24): profiles are
//! `[name]` in the credentials file and `[profile name]` in the config file; what stands in the former counts first.

/// The texts of both files; empty where there is none.
#[derive(Clone, Copy, Default)]
pub struct Profiles<'a> {
    /// `~/.aws/credentials`.
    pub credentials: &'a str,
    /// `~/.aws/config`.
    pub config: &'a str,
}

/// The pairs of one profile.
pub struct Profile<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Profiles<'a> {
    /// The profile of that name out of both files.
    pub fn named(&self, name: &str) -> Option<Profile<'a>> {
        let ours = |section: &str| section == name;
        let ours_in_config = |section: &str| match section.strip_prefix("profile ") {
            Some(profile) => profile.trim() == name,
            None => name == DEFAULT_PROFILE && section == name,
        };
        let (first, second) = (section(self.credentials, &ours), section(self.config, &ours_in_config));
        let is_there = first.is_some() || second.is_some();
        is_there.then(|| Profile(first.into_iter().chain(second).flatten().collect()))
    }
}

impl<'a> Profile<'a> {
    /// The value of that key.
    pub fn value(&self, key: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty());
        found.map(|(_, value)| *value)
    }
}

/// The pairs of a section; lines that are indented belong to the one above and hold no keys.
fn section<'a>(text: &'a str, is_ours: &dyn Fn(&str) -> bool) -> Option<Vec<(&'a str, &'a str)>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_what_both_files_say_and_the_credentials_file_counts_first() {
        let profiles = Profiles {
            credentials: "# mine\n[default]\naws_access_key_id = AKIA1\n\n[work]\naws_access_key_id=ASIA2\nregion=x\n",
            config: "[default]\nregion = eu-west-1\ns3 =\n  aws_access_key_id = nested\n[profile work]\n\
                     aws_access_key_id = AKIA3\nrole_arn =\n[work]\nregion = none\n",
        };
        let value = |profile, key| profiles.named(profile).expect("a profile").value(key);
        assert_eq!(value("default", "aws_access_key_id"), Some("AKIA1"));
        assert_eq!(value("default", "Region"), Some("eu-west-1"));
        assert_eq!(value("work", "aws_access_key_id"), Some("ASIA2"));
        assert_eq!(value("work", "region"), Some("x"));
        assert_eq!(value("work", "role_arn"), None);
        assert!(profiles.named("other").is_none());
        let config_only = Profiles { credentials: "", ..profiles };
        assert_eq!(config_only.named("work").and_then(|profile| profile.value("region")), None);
        assert_eq!(config_only.named("default").and_then(|profile| profile.value("aws_access_key_id")), None);
    }
}
