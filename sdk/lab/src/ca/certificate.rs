//! Certificates: download with alternate chains, revocation (RFC 8555 sections 7.4.2 and 7.6).

use data_encoding::{BASE64, BASE64URL_NOPAD};
use time::OffsetDateTime;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authorization::Status;
use super::problem::Problem;
use super::state::{Answer, AnswerBody, Shared, Signed, State};

#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) account: String,
    pub(super) names: Vec<String>,
    /// `base64url(AKI).base64url(serial)`, RFC 9773 section 4.1.
    pub(super) renewal_id: String,
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    /// Reason code of RFC 5280 section 5.3.1.
    pub(super) revoked: Option<u8>,
    pub(super) replaced: bool,
    der: Vec<u8>,
}

impl Certificate {
    pub(super) fn new(account: &str, names: Vec<String>, der: Vec<u8>) -> Result<Self, Problem> {
        let unreadable = || Problem::internal("the certificate just made cannot be read");
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| unreadable())?;
        let key_id = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(aki) => aki.key_identifier.as_ref().map(|id| id.0),
            _ => None,
        });
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let renewal_id = format!("{}.{}", text(key_id.ok_or_else(unreadable)?), text(parsed.raw_serial()));
        Ok(Self {
            account: account.to_owned(),
            names,
            renewal_id,
            not_before: parsed.validity().not_before.to_datetime(),
            not_after: parsed.validity().not_after.to_datetime(),
            revoked: None,
            replaced: false,
            der,
        })
    }

    pub(super) fn pem(&self) -> String {
        let text = BASE64.encode(&self.der);
        let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in text.as_bytes().chunks(PEM_LINE_CHARS) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }
}

const PEM_LINE_CHARS: usize = 64;

pub(super) fn download(ca: &Shared, id: &str, alternate: usize, signed: &Signed) -> Result<Answer, Problem> {
    signed.without_payload()?;
    let state = ca.state();
    let certificate = state.certificates.get(id).ok_or_else(|| Problem::not_found("certificate"))?;
    if signed.account()? != certificate.account {
        return Err(Problem::unauthorized("this is another account's certificate"));
    }
    let chain = ca.issuer.chain(&certificate.pem(), alternate).filter(|_| alternate == 0 || ca.options.alternate_chain);
    let mut answer = Answer::empty(200);
    answer.body = AnswerBody::Chain(chain.ok_or_else(|| Problem::not_found("chain"))?);
    if ca.options.alternate_chain {
        let other = if alternate == 0 { format!("certificate/{id}/alternate") } else { format!("certificate/{id}") };
        answer.links.push(format!("<{}>;rel=\"alternate\"", ca.url(&other)));
    }
    Ok(answer)
}

/// By the account that holds it or all its names, or by the certificate's own key.
pub(super) fn revoke(ca: &Shared, signed: &Signed) -> Result<Answer, Problem> {
    let payload = signed.payload()?;
    let text = payload["certificate"].as_str().ok_or_else(|| Problem::malformed("the payload has no certificate"))?;
    let der = BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| Problem::malformed("certificate is not base64url without padding"))?;
    let reason = reason(payload.get("reason"))?;
    let mut state = ca.state();
    let id = state.certificates.iter().find(|(_, known)| known.der == der).map(|(id, _)| id.clone());
    let id = id.ok_or_else(|| Problem::not_found("certificate"))?;
    permitted(&state, &state.certificates[&id], signed)?;
    let certificate = state.certificates.get_mut(&id).ok_or_else(|| Problem::not_found("certificate"))?;
    if certificate.revoked.is_some() {
        return Err(Problem::new(400, "alreadyRevoked", "the certificate is revoked"));
    }
    certificate.revoked = Some(reason);
    Ok(Answer::empty(200))
}

fn reason(given: Option<&serde_json::Value>) -> Result<u8, Problem> {
    let Some(given) = given else { return Ok(0) };
    let code = given.as_u64().and_then(|code| u8::try_from(code).ok()).filter(|code| REASONS.contains(code));
    code.ok_or_else(|| Problem::new(400, "badRevocationReason", format!("{given} is none of {REASONS:?}")))
}

/// Those a subscriber may give: no CA compromise, no hold.
const REASONS: [u8; 5] = [0, 1, 3, 4, 5];

fn permitted(state: &State, certificate: &Certificate, signed: &Signed) -> Result<(), Problem> {
    let Some(account) = &signed.account else {
        let (_, parsed) = X509Certificate::from_der(&certificate.der)
            .map_err(|_| Problem::internal("a certificate issued here cannot be read"))?;
        return if signed.key.is_key_of(parsed.public_key()) {
            Ok(())
        } else {
            Err(Problem::unauthorized("the request is not signed by the certificate's key"))
        };
    };
    let now = OffsetDateTime::now_utc();
    let holds = |name: &String| {
        state.authorizations.values().any(|held| {
            held.account == *account
                && held.status == Status::Valid
                && held.expires > now
                && held.wildcard == name.starts_with("*.")
                && held.name == name.trim_start_matches("*.")
        })
    };
    if certificate.account == *account || certificate.names.iter().all(holds) {
        Ok(())
    } else {
        Err(Problem::unauthorized("the account neither has the certificate nor is authorized for all its names"))
    }
}
