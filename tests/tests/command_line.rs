//! What a command line that makes no sense is told.

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
fn words_of_the_command_line_pass_for_no_line_of_acmites_own() {
    let home = tempfile::tempdir().expect("a folder");
    let run = Acmite::without_state("show a", home.path()).args(["b\n\u{1b}[2Jerror: all is well"]);
    let done = run.run().expect_code(2);
    assert!(done.stderr.contains("'b\u{fffd}\u{fffd}[2Jerror: all is well'"), "{done}");
}
