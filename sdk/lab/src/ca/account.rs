//! Accounts (RFC 8555 sections 7.1.2 and 7.3).

use http::header::LINK;
use serde_json::{Value, json};

use super::jws::{Jwk, Jws};
use super::nonce::random_id;
use super::problem::Problem;
use super::state::{Answer, Shared, Signed, State};

/// An account; it is never deleted.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) key: Jwk,
    pub(super) deactivated: bool,
    contact: Vec<String>,
    /// The binding as the client sent it.
    binding: Option<Value>,
}

impl Account {
    pub(super) fn json(&self, ca: &Shared, id: &str) -> Value {
        let mut value = json!({
            "status": if self.deactivated { "deactivated" } else { "valid" },
            "contact": self.contact,
            "orders": ca.url(&format!("orders/{id}")),
        });
        if ca.options.terms_of_service {
            value["termsOfServiceAgreed"] = json!(true);
        }
        if let Some(binding) = &self.binding {
            value["externalAccountBinding"] = binding.clone();
        }
        value
    }
}

pub(super) fn by_key(state: &State, key: &Jwk) -> Option<String> {
    state.accounts.iter().find(|(_, account)| account.key == *key).map(|(id, _)| id.clone())
}

pub(super) fn create(ca: &Shared, signed: &Signed) -> Result<Answer, Problem> {
    let payload = signed.payload()?;
    let mut state = ca.state();
    if let Some(id) = by_key(&state, &signed.key) {
        let account = &state.accounts[&id];
        if account.deactivated {
            return Err(deactivated());
        }
        return Ok(Answer::json(200, account.json(ca, &id)).at(ca.url(&format!("account/{id}"))));
    }
    if payload["onlyReturnExisting"] == json!(true) {
        return Err(Problem::new(400, "accountDoesNotExist", "no account has this key"));
    }
    let contact = contact(payload)?.unwrap_or_default();
    agreed(ca, payload)?;
    let binding = binding(ca, signed)?;
    let account = Account { key: signed.key.clone(), deactivated: false, contact, binding };
    let id = random_id();
    let answer = Answer::json(201, account.json(ca, &id)).at(ca.url(&format!("account/{id}")));
    state.accounts.insert(id, account);
    Ok(answer)
}

pub(super) fn deactivated() -> Problem {
    Problem::new(401, "unauthorized", "the account is deactivated")
}

/// RFC 8555 section 7.3.3.
fn agreed(ca: &Shared, payload: &Value) -> Result<(), Problem> {
    if !ca.options.terms_of_service || payload["termsOfServiceAgreed"] == json!(true) {
        return Ok(());
    }
    let terms = ca.url("terms");
    let mut problem = Problem::new(403, "userActionRequired", format!("the terms at {terms} are to be agreed to"));
    problem.headers.push((LINK, format!("<{terms}>;rel=\"terms-of-service\"")));
    problem.extra.push(("instance", json!(terms)));
    Err(problem)
}

/// The contacts of a request that names any; `mailto:` with one plain address each (section 7.3).
fn contact(payload: &Value) -> Result<Option<Vec<String>>, Problem> {
    let Some(given) = payload.get("contact") else { return Ok(None) };
    let urls: Vec<String> =
        serde_json::from_value(given.clone()).map_err(|_| Problem::malformed("contact is not an array of strings"))?;
    for url in &urls {
        let Some(address) = url.strip_prefix("mailto:") else {
            return Err(Problem::new(400, "unsupportedContact", format!("{url} is not a mailto: URL")));
        };
        let parts = address.split_once('@');
        let plain = !address.contains([',', '?', ' ']) && address.matches('@').count() == 1;
        if !plain || !parts.is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.')) {
            return Err(Problem::new(400, "invalidContact", format!("{address} is not one e-mail address")));
        }
    }
    Ok(Some(urls))
}

/// External account binding, section 7.3.4.
fn binding(ca: &Shared, signed: &Signed) -> Result<Option<Value>, Problem> {
    let Some(given) = signed.payload()?.get("externalAccountBinding") else {
        let needed = !ca.options.external_accounts.is_empty();
        let missing = || Problem::new(403, "externalAccountRequired", "the request has no externalAccountBinding");
        return if needed { Err(missing()) } else { Ok(None) };
    };
    let jws = Jws::from_value(given)?;
    let header = jws.header()?;
    if header.alg != "HS256" || header.nonce.is_some() || header.jwk.is_some() {
        return Err(Problem::malformed("a binding has alg HS256, a kid and a url, and no nonce"));
    }
    if header.url.as_deref() != Some(&signed.url) {
        return Err(Problem::malformed("the url of the binding is not that of the request"));
    }
    let known = ca.options.external_accounts.iter().find(|known| Some(&known.key_id) == header.kid.as_ref());
    if !known.is_some_and(|known| jws.verify_mac(&known.mac_key)) {
        return Err(Problem::unauthorized("the binding's kid is not known, or its MAC is wrong"));
    }
    if Jwk::parse(&jws.payload()?.unwrap_or_default())? != signed.key {
        return Err(Problem::malformed("the payload of the binding is not the account's key"));
    }
    Ok(Some(given.clone()))
}

/// Reads, changes contacts, or deactivates (sections 7.3.2 and 7.3.6).
pub(super) fn update(ca: &Shared, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    own(id, signed)?;
    let mut state = ca.state();
    let account = state.accounts.get_mut(id).ok_or_else(|| Problem::not_found("account"))?;
    if let Some(payload) = &signed.payload {
        match payload.get("status").map(Value::as_str) {
            None | Some(Some("valid")) => {}
            Some(Some("deactivated")) => account.deactivated = true,
            Some(_) => return Err(Problem::malformed("the status of an account can only become deactivated")),
        }
        if let Some(contact) = contact(payload)? {
            account.contact = contact;
        }
    }
    Ok(Answer::json(200, account.json(ca, id)))
}

/// Section 7.1.2.1.
pub(super) fn orders(ca: &Shared, id: &str, signed: &Signed) -> Result<Answer, Problem> {
    own(id, signed)?;
    signed.without_payload()?;
    let state = ca.state();
    let own = state.orders.iter().filter(|(_, order)| order.account == id);
    let urls: Vec<String> = own.map(|(order, _)| ca.url(&format!("order/{order}"))).collect();
    Ok(Answer::json(200, json!({"orders": urls})))
}

fn own(id: &str, signed: &Signed) -> Result<(), Problem> {
    if signed.account()? == id { Ok(()) } else { Err(Problem::unauthorized("this is another's account")) }
}
