//! What a command line that makes no sense is told.

use std::process::Stdio;

use acmite_tests::acmite::Acmite;

#[test]
fn a_mistake_is_one_object_of_json_where_json_is_asked_for_and_text_otherwise() {
    let home = tempfile::tempdir().expect("a folder");
    for (line, words, tip) in [
        ("issue --json", "--domain <NAME>", None),
        ("--json isue", "unrecognized subcommand 'isue'", Some("issue")),
        ("list --jsno --json", "unexpected argument '--jsno'", Some("--json")),
        ("issue --json -d a..b", "'a..b'", None),
    ] {
        let done = Acmite::without_state(line, home.path()).run().expect_code(2);
        let events = done.events();
        let [only] = events.as_slice() else { panic!("{done}") };
        assert_eq!((&only["event"], &only["exit_code"]), (&"error".into(), &2.into()), "{done}");
        assert!(only["message"].as_str().is_some_and(|message| message.contains(words)), "{done}");
        assert!(tip.is_none_or(|tip| only["remedy"].as_str().is_some_and(|remedy| remedy.contains(tip))), "{done}");
        assert_eq!(done.stderr, "");
    }
    let text = Acmite::without_state("isue", home.path()).run().expect_code(2);
    assert!(text.stdout.is_empty() && text.stderr.contains("Usage:"), "{text}");
    // What stands behind -- is no option.
    let text = Acmite::without_state("show -- --json b", home.path()).run().expect_code(2);
    assert!(text.stdout.is_empty() && text.stderr.contains("'b'"), "{text}");
}

#[test]
fn a_full_disk_is_told_and_a_reader_that_went_away_is_not() {
    let home = tempfile::tempdir().expect("a folder");
    for line in ["completions bash", "plugin list", "plugin list --json", "--help"] {
        let run = |output: Stdio| {
            let mut command = Acmite::without_state(line, home.path()).into_command();
            let done = command.stdout(output).output().expect("acmite that starts");
            (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
        };
        let (code, said) = run(std::fs::File::create("/dev/full").expect("a device").into());
        assert_eq!(code, Some(1), "{line}: {said}");
        assert!(said.contains("could not write to standard output: No space left"), "{line}: {said}");
        // The reader has gone before anything is written.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        assert_eq!(run(writer.into()), (Some(0), String::new()), "{line}");
    }
}

#[test]
fn a_provider_that_is_misspelt_is_told_with_the_one_that_was_meant() {
    let home = tempfile::tempdir().expect("a folder");
    for (id, meant) in [("cloudflair", "did you mean cloudflare?"), ("rfc2163", "did you mean rfc2136?")] {
        let done = Acmite::without_state(&format!("plugin inspect {id}"), home.path()).run().expect_code(3);
        assert!(done.stderr.contains(meant), "{done}");
    }
    let done = Acmite::without_state("plugin inspect quillzone", home.path()).run().expect_code(3);
    assert!(!done.stderr.contains("did you mean"), "{done}");
}

#[test]
fn an_end_that_is_over_is_refused_before_a_ca_is_asked() {
    let home = tempfile::tempdir().expect("a folder");
    let line =
        "issue -d a.example --standalone --agree-tos --not-after 2020-01-01T00:00:00Z --server https://127.0.0.1:1/";
    let done = Acmite::without_state(line, home.path()).run().expect_code(2);
    assert!(done.stderr.contains("2020-01-01T00:00:00Z is over already"), "{done}");
}

#[test]
fn words_of_the_command_line_pass_for_no_line_of_acmites_own() {
    let home = tempfile::tempdir().expect("a folder");
    let run = Acmite::without_state("show a", home.path()).args(["b\n\u{1b}[2Jerror: all is well"]);
    let done = run.run().expect_code(2);
    assert!(done.stderr.contains("'b\u{fffd}\u{fffd}[2Jerror: all is well'"), "{done}");
}

#[test]
fn a_file_without_end_is_refused_before_it_fills_the_memory() {
    let home = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        let path = home.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        path
    };
    let [zero, plugin] = ["zero", "zero.wasm"].map(path);
    for line in [
        "issue --agree-tos --standalone --csr",
        "issue --agree-tos --standalone -d a.example --ca-bundle",
        "account show --ca-bundle",
        "plugin inspect",
        "plugin install",
    ] {
        let file = if line.starts_with("plugin") { &plugin } else { &zero };
        // The limit is on what may be mapped, all of what acmite maps included.
        let limited = ["-c", "ulimit -v 8000000; exec \"$0\" \"$@\""];
        let done = Acmite::without_state(line, home.path()).args([file]).under("sh", limited).run().expect_code(3);
        assert!(done.stderr.contains("is it the right file?"), "{line}: {done}");
    }
}
