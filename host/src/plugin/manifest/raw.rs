//! `plugin.toml` as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::plugin::manifest::{DnsUpdateSpec, Guide, Leaf, Op};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) contract: String,
    pub(super) homepage: String,
    pub(super) license: String,
    pub(super) docs: String,
    pub(super) privilege: String,
    pub(super) semantics: Option<String>,
    #[serde(default)]
    pub(super) field: toml::map::Map<String, toml::Value>,
    #[serde(default)]
    pub(super) origin: BTreeMap<String, RawOrigin>,
    #[serde(default)]
    pub(super) endpoint: BTreeMap<String, RawEndpoint>,
    pub(super) dns_update: Option<DnsUpdateSpec>,
    #[serde(default)]
    pub(super) propagation: RawPropagation,
    #[serde(default)]
    pub(super) guide: Guide,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPropagation {
    pub(super) settle_ms: u64,
    pub(super) min_ttl: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    #[serde(default)]
    pub(super) secret: bool,
    pub(super) required: Option<bool>,
    pub(super) unless: Option<String>,
    pub(super) warning: Option<String>,
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) one_of: Vec<String>,
    #[serde(default)]
    pub(super) alias: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) env: Vec<String>,
    #[serde(default)]
    pub(super) certbot: Vec<String>,
    #[serde(default)]
    pub(super) lego: Vec<String>,
    pub(super) help: String,
    pub(super) from: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOrigin {
    pub(super) url: String,
    #[serde(default)]
    pub(super) by: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) headers: Vec<String>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, RawFill>,
    pub(super) rate_per_second: Option<f64>,
    pub(super) burst: Option<u32>,
    #[serde(default)]
    pub(super) limits: String,
    pub(super) concurrency: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RawFill {
    Template(String),
    Classes(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEndpoint {
    pub(super) origin: Option<String>,
    pub(super) request: String,
    #[serde(default)]
    pub(super) query: Vec<String>,
    #[serde(default)]
    pub(super) headers: Vec<String>,
    pub(super) body: Option<String>,
    pub(super) reply: Option<String>,
    pub(super) reply_limit_bytes: Option<usize>,
    #[serde(default)]
    pub(super) also: BTreeMap<String, Leaf>,
    #[serde(default)]
    pub(super) fixed: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) same: BTreeMap<String, String>,
    pub(super) zone: Option<String>,
    pub(super) zones: Option<RawZones>,
    pub(super) rows: Option<RawRows>,
    pub(super) covers: Option<String>,
    pub(super) whole_if: Option<String>,
    pub(super) form: Option<String>,
    #[serde(default)]
    pub(super) absent: Vec<u16>,
    #[serde(default)]
    pub(super) effect: Vec<RawEffect>,
    #[serde(default)]
    pub(super) reads: bool,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, RawFill>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) capture_for_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawZones {
    pub(super) each: String,
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRows {
    #[serde(default)]
    pub(super) each: String,
    pub(super) id: Option<String>,
    pub(super) r#type: String,
    pub(super) name: String,
    pub(super) values: Option<String>,
    pub(super) value: String,
    pub(super) ttl: Option<String>,
    #[serde(default)]
    pub(super) keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEffect {
    pub(super) op: RawOp,
    #[serde(default)]
    pub(super) each: String,
    pub(super) id: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) name: Option<String>,
    pub(super) values: Option<String>,
    pub(super) value: Option<String>,
    pub(super) ttl: Option<String>,
    #[serde(default)]
    pub(super) keep: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RawOp {
    Fixed(Op),
    By(BTreeMap<String, BTreeMap<String, Op>>),
}
