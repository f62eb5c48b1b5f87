//! Bodies, and requests that a provider asks for.

use std::sync::{Arc, OnceLock};

use acmite::plugin::guard::{Admitted, Guard};
use acmite::plugin::manifest::Manifest;
use acmite::plugin::tree::{self, Format};
use acmite::plugin::wire::{GuestRequest, Phase, Scope, TxtRecord};

/// A body in each format: what was read and written again is read the same, and cut where it was put in.
pub(crate) fn bodies(data: &[u8]) {
    let (Some(first), rest) = (data.first(), data.get(1..).unwrap_or_default()) else { return };
    let format = [Format::Json, Format::Xml, Format::Form][usize::from(first % 3)];
    let Ok(read) = tree::parse(rest, format) else { return };
    for (path, _) in tree::leaves(&read) {
        assert!(tree::stands_for(&path, &path) || path.contains("~3") || path.contains('#'), "{path}");
    }
    let _ = tree::repeated(&read);
    let path = if format == Format::Xml { "/r/acmite-sink" } else { "/acmite-sink" };
    let Ok(whole) = tree::insert(rest, format, path, "k\"<&=y") else { return };
    let (cut, value) = tree::cut(&whole, format, path).unwrap();
    assert_eq!(value, "k\"<&=y");
    assert_eq!(tree::cut(&cut, format, path).unwrap().1, "");
}

const MANIFESTS: [&str; 4] = [
    include_str!("../../plugins/cloudflare/plugin.toml"),
    include_str!("../../plugins/powerdns/plugin.toml"),
    include_str!("../../plugins/route53/plugin.toml"),
    include_str!("../../plugins/namecheap/plugin.toml"),
];

fn manifests() -> &'static [Arc<Manifest>] {
    static READ: OnceLock<Vec<Arc<Manifest>>> = OnceLock::new();
    READ.get_or_init(|| MANIFESTS.iter().map(|text| Arc::new(Manifest::parse(text).unwrap())).collect())
}

/// Lines of bytes taken one after another.
struct Lines<'a>(std::slice::Split<'a, u8, fn(&u8) -> bool>);

impl Lines<'_> {
    fn next(&mut self) -> Vec<u8> {
        self.0.next().unwrap_or_default().to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.next()).into_owned()
    }
}

/// Reads and a write under a bundled manifest, after replies that are as odd: what is admitted is a path of its
/// template's length, headers without line ends, and in `check` and `settled` nothing that changes records.
pub(crate) fn requests(data: &[u8]) {
    let (Some(&first), rest) = (data.first(), data.get(1..).unwrap_or_default()) else { return };
    let manifest = &manifests()[usize::from(first & 3)];
    let phase = [Phase::Present, Phase::Cleanup, Phase::Check, Phase::Settled][usize::from(first >> 2 & 3)];
    let record = TxtRecord { name: "_acme-challenge.example.test".parse().unwrap(), value: "ours".into() };
    let zone = Some("example.test".parse().unwrap());
    let scope = Scope { phase, zone, records: vec![record], max_ttl: 3600 };
    let settings = [("api_user", "lab"), ("client_ip", "192.0.2.10"), ("server", "localhost")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut guard = Guard::new(manifest.clone(), &settings, scope, &[]).unwrap();
    let mut lines = Lines(rest.split((|byte| *byte == 0x1f) as fn(&u8) -> bool));
    let ids: Vec<&String> = manifest.endpoints.keys().collect();
    for _ in 0..3 {
        let which = lines.next().first().copied().unwrap_or_default();
        let request = request(ids[usize::from(which) % ids.len()], manifest, &mut lines);
        let reply = lines.next();
        let Ok(admitted) = guard.admit_all(std::slice::from_ref(&request)) else { continue };
        check(&admitted[0], manifest, phase);
        let _ = guard.observe(&admitted[0], 200, &reply);
    }
    let memory = guard.memory();
    assert!(serde_json::from_slice::<serde_json::Value>(&memory).is_ok());
}

fn request(id: &str, manifest: &Manifest, lines: &mut Lines<'_>) -> GuestRequest {
    let endpoint = &manifest.endpoints[id];
    let path = ["zone", "record"].iter().filter(|name| endpoint_has(manifest, id, name));
    let path = path.map(|name| ((*name).to_owned(), lines.text())).collect();
    let query = endpoint.query.iter().map(|(name, fixed)| {
        let fixed = fixed.as_ref().and_then(|fixed| fixed.literal());
        (name.clone(), fixed.unwrap_or_else(|| lines.text()))
    });
    let query = query.collect();
    let headers = match lines.text() {
        text if text.is_empty() => Vec::new(),
        text => vec![("x-amz-date".to_owned(), text)],
    };
    let body = Some(lines.next()).filter(|body| !body.is_empty());
    GuestRequest { endpoint: id.to_owned(), path, query, headers, body, inject: Vec::new() }
}

fn endpoint_has(manifest: &Manifest, id: &str, variable: &str) -> bool {
    let is_it = |segment: &acmite::plugin::manifest::Segment| matches!(segment, acmite::plugin::manifest::Segment::Variable(name) if name == variable);
    manifest.endpoints[id].path.iter().any(is_it)
}

fn check(admitted: &Admitted, manifest: &Manifest, phase: Phase) {
    let endpoint = &manifest.endpoints[&admitted.endpoint];
    let plain = |c: char| c.is_ascii_alphanumeric() || "/%-._~".contains(c);
    assert!(admitted.path.chars().all(plain), "{}", admitted.path);
    let segments: Vec<&str> = admitted.path.split('/').skip(1).collect();
    assert_eq!(segments.len(), endpoint.path.len(), "{}", admitted.path);
    let upper = admitted.path.to_ascii_uppercase();
    assert!(!segments.iter().any(|segment| matches!(*segment, "" | "." | "..")), "{}", admitted.path);
    assert!(!upper.contains("%2F") && !upper.contains("%00"), "{}", admitted.path);
    assert!(admitted.headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])), "{:?}", admitted.headers);
    assert!(endpoint.effects.is_empty() || matches!(phase, Phase::Present | Phase::Cleanup), "{phase:?} writes");
}
