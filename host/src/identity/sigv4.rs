//! AWS Signature Version 4 for a POST to STS: "Create a signed AWS API request" in the IAM User Guide (seen 2026-11-28).
//!
//! Providers sign their own requests by the SDK, whose functions give numbers; this one is the host's alone.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::digest::sha256_hex;

/// Who signs, and for what.
pub(super) struct Signing<'a> {
    pub(super) key_id: &'a str,
    pub(super) secret: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// "20150830T123600Z".
pub(super) fn amz_date(now: u64) -> String {
    let moment = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    moment.and_then(|moment| moment.format(form).ok()).unwrap_or_default()
}

/// The Authorization header of a POST to the root path; `headers` are in lower case, sorted, with `host` and `x-amz-date`.
pub(super) fn authorization(signing: &Signing<'_>, headers: &[(&str, &str)], body: &str, date: &str) -> String {
    let day = date.split('T').next().unwrap_or_default();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", sha256_hex(body.as_bytes()));
    let scope = format!("{day}/{}/{}/aws4_request", signing.region, signing.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", signing.secret).as_bytes());
    let steps = [day, signing.region, signing.service, "aws4_request"];
    let key = steps
        .iter()
        .fold(first, |key, step| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref()));
    let signature = HEXLOWER.encode(hmac::sign(&key, to_sign.as_bytes()).as_ref());
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", signing.key_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-x-www-form-urlencoded` of AWS's own test suite.
    #[test]
    fn the_signature_of_aws_own_form_is_made() {
        let signing = Signing {
            key_id: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let date = amz_date(1_440_938_160);
        let body = "Param1=value1";
        let hash = sha256_hex(body.as_bytes());
        let headers = [
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "example.amazonaws.com"),
            ("x-amz-content-sha256", hash.as_str()),
            ("x-amz-date", date.as_str()),
        ];
        assert_eq!(
            authorization(&signing, &headers, body, &date),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-length;content-type;host;x-amz-content-sha256;x-amz-date, \
             Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
        );
    }
}
