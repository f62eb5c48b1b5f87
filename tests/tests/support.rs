//! What is handed to people: logs, the bundle for a bug report, manual pages, completions.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use acmite_lab::ca::{CaOptions, ExternalAccount};
use acmite_tests::acmite::Acmite;
use acmite_tests::faults::World;
use acmite_tests::process::peer;

const EAB_KEY: &[u8] = b"canary-of-the-binding-key-32-bytes";
const HOOK_CANARY: &str = "canary-in-a-hook";
const EMAIL: &str = "me@example.test";

/// All that must not leave the machine, as it stands in files and as it was given.
fn secrets(world: &World, state: &Path) -> Vec<String> {
    let mut secrets = vec![HOOK_CANARY.to_owned(), EMAIL.to_owned(), world.lab.description().powerdns_key];
    secrets.push(data_encoding::BASE64URL_NOPAD.encode(EAB_KEY));
    let find = Command::new("grep").args(["-rl", "PRIVATE KEY"]).arg(state).output().expect("grep");
    let files = String::from_utf8(find.stdout).expect("paths");
    for file in files.lines() {
        let pem = std::fs::read_to_string(file).expect("a key");
        secrets.extend(pem.lines().filter(|line| !line.starts_with("--")).map(str::to_owned));
    }
    assert!(secrets.len() > 6, "keys of the account and of the certificate");
    secrets
}

#[test]
fn neither_the_log_nor_the_bundle_holds_a_secret_and_both_hold_what_helps() {
    let account = ExternalAccount { key_id: "kid-1".to_owned(), mac_key: EAB_KEY.to_vec() };
    let world = World::with(CaOptions { external_accounts: vec![account], ..CaOptions::default() });
    let state = world.fresh_state();
    let [log, bundle] = ["acmite.log", "bundle.tar.gz"].map(|name| state.with_extension(name));
    let hook = format!("true {HOOK_CANARY}");
    let key = data_encoding::BASE64URL_NOPAD.encode(EAB_KEY);
    let key_file = state.with_extension("eab");
    std::fs::write(&key_file, &key).expect("written");
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).expect("changed");
    let run = world.issue(&state).args(["--deploy-hook", &hook, "-vv", "--eab-kid", "kid-1"]);
    let run = run.args(["--eab-hmac-key-file".as_ref(), key_file.as_os_str()]);
    run.args(["--log-file".as_ref(), log.as_os_str()]).run().expect_code(0);
    let made = Acmite::new("debug-bundle", &state).args([bundle.as_os_str()]);
    made.args(["--log-file".as_ref(), log.as_os_str()]).run().expect_code(0);
    let unpacked = Command::new("tar").arg("-xzOf").arg(&bundle).output().expect("tar");
    let unpacked = String::from_utf8(unpacked.stdout).expect("text");
    let logged = std::fs::read_to_string(&log).expect("a log");
    for text in [&unpacked, &logged] {
        let told: Vec<_> = secrets(&world, &state).into_iter().filter(|secret| text.contains(secret)).collect();
        assert!(told.is_empty(), "{told:?} in {text}");
    }
    for helps in ["privkey.pem", "\"acmite\"", "powerdns", "ACME request", "request=\"", "[not shown]"] {
        assert!(unpacked.contains(helps), "{helps} is missing in {unpacked}");
    }
    for file in [&log, &bundle] {
        let mode = std::fs::metadata(file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn the_bundle_has_log_and_state_where_acmite_toml_has_them_and_the_file_without_what_may_be_secret() {
    let world = World::start();
    let state = world.fresh_state();
    let file = world.describe("[certificate.one]\nnames = [\"example.test\"]\n[hooks]\ndeploy = [\"true canary-1\"]\n");
    let kept = format!("state_dir = {state:?}\nlog_file = \"own.log\"\n");
    let text = kept.clone() + &std::fs::read_to_string(&file).expect("a file").replace("[ca.lab]\n", CA_WITH_CONTACT);
    std::fs::write(&file, &text).expect("written");
    Acmite::without_state("apply --config", &state).args([&file]).run().expect_code(0);
    let bundle = |name: &str| {
        let bundle = state.with_extension(name);
        let run = Acmite::without_state("debug-bundle --config", &state).args([&file, &bundle]);
        run.run().expect_code(0);
        let unpacked = Command::new("tar").arg("-xzOf").arg(&bundle).output().expect("tar");
        String::from_utf8(unpacked.stdout).expect("text")
    };
    let whole = bundle("whole");
    for helps in ["ACME request", "privkey.pem", "own.log", "\"plugin\":\"powerdns\"", "[not shown]"] {
        assert!(whole.contains(helps), "{helps} is missing in {whole}");
    }
    // A mistake in a certificate's table takes nothing from the report about it.
    std::fs::write(&file, text + "[certificate.two]\nnaems = [\"canary-2\"]\n").expect("written");
    let mistaken = bundle("mistaken");
    assert!(mistaken.contains("ACME request") && mistaken.contains("naems"), "{mistaken}");
    std::fs::write(&file, format!("{kept}api_token = canary-3\n")).expect("written");
    let broken = bundle("broken");
    assert!(broken.contains("it is no TOML at byte"), "{broken}");
    for text in [whole, mistaken, broken] {
        assert!(!text.contains("canary") && !text.contains(EMAIL), "{text}");
    }
}

const CA_WITH_CONTACT: &str = "[ca.lab]\ncontact = [\"me@example.test\"]\n";

#[test]
fn every_request_in_the_log_has_a_number_of_its_own() {
    let world = World::start();
    let state = world.fresh_state();
    let log = state.with_extension("log");
    world.lab.ca.fail_at(4, acmite_lab::ca::Fault::Drop);
    world.issue(&state).env("ACMITE_LOG_FILE", &log.display().to_string()).run().expect_code(0);
    let text = std::fs::read_to_string(&log).expect("a log");
    let mut ids: Vec<&str> = text.split("request=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(text.contains("ACME request failed"), "{text}");
    assert_eq!(ids.len(), world.lab.ca.requests().len(), "{text}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), world.lab.ca.requests().len());
}

/// All commands below `of`, as its help lists them.
fn commands(home: &Path, of: &str) -> Vec<String> {
    let help = Acmite::without_state(format!("{of} -h").trim_start(), home).run().expect_code(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let below = |name: &str| {
        let name = format!("{of} {name}").trim_start().to_owned();
        let inner = commands(home, &name);
        [name].into_iter().chain(inner).collect::<Vec<_>>()
    };
    names.filter(|name| *name != "help").flat_map(below).collect()
}

#[test]
fn completions_know_every_command_and_every_option_of_each_shell() {
    let home = tempfile::tempdir().expect("a folder");
    let commands = commands(home.path(), "");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Acmite::without_state(&format!("completions {shell}"), home.path()).run().expect_code(0).stdout;
        for word in commands.iter().filter_map(|command| command.split(' ').next_back()).chain(["ignore-rate-limit"]) {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn completions_are_scripts_that_their_shell_takes() {
    let state = tempfile::tempdir().expect("a folder");
    let shell = peer("bash").expect("bash is everywhere");
    let script = Acmite::new("completions bash", state.path()).run().expect_code(0).stdout;
    let file = state.path().join("acmite.bash");
    std::fs::write(&file, script).expect("written");
    let ask = "source \"$0\"; COMP_WORDS=(acmite re); COMP_CWORD=1; _acmite acmite re acmite; echo ${COMPREPLY[@]}";
    let answer = Command::new(shell).args(["-c", ask]).arg(&file).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "renew revoke");
}

#[test]
fn there_is_a_manual_page_for_every_command_and_man_can_show_it() {
    let state = tempfile::tempdir().expect("a folder");
    let pages = state.path().join("man1");
    Acmite::new("man", state.path()).args([&pages]).run().expect_code(0);
    let commands = commands(state.path(), "");
    assert!(commands.len() > 30 && commands.iter().any(|command| command == "timer install"), "{commands:?}");
    for command in [String::new()].iter().chain(&commands) {
        let page = format!("acmite {command}").trim_end().replace(' ', "-") + ".1";
        let path = pages.join(&page);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{text}");
    }
}
