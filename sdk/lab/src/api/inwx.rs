//! INWX's JSON-RPC API, the part DNS-01 needs: login with a second factor, and a domain's records.
//!
//! Reference: <https://www.inwx.com/en/help/apidoc>; shapes as INWX's client inwx-domrobot 3.2.0 reads them (2026-11-24). A
//! one-time code is taken once (RFC 6238 section 5.2).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The one user.
pub const INWX_USER: &str = "lab";
/// The key of the user's second factor, as INWX shows it.
pub const INWX_SHARED_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// What the account wants beside its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InwxFactor {
    /// Nothing.
    None,
    /// The code for [`INWX_SHARED_SECRET`].
    Code,
}

/// The rules of the API over `store`, for [`INWX_USER`] with this password. TTLs are 300 or more.
pub fn inwx(store: Store, password: String, factor: InwxFactor) -> impl Fn(&Request) -> Reply + Send + Sync {
    let sessions = Sessions::default();
    move |request| {
        let body = request.json().filter(|_| request.method == "POST" && request.path == "/jsonrpc/");
        let Some((method, params)) = body.as_ref().and_then(|body| Some((body["method"].as_str()?, &body["params"])))
        else {
            return failure(2000, "Unknown command");
        };
        let session = session_of(request);
        match method {
            "account.login" => sessions.login(params, &password, factor),
            "account.unlock" => sessions.unlock(session, params),
            _ if !sessions.is_open(session) => failure(2200, "Authentication error"),
            "account.info" => success(json!({"customerId": 1})),
            "nameserver.deleteRecord" => delete(&store, params),
            "nameserver.info" | "nameserver.createRecord" => {
                let domain = params["domain"].as_str().unwrap_or_default();
                match store.zones().iter().any(|zone| zone == domain) {
                    false => failure(2303, "Object does not exist"),
                    true if method == "nameserver.info" => records(&store, domain, params),
                    true => create(&store, domain, params),
                }
            }
            _ => failure(2000, "Unknown command"),
        }
    }
}

fn session_of(request: &Request) -> Option<&str> {
    request.headers.get("cookie")?.split("; ").find_map(|pair| pair.strip_prefix("domrobot="))
}

/// Sessions by their cookie, each with whether it is unlocked, and the last code taken by its time step.
#[derive(Default)]
struct Sessions(Mutex<(BTreeMap<String, bool>, u64)>);

impl Sessions {
    fn login(&self, params: &Value, password: &str, factor: InwxFactor) -> Reply {
        if params["user"] != INWX_USER || params["pass"] != password {
            return failure(2200, "Authentication error");
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = format!("session-{}", all.0.len());
        all.0.insert(session.clone(), factor == InwxFactor::None);
        let tfa = if factor == InwxFactor::None { "0" } else { "GOOGLE-AUTH" };
        let account = json!({"customerId": 1, "accountId": 1, "tfa": tfa});
        let Reply { status, mut body } = success(account);
        body["set-cookie"] = format!("domrobot={session}; path=/; HttpOnly; secure").into();
        Reply { status, body }
    }

    /// With the code of now or of 30 s before, if it is later than the last one.
    fn unlock(&self, session: Option<&str>, params: &Value) -> Reply {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) / 30;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (sessions, last) = &mut *all;
        let step = [now, now - 1].into_iter().find(|step| params["tan"] == code(*step).as_str() && *step > *last);
        match (session.and_then(|session| sessions.get_mut(session)), step) {
            (Some(is_open), Some(step)) => {
                (*is_open, *last) = (true, step);
                success(json!({}))
            }
            _ => failure(2200, "Authentication error"),
        }
    }

    fn is_open(&self, session: Option<&str>) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        session.is_some_and(|session| all.0.get(session) == Some(&true))
    }
}

/// RFC 4226 section 5.3, six digits.
fn code(step: u64) -> String {
    let key = data_encoding::BASE32_NOPAD.decode(INWX_SHARED_SECRET.as_bytes()).unwrap_or_default();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn records(store: &Store, domain: &str, params: &Value) -> Reply {
    let asked =
        |entry: &&Entry| params["type"].as_str().is_none_or(|kind| entry.record.record_type().to_string() == kind);
    let all = store.records(domain).unwrap_or_default();
    let shown: Vec<Value> = all.iter().filter(asked).map(wire).collect();
    let zone = json!({"roId": 1, "domain": domain, "type": "MASTER", "count": shown.len(), "record": shown});
    success(zone)
}

fn wire(entry: &Entry) -> Value {
    json!({"id": entry.id.to_string(), "name": owner(entry), "type": entry.record.record_type().to_string(),
        "content": entry.value(), "ttl": entry.record.ttl, "prio": 0})
}

fn owner(entry: &Entry) -> String {
    entry.record.name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

fn create(store: &Store, domain: &str, params: &Value) -> Reply {
    let (Some("TXT"), Some(name), Some(content)) =
        (params["type"].as_str(), params["name"].as_str(), params["content"].as_str())
    else {
        return failure(2003, "Required parameter missing");
    };
    let ttl = params["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok()).filter(|ttl| *ttl >= 300);
    let inside = name == domain || name.ends_with(&format!(".{domain}"));
    let (Some(ttl), true) = (ttl, inside) else { return failure(2004, "Parameter value range error") };
    let same = |entry: &Entry| {
        entry.record.record_type() == RecordType::TXT && owner(entry) == name && entry.value() == content
    };
    if store.records(domain).unwrap_or_default().iter().any(same) {
        return failure(2302, "Object exists");
    }
    match store.add(domain, name, RecordType::TXT, ttl, content) {
        Ok(id) => success(json!({"id": id.to_string()})),
        Err(error) => failure(2005, &error.to_string()),
    }
}

/// Ids are the account's, whatever the domain.
fn delete(store: &Store, params: &Value) -> Reply {
    let id = params["id"].as_str().unwrap_or_default();
    let removed = |zone: &String| store.remove(zone, |entry| entry.id.to_string() == id).unwrap_or_default();
    match store.zones().iter().map(removed).sum::<usize>() {
        0 => failure(2303, "Object does not exist"),
        _ => success(json!({})),
    }
}

fn success(data: Value) -> Reply {
    Reply { status: 200, body: json!({"code": 1000, "msg": "Command completed successfully", "resData": data}) }
}

/// Errors have status 200 too.
fn failure(code: u16, message: &str) -> Reply {
    Reply { status: 200, body: json!({"code": code, "msg": message}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six of eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        assert_eq!([59, 1_111_111_109, 20_000_000_000].map(|now| code(now / 30)), ["287082", "081804", "353130"]);
    }

    #[test]
    fn a_code_is_taken_once() {
        let sessions = Sessions::default();
        let login = || {
            let params = json!({"user": INWX_USER, "pass": "right"});
            let cookie = sessions.login(&params, "right", InwxFactor::Code).body["set-cookie"].clone();
            cookie.as_str().and_then(|cookie| cookie.split([';', '=']).nth(1)).expect("a session").to_owned()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) / 30;
        let (first, second, tan) = (login(), login(), json!({"tan": code(now)}));
        assert_eq!(sessions.unlock(Some(&first), &tan).body["code"], 1000);
        assert_eq!(sessions.unlock(Some(&second), &tan).body["code"], 2200);
        assert!(sessions.is_open(Some(&first)) && !sessions.is_open(Some(&second)) && !sessions.is_open(None));
    }
}
