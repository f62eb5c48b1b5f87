//! Certificates for requests that openssl made, and whose keys acmite never sees.

use std::path::{Path, PathBuf};

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::bind::bind;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl::{self, request};
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::scene::{Scene, described};

struct World {
    scene: Scene,
    server: NameServer,
    ca: Pebble,
}

fn world() -> Option<World> {
    let server = bind("hmac-sha256")?;
    let ca = pebble(Version::Newest, server.address, &Options::default())?;
    Some(World { scene: Scene::rfc2136(&server), server, ca })
}

const SAN: [&str; 2] = ["-addext", "subjectAltName=DNS:a.example.test,DNS:*.a.example.test"];

impl World {
    fn request(&self, name: &str, more: &[&str]) -> (PathBuf, PathBuf) {
        request(self.scene.folder(), name, "/", more)
    }

    fn issue(&self, csr: &Path) -> Acmite {
        self.scene.issue(&self.ca).args(["--csr".as_ref(), csr.as_os_str()])
    }

    fn run(&self, command: &str) -> Acmite {
        Acmite::new(command, &self.scene.state())
    }

    fn serial(&self, name: &str) -> String {
        let file = self.scene.live(name).join("cert.pem").display().to_string();
        openssl::run(&["x509", "-in", &file, "-noout", "-serial"])
    }

    #[track_caller]
    fn assert_certified(&self, name: &str, key: &Path, names: &[&str]) {
        let certificate = openssl::verify_with_key(&self.scene.live(name), key, &self.ca.issuing_root());
        assert_eq!(openssl::dns_names(&certificate), names);
        let files =
            std::fs::read_dir(self.scene.live(name)).expect("a folder").map(|one| one.expect("one").file_name());
        assert!(files.into_iter().all(|file| file != "privkey.pem"), "a key is there");
    }
}

#[test]
fn the_names_are_those_of_the_request_and_renewals_hand_it_in_again() {
    let Some(world) = world() else { return };
    let (key, csr) = world.request("a", &SAN);
    let (site, told) = (world.scene.folder().join("site"), world.scene.folder().join("told"));
    std::fs::create_dir(&site).expect("made");
    let hooks = [format!("copy: {}", site.display()), format!("shell: echo key=$ACMITE_PRIVKEY >> {}", told.display())];
    world.issue(&csr).args(hooks.iter().flat_map(|hook| ["--deploy-hook", hook])).run().expect_code(0);
    let names = ["*.a.example.test", "a.example.test"];
    world.assert_certified("a.example.test", &key, &names);
    let first = world.serial("a.example.test");
    // The request is kept.
    std::fs::remove_file(&csr).expect("removed");
    let resolver = world.server.address.to_string();
    world.run("renew --force").args(["--dns-resolver", &resolver]).run().expect_code(0);
    world.assert_certified("a.example.test", &key, &names);
    assert_ne!(world.serial("a.example.test"), first);
    assert_eq!(std::fs::read_to_string(&told).expect("told"), "key=\nkey=\n");
    assert!(site.join("fullchain.pem").exists() && !site.join("privkey.pem").exists());
}

#[test]
fn every_command_says_that_the_key_is_not_here() {
    let Some(world) = world() else { return };
    let (_, csr) = world.request("a", &SAN);
    let issued = world.issue(&csr).args(["--json"]).run().expect_code(0).events().pop().expect("a result");
    assert_eq!(issued["privkey"], serde_json::Value::Null);
    let shown = world.run("show a.example.test").run().expect_code(0).stdout;
    let place = world.scene.live("a.example.test").join("csr.pem");
    assert!(shown.contains(&format!("not here: that of the request {}", place.display())), "{shown}");
    assert!(world.run("list").run().expect_code(0).stdout.contains("a.example.test"));
    let root = world.scene.private_file("root.pem", &world.ca.issuing_root());
    let verify = || Acmite::without_state("verify --root", world.scene.folder()).args([&root]);
    let verified = verify().args([world.scene.live("a.example.test")]).run().expect_code(0);
    assert!(verified.stdout.contains("the certificate request belongs to it"), "{verified}");
    let refused = world.run("revoke a.example.test --with-certificate-key").run().expect_code(2);
    assert!(refused.stderr.contains("is not here; leave --with-certificate-key out"), "{refused}");
    let doctor = world.run("doctor a.example.test --json --own-timer").args(["--dns-resolver"]);
    let found = doctor.args([world.server.address.to_string()]).run();
    assert!(!found.stdout.contains("certificate-unreadable") && !found.stdout.contains("key-unprotected"), "{found}");
    world.run("revoke a.example.test").run().expect_code(0);
    world.run("delete a.example.test").run().expect_code(0);
    assert!(!world.scene.live("a.example.test").exists());
}

#[test]
fn der_and_a_common_name_are_taken_and_names_given_besides_must_agree() {
    let Some(world) = world() else { return };
    let (key, csr) = request(
        world.scene.folder(),
        "b",
        "/CN=b.example.test",
        &["-outform", "DER", "-addext", "subjectAltName=DNS:b.example.test"],
    );
    let differing = world.issue(&csr).names(["b.example.test", "c.example.test"]).run().expect_code(2);
    assert!(differing.stderr.contains("c.example.test is not in the certificate request"), "{differing}");
    world.issue(&csr).names(["B.example.test"]).run().expect_code(0);
    world.assert_certified("b.example.test", &key, &["b.example.test"]);
    let (_, csr) = world.request("a", &SAN);
    let fewer = world.issue(&csr).names(["a.example.test"]).run().expect_code(2);
    assert!(fewer.stderr.contains("is for *.a.example.test too"), "{fewer}");
}

#[test]
fn what_a_ca_would_refuse_is_refused_before_one_is_contacted() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |csr: &Path, more: &[&str]| -> Finished {
        let run = Acmite::new("issue", &folder.path().join("state")).args(["--server", "https://127.0.0.1:9/dir"]);
        run.args(["--standalone", "--agree-tos", "--csr"]).args([csr]).args(more).run()
    };
    let made = |name: &str, subject: &str, more: &[&str]| request(folder.path(), name, subject, more).1;
    let whole = made("whole", "/CN=a.example", &[]);
    let damaged = folder.path().join("damaged.csr");
    let der = made("der", "/", &[&SAN[..], &["-outform", "DER"]].concat());
    let mut bytes = std::fs::read(&der).expect("a request");
    let at = bytes.windows(4).position(|four| four == b"test").expect("a name");
    bytes[at] ^= 1;
    std::fs::write(&damaged, bytes).expect("written");
    let cases = [
        (made("weak", "/CN=a.example", &["-sha1", "-newkey", "rsa:2048"]), "SHA-1 with RSA, which CAs refuse"),
        (made("short", "/CN=a.example", &["-newkey", "rsa:1024"]), "an RSA key of 1024 bits"),
        (made("mail", "/", &["-addext", "subjectAltName=DNS:a.example,email:a@a.example"]), "an e-mail address"),
        (made("words", "/CN=My Server", &[]), "\"My Server\", which no ACME CA takes"),
        (made("nothing", "/O=Nobody", &[]), "names nothing"),
        (damaged, "not signed by its own key, or was changed"),
        (folder.path().join("whole.key"), "it holds PRIVATE KEY and no CERTIFICATE REQUEST"),
        (folder.path().join("nowhere"), "cannot be read"),
    ];
    for (csr, words) in cases {
        let said = refused(&csr, &[]).expect_code(3);
        assert!(said.stderr.contains(words), "{words}: {said}");
    }
    for (more, words) in [
        (&["--key-type", "p384"][..], "cannot be used with"),
        (&["--reuse-key"], "cannot be used with"),
        (&["--deploy-hook", "bundle: /a.pem"], "`copy: FOLDER` puts the chain alone"),
        (&["--deploy-hook", "pkcs12: /a.p12 password-file=/p"], "`copy: FOLDER` puts the chain alone"),
    ] {
        let said = refused(&whole, more).expect_code(2);
        assert!(said.stderr.contains(words), "{more:?}: {said}");
    }
}

#[test]
fn a_request_whose_key_was_given_up_is_not_handed_in_again() {
    let Some(world) = world() else { return };
    let (_, csr) = world.request("a", &SAN);
    world.issue(&csr).run().expect_code(0);
    world.run("revoke a.example.test --reason key-compromise").run().expect_code(0);
    let refused = world.issue(&csr).run().expect_code(3);
    assert!(refused.stderr.contains("given up as compromised"), "{refused}");
    let (key, csr) = world.request("b", &SAN);
    world.issue(&csr).run().expect_code(0);
    world.assert_certified("a.example.test", &key, &["*.a.example.test", "a.example.test"]);
}

#[test]
fn a_described_request_is_issued_anew_when_it_changes_and_left_alone_otherwise() {
    let Some(world) = world() else { return };
    let write = |certificate: &str| {
        let text = described(&world.server, &world.ca, certificate);
        world.scene.private_file("acmite.toml", &text)
    };
    let file = write("[certificate.web]\ncsr = \"a.csr\"\n");
    let apply = |more: &str| world.run(format!("apply --json --config {} {more}", file.display()).trim_end());
    world.request("a", &SAN);
    apply("").run().expect_code(0);
    apply("--plan").run().expect_code(0);
    // Another key, and another name.
    let (key, _) = world.request("a", &["-addext", "subjectAltName=DNS:b.example.test"]);
    let planned = apply("--plan").run().expect_code(13);
    let changes = planned.events()[0]["certificates"][0]["changes"].as_array().expect("changes").clone();
    assert!(changes.iter().any(|change| change["setting"] == "csr"), "{planned}");
    apply("").run().expect_code(0);
    world.assert_certified("web", &key, &["b.example.test"]);
    for (line, words) in [("key_type = \"p256\"", "that of the request"), ("names = [\"c.example.test\"]", "is not in")]
    {
        write(&format!("[certificate.web]\ncsr = \"a.csr\"\n{line}\n"));
        let refused = apply("--plan").run().expect_code(3);
        assert!(refused.stdout.contains(words), "{refused}");
    }
}
