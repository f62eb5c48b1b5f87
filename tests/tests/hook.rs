//! `acmite hook` as other clients call it, each the real one, against the newest Pebble.

use std::ops::RangeInclusive;
use std::process::Command;

use acmite_tests::acmite::{Acmite, program};
use acmite_tests::bind::bind_zones;
use acmite_tests::foreign::{certbot, hook, lego, said};
use acmite_tests::name_server::NameServer;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::process::peer;
use acmite_tests::scene::Scene;

struct World {
    scene: Scene,
    server: NameServer,
    ca: Pebble,
    hook: String,
    folder: tempfile::TempDir,
}

fn world() -> Option<World> {
    let server = bind_zones("hmac-sha256", &[("example.test".into(), Vec::new())])?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    let scene = Scene::rfc2136(&server);
    let hook = hook(&scene, "rfc2136", &server.address.to_string()).display().to_string();
    Some(World { scene, server, ca, hook, folder: tempfile::tempdir().expect("a folder") })
}

impl World {
    fn published(&self) -> usize {
        self.server.log().matches("adding an RR").count()
    }

    /// That this many values stood in the zone, and none does any more.
    #[track_caller]
    fn assert_published_and_removed(&self, values: RangeInclusive<usize>) {
        assert!(values.contains(&self.published()), "not {values:?}: {}", self.server.log());
        assert_eq!(self.server.all_txt("example.test"), Vec::<String>::new());
        assert_eq!(self.scene.journal(), Vec::<std::path::PathBuf>::new());
    }

    fn certbot(&self, words: &[&str]) -> Option<Command> {
        certbot(words, self.folder.path(), &self.ca)
    }

    fn lego(&self, mode: Option<&str>) -> Option<Command> {
        let resolver = self.server.address.to_string();
        let words = ["--dns", "exec", "--dns.disable-cp", "--dns.resolvers", &resolver, "--domains", "a.example.test"];
        let mut command = lego(&words, self.folder.path(), &self.ca)?;
        command.env("EXEC_PATH", &self.hook);
        command.envs(mode.map(|mode| ("EXEC_MODE", mode)));
        Some(command)
    }

    fn dehydrated(&self, chain: &str) -> Option<Command> {
        let (program, folder) = (peer("dehydrated")?, self.folder.path());
        let text = format!(
            "CA=\"{}\"\nBASEDIR=\"{}\"\nCHALLENGETYPE=dns-01\nHOOK=\"{}\"\nHOOK_CHAIN={chain}\nKEY_ALGO=secp384r1\n\
             CURL_OPTS=\"--cacert {}\"\n",
            self.ca.directory,
            folder.display(),
            self.hook,
            self.ca.ca_bundle.display()
        );
        let config = folder.join("config");
        std::fs::write(&config, text).expect("written");
        let with_config = |words: &[&str]| {
            let mut command = Command::new(&program);
            command.args(words).arg("--config").arg(&config);
            command
        };
        said(&mut with_config(&["--register", "--accept-terms"]));
        Some(with_config(&["--cron", "--force", "--domain", "example.test *.example.test b.example.test"]))
    }
}

#[test]
fn certbot_gets_and_renews_certificates_by_its_manual_hooks() {
    let Some(world) = world() else { return };
    let hooks = ["--manual", "--preferred-challenges", "dns", "--manual-auth-hook", &world.hook];
    let more = ["--manual-cleanup-hook", &world.hook, "--agree-tos", "-m", "a@example.test"];
    for names in [&["-d", "example.test", "-d", "*.example.test"][..], &["-d", "b.example.test"]] {
        let words = [&["certonly"][..], &hooks, &more, names].concat();
        let Some(mut command) = world.certbot(&words) else { return };
        said(&mut command);
    }
    world.assert_published_and_removed(3..=3);
    // Two certificates in one process: what the first left in the environment must not be taken for the second's.
    let Some(mut command) = world.certbot(&["renew", "--force-renewal", "--no-random-sleep-on-renew"]) else { return };
    said(&mut command);
    // Told to reuse no authorization, Pebble still reuses one in a hundred.
    world.assert_published_and_removed(5..=6);
}

#[test]
fn lego_gets_a_certificate_by_exec_in_both_modes() {
    for mode in [None, Some("RAW")] {
        let Some(world) = world() else { return };
        let Some(mut command) = world.lego(mode) else { return };
        said(&mut command);
        world.assert_published_and_removed(1..=1);
        assert!(world.folder.path().join("certificates/a.example.test.crt").is_file());
    }
}

#[test]
fn dehydrated_gets_certificates_with_its_hook_chained_and_not() {
    for chain in ["no", "yes"] {
        let Some(world) = world() else { return };
        let Some(mut command) = world.dehydrated(chain) else { return };
        said(&mut command);
        world.assert_published_and_removed(3..=3);
    }
}

/// acme.sh itself is in no registry that the tests use; what it does with a file of its dnsapi folder is done here.
const DRIVER: &str = r#"
_err() { echo "$@" >&2; }
_saveaccountconf_mutable() { echo "$1=$2" >> "$ACCOUNT_CONF"; }
_readaccountconf_mutable() { sed -n "s|^$1=||p" "$ACCOUNT_CONF" 2>/dev/null | tail -n 1; }
. "$1"
"$2" _acme-challenge.a.example.test "$3"
"#;

#[test]
fn the_file_for_acme_sh_adds_and_removes_and_remembers_what_it_was_told() {
    let Some(world) = world() else { return };
    let folder = world.folder.path();
    let script = folder.join("dns_acmite.sh");
    let printed = Acmite::new("hook", &world.scene.state()).args(["acme.sh"]).run().expect_code(0).stdout;
    std::fs::write(&script, printed).expect("written");
    let run = |function: &str, variables: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.args(["-c", DRIVER, "acme.sh"]).arg(&script).args([function, "-value"]);
        command.env("ACCOUNT_CONF", folder.join("account.conf")).envs(variables.iter().copied());
        said(&mut command)
    };
    let text = |path: std::path::PathBuf| path.display().to_string();
    let (program, state, credentials) = (text(program()), text(world.scene.state()), text(world.scene.credentials()));
    let told = [
        ("ACMITE_PROGRAM", program.as_str()),
        ("ACMITE_DNS_PLUGIN", "rfc2136"),
        ("ACMITE_CREDENTIALS", &credentials),
        ("ACMITE_STATE_DIR", &state),
        ("ACMITE_DNS_RESOLVER", &world.server.address.to_string()),
    ];
    run("dns_acmite_add", &told);
    assert_eq!(world.server.txt("_acme-challenge.a.example.test").expect("an answer"), ["-value"]);
    run("dns_acmite_rm", &[]);
    world.assert_published_and_removed(1..=1);
}

#[test]
fn what_a_client_never_comes_for_is_left_alone_and_a_failure_leaves_nothing() {
    let Some(world) = world() else { return };
    let hook = |words: &[&str]| Command::new(&world.hook).args(words).status().expect("a hook that starts").code();
    assert_eq!(hook(&["present", "_acme-challenge.example.test.", "one"]), Some(0));
    // A run of acmite's own removes what crashed runs left, and this is none of that.
    Acmite::new("cleanup", &world.scene.state()).run().expect_code(0);
    assert_eq!(world.server.all_txt("example.test").len(), 1);
    assert_eq!(hook(&["cleanup", "_acme-challenge.example.test.", "one"]), Some(0));
    world.assert_published_and_removed(1..=1);
    world.scene.change_credentials("dGVzdC1", "dGVzdDI");
    assert_eq!(hook(&["deploy_challenge", "example.test", "t", &"A".repeat(43)]), Some(4));
    assert_eq!(hook(&["unchanged_cert", "example.test"]), Some(0));
}
