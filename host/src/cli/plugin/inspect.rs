//! `acmite plugin inspect`.

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::providers::{Spec, component};
use super::setup::open_state;
use super::{Global, Printer};
use crate::causes::chain;
use crate::plugin::field::FieldSpec;
use crate::plugin::inspect::{Inspected, inspect};
use crate::plugin::manifest::Permissions;
use crate::secure_file::read_named;
use crate::words::one_line;

/// Show what a provider is, needs and may do, without running it.
///
/// Example: acmite plugin inspect cloudflare
#[derive(clap::Args)]
pub(in crate::cli) struct Args {
    /// The provider: ID or PATH.wasm
    #[arg(value_name = "PLUGIN")]
    plugin: Spec,
}

pub(super) fn run(args: &Args, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let (inspected, bytes) = inspected(&args.plugin, global)?;
    printer.result(&text(&inspected, bytes), &json_of(&inspected, bytes));
    Ok(Exit::Done)
}

/// What a component says of itself, and its size in bytes.
pub(super) fn inspected(spec: &Spec, global: &Global) -> Result<(Inspected, usize), Failure> {
    let component = read(spec, global)?;
    let inspected = inspect(&component)
        .map_err(|error| Failure::new(Exit::Configuration, format!("could not use {spec}: {}", chain(&error))))?;
    Ok((inspected, component.len()))
}

fn read(spec: &Spec, global: &Global) -> Result<Vec<u8>, Failure> {
    match spec {
        Spec::File(path) => read_named(path)
            .map_err(|error| Failure::new(Exit::Configuration, format!("could not read {}: {error}", path.display()))),
        Spec::Id { id, .. } => {
            component(&open_state(global)?, id).map_err(|error| Failure::of(Exit::Configuration, &error))
        }
    }
}

fn text(inspected: &Inspected, bytes: usize) -> String {
    let manifest = &inspected.manifest;
    let mut lines = vec![
        format!("{} {} ({})", manifest.id, manifest.version, manifest.name),
        format!("sha256     {}", inspected.sha256),
        format!("size       {bytes} bytes"),
        format!("homepage   {}", manifest.homepage),
        format!("licence    {}", manifest.license),
        format!("docs       {}", manifest.docs),
        format!("privilege  {}", manifest.privilege),
        format!("imports    {}", inspected.imports.join(", ")),
    ];
    for field in &manifest.fields {
        let kind = if field.secret { "secret" } else { "setting" };
        let need = if field.required { "required" } else { "optional" };
        lines.push(format!("{kind:<10} {} ({need}): {}", field.name, field.help));
    }
    lines.iter_mut().for_each(|line| *line = one_line(line));
    let Permissions { credentials, requests, unguarded } = manifest.permissions();
    for (title, part) in [("credentials", credentials), ("requests", requests), ("not guarded", unguarded)] {
        if !part.is_empty() {
            lines.push(format!("\n{title}"));
            lines.extend(indented(part));
        }
    }
    lines.push(GUARDED.to_owned());
    lines.join("\n")
}

/// What is said of a request stands below it, without its line once more.
fn indented(part: Vec<String>) -> Vec<String> {
    let mut request = String::new();
    part.into_iter()
        .map(|line| {
            if let Some(asked) = line.strip_prefix("may ask ") {
                request = format!("  {asked}: ");
            }
            match line.strip_prefix(&request).filter(|_| !request.is_empty()) {
                Some(said) => format!("    {said}"),
                None => format!("  {line}"),
            }
        })
        .collect()
}

/// The meaning of what is shown, for who reads it the first time.
const GUARDED: &str = "
A request under \"requests\" is sent only as it stands there, to that host. What it adds or deletes is held to the TXT
values of the order in hand; what is listed as free (\"any ...\") the plugin fills as it likes. A host that receives a
credential can use it. SECURITY.md says what is promised and what is not.";

fn json_of(inspected: &Inspected, bytes: usize) -> Value {
    let manifest = &inspected.manifest;
    json!({
        "event": "inspected",
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "homepage": manifest.homepage,
        "license": manifest.license,
        "docs": manifest.docs,
        "privilege": manifest.privilege,
        "sha256": inspected.sha256,
        "bytes": bytes,
        "imports": inspected.imports,
        "fields": manifest.fields.iter().map(field_json).collect::<Vec<_>>(),
        "permissions": manifest.permissions().lines(),
        "unguarded": manifest.permissions().unguarded,
    })
}

/// A field, for scripts.
pub(super) fn field_json(field: &FieldSpec) -> Value {
    json!({"name": field.name, "secret": field.secret, "required": field.required, "help": field.help,
        "env": field.env, "certbot": field.certbot, "lego": field.lego})
}
