//! Where the values belong.

use acmite::dns::{Dns, DnsOptions, Target, ZoneError};
use acmite_lab::dns::{Dns as Servers, Mood, Store};
use futures_util::future::try_join_all;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::world::{Act, Scripted, World, asked, dns, key, loopback, reply, target};

fn shown(target: &Target) -> (String, String) {
    (target.name.to_string(), target.zone.apex.to_string())
}

fn place(name: &str, zone: &str) -> (String, String) {
    (name.to_owned(), zone.to_owned())
}

#[tokio::test]
async fn the_zone_is_found_and_no_resolver_hears_of_the_challenge() {
    let world = World::start(&["example.test"], 2).await;
    let found = world.target("a.b.example.test").await.unwrap();
    assert_eq!(shown(&found), place("_acme-challenge.a.b.example.test", "example.test"));
    let servers: Vec<String> = found.zone.servers().iter().map(ToString::to_string).collect();
    let port = world.port();
    assert_eq!(
        servers,
        [format!("ns1.example.test (127.0.0.2:{port})"), format!("ns2.example.test (127.0.0.3:{port})")]
    );
    let resolved = world.names_resolved();
    assert!(!resolved.is_empty());
    assert!(
        resolved.iter().all(|name| !name.contains("_acme-challenge") && name != "a.b.example.test"),
        "{resolved:?}"
    );
}

async fn chain(length: usize) -> Result<Target, ZoneError> {
    let world = World::start(&["example.test"], 1).await;
    let mut name = "_acme-challenge.example.test".to_owned();
    for step in 1..=length {
        let next = format!("step{step}.example.test");
        world.add("example.test", &name, RecordType::CNAME, &format!("{next}."));
        name = next;
    }
    world.target("example.test").await
}

#[tokio::test]
async fn sixteen_cnames_are_followed_and_seventeen_are_not() {
    let found = chain(16).await.unwrap();
    assert_eq!((found.name.as_str(), found.chain.len()), ("step16.example.test", 16));
    let error = chain(17).await.unwrap_err();
    assert!(matches!(error, ZoneError::LongChain { limit: 16, .. }), "{error}");
}

#[tokio::test]
async fn a_chain_may_cross_zones_and_end_at_a_name_that_does_not_exist() {
    let world = World::start(&["example.test", "middle.test", "auth.test"], 1).await;
    world.add("example.test", "_acme-challenge.www.example.test", RecordType::CNAME, "one.middle.test.");
    world.add("middle.test", "one.middle.test", RecordType::CNAME, "deep.down.auth.test.");
    let found = world.target("www.example.test").await.unwrap();
    assert_eq!(shown(&found), place("deep.down.auth.test", "auth.test"));
    assert_eq!(found.chain, ["_acme-challenge.www.example.test".parse().unwrap(), "one.middle.test".parse().unwrap()]);
}

#[tokio::test]
async fn a_target_may_be_an_apex() {
    let world = World::start(&["example.test", "auth.test"], 1).await;
    world.add("example.test", "_acme-challenge.example.test", RecordType::CNAME, "auth.test.");
    assert_eq!(shown(&world.target("example.test").await.unwrap()), place("auth.test", "auth.test"));
}

#[tokio::test]
async fn a_circle_of_cnames_is_told() {
    let world = World::start(&["example.test"], 1).await;
    world.add("example.test", "_acme-challenge.example.test", RecordType::CNAME, "b.example.test.");
    world.add("example.test", "b.example.test", RecordType::CNAME, "_acme-challenge.example.test.");
    let error = world.target("example.test").await.unwrap_err();
    assert!(matches!(error, ZoneError::Loop { .. }), "{error}");
}

#[tokio::test]
async fn a_wildcards_cname_is_replaced_and_one_of_the_name_itself_is_followed() {
    let world = World::start(&["example.test", "auth.test"], 1).await;
    world.add("example.test", "*.example.test", RecordType::CNAME, "www.auth.test.");
    let name = "_acme-challenge.example.test";
    assert_eq!(shown(&world.target("example.test").await.unwrap()), place(name, "example.test"));
    world.add("example.test", name, RecordType::CNAME, "own.auth.test.");
    assert_eq!(shown(&world.target("example.test").await.unwrap()), place("own.auth.test", "auth.test"));
    let world = World::start(&["example.test", "auth.test"], 1).await;
    world.add("example.test", "_acme-challenge.example.test", RecordType::CNAME, "x.auth.test.");
    world.add("auth.test", "*.auth.test", RecordType::CNAME, "y.example.test.");
    assert_eq!(shown(&world.target("example.test").await.unwrap()), place("x.auth.test", "auth.test"));
}

#[tokio::test]
async fn a_zone_cut_is_seen_where_parent_and_child_share_servers() {
    let world = World::start(&["example.test", "sub.example.test", "_acme-challenge.www.example.test"], 1).await;
    let name = "_acme-challenge.host.sub.example.test";
    assert_eq!(shown(&world.target("host.sub.example.test").await.unwrap()), place(name, "sub.example.test"));
    let name = "_acme-challenge.www.example.test";
    assert_eq!(shown(&world.target("www.example.test").await.unwrap()), place(name, name));
}

#[tokio::test]
async fn a_referral_leads_to_the_childs_own_servers_even_where_no_resolver_knows_them() {
    let world = World::start(&["example.test"], 1).await;
    let child = "_acme-challenge.www.example.test";
    let store = Store::default();
    store.add_zone(child).unwrap();
    let _child = Servers::start_at(store, &[loopback(12, world.port())], &key()).await.unwrap();
    world.add("example.test", child, RecordType::NS, "ns.child.example.test.");
    world.add("example.test", "ns.child.example.test", RecordType::A, "127.0.0.12");
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |request| {
        let is_child = asked(request).contains("child") || asked(request).starts_with("_acme");
        if is_child { Act::Send(vec![reply(request, ResponseCode::ServFail)]) } else { Act::Pass }
    })
    .await;
    for resolver in [world.resolver.resolver_addr(), resolver.address] {
        let found = target(&dns(&[resolver]), "www.example.test").await.unwrap();
        assert_eq!(shown(&found), place(child, child));
        assert_eq!(found.zone.servers()[0].address, loopback(12, world.port()));
    }
}

#[tokio::test]
async fn a_label_that_cannot_be_resolved_does_not_end_the_walk() {
    let world = World::start(&["a.example.test"], 1).await;
    for (last, code) in [(20, ResponseCode::ServFail), (21, ResponseCode::Refused), (22, ResponseCode::NXDomain)] {
        let resolver = Scripted::start(loopback(last, world.port()), world.resolver.resolver_addr(), move |request| {
            if asked(request) == "example.test." { Act::Send(vec![reply(request, code)]) } else { Act::Pass }
        })
        .await;
        let found = target(&dns(&[resolver.address]), "www.a.example.test").await.unwrap();
        assert_eq!(shown(&found), place("_acme-challenge.www.a.example.test", "a.example.test"));
    }
    let resolver = Scripted::start(loopback(23, world.port()), world.resolver.resolver_addr(), |request| {
        if asked(request) == "example.test." { Act::Drop } else { Act::Pass }
    })
    .await;
    let found = target(&dns(&[resolver.address]), "www.a.example.test").await.unwrap();
    assert_eq!(found.zone.apex.as_str(), "a.example.test");
}

#[tokio::test]
async fn a_no_that_names_the_zone_is_enough_to_find_it() {
    let world = World::start(&["example.test"], 1).await;
    let resolver =
        Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |request| {
            match asked(request).as_str() {
                "example.test." if request.queries[0].query_type() == RecordType::SOA => {
                    Act::Send(vec![reply(request, ResponseCode::ServFail)])
                }
                _ => Act::Pass,
            }
        })
        .await;
    let found = target(&dns(&[resolver.address]), "x.www.example.test").await.unwrap();
    assert_eq!(found.zone.apex.as_str(), "example.test");
}

#[tokio::test]
async fn a_top_level_domain_that_does_not_exist_is_told_from_a_zone_that_is_not_found() {
    let world = World::start(&["example.test"], 1).await;
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |request| {
        Act::Send(vec![if asked(request).ends_with("exmaple.") {
            reply(request, ResponseCode::NXDomain)
        } else {
            reply(request, ResponseCode::NoError)
        }])
    })
    .await;
    let dns = dns(&[resolver.address]);
    let error = target(&dns, "www.exmaple").await.unwrap_err();
    assert!(matches!(error, ZoneError::NoTopLevel { .. }), "{error}");
    let error = target(&dns, "www.nowhere.test").await.unwrap_err();
    assert!(matches!(error, ZoneError::NoZone { .. }), "{error}");
}

#[tokio::test]
async fn a_resolver_that_cannot_be_reached_is_told_at_once() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = target(&dns(&[free]), "www.example.test").await.unwrap_err();
    assert!(matches!(error, ZoneError::NoResolver { .. }), "{error}");
    assert!(error.to_string().contains("not reachable"), "{error}");
}

#[tokio::test]
async fn a_second_resolver_stands_in_for_one_that_fails() {
    let world = World::start(&["example.test"], 1).await;
    let dead = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |_| Act::Drop).await;
    let dns = dns(&[dead.address, world.resolver.resolver_addr()]);
    assert_eq!(target(&dns, "example.test").await.unwrap().zone.apex.as_str(), "example.test");
}

#[tokio::test]
async fn the_users_zone_is_taken_as_it_is_and_must_hold_the_name() {
    let world = World::start(&["example.test", "corp.example.test"], 1).await;
    let with_zone = |zone: &str| {
        let resolvers = vec![world.resolver.resolver_addr().into()];
        Dns::new(DnsOptions { resolvers, zone: Some(zone.parse().unwrap()), roots_pem: None }).unwrap()
    };
    let found = target(&with_zone("example.test"), "host.corp.example.test").await.unwrap();
    assert_eq!(found.zone.apex.as_str(), "example.test");
    let error = target(&with_zone("other.test"), "www.example.test").await.unwrap_err();
    assert!(matches!(error, ZoneError::OutsideZone { .. }), "{error}");
}

#[tokio::test]
async fn a_dname_is_followed_as_each_name_has_a_cname_of_its_own() {
    let world = World::start(&["example.test", "auth.test"], 1).await;
    let ns = loopback(22, world.port());
    world.add("example.test", "old.example.test", RecordType::NS, "ns.old.example.test.");
    world.add("example.test", "ns.old.example.test", RecordType::A, "127.0.0.22");
    let _server = Scripted::start(ns, world.resolver.resolver_addr(), |request| {
        let mut answer = reply(request, ResponseCode::NoError);
        answer.metadata.authoritative = true;
        let target = Name::from_ascii(asked(request).replace("old.example.test.", "auth.test.")).unwrap();
        let name = request.queries[0].name().clone();
        answer.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(target))));
        Act::Send(vec![answer])
    })
    .await;
    let found = target(&world.dns(), "www.old.example.test").await.unwrap();
    assert_eq!(shown(&found), place("_acme-challenge.www.auth.test", "auth.test"));
}

#[tokio::test]
async fn one_server_of_the_zone_that_answers_is_enough() {
    for mood in [Mood::Silent, Mood::Refuses, Mood::Lame] {
        let world = World::start(&["example.test"], 2).await;
        world.mood(0, mood);
        assert_eq!(world.target("www.example.test").await.unwrap().zone.apex.as_str(), "example.test");
    }
}

#[tokio::test]
async fn with_port_53_blocked_one_resolver_shows_cut_and_cname() {
    let world = World::start(&["example.test", "sub.example.test", "auth.test"], 2).await;
    world.add("sub.example.test", "_acme-challenge.www.sub.example.test", RecordType::CNAME, "x.auth.test.");
    for server in 0..2 {
        world.mood(server, Mood::Silent);
    }
    let found = world.target("www.sub.example.test").await.unwrap();
    assert_eq!(shown(&found), place("x.auth.test", "auth.test"));
    let found = world.target("sub.example.test").await.unwrap();
    assert_eq!(shown(&found), place("_acme-challenge.sub.example.test", "sub.example.test"));
}

#[tokio::test]
async fn servers_and_resolver_that_all_fail_are_told_with_what_they_said() {
    let world = World::start(&["example.test"], 2).await;
    for server in 0..2 {
        world.mood(server, Mood::Refuses);
    }
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |request| {
        let is_challenge = asked(request).starts_with("_acme");
        if is_challenge { Act::Send(vec![reply(request, ResponseCode::ServFail)]) } else { Act::Pass }
    })
    .await;
    let error = target(&dns(&[resolver.address]), "example.test").await.unwrap_err().to_string();
    assert!(error.contains(&format!("ns2.example.test (127.0.0.3:{}): REFUSED", world.port())), "{error}");
}

#[tokio::test]
async fn fifty_names_of_a_zone_cost_one_question_each_and_the_zone_once() {
    let world = World::start(&["example.test"], 2).await;
    let dns = world.dns();
    let names: Vec<String> = (0..50).map(|number| format!("h{number}.example.test")).collect();
    try_join_all(names.iter().map(|name| target(&dns, name))).await.unwrap();
    // SOA and NS of the zone, A and AAAA of two servers, then the names.
    assert_eq!(dns.questions(), 2 + 4 + 50);
    assert_eq!(world.resolver.queries().len(), 6);
}

#[tokio::test]
async fn fifty_cnames_to_one_name_cost_two_questions_each_and_both_zones_once() {
    let world = World::start(&["example.test", "auth.test"], 2).await;
    let dns = world.dns();
    let names: Vec<String> = (0..50).map(|number| format!("h{number}.example.test")).collect();
    for name in &names {
        world.add("example.test", &format!("_acme-challenge.{name}"), RecordType::CNAME, "one.auth.test.");
    }
    let found = try_join_all(names.iter().map(|name| target(&dns, name))).await.unwrap();
    assert!(found.iter().all(|found| found.name.as_str() == "one.auth.test"));
    // The zones; each name and a sibling that tells it from a wildcard; what stands at the target.
    assert_eq!(dns.questions(), 2 * 6 + 2 * 50 + 1);
}

#[tokio::test]
async fn a_zone_that_is_a_top_level_domain_is_found_last() {
    let world = World::start(&["lan"], 1).await;
    let resolver = Scripted::start(loopback(20, world.port()), world.resolver.resolver_addr(), |_| Act::Pass).await;
    assert_eq!(target(&dns(&[resolver.address]), "host.lan").await.unwrap().zone.apex.as_str(), "lan");
    let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, 1);
    let foreign = Record::from_rdata(Name::from_ascii("elsewhere.").unwrap(), 60, RData::SOA(soa));
    let resolver = Scripted::start(loopback(21, world.port()), world.resolver.resolver_addr(), move |request| {
        let mut answer = reply(request, ResponseCode::NoError);
        answer.add_authority(foreign.clone());
        Act::Send(vec![answer])
    })
    .await;
    let error = target(&dns(&[resolver.address]), "host.lan").await.unwrap_err();
    assert!(matches!(error, ZoneError::NoZone { .. }), "{error}");
}
