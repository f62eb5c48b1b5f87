//! `acmite.toml` is made so: what is missing or has changed is issued, all else is left alone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::plugins::repository;
use acmite_tests::scene::{Scene, described};
use serde_json::Value;

fn peers() -> Option<(NameServer, Pebble)> {
    let server = bind("hmac-sha256")?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    Some((server, ca))
}

/// A file with the CA and the provider of a scene, and `certificates`.
fn write(scene: &Scene, server: &NameServer, ca: &Pebble, certificates: &str) -> PathBuf {
    let text = format!("state_dir = \"state\"\n{}", described(server, ca, certificates));
    scene.private_file("acmite.toml", &text)
}

fn apply(scene: &Scene) -> Acmite {
    let file = scene.folder().join("acmite.toml");
    Acmite::without_state("apply --json --config", scene.folder()).args([file])
}

fn plan(scene: &Scene) -> Acmite {
    apply(scene).args(["--plan"])
}

/// Name and result, or step, of each certificate.
fn told(done: &Finished) -> Vec<(String, String)> {
    let events = done.events();
    let last = events.last().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().map(str::to_owned);
    let certificates = last["certificates"].as_array().unwrap_or_else(|| panic!("{done}"));
    certificates
        .iter()
        .map(|one| (text(one, "name").unwrap(), text(one, "result").or(text(one, "step")).unwrap()))
        .collect()
}

fn pair(name: &str, word: &str) -> (String, String) {
    (name.to_owned(), word.to_owned())
}

fn issued(ca: &Pebble) -> usize {
    ca.log().matches("Issued certificate serial").count()
}

#[test]
fn what_is_missing_is_issued_and_then_nothing_is_left_to_do() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let certificates = "[certificate.web]\nnames = [\"www.example.test\", \"*.www.example.test\"]\n\
         [certificate.mail]\nnames = [\"mail.example.test\"]\nkey_type = \"p384\"\n";
    write(&scene, &server, &ca, certificates);
    let planned = plan(&scene).run().expect_code(13);
    assert_eq!(told(&planned), [pair("mail", "issue"), pair("web", "issue")], "{planned}");
    assert_eq!(issued(&ca), 0);
    let done = apply(&scene).run().expect_code(0);
    assert_eq!(told(&done), [pair("mail", "issued"), pair("web", "issued")], "{done}");
    let text = openssl::verify(&scene.live("web"), &ca.issuing_root());
    assert_eq!(openssl::dns_names(&text), ["*.www.example.test", "www.example.test"]);
    assert!(openssl::verify(&scene.live("mail"), &ca.issuing_root()).contains("384 bit"));
    let log = ca.log();
    plan(&scene).run().expect_code(0);
    assert_eq!(told(&apply(&scene).run().expect_code(0)), [pair("mail", "kept"), pair("web", "kept")]);
    assert_eq!(ca.log(), log, "the CA was asked for something");
}

#[test]
fn a_change_of_the_certificate_is_issued_anew_and_one_of_its_hooks_is_only_kept() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let mark = scene.folder().join("mark");
    let hook = format!("hooks = {{ deploy = [\"touch {}\"] }}\n", mark.display());
    let one = "[certificate.web]\nnames = [\"a.example.test\"]\n";
    write(&scene, &server, &ca, one);
    apply(&scene).run().expect_code(0);
    write(&scene, &server, &ca, &format!("{one}{hook}"));
    assert_eq!(told(&plan(&scene).run().expect_code(13)), [pair("web", "update")]);
    assert_eq!(told(&apply(&scene).run().expect_code(0)), [pair("web", "updated")]);
    assert_eq!((issued(&ca), mark.exists()), (1, false));
    let two = "[certificate.web]\nnames = [\"b.example.test\", \"a.example.test\"]\n";
    write(&scene, &server, &ca, &format!("{two}{hook}"));
    let planned = plan(&scene).run().expect_code(13);
    let change = &planned.events()[0]["certificates"][0]["changes"][0];
    assert_eq!((&change["setting"], &change["from"]), (&"names".into(), &"a.example.test".into()), "{planned}");
    assert_eq!(told(&apply(&scene).run().expect_code(0)), [pair("web", "issued")]);
    assert_eq!((issued(&ca), mark.exists()), (2, true));
    assert!(ca.log().contains("is a replacement of"), "the order does not name the certificate it replaces");
}

#[test]
fn what_is_not_in_the_file_is_told_left_alone_and_still_renewed() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let (one, other) =
        ("[certificate.a]\nnames = [\"a.example.test\"]\n", "[certificate.b]\nnames = [\"b.example.test\"]\n");
    write(&scene, &server, &ca, &format!("{one}{other}"));
    apply(&scene).run().expect_code(0);
    write(&scene, &server, &ca, one);
    for run in [plan(&scene), apply(&scene)] {
        let done = run.run().expect_code(0);
        assert_eq!(done.events().last().unwrap()["not_in_file"], serde_json::json!(["b"]), "{done}");
    }
    openssl::verify(&scene.live("b"), &ca.issuing_root());
    Acmite::new("renew b --force", &scene.state()).run().expect_code(0);
}

#[test]
fn one_that_fails_holds_up_no_other_and_is_tried_again() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let certificates = "[provider.broken]\nplugin = \"rfc2136\"\ncredentials = \"none.toml\"\ndomains = [\"b.example.test\"]\n\
         [certificate.a]\nnames = [\"a.example.test\"]\n[certificate.b]\nnames = [\"b.example.test\"]\nprovider = \"broken\"\n";
    write(&scene, &server, &ca, certificates);
    let done = apply(&scene).run().expect_code(3);
    assert_eq!(told(&done), [pair("a", "issued"), pair("b", "failed")], "{done}");
    // The zone is example.test, which is in no instance's domains: the one for all others is taken.
    write(&scene, &server, &ca, &certificates.replace("provider = \"broken\"", ""));
    let done = apply(&scene).run().expect_code(0);
    assert_eq!(told(&done), [pair("a", "kept"), pair("b", "issued")], "{done}");
}

#[test]
fn a_plan_contacts_nobody_and_writes_no_certificate() {
    let scene = Scene::duckdns("127.0.0.1:1".parse().unwrap(), "none");
    let text = "[ca.gone]\ndirectory = \"https://127.0.0.1:1/dir\"\nagree_tos = true\n[provider.own]\nplugin = \"duckdns\"\n\
                [certificate.a]\nnames = [\"a.duckdns.org\"]\n";
    scene.private_file("acmite.toml", text);
    let planned = plan(&scene).env("ACMITE_STATE_DIR", scene.state().to_str().unwrap()).run().expect_code(13);
    assert_eq!(told(&planned), [pair("a", "issue")]);
    assert_eq!(std::fs::read_dir(scene.state().join("renewal")).unwrap().count(), 0);
}

#[test]
fn a_mistake_is_told_with_file_line_column_and_key_and_nothing_happens() {
    let scene = Scene::duckdns("127.0.0.1:1".parse().unwrap(), "none");
    let provider = "[provider.own]\nplugin = \"duckdns\"\n";
    for (certificate, place, words) in [
        ("naems = [\"a.example\"]", ":4:1: certificate.a.naems", "did you mean \"names\"?"),
        ("names = [\"a..example\"]", ":4:10: certificate.a.names.0", "label"),
        ("names = []", ":4:1: certificate.a.names", "at least one name"),
        ("names = [\"a.example\"]\nca = \"letsencrpyt\"", ":5:1: certificate.a.ca", "did you mean \"letsencrypt\"?"),
        ("names = [\"a.example\"]\nprovider = \"onw\"", ":5:1: certificate.a.provider", "did you mean \"own\"?"),
        ("names = [\"a.example\"]\nkey_type = \"p255\"", ":5:1: certificate.a.key_type", "p256"),
        ("names = [\"192.0.2.1\"]", ":3:14: certificate.a.challenges", "address"),
        ("names = [\"a.example\"]\nhooks = { deploy = [\"copy: x\"] }", ":5:11: certificate.a.hooks.deploy", "PATH"),
        ("names = [\"a.example\"]\ndns = { ttl = \"x\" }", ":5:15: certificate.a.dns.ttl", "invalid type"),
        (
            "names = [\"a.example\"]\ndns = { propagation_timeout = \"5 m\" }",
            ":5:9: certificate.a.dns.propagation_",
            "give",
        ),
    ] {
        let file = scene.private_file("acmite.toml", &format!("{provider}[certificate.a]\n{certificate}\n"));
        let done = plan(&scene).run().expect_code(3);
        let message = done.events()[0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(&format!("{}{place}", file.display())), "{certificate}: {message}");
        assert!(message.contains(words), "{certificate}: {message}");
    }
}

#[test]
fn what_was_issued_with_flags_is_as_a_file_describes_that_says_the_same() {
    let Some((server, ca)) = peers() else { return };
    let scene = Scene::rfc2136(&server);
    let flags = [
        "--cert-name",
        "web",
        "--key-type",
        "p384",
        "--reuse-key",
        "--propagation-timeout",
        "2m",
        "--dns-ttl",
        "30",
        "--deploy-hook",
        "shell: true",
        "--pre-hook",
        "true",
        "--post-hook",
        "true",
        "--http-port",
        "81",
        "--tls-port",
        "444",
        "--challenge",
        "a.example.test=dns-01",
    ];
    scene.issue(&ca).names(["a.example.test", "b.example.test"]).args(flags).run().expect_code(0);
    let certificate = "[hooks]\npost = [\"true\"]\n[certificate.web]\nnames = [\"a.example.test\", \"b.example.test\"]\n\
        key_type = \"p384\"\nreuse_key = true\nhttp_port = 81\ntls_port = 444\n\
        challenge_by_name = { \"a.example.test\" = \"dns-01\" }\ndns = { propagation_timeout = \"120s\", ttl = 30 }\n\
        hooks = { pre = [\"true\"], deploy = [\"shell: true\"] }\n";
    write(&scene, &server, &ca, certificate);
    let planned = plan(&scene).run();
    let steps = &planned.events()[0]["certificates"];
    assert_eq!(steps[0]["changes"].as_array().map(|changes| changes.len()).unwrap_or_default(), 0, "{planned}");
    planned.expect_code(0);
}

/// A line of the table of who wins.
struct Row {
    setting: String,
    /// Flag, variable and key; empty where there is none.
    sources: [String; 3],
    otherwise: String,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    let lines = text.split("## Who wins").nth(1).unwrap().lines().filter(|line| line.starts_with("| ")).skip(1);
    let row = |line: &str| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        let sources = [cells[2].clone(), cells[3].clone(), cells[4].clone()];
        Row { setting: cells[1].clone(), sources, otherwise: cells[5].clone() }
    };
    lines.map(row).collect()
}

impl Row {
    /// The member of a plan that shows it, and what the source of this number says of it.
    fn says(&self, scene: &Scene, source: usize) -> (&'static str, Value) {
        let path = |ending: &str| scene.folder().join(format!("{source}.{ending}")).display().to_string();
        match self.setting.as_str() {
            "this file" => ("config", path("toml").into()),
            "state folder" => ("state_dir", path("state").into()),
            "certificates at once" => ("at_once", (source + 10).into()),
            "log file" => ("log_file", path("log").into()),
            other => panic!("{other} is not tried"),
        }
    }

    /// What a plan shows where all sources from the `first` on say something else.
    fn shown(&self, scene: &Scene, first: usize) -> Value {
        let said = |source: usize| {
            let value = self.says(scene, source).1;
            (source >= first && !self.sources[source].is_empty()).then_some(value)
        };
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let key = said(2).map(|value| format!("{} = {value}\n", self.sources[2])).unwrap_or_default();
        let elsewhere = if key.starts_with("state_dir") { "" } else { "state_dir = \"state\"\n" };
        let file = |name: &str| scene.private_file(name, &format!("{key}{elsewhere}"));
        let files = ["acmite.toml", "0.toml", "1.toml"].map(file);
        let mut run = Acmite::without_state("apply --plan --json", scene.folder());
        if self.setting != "this file" {
            run = run.args(["--config"]).args([&files[0]]);
        }
        if let Some(value) = said(0) {
            run = run.args([&self.sources[0], &plain(&value)]);
        }
        if let Some(value) = said(1) {
            run = run.env(&self.sources[1], &plain(&value));
        }
        let planned = run.run().expect_code(0);
        planned.events()[0][self.says(scene, 0).0].clone()
    }
}

#[test]
fn the_table_of_who_wins_is_true() {
    for row in rows() {
        let scene = Scene::duckdns("127.0.0.1:1".parse().unwrap(), "none");
        for first in (0..3).filter(|source| !row.sources[*source].is_empty()) {
            let expected = row.says(&scene, first).1;
            assert_eq!(row.shown(&scene, first), expected, "{}, from source {first} on", row.setting);
        }
        if let Ok(number) = row.otherwise.parse::<u64>() {
            assert_eq!(row.shown(&scene, 3), number, "{}", row.setting);
        }
    }
}

/// All that the command line says, in all its manual pages.
fn manual(folder: &std::path::Path) -> Vec<String> {
    Acmite::new("man", &folder.join("state")).args([folder.join("man")]).run().expect_code(0);
    let pages = std::fs::read_dir(folder.join("man")).unwrap();
    pages.map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap().replace('\\', " ")).collect()
}

fn words_after<'a>(text: &'a str, mark: &str) -> impl Iterator<Item = String> + 'a + use<'a> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    text.split(mark).skip(1).map(word).collect::<Vec<String>>().into_iter()
}

#[test]
fn every_variable_and_every_key_for_the_whole_file_is_in_the_table_of_who_wins() {
    let folder = tempfile::tempdir().unwrap();
    let sorted = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect::<BTreeSet<_>>();
    let [_, variables, keys] = [0, 1, 2].map(|n| sorted(rows().iter().map(|row| row.sources[n].clone()).collect()));
    let pages = manual(folder.path());
    assert_eq!(
        sorted(pages.iter().flat_map(|page| words_after(page, "May also be specified with the  fB")).collect()),
        variables
    );
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(repository().join("docs/acmite.schema.json")).unwrap()).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let plain = properties.iter().filter(|(_, one)| one["type"] != "object").map(|(key, _)| key.clone());
    assert_eq!(sorted(plain.collect()), keys);
}

#[test]
fn every_flag_that_a_key_is_said_to_be_is_there() {
    let schema = std::fs::read_to_string(repository().join("docs/acmite.schema.json")).unwrap();
    let help = Acmite::without_state("issue --help", &repository()).run().expect_code(0).stdout;
    let flags: BTreeSet<String> = words_after(&schema, "; as --").collect();
    assert!(flags.len() > 20, "{flags:?}");
    // That one is of `acmite apply` and `acmite run`.
    let missing: Vec<_> = flags.iter().filter(|f| *f != "at-once" && !help.contains(&format!("--{f}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_published_schema_is_the_one_that_is_printed() {
    let published = std::fs::read_to_string(repository().join("docs/acmite.schema.json")).unwrap();
    let printed = Acmite::without_state("apply --schema", &repository()).run().expect_code(0);
    assert!(printed.stdout == published, "run: acmite apply --schema > docs/acmite.schema.json");
}

#[test]
fn the_examples_in_the_documents_are_taken() {
    let scene = Scene::duckdns("127.0.0.1:1".parse().unwrap(), "none");
    openssl::request(scene.folder(), "appliance", "/CN=appliance.example.com", &[]);
    let mut taken = 0;
    for document in ["docs/configuration.md", "docs/hooks.md"] {
        let text = std::fs::read_to_string(repository().join(document)).unwrap();
        for example in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            scene.private_file("acmite.toml", example);
            let state = scene.state();
            plan(&scene).env("ACMITE_STATE_DIR", state.to_str().unwrap()).run().expect_code(13);
            taken += 1;
        }
    }
    assert!(taken > 5);
}
