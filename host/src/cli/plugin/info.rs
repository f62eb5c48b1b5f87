//! `acmite plugin info`.

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::inspect::inspected;
use super::providers::Spec;
use super::{Global, Printer};
use crate::plugin::manifest::{Manifest, OriginSpec};
use crate::plugin::page;

/// Show how a provider is used: least privilege, fields, an example, quirks, rate limit, sources.
///
/// Example: acmite plugin info cloudflare
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The provider: ID or PATH.wasm
    #[arg(value_name = "PLUGIN")]
    plugin: Spec,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let (inspected, _) = inspected(&args.plugin, global)?;
    let manifest = &inspected.manifest;
    printer.result(page::markdown(manifest).trim_end(), &json_of(manifest));
    Ok(Exit::Done)
}

fn json_of(manifest: &Manifest) -> Value {
    let guide = &manifest.guide;
    let rate = |(id, origin): (&String, &OriginSpec)| {
        let OriginSpec { rate_per_second, burst, concurrency, limits, .. } = origin;
        json!({"origin": id, "rate_per_second": rate_per_second, "burst": burst, "concurrency": concurrency,
            "limits": limits})
    };
    let source = |source: &crate::plugin::manifest::Source| json!({"page": source.page, "seen": source.seen});
    json!({
        "event": "info",
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "docs": manifest.docs,
        "changes": manifest.semantics.name(),
        "privilege": manifest.privilege,
        "policy": guide.policy,
        "fields": manifest.fields.iter().map(super::inspect::field_json).collect::<Vec<_>>(),
        "check": guide.check,
        "quirks": guide.quirks,
        "rates": manifest.origins.iter().map(rate).collect::<Vec<_>>(),
        "sources": guide.sources.iter().map(source).collect::<Vec<_>>(),
        "page": page::markdown(manifest),
    })
}
