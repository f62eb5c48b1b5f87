//! What was agreed to and what a newer version asks for: each thing more needs a yes, and each guard less does.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::hostile::{core_guest, manifest};

/// A state folder and a file to install from.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn with(&self, manifest: &str) -> Acmite {
        let path = self.folder.path().join("plugin.wasm");
        fs::write(&path, core_guest("", manifest)).unwrap();
        Acmite::new("plugin install", &self.state()).args([path])
    }

    fn installed(&self) -> Vec<u8> {
        fs::read(self.state().join("plugins/hostile.wasm")).unwrap()
    }
}

fn edited(from: &str, to: &str) -> String {
    let honest = manifest("plugin.toml");
    assert!(honest.contains(from), "{from}");
    honest.replacen(from, to, 1)
}

/// What the newer manifest has in place of what, and what is said of it.
const WIDER: [(&str, &str, &str); 15] = [
    ("https://api.example.com/v1", "https://api.example.org/v1", "https://api.example.org"),
    ("\"GET /signed\"", "\"GET /signed/{x}\"", "/signed/{x}"),
    ("\"GET /zones\"", "\"POST /zones\"\nreads = true", "NOT GUARDED"),
    ("\"header:authorization\" = \"Bearer {api_token}\"", "\"query:token\" = \"{api_token}\"", "token"),
    (
        "\"header:x-signature\" = [\"derived api_secret\"]",
        "\"header:x-signature\" = [\"raw api_secret\", \"derived api_secret\"]",
        "x-signature",
    ),
    ("[field.arg]", "[field.shell]\nrequired = false\nhelp = \"x\"\nenv = [\"SHELL\"]\n[field.arg]", "SHELL"),
    ("headers = [\"x-note\"]", "headers = [\"x-note\", \"x-more\"]", "x-more"),
    ("query = [\"note\"]", "query = [\"note\", \"more\"]", "more"),
    // From here on no request is added, and a guard is gone.
    ("effect = [{ op = \"delete\", id = \"{path:record}\" }]", "reads = true", "NOT GUARDED"),
    (
        "effect = [{ op = \"add\", type = \"{body:/type}\", name = \"{body:/name}\", value = \"{body:/content}\" }]",
        "reads = true",
        "NOT GUARDED",
    ),
    ("also = { \"/ttl\" = \"ttl\" }", "also = { \"/ttl\" = \"number\" }", "any number at /ttl"),
    ("also = { \"/ttl\" = \"ttl\" }", "also = { \"/ttl\" = \"ttl\", \"/priority\" = \"number\" }", "/priority"),
    ("type = \"{body:/type}\"", "type = \"TXT\"", "TXT"),
    ("value = \"{body:/content}\"", "value = \"{body:/comment}\"", "comment"),
    ("zones = { each = \"/zones/*\", id = \"{/id}\"", "zones = { each = \"/zones/*\", id = \"{/other}\"", "/other"),
];

#[test]
fn an_upgrade_that_widens_or_loosens_is_not_installed_without_a_yes() {
    let place = Place::new();
    place.with(&manifest("plugin.toml")).args(["--yes"]).run().expect_code(0);
    let agreed = place.installed();
    for (from, to, told) in WIDER {
        let newer = edited(from, to);
        let refused = place.with(&newer).run();
        assert!(!matches!(refused.code, None | Some(0 | 101)), "{to}: {refused}");
        assert!(refused.stderr.contains("asks for more") && refused.stderr.contains(told), "{to}: {refused}");
        assert_eq!(place.installed(), agreed, "{to}");
        // Told to, it is installed; and the other way nothing is new but the line that was given up.
        place.with(&newer).args(["--yes"]).run().expect_code(0);
        assert_ne!(place.installed(), agreed, "{to}");
        place.with(&manifest("plugin.toml")).args(["--yes"]).run().expect_code(0);
        assert_eq!(place.installed(), agreed, "{to}");
    }
}

#[test]
fn a_listing_that_is_taken_for_whole_without_its_condition_is_not_installed_without_a_yes() {
    const LISTING: &str = "[endpoint.listing]\nrequest = \"GET /zones/{zone}/all\"\nzone = \"{path:zone}\"\n\
        rows = { each = \"/all/*\", type = \"{/type}\", name = \"{/name}\", value = \"{/content}\" }\n\
        covers = \"zone\"\nwhole_if = \"/next =\"\n[field.arg]";
    let place = Place::new();
    let honest = edited("[field.arg]", LISTING);
    place.with(&honest).args(["--yes"]).run().expect_code(0);
    let agreed = place.installed();
    let refused = place.with(&honest.replacen("whole_if = \"/next =\"\n", "", 1)).run();
    assert!(refused.code != Some(0) && refused.stderr.contains("shows the whole zone"), "{refused}");
    assert_eq!(place.installed(), agreed);
}

#[test]
fn an_upgrade_that_asks_for_less_or_the_same_needs_no_yes() {
    let place = Place::new();
    place.with(&manifest("plugin.toml")).args(["--yes"]).run().expect_code(0);
    place.with(&edited("version = \"0.1.0\"", "version = \"0.2.0\"")).run().expect_code(0);
    place.with(&edited("headers = [\"x-note\"]\n", "")).run().expect_code(0);
    // What was given up is asked for again.
    let again = place.with(&manifest("plugin.toml")).run();
    assert!(again.code != Some(0) && again.stderr.contains("x-note"), "{again}");
}

/// A run with a terminal, on which this is typed.
fn at_a_terminal(run: Acmite, typed: &str) -> Finished {
    let command = run.into_command();
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''"));
    let words: Vec<String> = [command.get_program()].into_iter().chain(command.get_args()).map(quoted).collect();
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]);
    let mut child =
        script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().expect("script");
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), typed.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    Finished {
        code: done.status.code(),
        stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
        stderr: String::new(),
    }
}

#[test]
fn at_a_terminal_it_asks_and_only_a_yes_is_one() {
    if acmite_tests::process::peer("script").is_none() {
        return;
    }
    let place = Place::new();
    place.with(&manifest("plugin.toml")).args(["--yes"]).run().expect_code(0);
    let agreed = place.installed();
    let newer = edited("\"GET /signed\"", "\"GET /signed/{x}\"");
    for answer in ["n\n", "\n", "nonsense\n"] {
        let done = at_a_terminal(place.with(&newer), answer);
        assert!(done.stdout.contains("install it? [y/N]") && done.stdout.contains("/signed/{x}"), "{answer:?}: {done}");
        assert!(done.code != Some(0) && place.installed() == agreed, "{answer:?}: {done}");
    }
    let done = at_a_terminal(place.with(&newer), "y\n");
    assert!(done.code == Some(0) && place.installed() != agreed, "{done}");
}

/// Installed with all that can be said, it is refused for this.
fn not_even_with_a_yes(text: &str, why: &str) {
    let place = Place::new();
    let done = place.with(text).args(["--yes"]).run();
    assert!(!matches!(done.code, None | Some(0 | 101)) && done.stderr.contains(why), "{done}");
    assert!(!place.state().join("plugins/hostile.wasm").exists());
}

#[test]
fn what_is_a_bundled_providers_is_not_anothers() {
    let honest = manifest("plugin.toml");
    for id in ["duckdns", "rfc2136", "powerdns"] {
        not_even_with_a_yes(&honest.replacen("\"hostile\"", &format!("{id:?}"), 1), "belongs to a bundled plugin");
    }
    for host in ["www.duckdns.org", "WWW.DuckDNS.org", "www.duckdns.org:443", "www.duckdns.org."] {
        let elsewhere = honest.replacen("https://api.example.com/v1", &format!("https://{host}/x"), 1);
        not_even_with_a_yes(&elsewhere, "");
    }
    let said = honest.replacen("https://api.example.com/v1", "https://www.duckdns.org/x", 1);
    not_even_with_a_yes(&said, "duckdns");
    for name in ["RFC2136_TSIG_SECRET", "DUCKDNS_TOKEN"] {
        let plain = honest.replacen("help = \"which one\"", &format!("help = \"which one\"\nenv = [{name:?}]"), 1);
        not_even_with_a_yes(&plain, &format!("reads {name}, which holds a secret"));
    }
    // What acmite itself calls a secret's variable, by its name and by an id that comes to the same.
    let own = honest.replacen("help = \"which one\"", "help = \"which one\"\nenv = [\"ACMITE_DUCKDNS_TOKEN\"]", 1);
    not_even_with_a_yes(&own, "acmite's own");
    let same = honest.replacen("\"hostile\"", "\"rfc2136-tsig\"", 1).replacen("[field.arg]", "[field.secret]", 1);
    not_even_with_a_yes(&same, "reads ACMITE_RFC2136_TSIG_SECRET, which holds a secret");
    let plain = honest.replacen("\"hostile\"", "\"duckdns-prod\"", 1).replacen("[field.arg]", "[field.token]", 1);
    not_even_with_a_yes(&plain, "reads ACMITE_DUCKDNS_PROD_TOKEN, which holds a secret");
    // The same field as a secret of its own is nobody's.
    let secret = plain.replacen("[field.token]", "[field.token]\nsecret = true", 1);
    Place::new().with(&secret).args(["--yes"]).run().expect_code(0);
}
