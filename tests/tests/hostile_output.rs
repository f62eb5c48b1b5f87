//! What a provider says reaches terminal, log and disk clean and short.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use acmite::plugin::provider::{CallFault, Published};
use acmite::plugin::told::Told;
use acmite_tests::hostile::{Attack, Captured, Peer, SECRET, TOKEN, present};
use serde_json::json;

/// Moves the cursor, retitles the window, turns text around, hides it, breaks the line.
const NASTY: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1mb\rc\nd\0e\u{202e}f\u{2066}g\u{200b}h\u{2028}i\u{feff}j\u{e0041}k\u{8}l\u{ad}m";

#[track_caller]
fn assert_plain(text: &str) {
    let bad = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(*c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    assert_eq!(text.chars().find(bad), None, "{text:?}");
}

fn both(attack: &Attack) -> [Attack; 2] {
    [attack.clone(), attack.clone().wild()]
}

fn told(fault: &CallFault) -> &Told {
    let CallFault::Told(told) = fault else { panic!("{fault:?}") };
    told
}

#[tokio::test]
async fn escapes_in_log_lines_and_errors_are_taken_out() {
    // The guest does give them: what it returns as state is kept byte by byte.
    assert_eq!(Attack::new("pending").arg(NASTY).present().await.unwrap().state, NASTY.as_bytes());
    for attack in both(&Attack::new("log").arg(NASTY)) {
        let captured = Captured::start();
        attack.present().await.unwrap();
        assert_plain(&captured.text());
        let lines: Vec<String> =
            captured.text().lines().filter(|line| line.contains("owned")).map(str::to_owned).collect();
        assert!(lines.len() == 1 && lines[0].contains("l m plugin="), "{lines:?}");
    }
    for attack in both(&Attack::new("error").arg(NASTY)) {
        let error = attack.present().await.unwrap_err();
        let told = told(&error.fault);
        for text in [&told.message, &told.code, told.hint.as_ref().unwrap(), &error.to_string()] {
            assert_plain(text);
            assert!(!text.contains('\n'), "{text:?}");
        }
    }
    for attack in both(&Attack::new("panic").arg(NASTY)) {
        assert_plain(&attack.present().await.unwrap_err().to_string());
    }
}

#[tokio::test]
async fn a_refused_request_is_logged_clean_and_short() {
    for attack in both(&Attack::new("endpoint-name").arg(NASTY)) {
        let captured = Captured::start();
        let error = attack.present().await.unwrap_err();
        assert_plain(&(captured.text() + &error.to_string()));
    }
    for attack in both(&Attack::new("endpoint-name").arg("3")) {
        let captured = Captured::start();
        let error = attack.present().await.unwrap_err();
        let (logged, said) = (captured.text().len(), error.to_string().len());
        assert!(logged < 8192 && said < 8192, "{logged} bytes logged, {said} said");
        let captured = Captured::start();
        let error = attack.limits(|limits| limits.line_chars = 4 << 20).present().await.unwrap_err();
        let (logged, said) = (captured.text().len(), error.to_string().len());
        assert!(logged > 3 << 20 || said > 3 << 20, "{logged} bytes logged, {said} said");
    }
}

#[tokio::test]
async fn a_log_flood_ends_at_its_number_of_lines() {
    let count = |captured: &Captured| captured.text().matches("flood ").count();
    for attack in both(&Attack::new("write-forever").arg("5000")) {
        let captured = Captured::start();
        attack.present().await.unwrap();
        assert_eq!(count(&captured), 200);
        let captured = Captured::start();
        attack.limits(|limits| limits.log_lines = 10_000).present().await.unwrap();
        assert_eq!(count(&captured), 5000);
    }
}

#[tokio::test]
async fn a_giant_line_is_cut_and_costs_no_time() {
    for attack in both(&Attack::new("log-giant").arg("6")) {
        // Building and compiling the guest is not what is timed.
        let provider = attack.provider().unwrap();
        let (captured, started) = (Captured::start(), Instant::now());
        present(&provider).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(captured.text().lines().all(|line| line.len() < 2048));
    }
    let captured = Captured::start();
    Attack::new("log-giant").arg("1").limits(|limits| limits.line_chars = 2 << 20).present().await.unwrap();
    assert!(captured.text().lines().any(|line| line.len() > 1 << 20));
}

#[tokio::test]
async fn a_secret_at_the_cut_of_a_giant_line_does_not_show_its_beginning() {
    for before in [1000, 1020, 1023, 4000, 4090, 60_000] {
        let peer = Peer::fixed("200 OK", "{}");
        let line = format!("{}{TOKEN}{}", "x".repeat(before), "y".repeat(1 << 20));
        // The guest cannot know the token: the test plays an API that told it in a form that was not found.
        let captured = Captured::start();
        Attack::new("log").arg(&line).against(&peer.url).present().await.unwrap();
        assert!(!captured.text().contains(&TOKEN[..6]), "{before}");
        captured.assert_no_canary("");
    }
}

#[tokio::test]
async fn giant_errors_are_cut() {
    for attack in both(&Attack::new("error-giant").arg("2")) {
        let error = attack.present().await.unwrap_err();
        assert!(error.to_string().len() < 8192, "{} bytes", error.to_string().len());
    }
    let uncut = Attack::new("error-giant").arg("1").limits(|limits| limits.line_chars = 2 << 20);
    assert!(uncut.present().await.unwrap_err().to_string().len() > 1 << 20);
    let error = Attack::new("error-giant").arg("6").present().await.unwrap_err();
    assert!(error.to_string().len() < 8192 && error.to_string().contains("hostile"));
}

#[tokio::test]
async fn a_giant_state_is_refused_by_its_size() {
    for attack in both(&Attack::new("state-giant").arg("4097")) {
        let error = attack.present().await.unwrap_err();
        assert!(matches!(error.fault, CallFault::StateTooLarge { bytes: 4097, limit: 4096 }), "{error}");
        attack.limits(|limits| limits.state_bytes = 5000).present().await.unwrap();
    }
    let giant = Attack::new("state-giant").arg("20000000").limits(|limits| limits.state_bytes = 1 << 30);
    let error = giant.present().await.unwrap_err();
    assert!(error.to_string().contains("hostile"), "{error}");
    giant.limits(|limits| limits.hostcall_fuel = 1 << 30).present().await.unwrap();
}

#[tokio::test]
async fn state_that_was_tampered_with_is_the_guests_own_trouble_and_memory_is_refused() {
    for state in [&b""[..], b"\0\xff", &[7; 4096]] {
        let published = Published { state: state.to_vec(), memory: Vec::new() };
        Attack::new("nothing").cleanup(&published).await.unwrap();
        let said = Attack::new("pending").cleanup(&published).await;
        assert_eq!(said.is_err(), !state.is_empty(), "the guest saw another state");
    }
    let memory = b"{\"zone_ids\": [[\"api\", \"z9\"]], \"records\": 7}".to_vec();
    let error = Attack::new("nothing").cleanup(&Published { state: Vec::new(), memory }).await.unwrap_err();
    assert!(matches!(error.fault, CallFault::Memory { .. }), "{error}");
}

#[tokio::test]
async fn an_error_that_repeats_what_the_api_echoed_holds_no_secret() {
    let peer = Peer::answering(|request| ("400 Bad Request".into(), format!("{{\"you sent\": {:?}}}", request)));
    let steps = json!([{"send": {"endpoint": "zones"}}, "fail"]);
    let captured = Captured::start();
    let error = Attack::script(&steps).against(&peer.url).present().await.unwrap_err();
    assert!(peer.requests()[0].contains(TOKEN) && !peer.requests()[0].contains(SECRET));
    assert!(told(&error.fault).message.contains("[api_token]"), "{error}");
    captured.assert_no_canary(&error.to_string());
}
