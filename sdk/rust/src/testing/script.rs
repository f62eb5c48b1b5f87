//! A script as it is played.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::bindings::acmite::provider::dns_update::UpdateError;
use crate::bindings::acmite::provider::http as wit;
use crate::{Pair, Part, Txt};

/// One thing the provider will ask.
#[derive(Debug)]
pub(super) enum Step {
    Http(Box<HttpStep>),
    Update { additions: Vec<Txt>, deletions: Vec<Txt>, outcome: Result<(), UpdateError> },
    Probe { outcome: Result<bool, UpdateError> },
}

/// A request and its answer.
#[derive(Debug)]
pub(super) struct HttpStep {
    endpoint: String,
    pub(super) path: Vec<Pair>,
    pub(super) query: Vec<Pair>,
    pub(super) headers: Vec<Pair>,
    pub(super) body: Body,
    pub(super) inject: Vec<Pair>,
    pub(super) outcome: Result<wit::Reply, wit::SendError>,
}

/// What a request's body must be.
#[derive(Debug)]
pub(super) enum Body {
    None,
    Exact(String),
    Json(serde_json::Value),
}

/// What is left to come, and what has come.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) steps: VecDeque<Step>,
    secrets: Vec<(String, Option<Vec<u8>>)>,
    /// What each secret is, by its number less one, where it is known.
    values: Vec<Option<Vec<u8>>>,
    pub(super) secret_calls: Vec<String>,
    pub(super) log: Vec<String>,
}

impl Script {
    pub(super) fn new(steps: VecDeque<Step>, secrets: Vec<(String, Option<Vec<u8>>)>) -> Self {
        Self { steps, secrets, values: Vec::new(), secret_calls: Vec::new(), log: Vec::new() }
    }

    fn secret_call(&mut self, call: &str, value: Option<Vec<u8>>) -> u32 {
        self.values.push(value);
        let number = u32::try_from(self.values.len()).expect("a test makes few secrets");
        self.secret_calls.push(format!("{call} -> #{number}"));
        number
    }

    /// A secret by its number: `None` if there is none, `Some(None)` if its value is unknown.
    fn secret(&self, number: u32) -> Option<&Option<Vec<u8>>> {
        self.values.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    fn joined(&self, parts: &[Part]) -> Option<Vec<u8>> {
        let bytes = |part: &Part| match part {
            Part::Text(text) => Some(text.clone().into_bytes()),
            Part::Bytes(bytes) => Some(bytes.clone()),
            Part::Secret(number) => self.secret(*number)?.clone(),
        };
        parts.iter().map(bytes).collect::<Option<Vec<_>>>().map(|all| all.concat())
    }
}

thread_local! {
    static PLAYING: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// Takes the script down again, also when the test fails.
pub(super) struct Running;

pub(super) fn start(script: Script) -> Running {
    let before = PLAYING.with_borrow_mut(|playing| playing.replace(script));
    assert!(before.is_none(), "a recording runs inside another");
    Running
}

impl Running {
    pub(super) fn finish(self) -> Script {
        PLAYING.take().expect("start() has put it there")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        PLAYING.take();
    }
}

fn playing<T>(act: impl FnOnce(&mut Script) -> T) -> T {
    PLAYING.with_borrow_mut(|playing| match playing {
        Some(script) => act(script),
        None => panic!("a provider was called outside of Recording::run"),
    })
}

fn next(asked: &str) -> Step {
    match playing(|script| script.steps.pop_front()) {
        Some(step) => step,
        None => panic!("one more than the script has: {asked}"),
    }
}

impl HttpStep {
    pub(super) fn new(endpoint: &str, outcome: Result<wit::Reply, wit::SendError>) -> Self {
        let (path, query, headers, inject) = Default::default();
        Self { endpoint: endpoint.to_owned(), path, query, headers, body: Body::None, inject, outcome }
    }

    fn answer(self, request: &wit::Request) -> Result<wit::Reply, wit::SendError> {
        assert_eq!(request.endpoint, self.endpoint, "the endpoint of a request");
        let of = |what: &str| format!("the {what} of a request to {}", self.endpoint);
        assert_eq!(shown(&request.path), shown(&self.path), "{}", of("path"));
        assert_eq!(shown(&request.query), shown(&self.query), "{}", of("query"));
        assert_eq!(shown(&request.headers), shown(&self.headers), "{}", of("headers"));
        let injected: Vec<Pair> = request.inject.iter().map(injected).collect();
        assert_eq!(shown(&injected), shown(&self.inject), "{}", of("inject"));
        self.body.check(request.body.as_deref(), &of("body"));
        self.outcome
    }
}

impl Body {
    fn check(&self, sent: Option<&[u8]>, what: &str) {
        let text = sent.map(String::from_utf8_lossy);
        match self {
            Self::None => assert_eq!(text, None, "{what}"),
            Self::Exact(expected) => assert_eq!(text.as_deref(), Some(expected.as_str()), "{what}"),
            Self::Json(expected) => {
                let sent = sent.and_then(|bytes| serde_json::from_slice(bytes).ok());
                assert_eq!(sent.as_ref(), Some(expected), "{what}, which is {text:?}");
            }
        }
    }
}

fn shown(pairs: &[Pair]) -> Vec<String> {
    pairs.iter().map(|pair| format!("{} = {}", pair.name, pair.value)).collect()
}

fn injected(injection: &wit::Injection) -> Pair {
    let known = |part: &Part| playing(|script| script.joined(std::slice::from_ref(part)));
    let text = |part: &Part| match (part, known(part)) {
        (Part::Secret(_), Some(value)) => String::from_utf8_lossy(&value).into_owned(),
        _ => texts(std::slice::from_ref(part)).concat(),
    };
    Pair { name: injection.place.clone(), value: injection.value.iter().map(text).collect() }
}

fn texts(parts: &[Part]) -> Vec<String> {
    let hex = |bytes: &Vec<u8>| bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Bytes(bytes) => hex(bytes),
        Part::Secret(number) => format!("#{number}"),
    };
    parts.iter().map(text).collect()
}

/// What stands in for the imports of `wit/`.
pub(crate) mod host {
    use super::{Script, Step, next, playing, texts, wit};
    use crate::Level;
    use crate::bindings::acmite::provider::dns_update::UpdateError;
    use crate::bindings::acmite::provider::secrets::{Encoding, Fault, Hash, Signing};
    use crate::testing::{NOW, compute};
    use crate::{Part, Txt};

    pub(crate) fn send(request: &wit::Request) -> Result<wit::Reply, wit::SendError> {
        match next(&format!("{request:?}")) {
            Step::Http(step) => step.answer(request),
            other => panic!("a request to {} came before {other:?}", request.endpoint),
        }
    }

    pub(crate) fn send_all(requests: &[wit::Request]) -> Vec<Result<wit::Reply, wit::SendError>> {
        requests.iter().map(send).collect()
    }

    pub(crate) fn apply(additions: &[Txt], deletions: &[Txt], _ttl: u32) -> Result<(), UpdateError> {
        match next(&format!("a DNS update adding {additions:?}, deleting {deletions:?}")) {
            Step::Update { additions: added, deletions: deleted, outcome } => {
                assert_eq!(format!("{additions:?}"), format!("{added:?}"), "the additions of a DNS update");
                assert_eq!(format!("{deletions:?}"), format!("{deleted:?}"), "the deletions of a DNS update");
                outcome
            }
            other => panic!("a DNS update came before {other:?}"),
        }
    }

    pub(crate) fn probe() -> Result<bool, UpdateError> {
        match next("a probe") {
            Step::Probe { outcome } => outcome,
            other => panic!("a probe came before {other:?}"),
        }
    }

    pub(crate) fn write(_level: Level, message: &str) {
        playing(|script| script.log.push(message.to_owned()));
    }

    pub(crate) fn credential(name: &str) -> Result<u32, Fault> {
        playing(|script| match script.secrets.iter().find(|(known, _)| known == name).cloned() {
            Some((_, value)) => Ok(script.secret_call(&format!("credential({name})"), value)),
            None => Err(Fault::UnknownCredential),
        })
    }

    pub(crate) fn encode(encoding: Encoding, parts: &[Part]) -> Result<u32, Fault> {
        let shown = format!("encode({}, {})", word(encoding), texts(parts).join(" "));
        call(shown, parts, |script| Some(compute::encoded(encoding, script.joined(parts)?)))
    }

    pub(crate) fn digest(hash: Hash, parts: &[Part]) -> Result<u32, Fault> {
        let shown = format!("digest({}, {})", word(hash), texts(parts).join(" "));
        call(shown, parts, |script| compute::digest(hash, &script.joined(parts)?))
    }

    pub(crate) fn hmac(hash: Hash, key: &[Part], data: &[Part]) -> Result<u32, Fault> {
        let (shown_key, shown_data) = (texts(key).join(" "), texts(data).join(" "));
        let shown = format!("hmac({}, {shown_key}, {shown_data})", word(hash));
        call(shown, &[key, data].concat(), |script| compute::hmac(hash, &script.joined(key)?, &script.joined(data)?))
    }

    pub(crate) fn sign(algorithm: Signing, key: u32, data: &[Part]) -> Result<u32, Fault> {
        let shown = format!("sign({}, #{key}, {})", word(algorithm), texts(data).join(" "));
        call(shown, &[&[Part::Secret(key)], data].concat(), |_| None)
    }

    pub(crate) fn totp(key: u32) -> Result<u32, Fault> {
        let parts = [Part::Secret(key)];
        call(format!("totp(#{key})"), &parts, |script| compute::totp(&script.joined(&parts)?, NOW))
    }

    fn call(shown: String, parts: &[Part], value: impl FnOnce(&Script) -> Option<Vec<u8>>) -> Result<u32, Fault> {
        playing(|script| {
            let unknown = |part: &Part| matches!(part, Part::Secret(number) if script.secret(*number).is_none());
            if parts.iter().any(unknown) {
                return Err(Fault::UnknownSecret);
            }
            let value = value(script);
            Ok(script.secret_call(&shown, value))
        })
    }

    /// "Hash::Sha256" as "sha256".
    fn word(case: impl std::fmt::Debug) -> String {
        let text = format!("{case:?}");
        text.rsplit("::").next().unwrap_or(&text).to_ascii_lowercase()
    }
}
