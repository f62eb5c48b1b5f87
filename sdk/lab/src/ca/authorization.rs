//! Authorizations with their one challenge, dns-01 (RFC 8555 sections 7.1.4, 7.5 and 8.4).

use std::sync::Arc;

use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::nonce::{random, random_id};
use super::problem::Problem;
use super::state::{Answer, Shared, Signed, State, timestamp};

#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) account: String,
    /// Without `*.`.
    pub(super) name: String,
    pub(super) wildcard: bool,
    pub(super) status: Status,
    pub(super) expires: OffsetDateTime,
    token: String,
    validated: Option<OffsetDateTime>,
    error: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    /// Of the challenge; the authorization itself is pending meanwhile.
    Processing,
    Valid,
    Invalid,
    Deactivated,
}

impl Authorization {
    fn new(account: &str, name: &str, wildcard: bool, expires: OffsetDateTime) -> Self {
        Self {
            account: account.to_owned(),
            name: name.to_owned(),
            wildcard,
            status: Status::Pending,
            expires,
            token: BASE64URL_NOPAD.encode(&random::<32>()),
            validated: None,
            error: None,
        }
    }

    /// What the order's error says of it.
    pub(super) fn failure(&self) -> Option<(String, Problem)> {
        self.error.clone().map(|error| (self.name.clone(), error))
    }

    fn json(&self, ca: &Shared, id: &str) -> Value {
        let status = match self.status {
            Status::Pending | Status::Processing => "pending",
            Status::Valid => "valid",
            Status::Invalid => "invalid",
            Status::Deactivated => "deactivated",
        };
        let mut value = json!({
            "status": status,
            "expires": timestamp(self.expires),
            "identifier": {"type": "dns", "value": self.name},
            "challenges": [self.challenge(ca, id)],
        });
        if self.wildcard {
            value["wildcard"] = json!(true);
        }
        value
    }

    fn challenge(&self, ca: &Shared, id: &str) -> Value {
        let status = match self.status {
            Status::Pending | Status::Deactivated => "pending",
            Status::Processing => "processing",
            Status::Valid => "valid",
            Status::Invalid => "invalid",
        };
        let mut value = json!({"type": "dns-01", "url": ca.url(&format!("challenge/{id}")), "status": status,
            "token": self.token});
        if let Some(validated) = self.validated {
            value["validated"] = json!(timestamp(validated));
        }
        if let Some(error) = &self.error {
            value["error"] = error.json();
        }
        value
    }
}

/// The id of a pending authorization for the name, or of a valid one where those are reused.
pub(super) fn authorize(
    ca: &Shared,
    state: &mut State,
    account: &str,
    identifier: &str,
    expires: OffsetDateTime,
) -> String {
    let (name, wildcard) = match identifier.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (identifier, false),
    };
    let known = state.authorizations.iter().find(|(_, known)| {
        ca.options.reuse_authorizations
            && known.account == account
            && known.name == name
            && known.wildcard == wildcard
            && known.status == Status::Valid
            && known.expires > OffsetDateTime::now_utc()
    });
    if let Some((id, _)) = known {
        return id.clone();
    }
    let id = random_id();
    state.authorizations.insert(id.clone(), Authorization::new(account, name, wildcard, expires));
    id
}

fn own<'a>(state: &'a mut State, id: &str, signed: &Signed) -> Result<&'a mut Authorization, Problem> {
    let found = state.authorizations.get_mut(id).ok_or_else(|| Problem::not_found("authorization"))?;
    if signed.account()? == found.account {
        Ok(found)
    } else {
        Err(Problem::unauthorized("this is another account's authorization"))
    }
}

/// Reads, or deactivates (section 7.5.2).
pub(super) fn read(ca: &Shared, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    let mut state = ca.state();
    let authorization = own(&mut state, id, signed)?;
    match &signed.payload {
        None => {}
        Some(payload) if payload["status"] == "deactivated" => authorization.status = Status::Deactivated,
        Some(_) => return Err(Problem::malformed("an authorization can only be read or deactivated")),
    }
    let waiting = authorization.status == Status::Processing;
    Ok(Answer::json(200, authorization.json(ca, id)).after(ca.retry_after().filter(|_| waiting)))
}

/// Answers the challenge, or reads it by POST-as-GET (section 7.5.1).
pub(super) fn challenge(ca: &Arc<Shared>, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    let mut state = ca.state();
    let authorization = own(&mut state, id, signed)?;
    match &signed.payload {
        Some(Value::Object(_)) if authorization.status == Status::Pending => {
            authorization.status = Status::Processing;
            let expected = txt_value(&authorization.token, &signed.key.thumbprint());
            ca.spawn(validate(Arc::clone(ca), id.to_owned(), authorization.name.clone(), expected));
        }
        None | Some(Value::Object(_)) => {}
        Some(_) => return Err(Problem::malformed("a challenge is answered with a JSON object, {} for dns-01")),
    }
    let waiting = authorization.status == Status::Processing;
    let mut answer = Answer::json(200, authorization.challenge(ca, id)).after(ca.retry_after().filter(|_| waiting));
    answer.links.push(format!("<{}>;rel=\"up\"", ca.url(&format!("authorization/{id}"))));
    Ok(answer)
}

/// base64url(SHA-256(token.thumbprint)), section 8.4.
fn txt_value(token: &str, thumbprint: &str) -> String {
    let hashed = digest::digest(&digest::SHA256, format!("{token}.{thumbprint}").as_bytes());
    BASE64URL_NOPAD.encode(hashed.as_ref())
}

async fn validate(ca: Arc<Shared>, id: String, name: String, expected: String) {
    let outcome = ca.validator.validate(&name, &expected).await;
    let mut state = ca.state();
    let Some(authorization) = state.authorizations.get_mut(&id) else { return };
    if authorization.status != Status::Processing {
        return;
    }
    match outcome {
        Ok(()) => {
            authorization.status = Status::Valid;
            authorization.validated = Some(OffsetDateTime::now_utc());
        }
        Err(problem) => {
            authorization.status = Status::Invalid;
            authorization.error = Some(problem);
        }
    }
}
