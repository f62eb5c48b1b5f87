//! PowerDNS's API: one read and one write to publish, the same to withdraw.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::Outcome;
use crate::log::Log;

pub(crate) struct PowerDns {
    client: reqwest::Client,
    api: String,
    key: String,
    log: Arc<Log>,
}

type Records = BTreeMap<String, Vec<String>>;

/// Each zone that has records, with the values of each name; a name belongs to the longest zone it ends with.
pub(crate) fn by_zone(zones: &[String], records: &[(String, String)]) -> BTreeMap<String, Records> {
    let mut all: BTreeMap<String, Records> = BTreeMap::new();
    for (name, value) in records {
        let holds = |zone: &&String| name.ends_with(&format!(".{zone}."));
        if let Some(zone) = zones.iter().filter(holds).max_by_key(|zone| zone.len()) {
            all.entry(zone.clone()).or_default().entry(name.clone()).or_default().push(value.clone());
        }
    }
    all
}

impl PowerDns {
    pub(crate) fn new(api: &str, key: &str, log: Arc<Log>) -> Outcome<Self> {
        Ok(Self { client: reqwest::Client::new(), api: api.to_owned(), key: key.to_owned(), log })
    }

    pub(crate) async fn publish(&self, zone: &str, records: &Records) -> Outcome<()> {
        self.send(reqwest::Method::GET, zone, None).await?;
        let set = |(name, values): (&String, &Vec<String>)| {
            let records: Vec<Value> =
                values.iter().map(|value| json!({"content": format!("\"{value}\""), "disabled": false})).collect();
            json!({"name": name, "type": "TXT", "changetype": "REPLACE", "ttl": 60, "records": records})
        };
        self.patch(zone, records.iter().map(set).collect()).await
    }

    pub(crate) async fn withdraw(&self, zone: &str, records: &Records) -> Outcome<()> {
        self.send(reqwest::Method::GET, zone, None).await?;
        let gone = |name: &String| json!({"name": name, "type": "TXT", "changetype": "DELETE", "records": []});
        self.patch(zone, records.keys().map(gone).collect()).await
    }

    async fn patch(&self, zone: &str, sets: Vec<Value>) -> Outcome<()> {
        self.send(reqwest::Method::PATCH, zone, Some(json!({"rrsets": sets}))).await
    }

    async fn send(&self, method: reqwest::Method, zone: &str, body: Option<Value>) -> Outcome<()> {
        let url = format!("{}/api/v1/servers/localhost/zones/{zone}.", self.api);
        let began = self.log.now();
        let mut request = self.client.request(method.clone(), &url).header("x-api-key", &self.key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = request.send().await?;
        let status = reply.status();
        let body = reply.bytes().await?;
        self.log.note(began, method.as_str(), &url, status.as_u16());
        if status.is_success() { Ok(()) } else { Err(String::from_utf8_lossy(&body).into()) }
    }
}
