//! The examples on the pages of `docs/providers` are what acmite takes: its own reader has them, and refuses what differs.

use std::path::Path;

use acmite::plugin::manifest::Manifest;
use acmite::secure_file::write_whole;
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::plugins::{ids, repository};
use serde_json::json;

/// What stands in the TOML blocks of a page's example: acmite.toml, and the file of the credentials.
fn example(id: &str) -> (String, String) {
    let page = std::fs::read_to_string(repository().join(format!("docs/providers/{id}.md"))).expect("a page");
    let (_, after) = page.split_once("## Example").expect("an example");
    let blocks: Vec<String> = after
        .split("```toml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect();
    match <[String; 2]>::try_from(blocks) {
        Ok([config, credentials]) => (config, credentials),
        // The key file is not shown: it is the user's, as the vendor made it.
        Err(blocks) => {
            assert_eq!((blocks.len(), id), (1, "google"), "{blocks:?}");
            let key = include_str!("../src/conformance/keys/google.pem");
            let file = json!({"type": "service_account", "project_id": "p", "private_key": key, "client_email": "e"});
            (blocks[0].clone(), file.to_string())
        }
    }
}

/// Nothing is asked: whatever is asked stands on a port of loopback where nobody listens.
fn origins(id: &str) -> String {
    let text = std::fs::read_to_string(repository().join(format!("plugins/{id}/plugin.toml"))).expect("a manifest");
    let manifest = Manifest::parse(&text).expect("a manifest");
    let fixed = manifest.origins.iter().filter(|(_, origin)| !origin.user_typed);
    fixed.map(|(origin, _)| format!("{id}.{origin}=http://127.0.0.1:1")).collect::<Vec<_>>().join(",")
}

fn plan(folder: &Path, config: &str) -> Finished {
    write_whole(&folder.join("acmite.toml"), config.as_bytes(), 0o600).expect("written");
    Acmite::new("apply --plan", &folder.join("state")).args(["--config"]).args([folder.join("acmite.toml")]).run()
}

fn check(folder: &Path, id: &str, credentials: &str) -> Finished {
    let file = folder.join(format!("{id}.toml"));
    write_whole(&file, credentials.as_bytes(), 0o600).expect("written");
    let run = Acmite::new(&format!("plugin check {id} --zone example.com"), &folder.join("state"));
    run.args(["--credentials"]).args([file]).env("ACMITE_LAB_ORIGINS", &origins(id)).run()
}

#[test]
fn acmite_takes_the_examples_as_they_stand_and_none_with_a_mistake() {
    for id in ids() {
        let (config, credentials) = example(&id);
        let folder = tempfile::tempdir().expect("a folder");
        // Something would change: the certificate is not there yet.
        let planned = plan(folder.path(), &config);
        assert!(planned.code == Some(13) && planned.stdout.contains("would be issued"), "{id}: {planned}");
        let mistaken = plan(folder.path(), &config.replacen("plugin = ", "plug_in = ", 1));
        assert!(mistaken.code == Some(3) && mistaken.stderr.contains("did you mean \"plugin\"?"), "{id}: {mistaken}");
        // Its credentials are read and used: what fails is the connection, or a value that is left open.
        let checked = check(folder.path(), &id, &credentials);
        assert!(!checked.stderr.contains("unknown field") && !checked.stderr.contains("is missing"), "{id}: {checked}");
        assert_ne!(checked.code, Some(2), "{id}: {checked}");
        if credentials.starts_with('{') {
            continue;
        }
        let mistaken = check(folder.path(), &id, &format!("{credentials}no_such_field = \"x\"\n"));
        assert!(mistaken.code == Some(3) && mistaken.stderr.contains("unknown field"), "{id}: {mistaken}");
    }
}
