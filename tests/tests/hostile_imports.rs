//! What is no provider for this host is refused before it is compiled, in words that name what is wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::inspect::{InspectError, inspect};
use acmite_tests::acmite::Acmite;
use acmite_tests::hostile::{component, core_guest, guest_component, load, manifest};

fn refused(text: &str) -> InspectError {
    let bytes = component(text, Some(&manifest("plugin.toml")));
    let error = inspect(&bytes).unwrap_err();
    let said = load(&bytes).err().unwrap();
    assert!(said.contains("hostile.wasm") && said.contains(&error.to_string()), "{said}");
    assert!(!said.chars().any(char::is_control), "{said:?}");
    error
}

#[test]
fn an_import_beyond_the_contract_is_named() {
    for import in [
        "wasi:sockets/tcp@0.2.0",
        "wasi:filesystem/types@0.2.3",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:cli/environment@0.2.0",
        "wasi:clocks/wall-clock@0.2.0",
        "acmite:provider/files@0.1.0",
        "acmite:other/http@0.1.0",
        "evil:provider/http@0.1.0",
    ] {
        let error = refused(&format!("(component (import \"{import}\" (instance)))"));
        assert!(matches!(&error, InspectError::ForbiddenImport { name } if name == import), "{error}");
    }
    let error = refused("(component (import \"run\" (func)))");
    assert!(matches!(&error, InspectError::ForbiddenImport { name } if name == "run"), "{error}");
    // An instance under the right name that wants more than the contract has.
    let more = r#"(component (import "acmite:provider/log@0.1.0" (instance (export "erase-disk" (func)))))"#;
    assert!(matches!(refused(more), InspectError::NotAProvider));
}

#[test]
fn another_version_of_the_contract_is_named() {
    for (version, text) in [
        ("0.0.9", r#"(component (import "acmite:provider/http@0.0.9" (instance)))"#),
        ("0.2.0", r#"(component (import "acmite:provider/http@0.2.0" (instance)))"#),
        ("1.0.0", r#"(component (instance $i) (export "acmite:provider/plugin@1.0.0" (instance $i)))"#),
    ] {
        let error = refused(text);
        assert!(matches!(&error, InspectError::OtherContract { version: found } if found == version), "{error}");
    }
}

#[test]
fn another_world_a_module_and_no_or_two_manifests_are_refused() {
    assert!(matches!(refused("(component)"), InspectError::NotAProvider));
    assert!(matches!(
        refused("(component (instance $i) (export \"plugin\" (instance $i)))"),
        InspectError::NotAProvider
    ));
    let module = component("(module (memory 1))", None);
    assert!(matches!(inspect(&module), Err(InspectError::CoreModule)));
    let own = manifest("plugin.toml");
    let text = r#"(component (instance $i) (export "acmite:provider/plugin@0.1.0" (instance $i)))"#;
    assert!(matches!(inspect(&component(text, None)), Err(InspectError::NoManifest)));
    let twice = [guest_component(), &component("(component)", Some(&own))[8..]].concat();
    assert!(matches!(inspect(&twice), Err(InspectError::TwoManifests)));
    // A manifest within a nested component is none; one beside it is the only one.
    assert!(load(guest_component()).is_ok());
}

#[test]
fn an_export_of_the_right_name_and_the_wrong_shape_does_not_load_as_a_provider() {
    let text = r#"(component (instance $i) (export "acmite:provider/plugin@0.1.0" (instance $i)))"#;
    let loaded = load(&component(text, Some(&manifest("plugin.toml")))).unwrap();
    let said = acmite_tests::hostile::Attack::new("nothing").provider_of(loaded).err().unwrap();
    assert!(said.contains("hostile") && said.contains("does not fit"), "{said}");
}

#[test]
fn a_manifest_with_escapes_shows_none() {
    let folder = tempfile::tempdir().unwrap();
    let escaped = "\\u001b[2J\\u202e\\u009b1m";
    for (number, (from, to)) in [
        ("name = \"Hostile\"", format!("name = \"a{escaped}b\"")),
        ("help = \"which one\"", format!("help = \"a{escaped}b\"")),
        ("id = \"hostile\"", format!("id = \"{escaped}\"")),
        ("[endpoint.zones]", format!("[endpoint.\"{escaped}\"]")),
        ("request = \"GET /zones\"", format!("request = \"GET /{escaped}\"")),
        ("privilege = \"everything\"", "privilege = \"\u{1b}[2J\"".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let text = manifest("plugin.toml").replacen(from, &to, 1);
        let path = folder.path().join(format!("{number}.wasm"));
        std::fs::write(&path, core_guest("", &text)).unwrap();
        for command in ["plugin inspect", "plugin install", "plugin check"] {
            let done = Acmite::new(command, &folder.path().join("state")).args([&path]).run();
            let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
            let said = done.stdout + &done.stderr;
            assert!(!said.is_empty() && !said.contains(bad), "{command}: {said:?}");
        }
    }
}
