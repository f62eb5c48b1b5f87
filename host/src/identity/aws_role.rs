//! A role, where it is taken, and what a key consists of.

/// The id of a key, as Route 53's field is called.
pub const ACCESS_KEY_ID: &str = "access_key_id";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "secret_access_key";
/// What belongs to a temporary one.
pub const SESSION_TOKEN: &str = "session_token";

/// A role and how it is taken.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its Amazon Resource Name.
    pub arn: String,
    /// What CloudTrail shows.
    pub session_name: String,
    /// What the owner of the role wants to be told.
    pub external_id: Option<String>,
    /// How long the key is to last, 900 to 43200; an hour if not said.
    pub duration_seconds: Option<String>,
}

/// Where STS is asked.
#[derive(Clone, Debug)]
pub struct StsEndpoint {
    /// "https://sts.eu-west-1.amazonaws.com/".
    pub url: String,
    /// The region that a signature is for.
    pub region: String,
}

impl StsEndpoint {
    /// The regional endpoint, or the global one, which signs as us-east-1; `url` in its place if given
    /// (<https://docs.aws.amazon.com/general/latest/gr/sts.html>, seen 2026-11-28).
    pub fn new(region: Option<&str>, url: Option<&str>) -> Self {
        let is_region = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let region = region.filter(is_region);
        let end = if region.is_some_and(|region| region.starts_with("cn-")) { ".cn" } else { "" };
        let known = match region {
            Some(region) => format!("https://sts.{region}.amazonaws.com{end}/"),
            None => "https://sts.amazonaws.com/".to_owned(),
        };
        let url = url.map_or(known, |url| format!("{}/", url.trim_end_matches('/')));
        Self { url, region: region.unwrap_or("us-east-1").to_owned() }
    }

    /// Host and port, as the Host header has them.
    pub(super) fn authority(&self) -> String {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_is_asked_where_the_region_is() {
        let asked = |region, url| {
            let sts = StsEndpoint::new(region, url);
            (sts.authority(), sts.region, sts.url)
        };
        let global = ("sts.amazonaws.com".into(), "us-east-1".into(), "https://sts.amazonaws.com/".into());
        assert_eq!(asked(None, None), global);
        assert_eq!(asked(Some("eu-west-1"), None).2, "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(asked(Some("cn-north-1"), None).2, "https://sts.cn-north-1.amazonaws.com.cn/");
        assert_eq!(asked(Some("evil.example/"), None), global);
        let mock = asked(Some("eu-west-1"), Some("http://127.0.0.1:8080"));
        assert_eq!(mock, ("127.0.0.1:8080".into(), "eu-west-1".into(), "http://127.0.0.1:8080/".into()));
    }
}
