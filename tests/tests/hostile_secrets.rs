//! A secret can be used and not had: every way out that a provider could try.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use acmite::plugin::secret::{Class, CredentialSet, Encoding, Hash, RunCaptures, Secrets};
use acmite::plugin::wire::Part;
use acmite_tests::hostile::{Attack, Captured, NAME, Peer, SECRET, TOKEN, VALUE, figure};
use acmite_tests::leak::{forms, holds};
use serde_json::{Value, json};

/// An API that knows one zone and hands out a session.
fn api() -> Peer {
    Peer::answering(|request| {
        let body = match request.split(' ').nth(1).unwrap_or_default() {
            "/v1/zones" => r#"{"zones":[{"id":"z1","name":"example.test"}]}"#.to_owned(),
            "/v1/login" => format!(r#"{{"session":"{SESSION}","user":"me"}}"#),
            _ => "{}".to_owned(),
        };
        ("200 OK".into(), body)
    })
}

const SESSION: &str = "session-canary/with+odd~1b4f0e98";

fn create(name: &str, content: &str, inject: Value) -> Value {
    let body = json!({"type": "TXT", "name": name, "content": content, "ttl": 60}).to_string();
    json!({"send": {"endpoint": "create", "path": [["zone", "z1"]], "body": body, "inject": inject}})
}

const ZONES: &str = "zones";

/// Runs steps after a login; what the guest saw holds no secret, and of what the peer saw only the sinks do.
async fn steps(attack: Attack, peer: &Peer, steps: Vec<Value>) -> Vec<Value> {
    let captured = Captured::start();
    let given =
        attack.setting("attack", "script").arg(&Value::from(steps).to_string()).against(&peer.url).given().await;
    let seen = Value::from(given.clone()).to_string();
    captured.assert_no_canary(&seen);
    assert!(!forms(SESSION.as_bytes()).iter().any(|form| holds(seen.as_bytes(), form)), "{seen}");
    for request in peer.requests() {
        let (line, rest) = request.split_once("\r\n").unwrap();
        let plain: Vec<&str> = rest.lines().filter(|line| !line.starts_with("authorization: ")).collect();
        let body = plain.last().copied().unwrap_or_default();
        let elsewhere = if request.starts_with("POST /v1/login ") {
            line.to_owned()
        } else {
            format!("{line}\n{}", plain.join("\n"))
        };
        captured.assert_no_canary(&elsewhere);
        assert!(!request.starts_with("POST /v1/login ") || body == format!("{{\"secret\":\"{SECRET}\"}}"), "{body}");
    }
    given
}

fn both() -> [Attack; 2] {
    [Attack::new("script"), Attack::new("script").wild()]
}

#[tokio::test]
async fn a_secret_goes_nowhere_but_to_its_sinks() {
    let credentials = [json!({"credential": "api_token"}), json!({"credential": "api_secret"})];
    let encoded =
        ["none", "hex", "base64", "base64url", "percent"].map(|how| json!({"encode": [how, ["x", {"secret": 2}]]}));
    let derived =
        [json!({"digest": ["sha256", [{"secret": 1}]]}), json!({"hmac": ["md5", [{"secret": 1}], [{"secret": 2}]]})];
    let made = [&credentials[..], &encoded, &derived].concat();
    for attack in both() {
        for number in 1..=made.len() {
            for place in [
                "header:x-note",
                "header:authorization",
                "body:/content",
                "body:/name",
                "path:zone",
                "query:name",
                "cookie:a",
                "url",
                "header:x-signature",
            ] {
                let peer = api();
                let inject = json!([[place, [{"secret": number}]]]);
                let all = [vec![json!({"send": {"endpoint": ZONES}})], made.clone(), vec![create(NAME, VALUE, inject)]]
                    .concat();
                let given = steps(attack.clone(), &peer, all).await;
                Attack::rule(&given);
                assert_eq!(peer.requests().len(), 1, "{place} of {number}");
            }
        }
    }
}

#[tokio::test]
async fn a_sink_takes_only_what_was_derived_of_its_own_secret() {
    let signed = |parts: Value| json!({"send": {"endpoint": "signed", "inject": [["header:x-signature", parts]]}});
    for (more, parts, rule) in [
        (json!({"credential": "api_secret"}), json!([{"secret": 1}]), "not \"raw api_secret\""),
        (json!({"credential": "api_token"}), json!([{"secret": 1}]), "not \"raw api_token\""),
        (json!({"digest": ["sha256", ["nothing secret"]]}), json!([{"secret": 1}]), "derived api_secret"),
        (json!({"credential": "api_secret"}), json!(["plain text"]), "derived api_secret"),
        (json!({"credential": "api_secret"}), json!([{"secret": 7}]), "not given out"),
        (json!({"credential": "api_secret"}), json!([{"secret": 4_294_967_295u32}]), "not given out"),
        (json!({"credential": "api_secret"}), json!([{"secret": 0}]), "not given out"),
    ] {
        for attack in both() {
            let peer = api();
            let given = steps(attack, &peer, vec![more.clone(), signed(parts.clone())]).await;
            let refused = Attack::rule(&given);
            assert!(refused.contains("x-signature"), "{parts}: {refused} ({rule})");
            peer.assert_untouched();
        }
    }
    // Both credentials in one hash: of a class that the sink does not take.
    let mixed = vec![
        json!({"credential": "api_secret"}),
        json!({"credential": "api_token"}),
        json!({"hmac": ["sha256", [{"secret": 1}], [{"secret": 2}]]}),
        signed(json!([{"secret": 3}])),
    ];
    // And a signature beside the raw secret.
    let beside = vec![
        json!({"credential": "api_secret"}),
        json!({"hmac": ["sha256", [{"secret": 1}], ["data"]]}),
        signed(json!([{"secret": 2}, ":", {"secret": 1}])),
    ];
    for attack in both() {
        for all in [&mixed, &beside] {
            let peer = api();
            Attack::rule(&steps(attack.clone(), &peer, all.clone()).await);
            peer.assert_untouched();
        }
        let peer = api();
        let honest = vec![
            json!({"credential": "api_secret"}),
            json!({"hmac": ["sha256", [{"secret": 1}], ["data"]]}),
            json!({"encode": ["hex", [{"secret": 2}]]}),
            signed(json!(["v1=", {"secret": 3}])),
        ];
        let given = steps(attack.clone(), &peer, honest).await;
        assert_eq!(given[3]["status"], 200, "{given:?}");
        assert!(peer.requests()[0].contains("x-signature: v1="), "{:?}", peer.requests());
        // With the class on the list the raw one goes out: it is the list that held it back.
        let open = attack.replacing("[\"derived api_secret\"]", "[\"raw api_secret\"]").against(&peer.url);
        let raw = json!([{"credential": "api_secret"}, signed(json!([{"secret": 1}]))]);
        open.setting("attack", "script").arg(&raw.to_string()).given().await;
        assert!(peer.requests()[1].contains(SECRET));
    }
}

#[tokio::test]
async fn a_missing_doubled_or_displaced_injection_is_refused() {
    let sign = json!({"credential": "api_secret"});
    for (inject, rule) in [
        (json!([]), "was not"),
        (json!([["header:x-signature", [{"secret": 2}]], ["HEADER:X-SIGNATURE", [{"secret": 2}]]]), "twice"),
        (json!([["header:x-signature", [{"secret": 2}]], ["query:note", [{"secret": 2}]]]), "not a sink"),
        (json!([["header:x-signature\r\nx", [{"secret": 2}]]]), "not a sink"),
    ] {
        for attack in both() {
            let peer = api();
            let all = vec![
                sign.clone(),
                json!({"hmac": ["sha256", [{"secret": 1}], ["data"]]}),
                json!({"send": {"endpoint": "signed", "inject": inject}}),
            ];
            let given = steps(attack, &peer, all).await;
            assert!(Attack::rule(&given).contains(rule), "{inject}: {given:?}");
            peer.assert_untouched();
        }
    }
}

#[tokio::test]
async fn numbers_of_another_call_and_undeclared_names_give_nothing() {
    for attack in both() {
        let given = steps(
            attack,
            &api(),
            vec![
                json!({"credential": "api_tokens"}),
                json!({"credential": "attack"}),
                json!({"credential": "login.session"}),
                json!({"credential": ""}),
                json!({"credential": "/etc/passwd"}),
                json!({"encode": ["none", [{"secret": 1}]]}),
            ],
        )
        .await;
        assert!(given.iter().all(|given| given["fault"].is_string()), "{given:?}");
    }
}

#[tokio::test]
async fn what_is_captured_is_cut_out_of_the_reply() {
    for attack in both() {
        let peer = api();
        let login = json!({"send": {"endpoint": "login", "body": "{}"}});
        let given =
            steps(attack.clone(), &peer, vec![login.clone(), json!({"credential": "login.session"}), login]).await;
        assert!(given[0]["body"].as_str().unwrap().contains("\"user\":\"me\"") && given[1].is_number(), "{given:?}");
        let hiding = [
            r#"{"Session":"session-canary/with+odd~1b4f0e98"}"#,
            r#"{"session":{"value":"session-canary/with+odd~1b4f0e98"}}"#,
            r#"{"session":"a","session":"session-canary/with+odd~1b4f0e98"}"#,
            r#"["session-canary/with+odd~1b4f0e98"]"#,
            "session-canary/with+odd~1b4f0e98",
        ];
        for body in hiding {
            let peer = Peer::fixed("200 OK", body);
            let given = steps(attack.clone(), &peer, vec![json!({"send": {"endpoint": "login", "body": "{}"}})]).await;
            assert!(given[0]["unanswered"].as_str().unwrap().contains("withheld"), "{given:?}");
        }
    }
}

/// What an API makes of the credential it was given.
type Form = fn(&str) -> Vec<u8>;

/// An API that sends back what it was given, in a form.
fn echo(form: Form) -> Peer {
    Peer::start(std::sync::Arc::new(move |request, stream| {
        use std::io::Write;
        let line = request.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default();
        let body = form(line);
        let head = format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\nx-echo: {line}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat())
    }))
}

#[tokio::test]
async fn an_api_that_echoes_the_credential_tells_the_guest_nothing() {
    let ways: [(&str, Form); 9] = [
        ("raw", |token| token.into()),
        ("within text", |token| format!("{{\"error\":\"bad token {token}!\"}}").into()),
        ("base64", |token| data_encoding::BASE64.encode(token.as_bytes()).into()),
        ("base64 of more", |token| data_encoding::BASE64.encode(format!("ab{token}cd").as_bytes()).into()),
        ("base64url", |token| data_encoding::BASE64URL.encode(format!("a{token}").as_bytes()).into()),
        ("hex", |token| data_encoding::HEXUPPER.encode(token.as_bytes()).into()),
        ("percent", |token| {
            token.replace('/', "%2F").replace('+', "%2b").replace('=', "%3D").replace('~', "%7E").into()
        }),
        ("json", |token| token.replace('/', "\\/").into()),
        ("twice", |token| format!("{token}{token}").into()),
    ];
    for (name, form) in ways {
        let peer = echo(form);
        let captured = Captured::start();
        let ask = json!([{"send": {"endpoint": "zones"}}]);
        let given = Attack::script(&ask).against(&peer.url).given().await;
        assert!(peer.requests()[0].contains(TOKEN), "{name}");
        captured.assert_no_canary(&Value::from(given.clone()).to_string());
        assert!(given[0].to_string().contains("[api_token]"), "{name}: {given:?}");
    }
    // One too short to be searched for does reach the guest.
    let peer = echo(|token| token.into());
    let unsearched = Attack::script(&json!([{"send": {"endpoint": "zones"}}])).secret("api_token", "short");
    assert_eq!(unsearched.against(&peer.url).given().await[0]["body"], "short");
}

/// RFC 1952 around one block of fixed codes (RFC 1951 section 3.2.6), as a server may answer uncalled for.
fn gzip(text: &str) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    for byte in text.bytes() {
        assert!(byte < 144, "a code of eight bits");
        bits.extend((0..8).rev().map(|bit| (byte + 0x30) >> bit & 1 == 1));
    }
    bits.extend([false; 7]);
    let packed = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |number, &bit| number << 1 | u8::from(bit)));
    [b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(), packed.collect()].concat()
}

#[tokio::test]
async fn a_credential_within_a_compressed_reply_is_blurred() {
    let peer = echo(gzip);
    let given = Attack::script(&json!([{"send": {"endpoint": "zones"}}])).against(&peer.url).given().await;
    let body = given[0]["body"].as_str().unwrap();
    assert_eq!(given[0]["bytes"].as_u64().unwrap(), body.len() as u64, "the guest was given bytes that are no text");
    // One of the 36 bytes is lost by the header alone.
    let lost = body.chars().filter(|c| *c == '\u{fffd}').count();
    assert!(lost > 12 && body.len() > gzip(TOKEN).len(), "{lost} bytes lost of {body:?}");
    let plain = echo(|token| token.into());
    let given = Attack::script(&json!([{"send": {"endpoint": "zones"}}])).against(&plain.url).given().await;
    assert_eq!(given[0]["body"], "[api_token]");
}

#[tokio::test]
async fn a_key_is_a_credential_as_it_stands_so_that_no_fault_tells_its_bytes() {
    let peer = api();
    // A step that fails gives no number.
    let all = vec![
        json!({"credential": "api_secret"}),
        json!({"encode": ["none", [{"secret": 1}]]}),
        json!({"totp": 2}),
        json!({"encode": ["none", ["JBSWY3DP", {"secret": 1}]]}),
        json!({"totp": 3}),
        json!({"encode": ["none", ["JBSWY3DPEHPK3PXP"]]}),
        json!({"totp": 4}),
        json!({"encode": ["none", ["-----BEGIN PRIVATE KEY-----\n", {"secret": 1}]]}),
        json!({"sign": ["ed25519", 5, ["data"]]}),
        json!({"digest": ["md5", ["a", {"secret": 1}]]}),
        json!({"totp": 6}),
    ];
    let made = Attack::new("script").secret("api_secret", "JBSWY3DPEHPK3PXP").setting("attack", "script");
    let given = made.arg(&Value::from(all).to_string()).against(&peer.url).given().await;
    for index in [2, 4, 6, 8, 10] {
        assert!(given[index]["fault"].as_str().unwrap().contains("bad-key"), "step {index}: {given:?}");
    }
    let honest = json!([{"credential": "api_secret"}, {"totp": 1}]);
    let made = Attack::script(&honest).secret("api_secret", "JBSWY3DPEHPK3PXP").against(&peer.url).given().await;
    assert!(made[1].is_number(), "{made:?}");
}

/// Marsaglia's xorshift64, so that every run tries the same cases.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// What is known of a secret number besides: of which fields it was made, and whether by a hash.
#[derive(Clone, Default, PartialEq)]
struct Known {
    raw: Vec<&'static str>,
    derived: Vec<&'static str>,
}

impl Known {
    fn with(mut self, other: &Self) -> Self {
        self.raw.extend(&other.raw);
        self.derived.extend(&other.derived);
        self
    }

    fn hashed(self) -> Self {
        Self { derived: [self.raw, self.derived].concat(), raw: Vec::new() }
    }

    /// Whether a sink for exactly this class may take it.
    fn fits(&self, class: &Class) -> bool {
        let all_raw =
            |name: &str| self.derived.is_empty() && !self.raw.is_empty() && self.raw.iter().all(|n| *n == name);
        let all_derived =
            |name: &str| self.raw.is_empty() && !self.derived.is_empty() && self.derived.iter().all(|n| *n == name);
        match class {
            Class::Raw(name) => all_raw(name),
            Class::Derived(name) => all_derived(name),
            Class::Captured(_) => false,
        }
    }
}

const FIELDS: [(&str, &str); 2] = [("api_token", TOKEN), ("api_secret", SECRET)];

/// Random programs over the secret functions: a value is placed only at a sink of exactly its class, a model says which,
/// and whatever is placed is found by the scrubber afterwards.
#[test]
fn nothing_computed_from_a_secret_is_placeable_outside_its_class() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut placed, mut refused) = (0, 0);
    for round in 0..1500 {
        let fields = FIELDS.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec().into()));
        let set = std::sync::Arc::new(CredentialSet::new(fields.to_vec()));
        let mut secrets = Secrets::new(set, RunCaptures::default(), 1_700_000_000);
        let mut known: Vec<Known> = Vec::new();
        for _ in 0..1 + random.below(9) {
            let step = one_step(&mut random, &mut secrets, &known);
            known.push(step);
        }
        for class in FIELDS.iter().flat_map(|(name, _)| {
            [Class::Raw((*name).into()), Class::Derived((*name).into()), Class::Captured((*name).into())]
        }) {
            let (parts, model) = some_parts(&mut random, &known);
            let result = secrets.place(&parts, std::slice::from_ref(&class));
            assert_eq!(result.is_ok(), model.fits(&class), "round {round}: {parts:?} at {class}");
            match result {
                Ok(bytes) => {
                    placed += 1;
                    let shown = secrets.scrubber().text(&String::from_utf8_lossy(&bytes));
                    assert!(
                        !forms(TOKEN.as_bytes())
                            .iter()
                            .chain(&forms(SECRET.as_bytes()))
                            .any(|form| holds(shown.as_bytes(), form)),
                        "round {round}: {shown}"
                    );
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains("canary"), "{error}");
                }
            }
        }
    }
    figure(&format!("random programs over secrets: 1500, placed {placed}, refused {refused}"));
    assert!(placed > 300 && refused > 3000, "{placed} placed, {refused} refused");
}

fn some_parts(random: &mut Random, known: &[Known]) -> (Vec<Part>, Known) {
    let mut model = Known::default();
    let parts = (0..1 + random.below(3))
        .map(|_| match random.below(5) {
            0 => Part::Text("text".into()),
            1 => Part::Bytes(vec![1, 2, 3]),
            _ if known.is_empty() => Part::Text("none yet".into()),
            _ => {
                let number = random.below(known.len());
                model = model.clone().with(&known[number]);
                Part::Secret(u32::try_from(number + 1).unwrap())
            }
        })
        .collect();
    (parts, model)
}

fn one_step(random: &mut Random, secrets: &mut Secrets, known: &[Known]) -> Known {
    const ENCODINGS: [Encoding; 5] =
        [Encoding::None, Encoding::Hex, Encoding::Base64, Encoding::Base64url, Encoding::Percent];
    const HASHES: [Hash; 5] = [Hash::Md5, Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let (parts, model) = some_parts(random, known);
    let (number, model) = match random.below(4) {
        0 => {
            let (name, _) = FIELDS[random.below(2)];
            (secrets.credential(name), Known { raw: vec![name], derived: Vec::new() })
        }
        1 => (secrets.encode(ENCODINGS[random.below(5)], &parts), model),
        2 => (secrets.digest(HASHES[random.below(5)], &parts), model.hashed()),
        _ => {
            let (key, key_model) = some_parts(random, known);
            (secrets.hmac(HASHES[random.below(5)], &key, &parts), model.with(&key_model).hashed())
        }
    };
    assert_eq!(number.ok(), u32::try_from(known.len() + 1).ok());
    model
}
