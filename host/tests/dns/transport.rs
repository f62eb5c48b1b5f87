//! One question and what may come back.

use std::sync::atomic::{AtomicUsize, Ordering};

use acmite::dns::transport::{AskError, Recursion, ask};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::world::{Act, Scripted, World, loopback, reply};

fn with_value(request: &Message) -> Message {
    let mut answer = reply(request, ResponseCode::NoError);
    let data = RData::TXT(TXT::new(vec!["value".into()]));
    answer.add_answer(Record::from_rdata(request.queries[0].name().clone(), 60, data));
    answer
}

async fn answers(script: impl Fn(&Message) -> Act + Send + Sync + 'static) -> Result<usize, AskError> {
    let server = Scripted::start(loopback(1, 0), loopback(1, 9), script).await;
    let name = "_acme-challenge.example.test".parse().unwrap();
    Ok(ask(server.address, &name, RecordType::TXT, Recursion::None).await?.answers.len())
}

#[tokio::test]
async fn only_an_answer_to_the_question_asked_is_taken() {
    let found = answers(|request| {
        let (mut other_id, mut other_name) = (reply(request, ResponseCode::NXDomain), request.clone());
        other_id.metadata.id = request.metadata.id.wrapping_add(1);
        other_name.queries[0].set_name(Name::from_ascii("other.test.").unwrap());
        Act::Send(vec![other_id, reply(&other_name, ResponseCode::NXDomain), with_value(request)])
    });
    assert_eq!(found.await, Ok(1));
}

#[tokio::test]
async fn a_lost_question_is_asked_again() {
    let seen = AtomicUsize::new(0);
    let found = answers(move |request| match seen.fetch_add(1, Ordering::Relaxed) {
        0 => Act::Drop,
        _ => Act::Send(vec![with_value(request)]),
    });
    assert_eq!(found.await, Ok(1));
}

#[tokio::test]
async fn a_server_from_before_edns_is_asked_without() {
    let found = answers(|request| match &request.edns {
        Some(edns) => {
            assert_eq!(edns.max_payload(), 1232);
            Act::Send(vec![reply(request, ResponseCode::FormErr)])
        }
        None => Act::Send(vec![with_value(request)]),
    });
    assert_eq!(found.await, Ok(1));
}

#[tokio::test]
async fn a_truncated_answer_that_cannot_be_had_over_tcp_is_told_so() {
    let found = answers(|request| {
        let mut answer = reply(request, ResponseCode::NoError);
        answer.metadata.truncation = true;
        Act::Send(vec![answer])
    });
    assert!(matches!(found.await, Err(AskError::Truncated { .. })));
}

#[tokio::test]
async fn an_answer_too_large_for_udp_comes_over_tcp() {
    let world = World::start(&["example.test"], 1).await;
    let name = "_acme-challenge.example.test";
    for number in 0..30 {
        world.add("example.test", name, RecordType::TXT, &format!("{number:043}"));
    }
    let answer = ask(loopback(2, world.port()), &name.parse().unwrap(), RecordType::TXT, Recursion::None).await;
    assert_eq!(answer.unwrap().answers.len(), 30);
}
