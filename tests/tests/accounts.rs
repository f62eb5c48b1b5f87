//! Accounts at the newest Pebble, and what real certbot and lego make of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind;
use acmite_tests::name_server::NameServer;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::process::peer;
use acmite_tests::scene::{Ca as _, Scene};

struct World {
    scene: Scene,
    _server: NameServer,
    ca: Pebble,
}

fn world() -> Option<World> {
    world_with(&Options::default())
}

fn world_with(options: &Options) -> Option<World> {
    let server = bind("hmac-sha256")?;
    let ca = pebble(Version::Newest, server.address, options)?;
    Some(World { scene: Scene::rfc2136(&server), _server: server, ca })
}

impl World {
    /// `acmite account COMMAND` in the scene's state folder.
    fn account(&self, command: &str) -> Acmite {
        self.account_in(&self.scene.state(), command)
    }

    fn account_in(&self, state: &Path, command: &str) -> Acmite {
        let server = self.ca.arguments().into_iter().take(4);
        Acmite::new(&format!("account {command}"), state).args(server).args(["--json"])
    }

    fn issue(&self) -> Finished {
        self.scene.issue(&self.ca).names(["example.test"]).run().expect_code(0)
    }

    fn folder(&self) -> PathBuf {
        let accounts = std::fs::read_dir(self.scene.state().join("accounts")).expect("accounts");
        accounts.map(|entry| entry.expect("an entry").path()).next().expect("an account")
    }
}

fn url(shown: &Finished) -> String {
    shown.events().last().expect("a result")["url"].as_str().expect("a URL").to_owned()
}

#[test]
fn contacts_are_replaced_and_an_account_that_is_deactivated_is_put_aside() {
    let Some(world) = world() else { return };
    world.issue();
    world.account("update --email b@example.test").run().expect_code(0);
    let shown = world.account("show").run().expect_code(0);
    assert_eq!(shown.events()[0]["contacts"], serde_json::json!(["mailto:b@example.test"]));
    world.account("deactivate").run().expect_code(0);
    world.account("show").run().expect_code(2);
    // Another one is made.
    world.issue();
    assert_ne!(url(&world.account("show").run().expect_code(0)), url(&shown));
}

#[test]
fn an_account_that_was_ended_elsewhere_is_put_aside_by_the_command_that_the_error_names() {
    let Some(world) = world() else { return };
    world.issue();
    let elsewhere = world.scene.folder().join("elsewhere");
    let copied = Command::new("cp").arg("-a").arg(world.scene.state()).arg(&elsewhere).status().expect("cp");
    assert!(copied.success());
    world.account_in(&elsewhere, "deactivate").run().expect_code(0);
    let refused = world.scene.issue(&world.ca).names(["example.test"]).run().expect_code(5);
    assert!(refused.stderr.contains("`acmite account deactivate`"), "{refused}");
    world.account("deactivate").run().expect_code(0);
    world.account("show").run().expect_code(2);
    world.issue();
}

#[test]
fn a_changed_key_is_the_accounts_and_the_old_one_is_no_more() {
    let Some(world) = world() else { return };
    world.issue();
    let key = world.folder().join("private_key.pem");
    let old = std::fs::read(&key).expect("a key");
    let before = url(&world.account("show").run().expect_code(0));
    world.account("roll-key --key-type p384").run().expect_code(0);
    assert_ne!(std::fs::read(&key).expect("a key"), old);
    assert_eq!(url(&world.account("show").run().expect_code(0)), before);
    world.issue();
    assert!(!world.folder().join("next_private_key.pem").exists());
}

#[test]
fn a_crash_while_the_key_is_changed_loses_the_account_on_neither_side_of_it() {
    let Some(world) = world() else { return };
    world.issue();
    let before = url(&world.account("show").run().expect_code(0));
    let folder = world.folder();
    let (key, next) = (folder.join("private_key.pem"), folder.join("next_private_key.pem"));
    // The CA has not heard of the new key yet.
    let old = std::fs::read(&key).expect("a key");
    openssl_key(&next);
    assert_eq!(url(&world.account("show").run().expect_code(0)), before);
    assert_eq!((std::fs::read(&key).expect("a key"), next.exists()), (old.clone(), false));
    // The CA has changed it, and the run ended before it took the new key over.
    world.account("roll-key").run().expect_code(0);
    std::fs::rename(&key, &next).expect("moved");
    std::fs::write(&key, &old).expect("written");
    private(&key);
    assert_eq!(url(&world.account("show").run().expect_code(0)), before);
    assert!(!next.exists());
    world.issue();
}

fn openssl_key(path: &Path) {
    let pem = acmite_tests::openssl::run(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    std::fs::write(path, pem).expect("written");
    private(path);
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("changed");
}

#[test]
fn an_account_is_bound_to_the_key_that_the_ca_gave_and_not_made_without() {
    let mut options = Options::default();
    let mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    options.more.insert("externalAccountBindingRequired".into(), true.into());
    options.more.insert("externalAccountMACKeys".into(), serde_json::json!({"kid-1": mac}));
    let Some(world) = world_with(&options) else { return };
    let refused = world.scene.issue(&world.ca).names(["example.test"]).run().expect_code(2);
    assert!(refused.stderr.contains("--eab-kid"), "{refused}");
    let file = world.scene.folder().join("mac");
    for (text, code) in [(mac.replace('z', "y"), 5), (mac.to_owned(), 0)] {
        std::fs::write(&file, text).expect("written");
        private(&file);
        let run = world.scene.issue(&world.ca).args(["--eab-kid", "kid-1", "--eab-hmac-key-file"]).args([&file]);
        run.names(["example.test"]).run().expect_code(code);
    }
}

#[test]
fn several_accounts_at_one_ca_are_apart() {
    let Some(world) = world() else { return };
    world.issue();
    world.scene.issue(&world.ca).args(["--account", "work"]).names(["example.test"]).run().expect_code(0);
    let urls = ["show", "show --account work"].map(|command| url(&world.account(command).run().expect_code(0)));
    assert_ne!(urls[0], urls[1]);
    let listed = Acmite::new("account list --json", &world.scene.state()).run().expect_code(0);
    assert_eq!(listed.events()[0]["accounts"].as_array().expect("a list").len(), 2);
}

#[test]
fn certbots_account_is_taken_over_and_given_back() {
    let (Some(program), Some(world)) = (peer("certbot"), world()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let certbot = |words: &[&str], config: &Path| {
        let dirs = ["config", "work", "logs"].map(|kind| format!("--{kind}-dir={}", config.join(kind).display()));
        let mut command = Command::new(&program);
        command.args(words).args(dirs).args(["--non-interactive", "--server", &world.ca.directory]);
        command.env("REQUESTS_CA_BUNDLE", &world.ca.ca_bundle);
        let output = command.output().expect("certbot that starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        said
    };
    certbot(&["register", "--agree-tos", "-m", "a@example.test"], folder.path());
    let theirs = account_folder(&folder.path().join("config/accounts"), "private_key.json");
    let imported = world.account("import").args([&theirs]).run().expect_code(0);
    world.issue();
    let given = tempfile::tempdir().expect("a folder");
    let to = given
        .path()
        .join("config/accounts")
        .join(theirs.parent().expect("a folder").strip_prefix(folder.path().join("config/accounts")).expect("within"));
    world.account("export --format certbot").args(["--to".as_ref(), to.as_os_str()]).run().expect_code(0);
    let shown = certbot(&["show_account"], given.path());
    assert!(shown.contains(&url(&imported)), "{shown}");
}

#[test]
fn legos_account_is_taken_over() {
    let (Some(program), Some(world)) = (peer("lego"), world()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    // The account is made before the challenge fails: nobody can listen there.
    let output = Command::new(program)
        .args(["--path", &path, "--server", &world.ca.directory, "--email", "a@example.test", "--accept-tos"])
        .args(["--domains", "a.example.test", "--http", "--http.port", "256.0.0.1:1", "run"])
        .env("LEGO_CA_CERTIFICATES", &world.ca.ca_bundle)
        .output()
        .expect("lego that starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let theirs = account_folder(folder.path(), "account.json");
    let imported = world.account("import").args([&theirs]).run().expect_code(0);
    let account = std::fs::read_to_string(theirs.join("account.json")).expect("an account");
    assert!(account.contains(&url(&imported)), "{said}");
    let given = tempfile::tempdir().expect("a folder");
    world.account("export --format lego").args(["--to".as_ref(), given.path().as_os_str()]).run().expect_code(0);
    let again = tempfile::tempdir().expect("a folder");
    let exported = account_folder(given.path(), "account.json");
    let state = again.path().join("state");
    assert_eq!(url(&world.account_in(&state, "import").args([&exported]).run().expect_code(0)), url(&imported));
}

/// The folder at or below which a file of this name is.
fn account_folder(below: &Path, file: &str) -> PathBuf {
    find(below, file).expect("an account")
}

fn find(below: &Path, file: &str) -> Option<PathBuf> {
    if below.join(file).is_file() {
        return Some(below.to_owned());
    }
    let entries = std::fs::read_dir(below).ok()?.map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_dir()).find_map(|path| find(&path, file))
}
