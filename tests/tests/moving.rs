//! Moving in from folders that real clients made, and renewing at the same CA without a question.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind_zones;
use acmite_tests::faults::{Damage, Point, points};
use acmite_tests::foreign::{certbot, hook, lego, said};
use acmite_tests::name_server::{NameServer, TSIG_SECRET};
use acmite_tests::nginx::nginx;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::process::{Process, free_port, peer};
use acmite_tests::scene::Scene;

struct World {
    scene: Scene,
    server: NameServer,
    ca: Pebble,
    /// The other client's folder.
    folder: tempfile::TempDir,
    webroot: tempfile::TempDir,
    _nginx: Process,
}

fn world() -> Option<World> {
    let hosts = ["* IN A 127.0.0.1".to_owned()];
    let server = bind_zones("hmac-sha256", &[("example.test".into(), hosts.to_vec())])?;
    let (port, webroot) = (free_port(), tempfile::tempdir().expect("a folder"));
    let mut options = Options::default();
    options.more.insert("httpPort".into(), port.into());
    let ca = pebble(Version::Newest, server.address, &options)?;
    let nginx = nginx(webroot.path(), port)?;
    let (scene, folder) = (Scene::rfc2136(&server), tempfile::tempdir().expect("a folder"));
    Some(World { scene, server, ca, folder, webroot, _nginx: nginx })
}

impl World {
    fn import(&self, client: &str, folder: &Path) -> Acmite {
        let run = Acmite::new(&format!("import {client}"), &self.scene.state()).args([folder]);
        run.args(["--json", "--ca-bundle"]).args([&self.ca.ca_bundle])
    }

    fn renew(&self) -> Finished {
        let resolver = self.server.address.to_string();
        Acmite::new("renew --force --json", &self.scene.state())
            .args(["--dns-resolver", &resolver])
            .run()
            .expect_code(0)
    }

    fn certificate(&self, name: &str) -> String {
        openssl::verify(&self.scene.live(name), &self.ca.issuing_root())
    }

    fn certbot(&self, words: &[&str]) -> Option<String> {
        let more = ["--agree-tos", "-m", "a@example.test"];
        certbot(&[words, &more].concat(), self.folder.path(), &self.ca).map(|mut command| said(&mut command))
    }
}

/// Every path below a folder with its mode and what it holds.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let facts = std::fs::symlink_metadata(&path).expect("facts");
        let holds = match (facts.is_symlink(), facts.is_dir()) {
            (true, _) => std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes(),
            (_, true) => {
                all.extend(tree(&path));
                Vec::new()
            }
            _ => std::fs::read(&path).expect("a file"),
        };
        all.insert(path, (facts.permissions().mode(), holds));
    }
    all
}

fn written(path: &Path, text: &str, mode: u32) -> String {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
    path.display().to_string()
}

fn list<'a>(event: &'a serde_json::Value, key: &str) -> Vec<&'a str> {
    let all = event[key].as_array().expect("a list").iter();
    all.map(|one| one.as_str().or(one["what"].as_str()).expect("a text")).collect()
}

#[test]
fn certbots_certificates_are_renewed_as_it_renewed_them() {
    let Some(world) = world() else { return };
    let (address, root) = (world.server.address, world.webroot.path().display().to_string());
    let ini = format!(
        "dns_rfc2136_server = {}\ndns_rfc2136_port = {}\ndns_rfc2136_name = acmite\ndns_rfc2136_secret = {TSIG_SECRET}\n\
         dns_rfc2136_algorithm = HMAC-SHA256\n",
        address.ip(),
        address.port()
    );
    let ini = written(&world.scene.folder().join("rfc2136.ini"), &ini, 0o600);
    let (told, hooks) = (world.scene.folder().join("told"), world.folder.path().join("config/renewal-hooks"));
    let deploy = format!("echo own $RENEWED_DOMAINS >> {}", told.display());
    let dns =
        ["certonly", "--dns-rfc2136", "--dns-rfc2136-propagation-seconds", "1", "--dns-rfc2136-credentials", &ini];
    let names = ["-d", "example.test", "-d", "*.example.test", "--key-type", "ecdsa", "--elliptic-curve", "secp384r1"];
    let Some(_) = world.certbot(&[&dns[..], &names, &["--deploy-hook", &deploy]].concat()) else { return };
    let web = ["certonly", "--webroot", "-w", &root, "-d", "web.example.test", "-d", "b.example.test"];
    world.certbot(&[&web[..], &["--key-type", "rsa", "--reuse-key"]].concat());
    let hook = hook(&world.scene, "rfc2136", &address.to_string()).display().to_string();
    let manual = ["certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook", &hook];
    world.certbot(&[&manual[..], &["-d", "manual.example.test"]].concat());
    written(&hooks.join("deploy/all"), &format!("#!/bin/sh\necho all >> {}\n", told.display()), 0o755);
    std::fs::remove_file(&told).expect("certbot's own call");
    let (folder, before) = (world.folder.path().join("config"), tree(world.folder.path()));

    let events = world.import("certbot", &folder).run().expect_code(0).events();
    assert_eq!(list(&events[0], "certificates"), ["example.test", "web.example.test"]);
    assert_eq!((list(&events[0], "accounts").len(), list(&events[0], "hooks").len()), (1, 1));
    assert_eq!(list(&events[0], "not_taken"), ["certificate manual.example.test"]);
    assert_eq!(
        std::fs::read(world.scene.live("example.test").join("cert.pem")).expect("a certificate"),
        std::fs::read(folder.join("live/example.test/cert.pem")).expect("a certificate")
    );
    let key = std::fs::read(world.scene.live("web.example.test").join("privkey.pem")).expect("a key");
    world.renew();
    let certificate = world.certificate("example.test");
    assert_eq!(openssl::dns_names(&certificate), ["*.example.test", "example.test"]);
    assert!(certificate.contains("secp384r1"), "{certificate}");
    assert!(world.certificate("web.example.test").contains("(2048 bit)"));
    assert_eq!(std::fs::read(world.scene.live("web.example.test").join("privkey.pem")).expect("a key"), key);
    let told = std::fs::read_to_string(told).expect("told");
    assert_eq!((told.matches("own").count(), told.matches("all").count()), (1, 2), "{told}");

    let live = std::fs::read(world.scene.live("example.test").join("cert.pem")).expect("a certificate");
    let again = world.import("certbot", &folder).run().expect_code(0).events();
    assert_eq!(list(&again[0], "certificates"), Vec::<&str>::new());
    assert_eq!(std::fs::read(world.scene.live("example.test").join("cert.pem")).expect("a certificate"), live);
    assert!(tree(world.folder.path()) == before, "certbot's folder was changed");
}

#[test]
fn legos_certificates_are_renewed_by_what_is_said_of_them() {
    let Some(world) = world() else { return };
    let root = world.webroot.path().display().to_string();
    let names = ["--domains", "a.example.test", "--domains", "b.example.test", "--http", "--http.webroot", &root];
    let Some(mut command) = lego(&names, world.folder.path(), &world.ca) else { return };
    said(&mut command);
    let before = tree(world.folder.path());
    let import = || world.import("lego", world.folder.path()).args(["--server", &world.ca.directory]);
    let untold = import().run().expect_code(0).events();
    assert_eq!(list(&untold[0], "not_taken"), ["certificate a.example.test"]);
    let taken = import().args(["--webroot", &root]).run().expect_code(0).events();
    assert_eq!(
        (list(&taken[0], "certificates"), list(&taken[0], "not_taken")),
        (vec!["a.example.test"], vec!["hooks"])
    );
    world.renew();
    let certificate = world.certificate("a.example.test");
    assert_eq!(openssl::dns_names(&certificate), ["a.example.test", "b.example.test"]);
    assert!(tree(world.folder.path()) == before, "lego's folder was changed");
}

/// As acme.sh's users describe its folder; the tool itself is in no registry that the tests use. Account, key and
/// certificate are real ones, of lego.
fn acme_sh_tree(world: &World, root: &str) -> Option<PathBuf> {
    let lego_folder = world.folder.path().join("lego");
    let names = ["--domains", "a.example.test", "--http", "--http.webroot", root];
    said(&mut lego(&names, &lego_folder, &world.ca)?);
    let place = world.ca.directory.trim_start_matches("https://");
    let host = place.split('/').next().expect("a host").replace(':', "_");
    let account = lego_folder.join("accounts").join(host).join("a@example.test");
    let tree = world.folder.path().join("acme.sh");
    let (authority, own) = (tree.join("ca").join(place), tree.join("a.example.test_ecc"));
    for folder in [&authority, &own] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let copy = |from: PathBuf, to: PathBuf| std::fs::copy(from, to).expect("copied");
    let facts = std::fs::read_to_string(account.join("account.json")).expect("an account");
    let facts: serde_json::Value = serde_json::from_str(&facts).expect("JSON");
    let url = facts["registration"]["uri"].as_str().expect("a URL");
    written(&authority.join("ca.conf"), &format!("ACCOUNT_URL='{url}'\nCA_EMAIL='a@example.test'\n"), 0o600);
    copy(account.join("keys/a@example.test.key"), authority.join("account.key"));
    for (from, to) in [("crt", "a.example.test.cer"), ("key", "a.example.test.key"), ("issuer.crt", "ca.cer")] {
        copy(lego_folder.join(format!("certificates/a.example.test.{from}")), own.join(to));
    }
    let settings = format!(
        "Le_Domain='a.example.test'\nLe_Alt='no'\nLe_Webroot='{root}'\nLe_API='{}'\nLe_Keylength='ec-256'\n\
         Le_ReloadCmd='__ACME_BASE64__START_dHJ1ZQ==__ACME_BASE64__END_'\nLe_RealKeyPath='/etc/x.key'\n",
        world.ca.directory
    );
    written(&own.join("a.example.test.conf"), &settings, 0o600);
    written(&tree.join("account.conf"), "SAVED_CF_Token='canary'\n", 0o600);
    Some(tree)
}

#[test]
fn acme_shs_certificates_are_renewed_as_it_renewed_them() {
    let Some(world) = world() else { return };
    let root = world.webroot.path().display().to_string();
    let Some(folder) = acme_sh_tree(&world, &root) else { return };
    let before = tree(&folder);
    let taken = world.import("acme.sh", &folder).run().expect_code(0).events();
    assert_eq!((list(&taken[0], "accounts").len(), list(&taken[0], "certificates")), (1, vec!["a.example.test"]));
    let left = ["CF_Token of account.conf", "Le_RealKeyPath of a.example.test (/etc/x.key)"];
    assert_eq!(list(&taken[0], "not_taken"), left);
    let renewed = world.renew();
    assert!(renewed.stdout.contains("shell: true"), "{renewed}");
    world.certificate("a.example.test");
    assert!(tree(&folder) == before, "acme.sh's folder was changed");
}

/// Trials at once; each waits more than it works.
const HANDS: usize = 4;
const HOOK: &str = "#!/bin/sh\ntrue all\n";

/// What an import took of certbot's folder is there, whole, and renews.
fn assert_moved_in(world: &World, state: &Path) {
    let server = ["--json", "--server", &world.ca.directory];
    let shown = Acmite::new("account show", state).args(server).args(["--ca-bundle"]).args([&world.ca.ca_bundle]);
    shown.run().expect_code(0);
    openssl::verify(&state.join("live/a.example.test"), &world.ca.issuing_root());
    let hook = state.join("hooks/deploy.d/all");
    assert_eq!(std::fs::read_to_string(&hook).expect("a hook"), HOOK);
    assert_eq!(std::fs::metadata(&hook).expect("there").permissions().mode() & 0o777, 0o700);
    let listed = Acmite::new("list --json", state).run().expect_code(0).events();
    assert_eq!(
        listed[0]["certificates"][0]["provider"],
        format!("webroot:{0}, webroot:{0}", world.webroot.path().display())
    );
}

#[test]
fn cut_short_or_without_room_at_any_change_an_import_is_done_by_the_next_and_changes_no_original() {
    let Some(world) = world() else { return };
    let Some(_) = peer("strace") else { return };
    let root = world.webroot.path().display().to_string();
    let Some(_) = world.certbot(&["certonly", "--webroot", "-w", &root, "-d", "a.example.test"]) else { return };
    let folder = world.folder.path().join("config");
    written(&folder.join("renewal-hooks/deploy/all"), HOOK, 0o755);
    let before = tree(world.folder.path());
    let import = |state: &Path| {
        let run = Acmite::new("import certbot", state).args([&folder]);
        run.args(["--json", "--ca-bundle"]).args([&world.ca.ca_bundle])
    };
    let state = world.scene.state();
    let points = points(import(&state), &state);
    assert!(points.len() > 10, "{points:?}");
    let both = [Damage::Kill, Damage::Error("ENOSPC")];
    let needs_room = |point: &Point| ["openat", "mkdir", "write", "fsync", "rename", "symlink"].contains(&&*point.call);
    let cases = points.iter().flat_map(|point| both.map(|damage| (point, damage)));
    let cases: Vec<_> = cases.filter(|(point, damage)| *damage == Damage::Kill || needs_room(point)).collect();
    let cut_short = |state: &Path, point: &Point, damage: Damage| {
        // A point that is met elsewhere was met nevertheless.
        let struck = point.strike(import(state), state, damage);
        if let (Ok(done), Damage::Error(_)) = (&struck, damage) {
            assert!(matches!(done.code, Some(0 | 10)), "{point:?}: {done}");
        }
        import(state).run().expect_code(0);
        assert_moved_in(&world, state);
        std::fs::remove_dir_all(state).expect("removed");
    };
    std::thread::scope(|scope| {
        for hand in 0..HANDS {
            let (state, cases, cut_short) = (world.scene.folder().join(format!("state{hand}")), &cases, &cut_short);
            scope.spawn(move || {
                let mine = cases.iter().skip(hand).step_by(HANDS);
                mine.for_each(|(point, damage)| cut_short(&state, point, *damage));
            });
        }
    });
    assert!(tree(world.folder.path()) == before, "certbot's folder was changed");
}
