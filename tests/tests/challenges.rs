//! Every way to prove a name, against the newest Pebble.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use acmite::secure_file::FileLock;
use acmite_tests::acmite::Acmite;
use acmite_tests::bind::bind_zones;
use acmite_tests::name_server::NameServer;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::process::{free_port, wait_until};
use acmite_tests::scene::{Ca as _, Scene};

/// A CA, the zone it looks into, and the ports it comes to.
struct World {
    scene: Scene,
    server: NameServer,
    ca: Pebble,
    http_port: u16,
    tls_port: u16,
}

fn world() -> Option<World> {
    let hosts = ["* IN A 127.0.0.1", "@ IN A 127.0.0.1", "six IN AAAA ::1"].map(str::to_owned);
    let server = bind_zones("hmac-sha256", &[("example.test".into(), hosts.to_vec())])?;
    let (http_port, tls_port) = (free_port(), free_port());
    let mut options = Options::default();
    options.more.insert("httpPort".into(), http_port.into());
    options.more.insert("tlsPort".into(), tls_port.into());
    let ca = pebble(Version::Newest, server.address, &options)?;
    Some(World { scene: Scene::rfc2136(&server), server, ca, http_port, tls_port })
}

impl World {
    /// A command without a provider.
    fn run(&self, command: &str) -> Acmite {
        let run = Acmite::new(command, &self.scene.state()).args(self.ca.arguments());
        let resolver = self.server.address.to_string();
        run.args(["--email", "a@example.test", "--agree-tos", "--dns-resolver", &resolver])
    }

    fn standalone(&self) -> Acmite {
        self.run("issue").args(["--standalone", "--http-port", &self.http_port.to_string()])
    }

    fn names(&self, certificate: &str) -> String {
        let text = openssl::verify(&self.scene.live(certificate), &self.ca.issuing_root());
        let line = text.lines().skip_while(|line| !line.contains("Subject Alternative Name")).nth(1);
        line.expect("names").trim().to_owned()
    }
}

#[test]
fn interrupted_while_another_run_has_the_port_a_run_does_not_wait_for_it() {
    let Some(world) = world() else { return };
    world.standalone().names(["a.example.test"]).run().expect_code(0);
    for (port, method) in
        [(world.http_port, ["--standalone", "--http-port"]), (world.tls_port, ["--tls-alpn", "--tls-port"])]
    {
        let lock = world.scene.state().join(format!("locks/port-{port}"));
        let lock = FileLock::try_acquire(&lock).expect("nobody has it");
        let run = world.run("issue").args(method).args([port.to_string()]).args(["--json"]).names(["b.example.test"]);
        let mut run = run.start();
        run.await_event("authorizations");
        run.signal("INT");
        run.finish().expect_code(130);
        drop(lock);
    }
}

/// A web server that shows what is in a folder.
fn show(folder: &Path, port: u16) {
    let (folder, listener) = (folder.to_owned(), TcpListener::bind(("127.0.0.1", port)).expect("a port"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.expect("a connection"), vec![0; 4096]);
            let read = stream.read(&mut request).expect("a request");
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = text.split(' ').nth(1).expect("a path").trim_start_matches('/');
            let body = std::fs::read(folder.join(path)).unwrap_or_default();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).expect("sent");
        }
    });
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn a_server_of_acmites_own_proves_names_and_addresses_on_both_families() {
    let Some(world) = world() else { return };
    world.standalone().names(["a.example.test", "six.example.test", "127.0.0.1", "::1"]).run().expect_code(0);
    let names = world.names("a.example.test");
    assert_eq!(names, "DNS:a.example.test, DNS:six.example.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
}

#[test]
fn a_taken_port_is_told_with_its_holder() {
    let Some(world) = world() else { return };
    let _taken = TcpListener::bind(("0.0.0.0", world.http_port)).expect("a port");
    let refused = world.standalone().names(["a.example.test"]).run().expect_code(3);
    assert!(refused.stderr.contains(&format!("(process {})", std::process::id())), "{refused}");
}

#[test]
fn certificates_in_handshakes_prove_names_and_addresses() {
    let Some(world) = world() else { return };
    let run = world.run("issue").args(["--tls-alpn", "--tls-port", &world.tls_port.to_string()]);
    run.names(["a.example.test", "127.0.0.1", "::1"]).run().expect_code(0);
    assert!(world.names("a.example.test").ends_with("IP Address:0:0:0:0:0:0:0:1"));
}

#[test]
fn every_name_goes_its_own_way_and_nothing_is_left() {
    let Some(world) = world() else { return };
    let root = tempfile::tempdir().expect("a folder");
    show(root.path(), world.http_port);
    let path = root.path().display().to_string();
    let run = world.scene.issue(&world.ca).names(["a.example.test", "*.example.test", "127.0.0.1", "b.example.test"]);
    let run = run.args(["--webroot", &path, "--webroot", &format!("a.example.test={path}")]);
    let run = run.args(["--challenge", "b.example.test=tls-alpn-01", "--tls-port", &world.tls_port.to_string()]);
    run.run().expect_code(0);
    assert_eq!(files(root.path()), 0);
    assert_eq!(files(&world.scene.state().join("webroot-journal")), 0);
    assert_eq!(world.server.all_txt("example.test"), Vec::<String>::new());
    assert!(world.names("a.example.test").contains("DNS:*.example.test"));
}

#[test]
fn a_token_that_a_killed_run_left_is_removed_by_cleanup() {
    let Some(world) = world() else { return };
    let root = tempfile::tempdir().expect("a folder");
    // Takes the CA's connections and says nothing.
    let _silent = TcpListener::bind(("127.0.0.1", world.http_port)).expect("a port");
    let run = world.run("issue").args(["--json", "--webroot"]).args([root.path()]).names(["a.example.test"]);
    let mut running = run.start();
    running.await_event("answered");
    running.kill();
    assert_eq!(files(&root.path().join(".well-known/acme-challenge")), 1);
    let cleaned = Acmite::new("cleanup", &world.scene.state()).run().expect_code(0);
    assert_eq!(files(root.path()), 0, "{cleaned}");
}

#[test]
fn a_wildcard_without_dns_is_refused_before_the_ca_is_contacted() {
    let Some(world) = world() else { return };
    let asked = || world.ca.log().matches("GET /dir").count();
    let before = asked();
    let refused = world.standalone().names(["*.example.test"]).run().expect_code(2);
    assert!(refused.stderr.contains("CAs issue for wildcards by DNS-01 alone"), "{refused}");
    assert_eq!(asked(), before);
}

#[test]
fn the_accounts_own_label_proves_names_and_is_removed() {
    let Some(world) = world() else { return };
    let run = world.scene.issue(&world.ca).args(["--json", "--challenge", "dns-account-01"]);
    let done = run.names(["example.test", "*.example.test"]).run().expect_code(0);
    let events = done.events();
    let found = events.iter().find(|event| event["event"] == "zone-found").expect("a zone");
    let name = found["names"][0].as_str().expect("a name");
    assert!(name.starts_with('_') && name.ends_with("._acme-challenge.example.test"), "{name}");
    assert_eq!(world.server.all_txt("example.test"), Vec::<String>::new());
}

#[test]
fn a_lasting_record_is_published_once_and_issuing_touches_no_dns_then() {
    let Some(world) = world() else { return };
    let credentials = world.scene.credentials().display().to_string();
    let run = world.run("persist").args(["--dns-plugin", "rfc2136", "--credentials", &credentials]);
    run.names(["example.test", "*.example.test"]).run().expect_code(0);
    let published = world.server.all_txt("example.test");
    assert_eq!(published.len(), 1);
    assert!(published[0].contains("; policy=wildcard"), "{published:?}");
    let updates = || world.server.log().matches("adding an RR").count();
    let before = updates();
    for _ in 0..2 {
        let run = world.run("issue").args(["--challenge", "dns-persist-01"]);
        run.names(["example.test", "*.example.test"]).run().expect_code(0);
    }
    assert_eq!((before, updates()), (1, 1));
    assert_eq!(world.server.all_txt("example.test"), published);
}

#[test]
fn the_end_of_validity_is_the_one_that_was_asked_for() {
    let Some(world) = world() else { return };
    let date = Command::new("date").args(["-u", "-d", "+2 days", "+%Y-%m-%dT00:00:00Z"]).output().expect("a date");
    let end = String::from_utf8(date.stdout).expect("text").trim().to_owned();
    let run = world.standalone().args(["--json", "--not-after", &end]).names(["a.example.test"]);
    let issued = run.run().expect_code(0).events().pop().expect("a result");
    assert_eq!(issued["not_after"], end);
}

#[test]
fn two_runs_take_turns_on_a_port() {
    let Some(world) = world() else { return };
    let runs = ["a.example.test", "b.example.test"].map(|name| world.standalone().names([name]).start());
    for run in runs {
        run.finish().expect_code(0);
    }
    wait_until("the port to be free", acmite_tests::acmite::PATIENCE, || {
        TcpListener::bind(("0.0.0.0", world.http_port)).is_ok()
    });
}
