//! Peers that answer with bombs, drips and redirects.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use acmite_tests::hostile::{Attack, Captured, Peer, alone, measured, turn};
use serde_json::{Value, json};

fn ask() -> Attack {
    Attack::script(&json!([{"send": {"endpoint": "zones"}}]))
}

/// What the guest is told under both manifests, well within the time of a request and in bounded memory.
async fn answered(name: &str, peer: &Peer, attack: Attack) -> Vec<Value> {
    let mut all = Vec::new();
    for attack in [attack.clone().against(&peer.url), attack.wild().against(&peer.url)] {
        let captured = Captured::start();
        let (given, time, peak) = measured(name, attack.given()).await;
        assert!(time < Duration::from_secs(20), "{name}: {time:?}");
        assert!(peak < 200, "{name}: {peak} MiB");
        captured.assert_no_canary(&Value::from(given.clone()).to_string());
        all.push(given.last().unwrap().clone());
    }
    assert_eq!(Attack::new("nothing").present().await.unwrap().state, b"nothing");
    all
}

fn unanswered(given: &Value) -> &str {
    given["unanswered"].as_str().unwrap_or_else(|| panic!("{given}"))
}

#[tokio::test]
async fn compressed_replies_are_not_taken() {
    let _turn = turn().await;
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 4\r\n\r\n\x1f\u{8}{{}}");
        let peer = Peer::bytes(head.into_bytes());
        for given in answered(&format!("reply in {encoding}"), &peer, ask()).await {
            assert!(unanswered(&given).contains("compressed"), "{given}");
        }
        assert!(peer.requests().iter().all(|request| request.contains("accept-encoding: identity")));
    }
    let plain = Peer::bytes(b"HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 2\r\n\r\n{}".to_vec());
    assert!(answered("reply in identity", &plain, ask()).await.iter().all(|given| given["status"] == 200));
}

#[tokio::test]
async fn a_reply_without_end_is_cut_at_its_limit() {
    let _turn = turn().await;
    let endless = Peer::start(Arc::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"10000\r\n")?;
            stream.write_all(&[b' '; 0x10000])?;
            stream.write_all(b"\r\n")?;
        }
    }));
    for given in answered("reply without end", &endless, ask()).await {
        assert!(unanswered(&given).contains("larger than") || unanswered(&given).contains("too large"), "{given}");
    }
    let lying = Peer::bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n{}".to_vec());
    let hasty = ask().limits(|limits| limits.request_time = Duration::from_secs(1));
    for given in answered("content-length of 100 TB", &lying, hasty).await {
        unanswered(&given);
    }
}

#[tokio::test]
async fn many_large_replies_at_once_do_not_add_up() {
    let _turn = turn().await;
    let reply = [b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec(), vec![b' '; 1_000_000]].concat();
    let peer = Peer::bytes(reply);
    for attack in [Attack::new("send-many-at-once").arg("40"), Attack::new("send-many-at-once").arg("40").wild()] {
        let narrow = attack.clone().against(&peer.url).limits(|limits| limits.reply_bytes = 4_000_000);
        let (result, _, peak) = measured("40 replies of 1 MB at once", narrow.present()).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains("too large together"), "{error}");
        assert!(peak < 60, "{peak} MiB");
    }
    let wide = Attack::new("send-many-at-once").arg("40").against(&peer.url);
    alone(wide.present()).await.0.unwrap();
}

#[tokio::test]
async fn drips_end_at_the_request_time() {
    let _turn = turn().await;
    let hasty = || ask().limits(|limits| limits.request_time = Duration::from_secs(1));
    let head = Peer::start(Arc::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"x: y\r\n")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }));
    for given in answered("headers that drip", &head, hasty()).await {
        assert!(unanswered(&given).contains("no whole reply"), "{given}");
    }
    let body = Peer::start(Arc::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        loop {
            stream.write_all(b" ")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }));
    for given in answered("body that drips", &body, hasty()).await {
        assert!(unanswered(&given).contains("no whole reply"), "{given}");
    }
    let patient = Peer::start(Arc::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"zones\": ")?;
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(b"[] }")
    }));
    let hastier = ask().limits(|limits| limits.request_time = Duration::from_millis(50));
    assert!(unanswered(&hastier.against(&patient.url).given().await[0]).contains("no whole reply"));
    assert!(answered("body in two pieces", &patient, hasty()).await.iter().all(|given| given["status"] == 200));
}

#[tokio::test]
async fn headers_without_end_are_cut() {
    let _turn = turn().await;
    let endless = Peer::start(Arc::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        for number in 0u64.. {
            stream.write_all(format!("x-{number}: {}\r\n", "y".repeat(1000)).as_bytes())?;
        }
        Ok(())
    }));
    for given in answered("headers without end", &endless, ask()).await {
        unanswered(&given);
    }
    let with_headers = |bytes: usize| {
        let (x, y) = ("y".repeat(bytes / 2), "z".repeat(bytes / 2));
        Peer::bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: {x}\r\ny: {y}\r\n\r\n{{}}").into_bytes())
    };
    for given in answered("40 KB of headers", &with_headers(40_000), ask()).await {
        assert!(unanswered(&given).contains("headers are larger"), "{given}");
    }
    assert_eq!(ask().against(&with_headers(20_000).url).given().await[0]["status"], 200);
}

#[tokio::test]
async fn informational_replies_without_end_stop_at_the_request_time() {
    let _turn = turn().await;
    let peer = Peer::start(Arc::new(|_, stream| {
        loop {
            stream.write_all(&b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".repeat(100))?;
        }
    }));
    let hasty = ask().limits(|limits| limits.request_time = Duration::from_secs(1));
    for given in answered("103 without end", &peer, hasty).await {
        unanswered(&given);
    }
}

#[tokio::test]
async fn redirects_are_replies_and_are_not_followed() {
    let _turn = turn().await;
    for status in [301, 302, 303, 307, 308] {
        let other = Peer::fixed("200 OK", "{}");
        for target in [
            other.url.clone(),
            "http://169.254.169.254/latest".into(),
            "file:///etc/passwd".into(),
            "//evil.example/".into(),
        ] {
            let reply = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {target}\r\nrefresh: 0; url={target}\r\ncontent-length: 0\r\n\r\n"
            );
            let peer = Peer::bytes(reply.into_bytes());
            let given = ask().against(&peer.url).given().await;
            assert_eq!(given[0]["status"], status);
        }
        other.assert_untouched();
        // The other peer does listen.
        assert_eq!(ask().against(&other.url).given().await[0]["status"], 200);
    }
}

fn reply_with(inside: &str) -> Peer {
    let body = format!("{{\"zones\": [{inside}]}}");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    Peer::bytes((head + &body).into_bytes())
}

#[tokio::test]
async fn a_reply_that_swells_when_it_is_read_is_withheld_and_takes_bounded_memory() {
    let _turn = turn().await;
    let many = "more than 250000 values";
    for (name, inside, told) in [
        ("empty lists", "[],".repeat(1_300_000) + "[]", Some(many)),
        ("empty maps", "{},".repeat(1_300_000) + "{}", Some(many)),
        ("small maps", r#"{"a":0},"#.repeat(500_000) + "{}", Some(many)),
        // Not read, as it is no acceptable JSON; the guest may see it.
        ("depth", "[".repeat(2_000_000) + &"]".repeat(1_999_999), None),
        ("text", format!("\"{}\"", "x".repeat(4_000_000)), None),
    ] {
        let attack = Attack::new("send-many-at-once").arg("1").against(&reply_with(&inside).url);
        let (result, time, peak) = measured(&format!("4 MB of {name}"), attack.present()).await;
        match told {
            Some(rule) => assert!(result.is_err_and(|error| error.to_string().contains(rule)), "{name}"),
            None => assert!(result.is_ok(), "{name}"),
        }
        assert!(peak < 100 && time < Duration::from_secs(10), "{name}: {peak} MiB, {time:?}");
    }
    // As many values as may be; and the same reply of an endpoint that nothing is read of.
    let (most, more) = ("0,".repeat(249_996) + "0", "0,".repeat(300_000) + "0");
    Attack::new("send-many-at-once").arg("1").against(&reply_with(&most).url).present().await.unwrap();
    Attack::new("send-many-at-once").arg("1").wild().against(&reply_with(&more).url).present().await.unwrap();
}

#[tokio::test]
async fn protocol_nonsense_is_an_error_of_the_request() {
    let _turn = turn().await;
    for bytes in [
        &b""[..],
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nx\0y: z\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\n",
    ] {
        let reply = bytes.to_vec();
        let peer = Peer::start(Arc::new(move |_, stream| {
            stream.write_all(&reply)?;
            stream.shutdown(std::net::Shutdown::Both)
        }));
        let hasty = ask().limits(|limits| limits.request_time = Duration::from_secs(2));
        let given = hasty.against(&peer.url).given().await;
        assert!(given[0]["status"].as_u64().is_none_or(|status| status == 101), "{given:?}");
    }
}
