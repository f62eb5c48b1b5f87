//! Azure DNS (REST API 2018-05-01) and Entra's token endpoint, the part DNS-01 needs: TXT record sets under etags.
//!
//! Shapes: <https://learn.microsoft.com/en-us/rest/api/dns/record-sets> and
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow> (seen 2026-11-24).

use std::collections::BTreeMap;

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use super::server::{Reply, Request};
use crate::dns::{Entry, Store};

/// The one directory, application, subscription and resource group there is.
pub const AZURE_TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The application's id.
pub const AZURE_CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// The subscription's id.
pub const AZURE_SUBSCRIPTION: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The resource group's name.
pub const AZURE_GROUP: &str = "dns_(lab)";

/// The rules of both APIs over `store`, for one client secret.
pub fn azure(store: Store, client_secret: String) -> impl Fn(&Request) -> Reply + Send + Sync {
    // Paths are compared as they arrive: all but the unreserved characters are encoded.
    let group = AZURE_GROUP.replace('(', "%28").replace(')', "%29");
    let zones =
        format!("/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Network/dnsZones/");
    let access_token = format!("token-for-{client_secret}");
    move |request| {
        if request.path == format!("/{AZURE_TENANT}/oauth2/v2.0/token") {
            return log_in(request, &client_secret, &access_token);
        }
        if request.headers.get("authorization") != Some(&format!("Bearer {access_token}")) {
            return failure(401, "InvalidAuthenticationToken", "The access token is invalid.");
        }
        let Some(path) = request.path.strip_prefix(&zones) else {
            return failure(404, "ResourceGroupNotFound", "Resource group could not be found.");
        };
        if request.query.get("api-version").is_none_or(|version| version != "2018-05-01") {
            return failure(400, "MissingApiVersionParameter", "The api-version query parameter is required.");
        }
        let [zone, "TXT", name] = *path.split('/').collect::<Vec<_>>() else {
            return failure(404, "InvalidResourceType", "The resource type could not be found.");
        };
        if !store.zones().iter().any(|known| known == zone) {
            let message =
                format!("Can not perform requested operation on nested resource. Parent resource '{zone}' not found.");
            return failure(404, "ParentResourceNotFound", &message);
        }
        let owner = if name == "%40" { zone.to_owned() } else { format!("{name}.{zone}") };
        Set { store: &store, zone, name: name.replace("%40", "@"), owner }.answer(request)
    }
}

fn log_in(request: &Request, client_secret: &str, access_token: &str) -> Reply {
    let is_form = request.headers.get("content-type").is_some_and(|kind| kind == "application/x-www-form-urlencoded");
    let Some(form) = form(&request.body).filter(|_| is_form && request.method == "POST") else {
        return refused(400, "invalid_request", "AADSTS900144: The request body must be a form.");
    };
    let is = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    if !is("grant_type", "client_credentials") || !is("scope", "https://management.azure.com/.default") {
        return refused(400, "invalid_request", "AADSTS900144: grant_type and scope are needed.");
    }
    if !is("client_id", AZURE_CLIENT) {
        return refused(400, "unauthorized_client", "AADSTS700016: Application was not found in the directory.");
    }
    if !is("client_secret", client_secret) {
        return refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: lab");
    }
    let body = json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
        "access_token": access_token});
    Reply { status: 200, body }
}

fn form(body: &str) -> Option<BTreeMap<String, String>> {
    let uri: http::Uri = format!("/?{body}").parse().ok()?;
    axum::extract::Query::try_from_uri(&uri).ok().map(|query| query.0)
}

/// The set that a request is about.
struct Set<'a> {
    store: &'a Store,
    zone: &'a str,
    name: String,
    owner: String,
}

impl Set<'_> {
    fn answer(&self, request: &Request) -> Reply {
        let there = self.entries();
        if let Some(refusal) = self.unmet(request, &there) {
            return refusal;
        }
        match (request.method.as_str(), there.is_empty()) {
            ("GET" | "PATCH", true) => self.absent(),
            ("GET", false) => Reply { status: 200, body: self.wire(&there) },
            ("PUT" | "PATCH", is_new) => self.write(request, if is_new { 201 } else { 200 }),
            ("DELETE", is_new) => {
                self.clear();
                Reply { status: if is_new { 204 } else { 200 }, body: Value::Null }
            }
            _ => failure(405, "MethodNotAllowed", "The method is not allowed."),
        }
    }

    /// Etags are checked first; a write without one would overwrite what another has written, so the lab wants one.
    fn unmet(&self, request: &Request, there: &[Entry]) -> Option<Reply> {
        if request.method == "GET" {
            return None;
        }
        let failed = |message: String| Some(failure(412, "PreconditionFailed", &message));
        match (request.headers.get("if-match"), request.headers.get("if-none-match")) {
            (Some(given), None) if there.is_empty() || *given != etag(there) => {
                failed(format!("The condition '{given}' in the If-Match header was not satisfied."))
            }
            (None, Some(_)) if !there.is_empty() => failed("The Record set exists already.".to_owned()),
            (Some(_), None) | (None, Some(_)) => None,
            _ => Some(failure(400, "BadRequest", "the lab wants If-Match or If-None-Match")),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let all = self.store.records(self.zone).unwrap_or_default();
        all.into_iter().filter(|entry| self.holds(entry)).collect()
    }

    fn holds(&self, entry: &Entry) -> bool {
        let owner = entry.record.name.to_lowercase().to_ascii();
        entry.record.record_type() == RecordType::TXT && owner.trim_end_matches('.') == self.owner
    }

    fn clear(&self) {
        // The zone is there: it was looked for.
        let _ = self.store.remove(self.zone, |entry| self.holds(entry));
    }

    fn write(&self, request: &Request, status: u16) -> Reply {
        let Some(body) = request.json() else {
            return failure(400, "InvalidRequestContent", "The request content was invalid.");
        };
        let properties = &body["properties"];
        let ttl = properties["TTL"].as_u64().and_then(|ttl| u32::try_from(ttl).ok());
        let (Some(ttl @ 1..), Some(values)) = (ttl, values(&properties["TXTRecords"])) else {
            return failure(400, "BadRequest", "The resource record has an invalid TTL or value.");
        };
        self.clear();
        let add = |value: &String| self.store.add(self.zone, &self.owner, RecordType::TXT, ttl, value).map(|_| ());
        match values.iter().try_for_each(add) {
            Err(error) => failure(400, "BadRequest", &error.to_string()),
            Ok(()) => Reply { status, body: self.wire(&self.entries()) },
        }
    }

    fn wire(&self, entries: &[Entry]) -> Value {
        let record = |entry: &Entry| json!({"value": strings(&entry.value())});
        let records: Vec<Value> = entries.iter().map(record).collect();
        let ttl = entries.first().map(|entry| entry.record.ttl);
        json!({"name": self.name, "type": "Microsoft.Network/dnszones/TXT", "etag": etag(entries),
            "properties": {"fqdn": format!("{}.", self.owner), "TTL": ttl, "TXTRecords": records,
                "targetResource": {}, "provisioningState": "Succeeded"}})
    }

    /// This one error does not stand below `error`.
    fn absent(&self) -> Reply {
        let message = format!("The resource record '{}' does not exist in resource group '{AZURE_GROUP}'.", self.name);
        Reply { status: 404, body: json!({"code": "NotFound", "message": message}) }
    }
}

/// Another one after each write: the lab numbers its records.
fn etag(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{:x}-", entry.id)).collect()
}

/// Each value a list of strings of at most 255 bytes.
fn values(records: &Value) -> Option<Vec<String>> {
    let text = |text: &Value| text.as_str().filter(|text| text.len() <= 255).map(str::to_owned);
    let value = |record: &Value| record["value"].as_array()?.iter().map(text).collect::<Option<String>>();
    records.as_array().filter(|records| !records.is_empty())?.iter().map(value).collect()
}

fn strings(value: &str) -> Vec<String> {
    value.as_bytes().chunks(255).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}

fn refused(status: u16, error: &str, description: &str) -> Reply {
    Reply { status, body: json!({"error": error, "error_description": description, "error_codes": []}) }
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    Reply { status, body: json!({"error": {"code": code, "message": message}}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, zone: &str, header: (&str, &str), records: &Value) -> Request {
        let headers = [("authorization", "Bearer token-for-secret"), ("content-type", "application/json"), header];
        Request {
            method: method.to_owned(),
            path: format!(
                "/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/dns_%28lab%29/providers/Microsoft.Network/dnsZones/{zone}/TXT/a"
            ),
            query: [("api-version".to_owned(), "2018-05-01".to_owned())].into(),
            query_text: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: json!({"properties": {"TTL": 60, "TXTRecords": records}}).to_string(),
        }
    }

    #[test]
    fn a_set_is_written_under_the_etag_it_has() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let api = azure(store, "secret".to_owned());
        let send = |method: &str, header: (&str, &str)| {
            api(&request(method, "example.test", header, &json!([{"value": ["o", "ne"]}])))
        };
        let code = |reply: Reply| (reply.status, reply.body["code"].clone());
        assert_eq!(code(send("GET", ("accept", "*/*"))), (404, json!("NotFound")));
        assert_eq!(send("PATCH", ("if-match", "1-")).status, 412);
        let made = send("PUT", ("if-none-match", "*"));
        assert_eq!((made.status, &made.body["properties"]["TXTRecords"]), (201, &json!([{"value": ["one"]}])));
        assert_eq!(send("PUT", ("if-none-match", "*")).status, 412);
        assert_eq!(send("PUT", ("accept", "*/*")).status, 400);
        let etag = made.body["etag"].as_str().expect("an etag");
        assert_eq!(send("PATCH", ("if-match", etag)).status, 200);
        assert_eq!(send("DELETE", ("if-match", etag)).status, 412);
        let etag = send("GET", ("accept", "*/*")).body["etag"].as_str().expect("an etag").to_owned();
        assert_eq!(send("DELETE", ("if-match", &etag)).status, 200);
        assert_eq!(send("GET", ("accept", "*/*")).status, 404);
    }

    #[test]
    fn what_the_apis_do_not_take_is_refused() {
        let store = Store::default();
        store.add_zone("example.test").expect("a name");
        let api = azure(store.clone(), "secret".to_owned());
        let new = ("if-none-match", "*");
        let long = json!([{"value": ["x".repeat(256)]}]);
        assert_eq!(api(&request("PUT", "example.test", new, &long)).status, 400);
        assert_eq!(api(&request("PUT", "example.test", new, &json!([]))).status, 400);
        let absent = api(&request("GET", "absent.test", new, &Value::Null));
        assert_eq!((absent.status, &absent.body["error"]["code"]), (404, &json!("ParentResourceNotFound")));
        let other = azure(store, "other".to_owned());
        assert_eq!(other(&request("GET", "example.test", new, &Value::Null)).status, 401);
    }

    #[test]
    fn a_token_is_given_for_the_right_secret_alone() {
        let api = azure(Store::default(), "s e&cret".to_owned());
        let log_in = |body: &str| {
            api(&Request {
                method: "POST".to_owned(),
                path: format!("/{AZURE_TENANT}/oauth2/v2.0/token"),
                query: BTreeMap::new(),
                query_text: String::new(),
                headers: [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())].into(),
                body: body.to_owned(),
            })
        };
        let form = format!(
            "client_id={AZURE_CLIENT}&grant_type=client_credentials&client_secret=s%20e%26cret&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
        );
        assert_eq!(log_in(&form).body["access_token"], "token-for-s e&cret");
        for (from, to, status) in [
            ("e%26cret", "wrong", 401),
            (AZURE_CLIENT, "other", 400),
            (".default", "", 400),
            ("client_credentials", "password", 400),
        ] {
            assert_eq!(log_in(&form.replace(from, to)).status, status, "{to}");
        }
    }
}
