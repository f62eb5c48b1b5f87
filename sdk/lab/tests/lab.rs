//! The lab as its users meet it: over sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use acmite_lab::api::Fault;
use acmite_lab::dns::{Behaviour, Mood};
use acmite_lab::{Lab, LabDescription};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

async fn lab() -> Lab {
    Lab::builder().zone("example.test").zone("sub.example.test").nameservers(2).start().await.expect("a lab")
}

/// One request over a connection of its own; status and body.
async fn call(lab: &Lab, method: &str, path: &str, token: &str, body: &str) -> (String, String) {
    let LabDescription { cloudflare_url, .. } = lab.description();
    let address = cloudflare_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "{method} /client/v4{path} HTTP/1.1\r\nhost: lab\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("head and body");
    (head.to_owned(), body.to_owned())
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_str(name).expect("a name"), kind));
    message
}

async fn ask_udp(server: SocketAddr, name: &str) -> Option<Message> {
    ask(server, name, RecordType::TXT).await
}

async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Option<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.send_to(&question(name, kind).to_vec().expect("bytes"), server).await.expect("sent");
    let mut buffer = vec![0; 65535];
    let received = tokio::time::timeout(Duration::from_millis(500), socket.recv_from(&mut buffer)).await.ok()?;
    Message::from_vec(&buffer[..received.expect("bytes").0]).ok()
}

async fn ask_tcp(server: SocketAddr, name: &str) -> Message {
    let mut stream = TcpStream::connect(server).await.expect("a connection");
    let bytes = question(name, RecordType::TXT).to_vec().expect("bytes");
    stream.write_u16(bytes.len().try_into().expect("short")).await.expect("sent");
    stream.write_all(&bytes).await.expect("sent");
    let mut reply = vec![0; stream.read_u16().await.expect("a length").into()];
    stream.read_exact(&mut reply).await.expect("a reply");
    Message::from_vec(&reply).expect("a message")
}

/// Of example.test: the mock makes an id out of the zone's name.
const RECORDS: &str = "/zones/9b263fbcb589853137b33ddcafa5bcc5/dns_records";
const BODY: &str = r#"{"type":"TXT","name":"_acme-challenge.example.test","content":"\"value\"","ttl":60}"#;

#[tokio::test]
async fn a_record_made_at_the_api_is_answered_by_every_server_and_gone_after_delete() {
    let lab = lab().await;
    let (head, body) = call(&lab, "POST", RECORDS, lab.cloudflare_token(), BODY).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    let id = serde_json::from_str::<serde_json::Value>(&body).unwrap()["result"]["id"].as_str().unwrap().to_owned();
    for server in lab.dns.addresses() {
        let reply = ask_udp(server, "_acme-challenge.example.test.").await.expect("an answer");
        assert_eq!(reply.answers.len(), 1);
    }
    let (head, _) = call(&lab, "DELETE", &format!("{RECORDS}/{id}"), lab.cloudflare_token(), "").await;
    assert!(head.starts_with("HTTP/1.1 200"));
    let reply = ask_udp(lab.dns.resolver_addr(), "_acme-challenge.example.test.").await.expect("an answer");
    assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn a_wrong_token_changes_nothing() {
    let lab = lab().await;
    let before = lab.dns.store().records("example.test").unwrap();
    let (head, _) = call(&lab, "POST", RECORDS, "wrong", BODY).await;
    assert!(head.starts_with("HTTP/1.1 403"));
    assert_eq!(lab.dns.store().records("example.test").unwrap(), before);
}

#[tokio::test]
async fn a_fault_meets_one_request_and_is_logged() {
    let lab = lab().await;
    lab.cloudflare.fail_next(1, &Fault::Status { status: 429, retry_after: Some(7) });
    let (head, _) = call(&lab, "POST", RECORDS, lab.cloudflare_token(), BODY).await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: 7"));
    let (head, _) = call(&lab, "POST", RECORDS, lab.cloudflare_token(), BODY).await;
    assert!(head.starts_with("HTTP/1.1 200"));
    let statuses: Vec<u16> = lab.cloudflare.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [429, 200]);
}

/// What zone search, propagation checks and CNAME proofs ask.
#[tokio::test]
async fn a_zone_answers_its_soa_ns_addresses_and_denies_siblings() {
    let lab = lab().await;
    let server = lab.dns.addresses()[1];
    let apex = ask(server, "sub.example.test.", RecordType::SOA).await.expect("an answer");
    assert!(apex.metadata.authoritative && apex.answers.len() == 1);
    let inside = ask(server, "_acme-challenge.www.example.test.", RecordType::SOA).await.expect("an answer");
    assert_eq!(inside.authorities[0].name.to_ascii(), "example.test.");
    assert_eq!(inside.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(ask(server, "example.test.", RecordType::NS).await.expect("an answer").answers.len(), 2);
    let address = ask(server, "ns2.example.test.", RecordType::A).await.expect("an answer");
    assert_eq!(address.answers[0].data.to_string(), server.ip().to_string());
}

#[tokio::test]
async fn an_answer_too_long_for_udp_is_cut_and_whole_over_tcp() {
    let lab = lab().await;
    for number in 0..20 {
        let value = format!("{number:0>200}");
        lab.dns.store().add("example.test", "long.example.test", RecordType::TXT, 60, &value).unwrap();
    }
    let server = lab.dns.resolver_addr();
    assert!(ask_udp(server, "long.example.test.").await.expect("an answer").metadata.truncation);
    assert_eq!(ask_tcp(server, "long.example.test.").await.answers.len(), 20);
}

#[tokio::test]
async fn each_server_has_its_own_mood() {
    let lab = lab().await;
    lab.dns.set_behaviour(1, Behaviour { mood: Mood::Refuses, ..Behaviour::default() });
    let [first, second] = lab.dns.addresses()[..] else { panic!("two servers") };
    let codes = [
        ask_udp(first, "example.test.").await.unwrap().metadata.response_code,
        ask_udp(second, "example.test.").await.unwrap().metadata.response_code,
    ];
    assert_eq!(codes, [ResponseCode::NoError, ResponseCode::Refused]);
    lab.dns.set_behaviour(1, Behaviour { mood: Mood::Silent, ..Behaviour::default() });
    assert!(ask_udp(second, "example.test.").await.is_none());
}
