//! DNS UPDATE over TCP and UDP, signed and not (RFC 2136, RFC 8945).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acmite_lab::Lab;
use acmite_lab::dns::{Entry, TsigAlgorithm, TsigKey};
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::tsig::{self, TsigError};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

async fn lab(algorithm: TsigAlgorithm) -> Lab {
    Lab::builder().zone("example.test").nameservers(2).tsig_algorithm(algorithm).start().await.expect("a lab")
}

fn signer(key: &TsigKey) -> TSigner {
    let algorithm = match key.algorithm {
        TsigAlgorithm::HmacSha256 => tsig::TsigAlgorithm::HmacSha256,
        TsigAlgorithm::HmacSha384 => tsig::TsigAlgorithm::HmacSha384,
        TsigAlgorithm::HmacSha512 => tsig::TsigAlgorithm::HmacSha512,
    };
    let secret = data_encoding::BASE64.decode(key.secret.as_bytes()).unwrap();
    TSigner::new(secret, algorithm, Name::from_str(&key.name).unwrap(), 300).unwrap()
}

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

fn txt(owner: &str, value: &str) -> Record {
    Record::from_rdata(name(owner), 60, RData::TXT(TXT::new(vec![value.to_owned()])))
}

fn without(mut record: Record) -> Record {
    record.dns_class = DNSClass::NONE;
    record.ttl = 0;
    record
}

fn update(zone: &str, updates: Vec<Record>) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    let mut question = Query::new();
    question.set_name(name(zone)).set_query_type(RecordType::SOA).set_query_class(DNSClass::IN);
    message.add_query(question);
    message.authorities = updates;
    message
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn over_tcp(lab: &Lab, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(lab.dns.addresses()[1]).await.unwrap();
    stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut reply = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut reply).await.unwrap();
    reply
}

/// The code and TSIG error of the reply, whose signature is verified where it has to have one.
async fn send(lab: &Lab, mut message: Message, signer: &TSigner, time: u64) -> (ResponseCode, Option<TsigError>) {
    let verifier = message.finalize(signer, time).unwrap();
    let bytes = over_tcp(lab, &message.to_vec().unwrap()).await;
    let reply = Message::from_vec(&bytes).unwrap();
    let error = reply.signature().expect("a TSIG record").data.error;
    match error {
        Some(TsigError::BadKey | TsigError::BadSig) => assert!(reply.signature().unwrap().data.mac.is_empty()),
        Some(_) | None => drop(verifier.unwrap().verify(&bytes).expect("a good signature")),
    }
    (reply.metadata.response_code, error)
}

fn values(lab: &Lab) -> Vec<String> {
    let all = lab.dns.store().records("example.test").unwrap();
    all.iter().filter(|entry| entry.record.record_type() == RecordType::TXT).map(Entry::value).collect()
}

const OWNER: &str = "_acme-challenge.example.test.";

#[tokio::test]
async fn two_values_come_and_one_goes_with_each_algorithm() {
    for algorithm in [TsigAlgorithm::HmacSha256, TsigAlgorithm::HmacSha384, TsigAlgorithm::HmacSha512] {
        let lab = lab(algorithm).await;
        let signer = signer(lab.tsig());
        let both = update("example.test.", vec![txt(OWNER, "one"), txt(OWNER, "two")]);
        assert_eq!(send(&lab, both, &signer, now()).await, (ResponseCode::NoError, None));
        assert_eq!(values(&lab), ["one", "two"]);
        let one = update("example.test.", vec![without(txt(OWNER, "one")), without(txt(OWNER, "absent"))]);
        assert_eq!(send(&lab, one, &signer, now()).await, (ResponseCode::NoError, None));
        assert_eq!(values(&lab), ["two"]);
        assert!(lab.dns.queries().iter().all(|sent| sent.op_code == OpCode::Update && sent.name == "example.test"));
    }
}

#[tokio::test]
async fn an_unknown_key_a_wrong_secret_and_a_wrong_clock_are_told_apart() {
    let lab = lab(TsigAlgorithm::HmacSha256).await;
    let good = lab.tsig().clone();
    let other = TsigKey::generate(TsigAlgorithm::HmacSha256).unwrap();
    let message = || update("example.test.", vec![txt(OWNER, "one")]);
    for (key, time, error) in [
        (TsigKey { name: "stranger".to_owned(), ..good.clone() }, now(), TsigError::BadKey),
        (TsigKey { algorithm: TsigAlgorithm::HmacSha512, ..good.clone() }, now(), TsigError::BadKey),
        (TsigKey { secret: other.secret, ..good.clone() }, now(), TsigError::BadSig),
        (good.clone(), now() - 301, TsigError::BadTime),
        (good.clone(), now() + 330, TsigError::BadTime),
    ] {
        let (code, found) = send(&lab, message(), &signer(&key), time).await;
        assert_eq!((code, found), (ResponseCode::NotAuth, Some(error)), "{key:?}");
    }
    assert!(values(&lab).is_empty());
    assert_eq!(send(&lab, message(), &signer(&good), now() - 200).await, (ResponseCode::NoError, None));
}

#[tokio::test]
async fn other_zones_other_types_and_unsigned_updates_are_refused() {
    let lab = lab(TsigAlgorithm::HmacSha256).await;
    let signer = signer(lab.tsig());
    let address = Record::from_rdata(name("a.example.test."), 60, RData::A(A::new(127, 0, 0, 9)));
    for (message, code) in [
        (update("other.test.", vec![txt("a.other.test.", "one")]), ResponseCode::NotAuth),
        (update("example.test.", vec![txt("a.other.test.", "one")]), ResponseCode::NotZone),
        (update("example.test.", vec![txt(OWNER, "one"), address]), ResponseCode::Refused),
    ] {
        assert_eq!(send(&lab, message, &signer, now()).await, (code, None));
    }
    let unsigned = update("example.test.", vec![txt(OWNER, "one")]);
    let reply = Message::from_vec(&over_tcp(&lab, &unsigned.to_vec().unwrap()).await).unwrap();
    assert_eq!((reply.metadata.response_code, reply.signature()), (ResponseCode::Refused, None));
    assert!(values(&lab).is_empty());
}

#[tokio::test]
async fn a_signed_question_has_a_signed_answer() {
    let lab = lab(TsigAlgorithm::HmacSha256).await;
    let mut message = Message::query();
    message.add_query(Query::query(name("example.test."), RecordType::SOA));
    let mut verifier = message.finalize(&signer(lab.tsig()), now()).unwrap().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), lab.dns.addresses()[1]).await.unwrap();
    let mut buffer = vec![0; 4096];
    let received = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await.unwrap().unwrap();
    let reply = verifier.verify(&buffer[..received]).expect("a good signature");
    assert!(reply.metadata.authoritative && reply.answers[0].record_type() == RecordType::SOA);
}

#[tokio::test]
async fn what_is_no_message_is_a_format_error() {
    let lab = lab(TsigAlgorithm::HmacSha256).await;
    // Header of an update that promises a record and has none.
    let reply = over_tcp(&lab, &[0x12, 0x34, 0x28, 0, 0, 0, 0, 0, 0, 1, 0, 0]).await;
    assert_eq!(reply[..4], [0x12, 0x34, 0xa8, 1]);
}
