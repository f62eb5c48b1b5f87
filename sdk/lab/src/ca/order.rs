//! Orders (RFC 8555 sections 7.1.3 and 7.4), with `replaces` (RFC 9773) and `profile`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::authorization::{self, Status};
use super::certificate::Certificate;
use super::issuer::Request;
use super::nonce::random_id;
use super::problem::Problem;
use super::renewal;
use super::state::{Answer, Shared, Signed, State, timestamp};

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) account: String,
    identifiers: BTreeSet<String>,
    authorizations: Vec<String>,
    expires: OffsetDateTime,
    not_before: Option<OffsetDateTime>,
    not_after: Option<OffsetDateTime>,
    profile: Option<String>,
    /// The id of RFC 9773 section 4.1.
    replaces: Option<String>,
    stage: Stage,
}

/// What does not follow from the authorizations.
#[derive(Clone, Debug)]
enum Stage {
    Open,
    Processing,
    Valid { certificate: String },
    Invalid(Problem),
}

impl Order {
    fn status(&self, state: &State) -> &'static str {
        let statuses =
            || self.authorizations.iter().filter_map(|id| state.authorizations.get(id)).map(|found| found.status);
        match &self.stage {
            Stage::Processing => "processing",
            Stage::Valid { .. } => "valid",
            Stage::Invalid(_) => "invalid",
            Stage::Open if self.expires < OffsetDateTime::now_utc() => "invalid",
            Stage::Open if statuses().any(|status| matches!(status, Status::Invalid | Status::Deactivated)) => {
                "invalid"
            }
            Stage::Open if statuses().all(|status| status == Status::Valid) => "ready",
            Stage::Open => "pending",
        }
    }

    fn json(&self, ca: &Shared, state: &State, id: &str) -> Value {
        let urls: Vec<String> =
            self.authorizations.iter().map(|authorization| ca.url(&format!("authorization/{authorization}"))).collect();
        let identifiers: Vec<Value> =
            self.identifiers.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let mut value = json!({
            "status": self.status(state),
            "expires": timestamp(self.expires),
            "identifiers": identifiers,
            "authorizations": urls,
            "finalize": ca.url(&format!("order/{id}/finalize")),
        });
        for (member, time) in [("notBefore", self.not_before), ("notAfter", self.not_after)] {
            if let Some(time) = time {
                value[member] = json!(timestamp(time));
            }
        }
        for (member, text) in [("profile", &self.profile), ("replaces", &self.replaces)] {
            if let Some(text) = text {
                value[member] = json!(text);
            }
        }
        match &self.stage {
            Stage::Valid { certificate } => value["certificate"] = json!(ca.url(&format!("certificate/{certificate}"))),
            Stage::Invalid(problem) => value["error"] = problem.json(),
            Stage::Open | Stage::Processing => {
                if let Some(problem) = self.failure(state) {
                    value["error"] = problem.json();
                }
            }
        }
        value
    }

    fn failure(&self, state: &State) -> Option<Problem> {
        let authorizations = self.authorizations.iter().filter_map(|id| state.authorizations.get(id));
        let failures: Vec<_> = authorizations.filter_map(|authorization| authorization.failure()).collect();
        let (_, first) = failures.first()?;
        let mut problem = Problem::new(first.status, first.kind, "validation of some names failed");
        problem.subproblems = failures;
        Some(problem)
    }

    fn answer(&self, ca: &Shared, state: &State, id: &str, http_status: u16) -> Answer {
        let processing = matches!(self.stage, Stage::Processing);
        Answer::json(http_status, self.json(ca, state, id))
            .at(ca.url(&format!("order/{id}")))
            .after(ca.retry_after().filter(|_| processing))
    }
}

/// How long orders and authorizations live.
const LIFETIME: Duration = Duration::days(7);

pub(super) fn create(ca: &Shared, signed: &Signed) -> Result<Answer, Problem> {
    let account = signed.account()?;
    let payload = signed.payload()?;
    let identifiers = identifiers(ca, payload)?;
    let profile = profile(ca, payload)?;
    let (not_before, not_after) = (instant(payload, "notBefore")?, instant(payload, "notAfter")?);
    if not_after.is_some_and(|end| end <= not_before.unwrap_or_else(OffsetDateTime::now_utc)) {
        return Err(Problem::malformed("notAfter is not after notBefore"));
    }
    let mut state = ca.state();
    let replaces = renewal::replaces(&state, account, payload)?;
    let expires = OffsetDateTime::now_utc() + LIFETIME;
    let authorizations =
        identifiers.iter().map(|name| authorization::authorize(ca, &mut state, account, name, expires)).collect();
    let order = Order {
        account: account.to_owned(),
        identifiers,
        authorizations,
        expires,
        not_before,
        not_after,
        profile,
        replaces,
        stage: Stage::Open,
    };
    let id = random_id();
    let answer = order.answer(ca, &state, &id, 201);
    state.orders.insert(id, order);
    Ok(answer)
}

fn identifiers(ca: &Shared, payload: &Value) -> Result<BTreeSet<String>, Problem> {
    let given = payload["identifiers"].as_array().filter(|given| !given.is_empty());
    let given = given.ok_or_else(|| Problem::malformed("the order has no identifiers"))?;
    let mut names = BTreeSet::new();
    let mut refused = Vec::new();
    for identifier in given {
        let value = identifier["value"].as_str().unwrap_or_default().to_ascii_lowercase();
        match check(ca, identifier["type"].as_str(), &value) {
            Ok(()) => _ = names.insert(value),
            Err(problem) => refused.push((value, problem)),
        }
    }
    let Some((_, first)) = refused.first() else { return Ok(names) };
    let mut problem = Problem::new(first.status, first.kind, "some identifiers were refused");
    if refused.iter().any(|(_, other)| other.kind != first.kind) {
        // As in the example of section 6.7.1.
        problem.kind = "malformed";
    }
    problem.subproblems = refused;
    Err(problem)
}

fn check(ca: &Shared, kind: Option<&str>, value: &str) -> Result<(), Problem> {
    if kind != Some("dns") {
        return Err(Problem::new(400, "unsupportedIdentifier", "only identifiers of type dns are issued for"));
    }
    let name = value.strip_prefix("*.").unwrap_or(value);
    let label = |label: &str| {
        (1..=LABEL_MAX_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > NAME_MAX_BYTES || !name.contains('.') || !name.split('.').all(label) {
        return Err(Problem::malformed("not a host name with at least two labels, in ASCII, without final dot"));
    }
    let below = |domain: &String| name == domain || name.ends_with(&format!(".{domain}"));
    if ca.options.rejected_domains.iter().any(below) {
        return Err(Problem::new(403, "rejectedIdentifier", "the CA does not issue for this domain"));
    }
    Ok(())
}

const LABEL_MAX_BYTES: usize = 63;
const NAME_MAX_BYTES: usize = 253;

fn profile(ca: &Shared, payload: &Value) -> Result<Option<String>, Problem> {
    let Some(name) = payload.get("profile") else { return Ok(None) };
    let known = ca.options.profiles.iter().find(|profile| name == profile.name.as_str());
    let known = known.ok_or_else(|| Problem::new(400, "invalidProfile", format!("there is no profile {name}")))?;
    Ok(Some(known.name.clone()))
}

fn instant(payload: &Value, member: &str) -> Result<Option<OffsetDateTime>, Problem> {
    let Some(given) = payload.get(member) else { return Ok(None) };
    let parsed = given.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    parsed.map(Some).ok_or_else(|| Problem::malformed(format!("{member} is not a date of RFC 3339")))
}

fn own<'a>(state: &'a State, id: &str, signed: &Signed) -> Result<&'a Order, Problem> {
    let order = state.orders.get(id).ok_or_else(|| Problem::not_found("order"))?;
    if signed.account()? == order.account {
        Ok(order)
    } else {
        Err(Problem::unauthorized("this is another account's order"))
    }
}

pub(super) fn read(ca: &Shared, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    signed.without_payload()?;
    let state = ca.state();
    Ok(own(&state, id, signed)?.answer(ca, &state, id, 200))
}

/// Takes the CSR of a ready order; the certificate is made in the background.
pub(super) fn finalize(ca: &Arc<Shared>, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    let payload = signed.payload()?;
    let mut state = ca.state();
    let order = own(&state, id, signed)?;
    let status = order.status(&state);
    if status != "ready" {
        return Err(Problem::new(403, "orderNotReady", format!("the order is {status}, not ready")));
    }
    let csr = payload["csr"].as_str().ok_or_else(|| Problem::malformed("the payload has no csr"))?;
    let der = data_encoding::BASE64URL_NOPAD
        .decode(csr.as_bytes())
        .map_err(|_| Problem::malformed("csr is not base64url without padding"))?;
    let request = Request::parse(&der, &signed.key)?;
    if request.names != order.identifiers {
        return Err(Problem::bad_csr(format!(
            "the CSR is for {:?}, the order for {:?}",
            request.names, order.identifiers
        )));
    }
    let order = state.orders.get_mut(id).ok_or_else(|| Problem::not_found("order"))?;
    order.stage = Stage::Processing;
    ca.spawn(issue(Arc::clone(ca), id.to_owned(), request));
    Ok(state.orders[id].answer(ca, &state, id, 200))
}

async fn issue(ca: Arc<Shared>, id: String, request: Request) {
    let mut state = ca.state();
    let Some(order) = state.orders.get(&id).cloned() else { return };
    let (not_before, not_after) = validity(&ca, &order);
    let names = order.identifiers.iter().cloned().collect();
    let made = ca
        .issuer
        .issue(&request, not_before, not_after)
        .map_err(|error| Problem::internal(error.to_string()))
        .and_then(|der| Certificate::new(&order.account, names, der));
    let stage = match made {
        Ok(certificate) => {
            let certificate_id = random_id();
            state.certificates.insert(certificate_id.clone(), certificate);
            if let Some(replaced) = &order.replaces {
                renewal::mark_replaced(&mut state, replaced);
            }
            Stage::Valid { certificate: certificate_id }
        }
        Err(problem) => Stage::Invalid(problem),
    };
    if let Some(order) = state.orders.get_mut(&id) {
        order.stage = stage;
    }
}

/// An order may ask for less time than its profile gives, never for more.
fn validity(ca: &Shared, order: &Order) -> (OffsetDateTime, OffsetDateTime) {
    let profile = ca.options.profiles.iter().find(|profile| Some(&profile.name) == order.profile.as_ref());
    let lifetime = profile.map_or(ca.options.certificate_lifetime, |profile| profile.lifetime);
    let start = order.not_before.unwrap_or_else(|| OffsetDateTime::now_utc() - BACKDATED);
    let latest = start + lifetime;
    (start, order.not_after.map_or(latest, |asked| asked.min(latest)))
}

/// For clients whose clock is behind.
const BACKDATED: Duration = Duration::minutes(1);
