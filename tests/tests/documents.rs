//! What the documents show is what the code takes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::flow::doctor::{Code, Severity};
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

fn findings() -> String {
    let row = |code: &Code| {
        let severity = if code.severity() == Severity::Error { "error" } else { "warning" };
        format!("| `{}` | {severity} | {} | {} |\n", code.name(), code.meaning(), code.remedy())
    };
    let rows: String = Code::ALL.iter().map(row).collect();
    format!("| code | severity | what it means | what to do |\n|---|---|---|---|\n{rows}")
}

#[test]
fn every_finding_of_the_doctor_is_documented_as_it_is_told() {
    let text = std::fs::read_to_string(repository().join("docs/doctor.md")).unwrap();
    let (_, table) = text.split_once("## Findings\n\n").unwrap();
    assert_eq!(table, findings(), "docs/doctor.md must end with:\n{}", findings());
}

#[test]
fn every_finding_of_the_doctor_is_staged_in_a_test() {
    let staged = include_str!("doctor.rs").to_owned() + include_str!("doctor_kept.rs");
    let missing: Vec<&str> =
        Code::ALL.iter().map(|code| code.name()).filter(|name| !staged.contains(&format!("\"{name}\""))).collect();
    assert_eq!(missing, [""; 0]);
}

/// The image itself is built by no test: nothing here runs containers.
#[test]
fn the_container_recipe_takes_the_package_that_is_made_and_its_commands_are_those_of_the_readme() {
    let read = |name: &str| std::fs::read_to_string(repository().join(name)).unwrap();
    let (recipe, dist, readme) = (read("Containerfile"), read("xtask/src/dist.rs"), read("README.md"));
    for words in ["source=target/dist,target=/dist", "/dist/acmite_*_", "VOLUME /var/lib/acmite", "/usr/bin/acmite"] {
        assert!(recipe.contains(words), "{words}");
    }
    for made in
        ["root().join(\"target/dist\")", "acmite_{version}_{architecture}.deb", "usr/bin/acmite", "var/lib/acmite"]
    {
        assert!(dist.contains(made), "{made}");
    }
    let commands = recipe.lines().filter_map(|line| line.strip_prefix("#   "));
    let missing: Vec<&str> = commands.filter(|command| !readme.contains(command)).collect();
    assert_eq!(missing, [""; 0]);
}
