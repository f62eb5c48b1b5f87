//! `acmite plugin new` gives a provider that is tested, built and inspected as it stands.

use std::path::Path;
use std::process::Command;

use acmite_tests::acmite::Acmite;
use acmite_tests::plugins::repository;

/// Without network; beside what the template's own build has made already.
fn in_the_templates_target(command: &mut Command) -> &mut Command {
    let toolchain = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    command.envs(toolchain.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", repository().join("sdk/template/target"))
}

fn begun(folder: &Path, arguments: &[&str]) -> acmite_tests::acmite::Finished {
    let state = folder.join("state");
    let (dir, sdk) = (folder.join("begun"), repository().join("sdk/rust"));
    Acmite::new("plugin new", &state).args(arguments).args(["--dir"]).args([&dir]).args(["--sdk"]).args([&sdk]).run()
}

#[test]
fn a_provider_that_was_begun_passes_its_tests_and_is_built_and_inspected() {
    let folder = tempfile::tempdir().expect("a folder");
    let done = begun(folder.path(), &["my-dns", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let told: serde_json::Value = serde_json::from_str(done.stdout.trim()).expect("JSON");
    assert_eq!((&told["event"], &told["id"]), (&"begun".into(), &"my-dns".into()));

    let dir = folder.path().join("begun");
    let mut cargo = Command::new("cargo");
    let tested = in_the_templates_target(&mut cargo).arg("test").current_dir(&dir).output().expect("cargo");
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success() && said.contains("5 passed"), "{said}{}", String::from_utf8_lossy(&tested.stderr));

    let component = folder.path().join("my-dns.wasm");
    let state = folder.path().join("state");
    let build = Acmite::new("plugin build", &state).args([&dir]).args(["-o"]).args([&component]);
    let built = in_the_templates_target(&mut build.into_command()).output().expect("acmite");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let inspected = Acmite::new("plugin inspect", &state).args(["--json"]).args([&component]).run();
    assert_eq!(inspected.code, Some(0), "{}", inspected.stderr);
    for expected in ["my-dns", "MY_DNS_TOKEN", "api.my-dns.example"] {
        assert!(inspected.stdout.contains(expected), "{expected} in {}", inspected.stdout);
    }
    keeps_all_rules_in_the_lab(folder.path(), &component);
}

/// As `acmite lab` tells to test it.
fn keeps_all_rules_in_the_lab(folder: &Path, component: &Path) {
    let state = folder.join("state");
    let mut lab = Acmite::new("lab --json", &state).args(["--files"]).args([folder.join("lab")]).start();
    let lab = lab.await_events("lab", 1);
    let told = |field: &str| lab[field].as_str().expect("a text").to_owned();
    let run = Acmite::new("plugin test", &state).args([component]).args(["--json", "--zone", "example.test"]);
    let run = run.args(["--dns-resolver", &told("resolver"), "--credentials", &told("template_credentials")]);
    let done = run.env("ACMITE_LAB_ORIGINS", &format!("my-dns.api={}", told("template_url"))).run().expect_code(0);
    let tried = done.events().pop().expect("an event");
    assert_eq!((&tried["event"], &tried["kept"], &tried["broken"]), (&"tried".into(), &9.into(), &0.into()), "{done}");
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("begun");
    std::fs::create_dir(&mine).expect("a folder");
    let done = begun(folder.path(), &["my-dns"]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stderr.contains("is there already"), "{}", done.stderr);
    assert_eq!(std::fs::read_dir(&mine).expect("a folder").count(), 0);
}

#[test]
fn the_id_of_a_bundled_provider_and_one_that_is_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (id, why) in [("cloudflare", "bundled"), ("My_DNS", "lower case")] {
        let done = begun(folder.path(), &[id]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
    assert!(!folder.path().join("begun").exists());
}
