//! nginx and Apache serve the new certificate after a renewal, by the examples in docs/hooks.md and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use acmite_tests::acmite::{Acmite, PATIENCE};
use acmite_tests::bind::bind;
use acmite_tests::openssl;
use acmite_tests::pebble::{Options, Pebble, Version, pebble};
use acmite_tests::plugins::repository;
use acmite_tests::process::{Process, free_port, peer, wait_until};
use acmite_tests::scene::Scene;

const NAME: &str = "www.example.test";

/// The block of a language under a heading of the document.
fn example(heading: &str, language: &str) -> String {
    let text = std::fs::read_to_string(repository().join("docs/hooks.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let block = section.split(&format!("```{language}\n")).nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// The server's configuration from the document, for this state folder and port.
fn site(heading: &str, language: &str, scene: &Scene, port: u16) -> String {
    let text = example(heading, language).replace("/var/lib/acmite", &scene.state().display().to_string());
    let local = text.replace("listen 443", &format!("listen 127.0.0.1:{port}"));
    local.replace("Listen 443", &format!("Listen 127.0.0.1:{port}")).replace("*:443", &format!("*:{port}"))
}

/// acmite.toml from the document, with the CA of the test.
fn configuration(heading: &str, scene: &Scene, ca: &Pebble, resolver: std::net::SocketAddr) -> PathBuf {
    let (directory, bundle) = (&ca.directory, ca.ca_bundle.display());
    let text = format!(
        "{}\n[ca.test]\ndirectory = \"{directory}\"\nca_bundle = \"{bundle}\"\nagree_tos = true\n[defaults]\n\
         profile = \"default\"\n[defaults.dns]\nresolvers = [\"{resolver}\"]\n",
        example(heading, "toml")
    );
    scene.private_file("acmite.toml", &text)
}

/// The serial number of what a server shows; `None` while it shows nothing.
fn served(port: u16) -> Option<String> {
    let address = format!("127.0.0.1:{port}");
    let connect = ["s_client", "-connect", &address, "-servername", NAME];
    let said = Command::new("openssl").args(connect).stdin(std::process::Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    let begin = text.find("-----BEGIN CERTIFICATE-----")?;
    let end = text.find("-----END CERTIFICATE-----")?;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("served.pem"), format!("{}-----END CERTIFICATE-----\n", &text[begin..end]))
        .unwrap();
    Some(serial(&folder.path().join("served.pem")))
}

fn serial(pem: &Path) -> String {
    openssl::run(&["x509", "-noout", "-serial", "-in", &pem.display().to_string()])
}

/// A folder with a command of this name, which runs `line` with what it is given.
fn command(name: &str, line: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{line} \"$@\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Gets the certificate by the example, starts the server with it, renews, and waits until the new one is shown.
fn follows(heading: &str, language: &str, commands: &Path, start: impl Fn(&Scene, &str) -> Process, first_hooks: i32) {
    let Some(server) = bind("hmac-sha256") else { return };
    let Some(ca) = pebble(Version::Newest, server.address, &Options::default()) else { return };
    let scene = Scene::rfc2136(&server);
    let file = configuration(heading, &scene, &ca, server.address);
    let path = format!("{}:{}:/usr/sbin", commands.display(), std::env::var("PATH").unwrap());
    let run = |words: &str| Acmite::new(words, &scene.state()).env("PATH", &path);
    // There is no server to reload yet: the hook is owed, the certificate is there.
    run("apply").args(["--config"]).args([file]).run().expect_code(first_hooks);
    let live = scene.live(NAME).join("cert.pem");
    let (port, before) = (free_port(), serial(&live));
    let mut running = start(&scene, &site(heading, language, &scene, port));
    running.await_ready(|| served(port).map(|_| ()).ok_or("nothing is shown".to_owned()));
    assert_eq!(served(port), Some(before.clone()));
    run("renew --force").run().expect_code(0);
    let after = serial(&live);
    assert_ne!(after, before);
    wait_until("the new certificate", PATIENCE, || served(port).as_ref() == Some(&after));
}

#[test]
fn nginx_serves_the_new_certificate_after_a_renewal() {
    let Some(program) = peer("nginx") else { return };
    let main = tempfile::tempdir().unwrap();
    let (folder, conf) = (main.path().display().to_string(), main.path().join("nginx.conf"));
    let commands = command("nginx", &format!("exec {} -p {folder} -c {}", program.display(), conf.display()));
    let start = |_: &Scene, site: &str| {
        let text = format!(
            "daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{site}\n}}\n"
        );
        std::fs::write(&conf, text).unwrap();
        let mut command = Command::new(&program);
        command.args(["-p", &folder, "-c"]).arg(&conf);
        Process::start("nginx", command, tempfile::tempdir().unwrap())
    };
    follows("nginx", "nginx", commands.path(), start, 12);
}

#[test]
fn apache_serves_the_new_certificate_after_a_renewal() {
    let Some(program) = peer("apache2") else { return };
    let main = tempfile::tempdir().unwrap();
    let (folder, conf) = (main.path().display().to_string(), main.path().join("apache2.conf"));
    let control = format!("APACHE_CONFDIR={folder} exec /usr/sbin/apache2ctl");
    let commands = command("apache2ctl", &control);
    let start = |_: &Scene, site: &str| {
        let modules = ["mpm_event", "authz_core", "socache_shmcb", "ssl"];
        let modules = modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
        let text = format!(
            "ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/error\n\
             ServerName localhost\n{}{site}",
            modules.concat()
        );
        std::fs::write(&conf, text).unwrap();
        let mut command = Command::new(&program);
        command.args(["-D", "FOREGROUND", "-d", &folder, "-f"]).arg(&conf);
        Process::start("apache2", command, tempfile::tempdir().unwrap())
    };
    follows("Apache", "apache", commands.path(), start, 12);
}
