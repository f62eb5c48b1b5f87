//! A CA that goes along up to one reply and lies there: acmite says what is wrong, takes back what it published, keeps
//! the certificate that it has, and shows nothing of the CA's that a terminal would obey.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use acmite_lab::ca::{Endpoint, Reply};
use acmite_tests::acmite::{Acmite, Finished};
use acmite_tests::faults::{World, at_each};
use acmite_tests::hostile::ca::{Lie, WORDS, assert_harmless, edit, refuse, set_header};
use serde_json::json;

/// A renewal, with a certificate to lose.
fn renewal_under(world: &World, lie: &Lie) -> Finished {
    let state = world.issued_state();
    let live = world.whole_pair(&state);
    let done = under(world, lie, &state, world.renew(&state));
    assert_eq!(world.whole_pair(&state), live, "{}: {done}", lie.what);
    world.assert_clean(&state);
    done
}

/// Runs while the CA lies; it fails as it should and nothing is written beside the state folder.
fn under(world: &World, lie: &Lie, state: &Path, run: Acmite) -> Finished {
    let before = beside(state);
    world.lab.ca.rewrite_replies(lie.tell);
    let done = run.args(["-v"]).run();
    world.lab.ca.rewrite_replies(|_, _| ());
    assert!(!matches!(done.code, None | Some(0 | PANICKED)), "{}: {done}", lie.what);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains(lie.said), "{} is not {:?}: {done}", lie.what, lie.said);
    assert_harmless(&done, lie.what);
    assert_eq!(beside(state), before, "{}", lie.what);
    done
}

const PANICKED: i32 = 101;

/// What lies in the folder that holds the state folder, but other state folders.
fn beside(state: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(state.parent().expect("a folder")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with("state")).collect()
}

fn each(lies: &[Lie]) {
    at_each(lies, |world, lie| drop(renewal_under(world, lie)));
}

/// Where nothing may be sent, whoever says so.
macro_rules! astray {
    ($endpoint:pat, $what:literal, $member:literal) => {
        [
            Lie::new(
                concat!($what, " over plain http"),
                |at, reply| lead(reply, matches!(at, $endpoint), $member, PLAIN),
                "plain http",
            ),
            Lie::new(
                concat!($what, " at a metadata service"),
                |at, reply| lead(reply, matches!(at, $endpoint), $member, METADATA),
                "an address of this machine",
            ),
            Lie::new(
                concat!($what, " in a file"),
                |at, reply| lead(reply, matches!(at, $endpoint), $member, "file:///etc/passwd"),
                "it is not https",
            ),
            Lie::new(
                concat!($what, " with an escape"),
                |at, reply| lead(reply, matches!(at, $endpoint), $member, ESCAPED),
                "it is no URL",
            ),
        ]
    };
}

const PLAIN: &str = "http://127.0.0.1:9/x";
const METADATA: &str = "https://169.254.169.254/latest";
const ESCAPED: &str = "https://127.0.0.1:9/\u{1b}[2J";

fn lead(reply: &mut Reply, here: bool, pointer: &str, url: &str) {
    if here {
        edit(reply, |body| body.pointer_mut(pointer).into_iter().for_each(|place| *place = json!(url)));
    }
}

#[test]
fn a_directory_that_leads_astray_is_not_followed() {
    each(&astray!(Endpoint::Directory, "newNonce", "/newNonce"));
    each(&astray!(Endpoint::Directory, "newOrder", "/newOrder"));
}

#[test]
fn an_order_that_is_not_the_one_that_was_asked_for_is_not_followed() {
    use Endpoint::{NewOrder, Order};
    each(&astray!(NewOrder, "an authorization", "/authorizations/0"));
    each(&astray!(Order, "finalize", "/finalize"));
    each(&[
        Lie::new(
            "a name that was not ordered",
            |at, reply| {
                on(at, NewOrder, reply, |body| {
                    body["identifiers"][0]["value"] = json!("victim.example");
                })
            },
            "not those that were ordered",
        ),
        Lie::new(
            "one name more",
            |at, reply| {
                on(at, NewOrder, reply, |body| {
                    body["identifiers"].as_array_mut().unwrap().push(json!({"type": "dns", "value": "victim.example"}));
                })
            },
            "not those that were ordered",
        ),
        Lie::new(
            "one name twice in place of two",
            |at, reply| {
                on(at, NewOrder, reply, |body| {
                    body["identifiers"][1] = body["identifiers"][0].clone();
                })
            },
            "not those that were ordered",
        ),
        Lie::new(
            "names that are none",
            |at, reply| {
                on(at, NewOrder, reply, |body| {
                    body["identifiers"][0]["value"] = json!(WORDS);
                })
            },
            "not those that were ordered",
        ),
        Lie::new(
            "a thousand authorizations",
            |at, reply| {
                on(at, NewOrder, reply, |body| {
                    body["authorizations"] = json!(vec![body["authorizations"][0].clone(); 1000]);
                })
            },
            "more authorizations than its names can need",
        ),
        Lie::new(
            "a status that is none",
            |at, reply| on(at, NewOrder, reply, |body| body["status"] = json!(WORDS)),
            "not what RFC 8555 says",
        ),
        Lie::new(
            "brackets without end",
            |at, reply| when(at, NewOrder, || reply.body = vec![b'['; 100_000]),
            "not what RFC 8555 says",
        ),
        Lie::new(
            "two megabytes",
            |at, reply| when(at, NewOrder, || reply.body = vec![b' '; 2 << 20]),
            "more than 1024 KiB",
        ),
        Lie::new(
            "no Location",
            |at, reply| when(at, NewOrder, || drop(reply.headers.remove("location"))),
            "no Location header",
        ),
        Lie::new(
            "a Location that is no text",
            |at, reply| when(at, NewOrder, || set_header(reply, "location", b"https://\x9b2J")),
            "no Location header",
        ),
        Lie::new(
            "a Location elsewhere",
            |at, reply| when(at, NewOrder, || set_header(reply, "location", b"../../etc/passwd")),
            "it is no URL",
        ),
    ]);
}

fn when(at: Endpoint, wanted: Endpoint, change: impl FnOnce()) {
    if at == wanted {
        change();
    }
}

fn on(at: Endpoint, wanted: Endpoint, reply: &mut Reply, change: impl FnOnce(&mut serde_json::Value)) {
    if at == wanted {
        edit(reply, change);
    }
}

fn with_token(at: Endpoint, reply: &mut Reply, token: &str) {
    on(at, Endpoint::Authorization, reply, |body| body["challenges"][0]["token"] = json!(token));
}

#[test]
fn a_token_outside_of_base64url_is_refused() {
    const SAID: &str = "which is not base64url";
    each(&[
        Lie::new("a path", |at, reply| with_token(at, reply, "../../../etc/cron.d/x"), SAID),
        Lie::new("an absolute path", |at, reply| with_token(at, reply, "/etc/cron.d/x"), SAID),
        Lie::new("escapes", |at, reply| with_token(at, reply, WORDS), SAID),
        Lie::new("a line end", |at, reply| with_token(at, reply, "AAAAAAAAAAAAAAAAAAAAAA\n"), SAID),
        Lie::new("padding", |at, reply| with_token(at, reply, "AAAAAAAAAAAAAAAAAAAAAA=="), SAID),
        Lie::new("nothing", |at, reply| with_token(at, reply, ""), SAID),
        Lie::new("letters of another alphabet", |at, reply| with_token(at, reply, "аааааааааааааааааааааа"), SAID),
        Lie::new("300 KB", |at, reply| with_token(at, reply, &"A".repeat(300_000)), SAID),
        Lie::new(
            "no token",
            |at, reply| {
                on(at, Endpoint::Authorization, reply, |body| {
                    body["challenges"][0].as_object_mut().unwrap().remove("token");
                })
            },
            "without a token",
        ),
    ]);
}

fn of_name(at: Endpoint, reply: &mut Reply, name: &str) {
    on(at, Endpoint::Authorization, reply, |body| body["identifier"]["value"] = json!(name));
}

#[test]
fn an_authorization_that_is_not_of_the_order_is_not_proven() {
    const NOT_ORDERED: &str = "which was not ordered";
    const NO_NAME: &str = "its identifier is no name or address";
    each(&[
        Lie::new("another name", |at, reply| of_name(at, reply, "victim.example"), NOT_ORDERED),
        Lie::new("a name below", |at, reply| of_name(at, reply, "www.example.test"), NOT_ORDERED),
        Lie::new("a name above", |at, reply| of_name(at, reply, "test"), NOT_ORDERED),
        Lie::new("an address", |at, reply| of_name(at, reply, "127.0.0.1"), NOT_ORDERED),
        Lie::new("a path", |at, reply| of_name(at, reply, "../../etc"), NO_NAME),
        Lie::new("escapes", |at, reply| of_name(at, reply, WORDS), NO_NAME),
        Lie::new(
            "a status that is none",
            |at, reply| on(at, Endpoint::Authorization, reply, |body| body["status"] = json!(WORDS)),
            "not what RFC 8555 says",
        ),
        Lie::new(
            "no challenges",
            |at, reply| on(at, Endpoint::Authorization, reply, |body| body["challenges"] = json!([])),
            "no dns-01 challenge",
        ),
        Lie::new(
            "challenges of strange kinds",
            |at, reply| on(at, Endpoint::Authorization, reply, |body| body["challenges"][0]["type"] = json!(WORDS)),
            "no dns-01 challenge",
        ),
        Lie::new(
            "a failed challenge with hostile words",
            |at, reply| {
                on(at, Endpoint::Authorization, reply, |body| {
                    if body["status"] == "valid" {
                        (body["status"], body["challenges"][0]["status"]) = (json!("invalid"), json!("invalid"));
                        body["challenges"][0]["error"] = json!({"type": WORDS, "detail": WORDS});
                    }
                })
            },
            "did not accept the proof",
        ),
    ]);
    each(&astray!(Endpoint::Authorization, "a challenge", "/challenges/0/url"));
}

#[test]
fn an_order_that_goes_back_or_lacks_its_certificate_gives_none() {
    const NO_CERTIFICATE: &str = "names no certificate";
    each(&astray!(Endpoint::Order, "the certificate", "/certificate"));
    each(&[
        Lie::new("back to ready", |at, reply| after_issuing(at, reply, "ready"), NO_CERTIFICATE),
        Lie::new("back to pending", |at, reply| after_issuing(at, reply, "pending"), NO_CERTIFICATE),
        Lie::new("valid without a certificate", |at, reply| after_issuing(at, reply, "valid"), NO_CERTIFICATE),
        Lie::new(
            "invalid with hostile words",
            |at, reply| {
                on(at, Endpoint::Order, reply, |body| {
                    (body["status"], body["error"]) = (json!("invalid"), json!({"type": WORDS, "detail": WORDS}));
                })
            },
            "became invalid",
        ),
    ]);
}

fn after_issuing(at: Endpoint, reply: &mut Reply, status: &str) {
    on(at, Endpoint::Order, reply, |body| {
        if body["status"] == "valid" {
            body["status"] = json!(status);
            body.as_object_mut().unwrap().remove("certificate");
        }
    });
}

#[test]
fn hostile_words_in_a_refusal_of_any_phase_are_shown_without_what_makes_them_hostile() {
    use Endpoint::{Authorization, Certificate, Challenge, Directory, Finalize, NewNonce, NewOrder, Order};
    fn refuse_at(wanted: Endpoint, at: Endpoint, reply: &mut Reply) {
        when(at, wanted, || refuse(reply));
    }
    each(&[
        Lie::new("the directory", |at, reply| refuse_at(Directory, at, reply), "refused with status 403"),
        Lie::new("a nonce", |at, reply| refuse_at(NewNonce, at, reply), "refused with status 403"),
        Lie::new("an order", |at, reply| refuse_at(NewOrder, at, reply), "refused with status 403"),
        Lie::new("an order that is read", |at, reply| refuse_at(Order, at, reply), "refused with status 403"),
        Lie::new("an authorization", |at, reply| refuse_at(Authorization, at, reply), "refused with status 403"),
        Lie::new("a challenge", |at, reply| refuse_at(Challenge, at, reply), "refused with status 403"),
        Lie::new("finalize", |at, reply| refuse_at(Finalize, at, reply), "refused with status 403"),
        Lie::new("the certificate", |at, reply| refuse_at(Certificate, at, reply), "refused with status 403"),
    ]);
}

#[test]
fn a_new_account_that_is_none_is_not_kept() {
    const LIES: [Lie; 4] = [
        Lie::new(
            "an account's Location elsewhere",
            |at, reply| when(at, Endpoint::NewAccount, || set_header(reply, "location", b"../../etc")),
            "",
        ),
        Lie::new(
            "an account without Location",
            |at, reply| when(at, Endpoint::NewAccount, || drop(reply.headers.remove("location"))),
            "no Location header",
        ),
        Lie::new(
            "an account that is a list",
            |at, reply| when(at, Endpoint::NewAccount, || reply.body = b"[1]".to_vec()),
            "not what RFC 8555 says",
        ),
        Lie::new(
            "hostile words for an account",
            |at, reply| when(at, Endpoint::NewAccount, || refuse(reply)),
            "refused with status 403",
        ),
    ];
    at_each(&LIES, |world, lie| {
        let state = world.fresh_state();
        under(world, lie, &state, world.issue(&state));
        assert!(world.whole_pair(&state).is_none());
        world.assert_clean(&state);
        world.issue(&state).run().expect_code(0);
    });
}

#[test]
fn nonces_with_strange_bytes_are_left_alone() {
    let world = World::start();
    let state = world.issued_state();
    world.lab.ca.rewrite_replies(|at, reply| {
        if at != Endpoint::NewNonce && reply.headers.contains_key("replay-nonce") {
            set_header(reply, "replay-nonce", b"\"\x9b2J\xff, ../x=");
        }
    });
    world.renew(&state).run().expect_code(0);
    world.lab.ca.rewrite_replies(|_, reply| set_header(reply, "replay-nonce", b"a b"));
    let done = world.renew(&state).run();
    assert!(done.stdout.contains("Replay-Nonce") || done.stderr.contains("Replay-Nonce"), "{done}");
    assert!(!matches!(done.code, None | Some(0 | PANICKED)), "{done}");
}

/// Offers a lasting record under a name of the CA's own choice.
fn offer_lasting(at: Endpoint, reply: &mut Reply, issuer: &str) {
    on(at, Endpoint::Authorization, reply, |body| {
        body["challenges"][0]["type"] = json!("dns-persist-01");
        body["challenges"][0]["issuer-domain-names"] = json!([issuer]);
    });
}

/// The account that another CA knows by this URL may then have certificates for the name, at that other CA.
const OTHERS: &[u8] = b"https://acme.other.example/account/of-the-attacker";

#[test]
fn a_lasting_record_names_no_account_of_another_ca() {
    const LIES: [Lie; 3] = [
        Lie::new(
            "an account within the issuer",
            |at, reply| offer_lasting(at, reply, "other.example; accounturi=https://acme.other.example/account/1"),
            "which is no name",
        ),
        Lie::new("an issuer with escapes", |at, reply| offer_lasting(at, reply, WORDS), "which is no name"),
        Lie::new(
            "an account elsewhere",
            |at, reply| {
                offer_lasting(at, reply, "other.example");
                when(at, Endpoint::NewAccount, || set_header(reply, "location", OTHERS));
            },
            "is not at the CA's own host",
        ),
    ];
    at_each(&LIES, |world, lie| {
        let state = world.fresh_state();
        under(world, lie, &state, world.persist(&state));
        world.assert_clean(&state);
        // The CA's own account under its own name is published.
        world.lab.ca.rewrite_replies(|at, reply| offer_lasting(at, reply, "ca.example"));
        world.persist(&world.fresh_state()).run().expect_code(0);
        world.lab.ca.rewrite_replies(|_, _| ());
        assert!(world.published().iter().any(|value| value.starts_with("ca.example; accounturi=")));
        let is_lasting = |entry: &acmite_lab::dns::Entry| entry.value().contains("accounturi");
        world.lab.dns.store().remove("example.test", is_lasting).unwrap();
    });
}
