//! What the documents show is what the code takes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::manifest::Manifest;
use acmite_tests::plugins::repository;

fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_manifest_shown_to_writers_of_providers_is_accepted() {
    let text = std::fs::read_to_string(repository().join("docs/writing-a-provider.md")).unwrap();
    let manifests = blocks(&text, "toml");
    assert_eq!(manifests.len(), 1);
    let manifest = Manifest::parse(manifests[0]).unwrap();
    assert_eq!((manifest.id.as_str(), manifest.endpoints.len()), ("quillzone", 3));
}
