//! A CA that says what none should, in one reply or in all.

use acmite_lab::ca::{Endpoint, Reply};
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::acmite::Finished;

/// Escapes of terminals, line ends and text that runs the other way; what follows the line end would pass for acmite's own.
pub const WORDS: &str = "\u{1b}]0;owned\u{7}\u{1b}[31m\r\nerror: all is well\u{202e}\u{9b}2J\u{0}";

/// What a CA changes in its replies.
#[derive(Clone, Copy)]
pub struct Lie {
    /// What is wrong.
    pub what: &'static str,
    /// Makes it wrong.
    pub tell: fn(Endpoint, &mut Reply),
    /// What acmite says of it.
    pub said: &'static str,
}

impl Lie {
    /// With what acmite is to say of it.
    pub const fn new(what: &'static str, tell: fn(Endpoint, &mut Reply), said: &'static str) -> Self {
        Self { what, tell, said }
    }
}

/// Changes the reply's object, if it has one.
pub fn edit(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if let Ok(mut value) = serde_json::from_slice(&reply.body) {
        change(&mut value);
        reply.body = value.to_string().into_bytes();
    }
}

/// Replaces or adds a header; the bytes may be any that HTTP can carry.
///
/// # Panics
/// If HTTP cannot carry them.
pub fn set_header(reply: &mut Reply, name: &'static str, value: &[u8]) {
    reply.headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).expect("a header's value"));
}

/// Makes the reply a refusal full of what should not reach a terminal.
pub fn refuse(reply: &mut Reply) {
    let problem = serde_json::json!({
        "type": format!("urn:ietf:params:acme:error:unauthorized{WORDS}"), "title": WORDS, "detail": WORDS,
        "instance": WORDS, "status": 403,
        "subproblems": [{"type": WORDS, "detail": WORDS, "identifier": {"type": "dns", "value": WORDS}}],
    });
    (reply.status, reply.body) = (403, problem.to_string().into_bytes());
}

/// Nothing that the run said moves a cursor, changes a colour, forges a line or turns text around.
///
/// # Panics
/// If something does.
pub fn assert_harmless(run: &Finished, what: &str) {
    for text in [&run.stdout, &run.stderr] {
        assert_eq!(text.chars().find(|c| is_hostile(*c)), None, "{what}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("error: all is well")), "{what}: {text:?}");
    }
}

fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
